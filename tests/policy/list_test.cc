// SPDX-License-Identifier: Apache-2.0
#include "policy/list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "policy/expression.h"
#include "policy/policy.h"
#include "policy/scripted_context.h"
#include "tests/support/temp_dir.h"

namespace {

using policy::Failure;
using policy::ListKind;
using testing::HasSubstr;

constexpr std::string_view kPolicy =
    "primary_hostname = mx.example.net\n"
    "domainlist local = example.net : *.example.org : !no.example.com : example.com\n"
    "domainlist neg = !bad.test : !*.worse.test\n"
    "domainlist semi = <; a.test ; x:y.test\n"
    "domainlist both = +local : *.mix.test\n"
    "domainlist none =\n"
    "hostlist nets = 192.0.2.0/24 : !198.51.100.7 : 198.51.100.0/24 : "
    "2001::db8::::/32\n"
    "hostlist names = mail.example.net : *.client.test\n"
    "addresslist some = alice@example.net : *@example.org : !spam@example.com\n"
    "localpartlist sys = root : *-owner : ^admin\\\\d\\$\n";

class ListTest : public testing::Test {
 protected:
  ListTest() {
    auto macros = policy::Macros::create({}, {});
    loaded = policy::load_policy(
        "test.conf", kPolicy, *std::move(macros),
        [](const std::filesystem::path&) { return base::Result<std::string>(""); },
        policy::Program::any());
    EXPECT_TRUE(loaded.policy);
    context.host_address = "192.0.2.33";
    context.names_of_host = {"mail.client.test", "alias.other.test"};
    context.addresses["mail.example.net"] = {"192.0.2.33", "192.0.2.34"};
    context.addresses["far.example.net"] = {"203.0.113.1"};
  }

  std::string write(const std::string& name, std::string_view text) {
    std::ofstream(dir / name, std::ios::binary) << text;
    return (dir / name).string();
  }

  policy::ListPtr parse(ListKind kind, std::string_view text) {
    diagnostics = {};
    return policy::parse_lone_list(*loaded.policy, kind, text, policy::Program::any(),
                                   diagnostics);
  }
  // "yes <data>", "no", "!defer", "!error"; or what is wrong with the list.
  std::string ask(ListKind kind, std::string_view list, std::string_view subject) {
    auto parsed = parse(kind, list);
    if (!diagnostics.errors.empty()) return "!" + diagnostics.errors[0].text;
    return ask(*parsed, kind, subject);
  }
  std::string ask(const policy::List& list, ListKind kind, std::string_view subject) {
    policy::Evaluation evaluation{.policy = *loaded.policy, .context = context};
    policy::ListSubject wanted;
    (kind == ListKind::host ? wanted.host.address : wanted.text) = subject;
    auto found = policy::match(list, wanted, evaluation);
    captures = evaluation.captures;
    if (!found) {
      last_error = found.error().text;
      return found.error().kind == Failure::Kind::defer ? "!defer" : "!error";
    }
    return found->matched ? "yes " + found->data : "no";
  }
  struct Row {
    std::string_view list, subject, answer;
  };
  void expect(ListKind kind, const std::vector<Row>& rows) {
    for (const Row& row : rows)
      EXPECT_EQ(ask(kind, row.list, row.subject), row.answer)
          << row.list << " asked for " << row.subject;
  }
  void refuse(ListKind kind,
              const std::vector<std::pair<std::string, std::string>>& rows) {
    for (const auto& [list, words] : rows) {
      std::string answer = ask(kind, list, "x");
      EXPECT_TRUE(answer.starts_with('!')) << list;
      EXPECT_THAT(answer, HasSubstr(words)) << list;
    }
  }

  support::TempDir dir;
  policy::Loaded loaded;
  policy::ScriptedContext context;
  policy::Diagnostics diagnostics;
  policy::Captures captures;
  std::string last_error;
};

}  // namespace

TEST_F(ListTest, TheFirstThatFitsDecidesAndTheLastSignAnswersForTheRest) {
  expect(ListKind::domain, {
                               {"x.y:a.b.c", "a.b.c", "yes a.b.c"},
                               {"!a.b:*", "a.b", "no"},
                               {"!a.b:*", "x.b", "yes *"},
                               {"*.b:!a.b", "a.b", "yes *.b"},
                               {"!x.y", "a.b", "yes "},
                               {"!x.y:z.z", "a.b", "no"},
                               {"z.z:!x.y", "q.q", "yes "},
                               {"", "a", "no"},
                               {"", "", "no"},
                               {":", "", "yes "},
                               {":", "a", "no"},
                               {"! a.b : *", "a.b", "no"},
                               {"!", "a", "yes "},
                               {"!", "", "no"},
                               {"!a:b:!c:d", "b", "yes b"},
                               {"b:!b", "b", "yes b"},
                               {"!b:b", "b", "no"},
                           });
}

TEST_F(ListTest, SeparatorsAreDoubledOrChosen) {
  expect(ListKind::domain, {
                               {"x::y : z", "x:y", "yes x:y"},
                               {"<; x:y ; z", "x:y", "yes x:y"},
                               {"<, a,,b", "a,b", "yes a,b"},
                               {"<\\na\\nb", "b", "yes b"},
                               {" <, x,a.b", "a.b", "yes a.b"},
                               {"a: :b", "", "yes "},
                               {"a:b:", "", "no"},
                               {" a.b ", "a.b", "yes a.b"},
                               {"a.b", " a.b", "no"},
                           });
}

TEST_F(ListTest, DomainsAreComparedWithoutCase) {
  expect(ListKind::domain,
         {
             {"a.B.c", "A.b.C", "yes a.B.c"},
             {"*b.c", "b.c", "yes *b.c"},
             {"*.B.c", "a.b.C", "yes *.B.c"},
             {"*.b.c", "b.c", "no"},
             {"a.*", "a.b", "no"},
             {"a.*.c", "a.*.c", "yes a.*.c"},
             {"^a\\\\.", "A.b", "yes ^a\\."},
             {"^(?-i)a\\\\.", "A.b", "no"},
             {"\\N^a:b$\\N", "b$", "yes b$"},
             {"\\N^a::b$\\N", "a:b", "yes ^a:b$"},
             {"@", "MX.Example.Net", "yes mx.example.net"},
             {"@[]", "[127.0.0.1]", "yes @[]"},
             {"@[]", "[IPv6:::1]", "yes @[]"},
             {"@[]", "[192.0.2.99]", "no"},
             {"@[]", "127.0.0.1", "no"},
             {"$primary_hostname", "mx.example.net", "yes mx.example.net"},
             {"*.${lc:Example.NET}", "mx.example.net", "yes *.example.net"},
             {"^${quote_local_part:m}x", "mx", "yes ^mx"},
         });
}

TEST_F(ListTest, NamedListsSayOnlyYes) {
  expect(ListKind::domain, {
                               {"+local", "x.example.org", "yes *.example.org"},
                               {"+local", "example.org", "no"},
                               {"!+local:*", "q.test", "yes *"},
                               {"!+local", "example.com", "no"},
                               {"!+neg", "ok.test", "no"},
                               {"+neg:bad.test", "bad.test", "yes bad.test"},
                               {"+both", "x.mix.test", "yes *.mix.test"},
                               {"+semi", "x:y.test", "yes x:y.test"},
                               {"+none", "x", "no"},
                               {"!+none", "x", "yes "},
                           });
  refuse(ListKind::domain, {{"+nosuch", "unknown domainlist 'nosuch'"},
                            {"+locla", "did you mean 'local'"},
                            {"+nets", "there is a hostlist of that name"},
                            {"+$domain", "must be written out"},
                            {"!!x", "'!!'"},
                            {"a : ^a[b", "'^a[b' is not a regular expression"},
                            {"nosuchtype;/f", "nosuchtype"},
                            {"@mx_some", "@mx_any"}});
}

TEST_F(ListTest, CapturesAreTheSubjectAndItsParts) {
  auto shown = [&] {
    return std::string(captures[0]) + "|" + std::string(captures[1]) + "|" +
           std::string(captures[2]);
  };
  struct Case {
    ListKind kind;
    std::string_view list, subject, shown;
  };
  std::string file = write("f", "*.wild.test: w\n");
  std::string lookup = "partial-lsearch;" + file;
  // Exim shows a word in lower case, but to a pattern as it was given.
  for (const Case& row : {
           Case{ListKind::domain, "*.c", "a.b.C", "a.b.c|a.b|"},
           Case{ListKind::domain, "a.b", "A.b", "a.b||"},
           Case{ListKind::domain, "^a\\\\.(b)(x?)", "A.b", "A.b|b|"},
           Case{ListKind::domain, lookup, "a.wild.test", "a.wild.test|a|wild.test"},
           Case{ListKind::domain, "!x", "a.b", "||"},
           Case{ListKind::domain, "x", "a.b", "||"},
           Case{ListKind::domain, "*", "a.b", "a.b|a.b|"},
           Case{ListKind::domain, "+local", "a.example.org", "a.example.org|a|"},
           Case{ListKind::local_part, "*oo", "Foo", "foo|f|"},
           Case{ListKind::local_part, "^(f)", "Foo", "Foo|F|"},
           Case{ListKind::address, "*@b.c", "a@b.c", "||"},
       }) {
    ask(row.kind, row.list, row.subject);
    EXPECT_EQ(shown(), row.shown) << row.list;
  }
}

TEST_F(ListTest, LocalPartsHaveNoCaseUntilCaseful) {
  expect(ListKind::local_part, {
                                   {"jO", "Jo", "yes jO"},
                                   {"+caseful:jo", "Jo", "no"},
                                   {"+caseful:Jo", "Jo", "yes Jo"},
                                   {"jo:+caseful:x", "Jo", "yes jo"},
                                   {"+caseful:*O", "jo", "no"},
                                   {"+caseful:^J", "jo", "no"},
                                   {"!a:+caseful", "q", "no"},
                                   {"*", "", "yes *"},
                                   {"+sys", "x-owner", "yes *-owner"},
                                   {"+sys", "admin7", "yes ^admin\\d$"},
                                   {"\\\\!x", "!x", "no"},
                               });
}

TEST_F(ListTest, AddressesAreALocalPartAtADomain) {
  expect(ListKind::address, {
                                {"A@B.C", "a@b.c", "yes A@B.C"},
                                {"*@b.c", "a@x.b.c", "no"},
                                {"b.c", "a@b.c", "yes b.c"},
                                {"*.c", "a@x.c", "yes *.c"},
                                {"*-owner@b.c", "list-owner@b.c", "yes *-owner@b.c"},
                                {"a*@b.c", "abc@b.c", "no"},
                                {"*", "", "no"},
                                {"*@*", "", "no"},
                                {":", "", "yes "},
                                {"^\\$", "", "yes ^$"},
                                {"!*:^\\$", "", "yes ^$"},
                                {"!a@b.c:*@b.c", "a@b.c", "no"},
                                {"+some", "q@example.org", "yes *@example.org"},
                                {"*@+local", "q@x.example.org", "yes *@*.example.org"},
                                {"*@+local", "q@no.example.com", "no"},
                                {"postmaster@+local", "Postmaster@example.net",
                                 "yes postmaster@example.net"},
                                {"+caseful:Bob@b.c", "Bob@B.C", "yes Bob@b.c"},
                                {"+caseful:bob@b.c", "Bob@b.c", "no"},
                                {"+caseful:^bob@", "Bob@b.c", "no"},
                                {"*@@", "x@mx.example.net", "yes *@mx.example.net"},
                                {"*@@[]", "x@[127.0.0.1]", "yes *@@[]"},
                                {"@", "x@mx.example.net", "no"},
                                {"noatsign", "noatsign", "no"},
                                {"*", "noatsign", "no"},
                                {"^no", "noatsign", "yes ^no"},
                                {"a@*.c", "a@x.c", "yes a@*.c"},
                                {"a@b@c", "a@b@c", "yes a@b@c"},
                                {"${lc:A}@${lc:B}.c", "a@b.c", "yes a@b.c"},
                                {"$local_part@b.c", "a@b.c", "no"},
                            });
  refuse(ListKind::address, {{"+local", "there is a domainlist"},
                             {"*@+nosuch", "unknown domainlist 'nosuch'"},
                             {"lserach;/f", "lsearch"}});
}

TEST_F(ListTest, LookupsAreAskedForTheSubject) {
  std::string file =
      write("f",
            "user@one.test: full\n*@two.test: at\none.test: : jane : !jim "
            ": *-list : ^j\\d+$\nchain.test: kate : >one.test\n*: any\n"
            "loop.test: >loop.test\n");
  auto path = [&](std::string text) { return text + file; };
  const std::string at_at = path("@@lsearch;");
  expect(ListKind::address, {
                                {path("lsearch;"), "user@One.test", "yes full"},
                                {path("lsearch;"), "x@two.test", "no"},
                                {path("lsearch*@;"), "x@two.test", "yes at"},
                                {path("lsearch*@; "), "x@zz", "yes any"},
                                {path("lsearch*;"), "", "yes any"},
                                {path("*@lsearch;"), "x@one.test",
                                 "yes *@: jane : !jim : *-list : ^j\\d+$"},
                                {at_at, "jane@one.test", "yes jane"},
                                {at_at, "jim@one.test", "no"},
                                {at_at, "my-list@one.test", "yes *-list"},
                                {at_at, "J7@one.test", "yes ^j\\d+$"},
                                {at_at, "zoe@one.test", "no"},
                                {at_at, "jane@chain.test", "yes jane"},
                                {at_at, "x@none.test", "no"},
                                {at_at, "x@loop.test", "!defer"},
                            });
  expect(ListKind::domain, {
                               {path("lsearch;"), "LOOP.test", "yes >loop.test"},
                               {path("!lsearch;"), "nope.test", "yes "},
                               {path("lsearch*;"), "nope.test", "yes any"},
                               {"lsearch;/nonexistent/f", "a", "!defer"},
                               {"a : lsearch;/nonexistent/f", "a", "yes a"},
                               {"iplsearch;/nonexistent", "a", "!defer"},
                           });
}

TEST_F(ListTest, FilesAreElementsOfTheirOwn) {
  std::string domains = write("d",
                              "# domains\none.test\n*.two.test     # comment\n"
                              "!no.three.test\n*.three.test\n\n^re\\d+\\.test$\n");
  std::string negative = write("n", "a.test\n!b.test");
  std::string addresses = write("a", "hash#tag@one.test #x\nx@y.test\n");
  std::string names = write("bad", "a.test\n+local\n");
  expect(ListKind::domain, {
                               {domains, "one.test", "yes one.test"},
                               {domains, "A.two.test", "yes *.two.test"},
                               {domains, "no.three.test", "no"},
                               {domains + ":no.three.test", "no.three.test", "no"},
                               {domains, "re7.test", "yes ^re\\d+\\.test$"},
                               {domains + ":other", "other", "yes other"},
                               {"!" + domains, "other", "yes "},
                               {"!" + domains, "one.test", "no"},
                               {"!" + domains, "no.three.test", "yes no.three.test"},
                               {negative, "c.test", "yes "},
                               {"!" + negative, "c.test", "no"},
                               {negative + ": x", "c.test", "no"},
                               {"/nonexistent/file", "x", "!defer"},
                               {"a:/nonexistent/file", "a", "yes a"},
                               {names, "a", "!defer"},
                           });
  EXPECT_THAT(last_error, HasSubstr("bad: line 2: '+local'"));
  expect(ListKind::address,
         {
             {addresses, "hash#tag@one.test", "yes hash#tag@one.test"},
             {addresses, "hash@one.test", "no"},
         });
}

TEST_F(ListTest, HostsAreAddressesNetworksAndNames) {
  expect(ListKind::host,
         {
             {"*", "192.0.2.1", "yes *"},
             {"*", "", "yes *"},
             {":", "", "yes "},
             {":", "192.0.2.1", "no"},
             {"192.0.2.1", "", "no"},
             {"192.0.2.99/24", "192.0.2.1", "yes 192.0.2.99/24"},
             {"0.0.0.0/0", "::1", "no"},
             {"<; ::/0", "10.0.0.1", "no"},
             {"<; 2001:db8::/32", "2001:DB8:5::9", "yes 2001:db8::/32"},
             {"192.0.2.0/24", "::ffff:192.0.2.7", "yes 192.0.2.0/24"},
             {"<; ::ffff:192.0.2.7", "192.0.2.7", "no"},
             {"+nets", "198.51.100.7", "no"},
             {"+nets", "2001:db8::7", "yes 2001:db8::/32"},
             {"@[]", "127.0.0.1", "yes @[]"},
             {"@[]", "192.0.2.33", "no"},
             {"mail.example.net", "192.0.2.33", "yes mail.example.net"},
             {"far.example.net", "192.0.2.33", "no"},
             {"far.example.net", "", "no"},
             {"*.client.test", "192.0.2.33", "yes *.client.test"},
             {"*.OTHER.test", "192.0.2.33", "yes *.OTHER.test"},
             {"^mail\\\\.", "192.0.2.33", "yes ^mail\\."},
             {"+names", "192.0.2.33", "yes mail.example.net"},
             {"$sender_host_address", "192.0.2.33", "no"},
             {"192.0.2.${eval:30+3}", "192.0.2.33", "yes 192.0.2.33"},
             {"192.0.2.0/${eval:20+4}", "192.0.2.33", "yes 192.0.2.0/24"},
         });
}

TEST_F(ListTest, AnUnknownNameEndsTheListAsTheSwitchesSay) {
  context.names_of_host = {};
  expect(
      ListKind::host,
      {
          {"none.test : 192.0.2.33", "192.0.2.33", "no"},
          {"192.0.2.33 : none.test", "192.0.2.33", "yes 192.0.2.33"},
          {"+include_unknown : none.test", "192.0.2.33", "yes "},
          {"+ignore_unknown : none.test : 192.0.2.33", "192.0.2.33", "yes 192.0.2.33"},
          {"*.client.test : 192.0.2.33", "192.0.2.33", "no"},
          {"none.test : +ignore_unknown : 192.0.2.33", "192.0.2.33", "no"},
          {"!none.test", "192.0.2.33", "no"},
          {"!none.test", "", "yes "},
          {"+names : 192.0.2.33", "192.0.2.35", "no"},
      });
  refuse(ListKind::host, {{"+include_unkown : x", "unknown hostlist"}});
}

TEST_F(ListTest, BrokenAddressesAreFoundWhenTheyAreRead) {
  refuse(ListKind::host, {{"192.0.2", "192.0.2"},
                          {"192.0.2/24", "192.0.2/24"},
                          {"192.0.2.0/33", "mask"},
                          {"192.0.2.*", "all four numbers"},
                          {"2001:db8::1", "IPv6"},
                          {"fe80::1", "'<;'"},
                          {"::1", "IPv6"},
                          {"2001:db8:1:2:3:4:5:6", "IPv6"},
                          {"<; 2001:db8:::1", "2001:db8:::1"},
                          {"net200-lsearch;/f", "mask"},
                          {"mail.*.net", "'*'"}});
  refuse(ListKind::ip, {{"mail.example.com", "match_ip: 'mail.example.com'"},
                        {"@", "match_ip"},
                        {"^192", "match_ip"},
                        {"*.x.test", "match_ip"}});
  EXPECT_EQ(ask(ListKind::host, "<; ::1 ; 2001:db8::/32", "::1"), "yes ::1");
  EXPECT_EQ(ask(ListKind::host, "beef.test : dead.test", "192.0.2.1"), "no");
}

TEST_F(ListTest, AddressesAreKeysAsTheFilesWriteThem) {
  std::string file = write("f",
                           "192.0.2.0/24: v24\n192.0.2.9: exact\n"
                           "2001.0db8.0000.0000.0000.0000.0000.0000/32: v6\n"
                           "2001.0db8.0000.0000.0000.0000.0000.0001: one\n"
                           "mail.client.test: name\n");
  std::string nets = write("n", "10.0.0.0/8: ten\n\"2001:db8::/32\": v6net\n");
  expect(ListKind::host, {
                             {"net-lsearch;" + file, "192.0.2.9", "yes exact"},
                             {"net-lsearch;" + file, "::ffff:192.0.2.9", "yes exact"},
                             {"net-lsearch;" + file, "192.0.2.8", "no"},
                             {"net24-lsearch;" + file, "192.0.2.8", "yes v24"},
                             {"<; net32-lsearch;;" + file, "2001:db8:1::", "yes v6"},
                             {"net-lsearch;" + file, "2001:db8::1", "yes one"},
                             {"net-iplsearch;" + nets, "10.9.9.9", "yes ten"},
                             {"net-iplsearch;" + nets, "2001:db8::7", "yes v6net"},
                             {"lsearch;" + file, "192.0.2.33", "yes name"},
                         });
  expect(ListKind::ip, {
                           {"lsearch;" + file, "192.0.2.9", "yes exact"},
                           {"+nets", "192.0.2.9", "yes 192.0.2.0/24"},
                           {"+names", "192.0.2.33", "no"},
                           {"*", "", "yes *"},
                           {"*", "notanip", "!error"},
                           {"*", "192.0.2.1/24", "!error"},
                       });
}

TEST_F(ListTest, MxRecordsMayPointHere) {
  using policy::Answer;
  context.records["mx ours.test"] = {Answer::yes,
                                     {{"10", "us.test"}, {"20", "other.test"}}};
  context.records["mx backed.test"] = {Answer::yes,
                                       {{"10", "other.test"}, {"20", "us.test"}}};
  context.records["mx later.test"] = {Answer::defer, {}};
  context.addresses["us.test"] = {"127.0.0.1"};
  context.addresses["other.test"] = {"203.0.113.9"};
  expect(ListKind::domain, {
                               {"@mx_any", "ours.test", "yes @mx_any"},
                               {"@mx_any", "backed.test", "yes @mx_any"},
                               {"@mx_any", "none.test", "no"},
                               {"@mx_primary", "ours.test", "yes @mx_primary"},
                               {"@mx_primary", "backed.test", "no"},
                               {"@mx_secondary", "backed.test", "yes @mx_secondary"},
                               {"@mx_secondary", "ours.test", "no"},
                               {"@mx_any/ignore=127.0.0.1", "ours.test", "no"},
                               {"@mx_primary/ignore=203.0.113.9", "backed.test",
                                "yes @mx_primary/ignore=203.0.113.9"},
                               {"@mx_any", "later.test", "!defer"},
                           });
}

// D3 and D4: what strangers may have written is one element and only text.
TEST_F(ListTest, OnlyWhatThePolicySaysIsStructure) {
  context.variables["sender_helo_name"] = "a.test : *";
  context.named["acl_m_x"] = "*";
  std::string file = write("f",
                           "list: a.test : !b.test : +local : *.c.test\nbad: +nix\n"
                           "kind: lserach;/x\nempty:\nneg: !x.test\n");
  std::string splice = "${lookup{list}lsearch{" + file + "}}";
  auto named = [&](std::string key) {
    return "${lookup{" + key + "}lsearch{" + file + "}}";
  };
  expect(ListKind::domain,
         {
             {"$sender_helo_name", "a.test", "no"},
             {"$sender_helo_name", "a.test : *", "yes a.test : *"},
             {"x.$sender_helo_name", "x.a.test", "no"},
             {splice, "a.test", "yes a.test"},
             {splice, "b.test", "no"},
             {splice, "example.net", "yes example.net"},
             {splice + " : b.test", "b.test", "no"},
             {"!" + splice, "a.test", "no"},
             {"!" + splice, "x.c.test", "yes *.c.test"},
             {"x.test : " + splice + " : z.test", "z.test", "yes z.test"},
             {named("neg"), "y.test", "yes "},
             {named("neg") + ": a", "y.test", "no"},
             {named("bad"), "x", "!defer"},
             {named("kind"), "x", "!defer"},
             {named("empty"), "", "no"},
             {named("empty") + " : a", "", "yes "},
             {"${if eq{1}{2}{x}fail}", "x", "no"},
             {"!x : ${if eq{1}{2}{x}fail}", "y", "no"},
             {"${eval:1/${strlen:$acl_m_none}}", "x", "!defer"},
         });
  EXPECT_EQ(ask(ListKind::host,
                "${lookup{nets}lsearch{" + write("h", "nets: 10.0.0.0/8 : !*") + "}}",
                "10.1.1.1"),
            "yes 10.0.0.0/8");
  context.variables["sender_helo_name"] = "0.0.0.0/0";
  EXPECT_EQ(ask(ListKind::host, "$sender_helo_name", "10.1.1.1"), "no");
  context.variables["sender_helo_name"] = "10.1.1.1";
  EXPECT_EQ(ask(ListKind::host, "$sender_helo_name", "10.1.1.1"), "yes 10.1.1.1");
}

TEST_F(ListTest, TheSubjectIsTheDomainWhileItIsAsked) {
  std::string file = write("f", "a.test: a.test\n");
  EXPECT_EQ(
      ask(ListKind::domain, "${lookup{$domain}lsearch{" + file + "}{*}{-}}", "a.test"),
      "yes *");
  EXPECT_TRUE(context.variables["domain"].empty());
}

TEST_F(ListTest, ALiteralListExpandsNothing) {
  policy::Symbols symbols;
  symbols.lists[0].emplace("local", 0);
  auto program = policy::Program::any();
  struct Case {
    ListKind kind;
    std::string_view list, error;
  };
  for (const Case& row : {
           Case{ListKind::domain, "$primary_hostname", "'$primary_hostname'"},
           Case{ListKind::address, "a : ${lc:x}", "match_address"},
           Case{ListKind::domain, "^a\\\\.b\\$", ""},
           Case{ListKind::domain, "\\N^a\\.b$\\N", ""},
           Case{ListKind::domain, "+local", ""},
           Case{ListKind::ip, "+local", "unknown hostlist"},
       }) {
    policy::Diagnostics said;
    policy::Parsing parsing{
        .symbols = symbols, .program = program, .diagnostics = said};
    auto list = policy::parse_literal_list(row.kind, policy::SourceText(row.list, 0, 1),
                                           parsing);
    if (row.error.empty()) {
      EXPECT_TRUE(said.errors.empty()) << row.list;
      continue;
    }
    ASSERT_FALSE(said.errors.empty()) << row.list;
    EXPECT_THAT(said.errors[0].text, HasSubstr(row.error));
  }
}

TEST_F(ListTest, MistakesAreShownWhereTheyStand) {
  parse(ListKind::host, "10.0.0.1 : \\N10.0.0.2\\N : 10.0.0 : ${lc:x} : 10.0");
  ASSERT_EQ(diagnostics.errors.size(), 2U);
  EXPECT_EQ(diagnostics.errors[0].origin.column, 27U);
  EXPECT_EQ(diagnostics.errors[1].origin.column, 46U);
  parse(ListKind::domain, "* : a : b*c");
  EXPECT_EQ(diagnostics.warnings.size(), 2U);
}

TEST_F(ListTest, TellsWhatItNames) {
  auto list = parse(ListKind::address, "+some : *@+local : x@y");
  auto uses = policy::named_lists(*list);
  ASSERT_EQ(uses.size(), 2U);
  EXPECT_EQ(uses[0].kind, ListKind::address);
  EXPECT_EQ(uses[1].kind, ListKind::domain);
  EXPECT_EQ(uses[1].origin.column, 9U);
  EXPECT_EQ(policy::listnamed(*loaded.policy->lists[0][3].list, *loaded.policy),
            "example.net : *.example.org : !no.example.com : example.com : *.mix.test");
  EXPECT_EQ(policy::listnamed(*loaded.policy->lists[0][2].list, *loaded.policy),
            "a.test : x::y.test");
  EXPECT_EQ(policy::listnamed(*parse(ListKind::ip, "+nets : 10.0.0.1"), *loaded.policy),
            "+nets : 10.0.0.1");
  policy::Provenance careful;
  EXPECT_FALSE(policy::remote(*list, careful));
  EXPECT_TRUE(policy::remote(*parse(ListKind::domain, "x.$sender_helo_name"), careful));
  EXPECT_TRUE(policy::remote(*parse(ListKind::domain, "dnsdb;a=x"), careful));
}

TEST_F(ListTest, OfManyPlainWordsTheOneIsFoundWithoutAskingEach) {
  std::string text, file;
  for (int i = 0; i < 20'000; ++i) {
    text += "d" + std::to_string(i) + ".test : *.w" + std::to_string(i) + ".test : ";
    file += "10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24\n";
  }
  auto list = parse(ListKind::domain, text + "!last.test");
  policy::Evaluation evaluation{.policy = *loaded.policy, .context = context};
  evaluation.budget.steps = 10;
  for (int i = 0; i < 1000; ++i) {
    std::string subject = "x.w" + std::to_string(i) + ".test";
    policy::ListSubject wanted;
    wanted.text = subject;
    auto found = policy::match(*list, wanted, evaluation);
    ASSERT_TRUE(found && found->matched);
  }
  EXPECT_EQ(evaluation.budget.steps, 10U);
  EXPECT_EQ(ask(ListKind::host, write("nets", file), "10.79.249.1"),
            "yes 10.79.249.0/24");
}

TEST_F(ListTest, HostileListsEndSoon) {
  auto repeated = [](std::string_view piece, std::size_t bytes) {
    std::string text;
    while (text.size() < bytes) text += piece;
    return text;
  };
  constexpr std::size_t kBytes = 1 << 17;
  for (std::string_view piece :
       {"a:", "^a:", "+x:", "@:", "*@x:", "!:", "1:", ":",
        "!!:", "lsearch;/x:", "${lc:x}:", "/x:", "\\", "<", "*"})
    for (auto kind : {ListKind::domain, ListKind::host, ListKind::address}) {
      auto list = parse(kind, repeated(piece, kBytes));
      EXPECT_LE(diagnostics.errors.size(), policy::Diagnostics::kMost);
      if (diagnostics.errors.empty()) ask(*list, kind, "x@y");
    }
}
