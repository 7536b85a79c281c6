// SPDX-License-Identifier: Apache-2.0
#include "policy/routers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/scripted_context.h"
#include "tests/policy/policy_cases.h"
#include "tests/support/temp_dir.h"

using policy::RoutePurpose;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;
using Outcome = policy::RoutedAddress::Outcome;
using Strings = std::vector<std::string>;

namespace {

constexpr std::string_view kTransports =
    "begin transports\n"
    "t: \n driver = appendfile\n file = /dev/null\n"
    "u:\n driver = appendfile\n file = /dev/null\n"
    "f:\n driver = appendfile\n"
    "p:\n driver = pipe\n"
    "s:\n driver = smtp\n";

// A policy of these routers, in the middle of a network of its own.
class Site {
 public:
  explicit Site(const std::string& routers)
      : loaded_(cases::load("primary_hostname = mx.example.net\n"
                            "qualify_domain = example.net\n" +
                            std::string("begin routers\n") + routers +
                            std::string(kTransports))) {
    EXPECT_TRUE(loaded_.policy)
        << loaded_.source.format(loaded_.diagnostics.errors, "error");
  }

  policy::ScriptedContext context;
  RoutePurpose purpose = RoutePurpose::test;

  std::vector<policy::RoutedAddress> route(std::string_view address) {
    auto find_account = [](const std::string& name) -> std::optional<policy::Account> {
      if (name != "root") return std::nullopt;
      return policy::Account{"/root"};
    };
    return policy::route(*loaded_.policy, address, purpose, context, find_account);
  }
  // "ADDRESS ROUTER TRANSPORT", or what becomes of it.
  Strings summary(std::string_view address) {
    Strings out;
    for (const auto& routed : route(address)) {
      std::string line = routed.address + " ";
      switch (routed.outcome) {
        case Outcome::deliver:
          line += routed.router + " " + routed.transport;
          break;
        case Outcome::fail:
          line += "fails: " + routed.message;
          break;
        case Outcome::defer:
          line += "waits: " + routed.message;
          break;
        case Outcome::discard:
          line += "is discarded";
          break;
        case Outcome::redirected:
          line += "is redirected";
          break;
        default:
          line += routed.target + " " + routed.transport;
      }
      if (routed.duplicate) line += " again";
      out.push_back(line);
    }
    return out;
  }
  Strings hosts(std::string_view address) {
    Strings out;
    for (const auto& routed : route(address))
      for (const auto& host : routed.hosts)
        out.push_back(host.name + (host.port ? ":" + std::to_string(*host.port) : ""));
    return out;
  }

 private:
  policy::Loaded loaded_;
};

}  // namespace

TEST(Routers, RunInOrderUntilOneTakesTheAddress) {
  Site site(
      "a:\n driver = accept\n local_parts = joe : ann\n transport = t\n"
      "b:\n driver = accept\n domains = stop.test\n local_parts = yes\n no_more\n"
      " cannot_route_message = no $local_part here\n transport = t\n"
      "c:\n driver = redirect\n domains = stop.test\n no_more\n data =\n"
      " cannot_route_message = no $local_part here\n"
      "d:\n driver = accept\n domains = d.test\n transport = u\n");
  EXPECT_THAT(site.summary("joe@x.test"), ElementsAre("joe@x.test a t"));
  EXPECT_THAT(site.summary("JOE@X.test"), ElementsAre("JOE@X.test a t"));
  EXPECT_THAT(site.summary("joe"), ElementsAre("joe@example.net a t"));
  EXPECT_THAT(site.summary("x@d.test"), ElementsAre("x@d.test d u"));
  EXPECT_THAT(site.summary("x@y.test"),
              ElementsAre("x@y.test fails: Unrouteable address"));
  EXPECT_THAT(site.summary("no@stop.test"),
              ElementsAre("no@stop.test fails: no no here"));
}

TEST(Routers, SayWhatTheTransportSeesOfTheAddress) {
  // Local part, its data, the domain's data, home.
  auto seen = [](const std::string& options, std::string_view address) {
    Site site(
        "a:\n driver = accept\n check_local_user\n domains = a.test\n"
        " no_more\n condition = no\n transport = t\n"
        "r:\n driver = accept\n transport = t\n" +
        options);
    auto routed = site.route(address);
    EXPECT_EQ(routed.size(), 1U);
    const auto& one = routed.front();
    return Strings{one.local_part, one.local_part_data, one.domain_data, one.home};
  };
  EXPECT_THAT(seen("", "Root@a.test"), ElementsAre("root", "", "", ""))
      << "what the router before found is forgotten";
  EXPECT_THAT(seen(" caseful_local_part\n", "Joe@a.test"),
              ElementsAre("Joe", "", "", ""));
  EXPECT_THAT(seen(" local_part_suffix = -*\n local_parts = joe\n domains = *.test\n",
                   "joe-x@a.test"),
              ElementsAre("joe", "joe", "*.test", ""));
  EXPECT_THAT(seen(" check_local_user\n", "root@a.test"),
              ElementsAre("root", "root", "", "/root"));
  EXPECT_THAT(seen(" check_local_user\n router_home_directory = /r\n", "root@a.test"),
              ElementsAre("root", "root", "", "/root"));
  EXPECT_THAT(seen(" router_home_directory = /r\n", "root@a.test"),
              ElementsAre("root", "", "", "/r"));
  EXPECT_THAT(seen(" check_local_user\n transport_home_directory = $home/mail\n",
                   "root@a.test"),
              ElementsAre("root", "root", "", "/root/mail"));
}

TEST(Routers, AreSkippedByTheirPreconditions) {
  struct Row {
    std::string_view option, address;
    bool taken;
  };
  support::TempDir dir;
  cases::spill(dir / "there", "");
  std::string there = (dir / "there").string();
  std::string not_there = "!" + there, none = there + "x";
  for (const Row& row : {
           Row{"verify_only", "a@b.test", false},
           Row{"no_address_test", "a@b.test", false},
           Row{"no_verify", "a@b.test", true},
           Row{"local_part_prefix = real- : *+", "real-joe@b.test", true},
           Row{"local_part_prefix = real- : *+", "REAL-joe@b.test", true},
           Row{"local_part_prefix = real- : *+", "x+joe@b.test", true},
           Row{"local_part_prefix = real-", "joe@b.test", false},
           Row{"local_part_suffix = -owner : +*", "joe-owner@b.test", true},
           Row{"local_part_suffix = -owner : +*", "joe+x@b.test", true},
           Row{"local_part_suffix = -owner", "joe@b.test", false},
           Row{"domains = b.test", "a@b.test", true},
           Row{"domains = !b.test", "a@b.test", false},
           Row{"local_parts = a", "A@b.test", true},
           Row{"check_local_user", "root@b.test", true},
           Row{"check_local_user", "nobody-at-all@b.test", false},
           Row{"senders = *@s.test", "a@b.test", true},
           Row{"senders = *@other.test", "a@b.test", false},
           Row{"condition = ${if eq{$local_part}{a}}", "a@b.test", true},
           Row{"condition = ${if eq{$local_part}{x}}", "a@b.test", false},
           Row{"condition = 0", "a@b.test", false},
           Row{"condition = 00", "a@b.test", true},
           Row{"condition = ${if eq{1}{2}{yes}fail}", "a@b.test", false},
           Row{"condition = yes\n condition = no", "a@b.test", false},
           Row{"bmi_dont_deliver", "a@b.test", false},
           Row{"bmi_deliver_default", "a@b.test", true},
       }) {
    Site site("r:\n driver = accept\n transport = t\n " + std::string(row.option) +
              "\n");
    site.context.variables["sender_address"] = "x@s.test";
    EXPECT_EQ(site.route(row.address).at(0).outcome == Outcome::deliver, row.taken)
        << row.option << " " << row.address;
  }
  for (auto [files, taken] :
       {std::pair{there, true}, std::pair{not_there, false}, std::pair{none, false},
        std::pair{"!" + none, true},
        // As Debian has it: a user, who is passed over, and files.
        std::pair{"$local_part : +" + none, false},
        std::pair{"mail,mail : +!" + none, true}}) {
    Site site("r:\n driver = accept\n transport = t\n require_files = " + files + "\n");
    EXPECT_EQ(site.route("a@b.test").at(0).outcome == Outcome::deliver, taken) << files;
  }
}

TEST(Routers, LetAnAddressWaitWhenAPreconditionCannotBeDecided) {
  for (const char* option :
       {"condition = ${if eq{${eval:$local_part}}{1}}", "require_files = rel/$domain",
        "require_files = /x/$local_part"}) {
    Site site("r:\n driver = accept\n transport = t\n " + std::string(option) + "\n");
    EXPECT_EQ(site.route("\"..\"@b.test").at(0).outcome, Outcome::defer) << option;
  }
}

TEST(Routers, StripAffixesAndTellOfThem) {
  Site site(
      "r:\n driver = accept\n local_part_prefix = real-\n local_part_suffix = +*\n"
      " local_parts = joe\n transport = t\n"
      " address_data = $local_part_prefix/$local_part/$local_part_suffix\n");
  auto routed = site.route("Real-Joe+Tag@b.test").at(0);
  EXPECT_EQ(routed.address_data, "Real-/joe/+Tag");
  EXPECT_EQ(routed.local_part_prefix, "Real-");
  EXPECT_EQ(routed.local_part_suffix, "+Tag");
}

TEST(Routers, HandOnWhatIsSaidOfAnAddress) {
  Site site(
      "a:\n driver = redirect\n local_parts = list\n data = joe\n"
      " set = r_list = $local_part ; r_more = x\n errors_to = owner@example.net\n"
      " headers_add = X-List: $local_part\n headers_remove = Received-SPF\n"
      "b:\n driver = accept\n transport = t\n address_data = <$r_list$r_more>\n");
  auto routed = site.route("list@example.net").at(0);
  EXPECT_EQ(routed.address, "joe@example.net");
  EXPECT_EQ(routed.parent, "list@example.net");
  EXPECT_EQ(routed.address_data, "<listx>");
  EXPECT_EQ(routed.errors_to, "owner@example.net");
  EXPECT_THAT(routed.headers_add, ElementsAre("X-List: list"));
  EXPECT_THAT(routed.headers_remove, ElementsAre("Received-SPF"));
  EXPECT_EQ(site.route("joe@example.net").at(0).address_data, "<>")
      << "nothing is left of the address before";
}

TEST(Routers, WithUnseenLetTheNextOnesHaveACopy) {
  Site site(
      "a:\n driver = accept\n unseen = ${if eq{$local_part}{joe}{yes}{no}}\n"
      " transport = t\n"
      "b:\n driver = accept\n transport = u\n");
  EXPECT_THAT(site.summary("joe@b.test"),
              ElementsAre("joe@b.test a t", "joe@b.test b u"));
  EXPECT_THAT(site.summary("ann@b.test"), ElementsAre("ann@b.test a t"));
  Site last("a:\n driver = accept\n unseen\n transport = t\n");
  EXPECT_THAT(last.summary("joe@b.test"), ElementsAre("joe@b.test a t"))
      << "there is nobody who could have the copy";
}

TEST(Routers, FollowRedirectionsAndStopAtTheirEnd) {
  support::TempDir dir;
  std::string aliases = (dir / "aliases").string();
  cases::spill(aliases,
               "two: joe, ann\nthree: two, joe\nself: self\nbad: :fail: gone\n"
               "later: :defer: soon\nnull: :blackhole:\nwrong: a b c\nown: \\joe\n");
  Site site(
      "a:\n driver = redirect\n allow_fail\n allow_defer\n"
      " data = ${lookup{$local_part}lsearch{" +
      aliases +
      "}}\n"
      "b:\n driver = accept\n local_parts = joe : ann\n transport = t\n");
  EXPECT_THAT(site.summary("two@example.net"),
              ElementsAre("joe@example.net b t", "ann@example.net b t"));
  EXPECT_THAT(site.summary("three@example.net"),
              ElementsAre("joe@example.net b t", "ann@example.net b t",
                          "joe@example.net b t again"));
  EXPECT_THAT(site.summary("self@example.net"),
              ElementsAre("self@example.net fails: Unrouteable address"));
  EXPECT_THAT(site.summary("bad@example.net"),
              ElementsAre("bad@example.net fails: gone"));
  EXPECT_THAT(site.summary("later@example.net"),
              ElementsAre("later@example.net waits: soon"));
  EXPECT_THAT(site.summary("null@example.net"),
              ElementsAre("null@example.net is discarded"));
  EXPECT_THAT(site.summary("wrong@example.net"),
              ElementsAre(HasSubstr("waits: error in redirect data: ")));
  EXPECT_THAT(site.summary("own@other.test"), ElementsAre("joe@other.test b t"));
}

TEST(Routers, RedirectToFilesPipesAndIncludedLists) {
  support::TempDir dir;
  std::string list = (dir / "list").string();
  cases::spill(list, "ann\n");
  std::string data = "/some/file, \"|/bin/true -x\", :include:" + list;
  Site site(
      "a:\n driver = redirect\n local_parts = all\n file_transport = f\n"
      " pipe_transport = p\n data = " +
      data +
      "\n"
      "b:\n driver = accept\n transport = t\n");
  EXPECT_THAT(site.summary("all@example.net"),
              ElementsAre("all@example.net /some/file f",
                          "all@example.net |/bin/true -x p", "ann@example.net b t"));
  for (const char* forbidden : {"forbid_include", "include_directory = /nowhere"}) {
    Site strict("a:\n driver = redirect\n file_transport = f\n pipe_transport = p\n " +
                std::string(forbidden) + "\n data = " + data + "\n");
    EXPECT_THAT(strict.summary("all@example.net"),
                ElementsAre(HasSubstr("waits: error in redirect data: ")))
        << forbidden;
  }
}

// As Exim does: who stands beside them gets his mail.
TEST(Routers, AnswerForFilesAndPipesThatCannotBeOneByOne) {
  struct Row {
    const char* options;
    std::string_view file, pipe;
  };
  constexpr std::string_view kFine = " p";
  for (const Row& row : {
           Row{"forbid_file\n file_transport = f\n pipe_transport = p",
               "fails: ", kFine},
           Row{"pipe_transport = p", "waits: file_transport is not set", kFine},
           Row{"one_time\n file_transport = f\n pipe_transport = p",
               "fails: ", "fails: "},
           // A directory has no other transport.
           Row{"directory_transport = f", "waits: file_transport", "waits: pipe_"},
       }) {
    Site site("a:\n driver = redirect\n local_parts = all\n " +
              std::string(row.options) +
              "\n data = \"joe, /some/file, \\\"|/bin/true -x\\\"\"\n"
              "b:\n driver = accept\n transport = t\n");
    EXPECT_THAT(site.summary("all@b.test"),
                ElementsAre("joe@example.net b t", HasSubstr(std::string(row.file)),
                            HasSubstr(std::string(row.pipe))))
        << row.options;
  }
}

TEST(Routers, ReadTheListsThatTheyShould) {
  support::TempDir dir;
  std::string nowhere = (dir / "absent" / "joe").string();
  // A directory that is not there may be a disk that is not mounted.
  Site away("a:\n driver = redirect\n file = " + nowhere +
            "\nb:\n driver = accept\n transport = t\n");
  EXPECT_THAT(away.summary("joe@b.test"), ElementsAre(HasSubstr("waits: there is no")));
  Site skips(
      "a:\n driver = redirect\n skip_syntax_errors\n data = a b@, joe@\n"
      "b:\n driver = accept\n local_parts = joe\n transport = t\n");
  EXPECT_THAT(skips.summary("ann@b.test"),
              ElementsAre("ann@b.test fails: syntax error in redirection data"));
  EXPECT_THAT(skips.summary("joe@b.test"), ElementsAre("joe@b.test b t"));
  Site some(
      "a:\n driver = redirect\n allow_fail\n local_parts = ann\n"
      " data = joe, :fail: gone\n"
      "b:\n driver = accept\n transport = t\n");
  EXPECT_THAT(some.summary("ann@b.test"),
              ElementsAre("ann@b.test fails: gone", "joe@example.net b t"));
}

// Exim manual: of the last router that was considered, even if it was skipped.
TEST(Routers, TellWhatTheLastOneSaysOfAnAddressThatNobodyTakes) {
  Site site(
      "a:\n driver = redirect\n data =\n cannot_route_message = of the first\n"
      "b:\n driver = accept\n local_parts = joe\n transport = t\n"
      " cannot_route_message = no $local_part here\n");
  EXPECT_THAT(site.summary("ann@b.test"), ElementsAre("ann@b.test fails: no ann here"));
  Site without(
      "a:\n driver = redirect\n data =\n cannot_route_message = of the first\n"
      "b:\n driver = accept\n local_parts = joe\n transport = t\n");
  EXPECT_THAT(without.summary("ann@b.test"),
              ElementsAre("ann@b.test fails: Unrouteable address"));
}

TEST(Routers, LookAtLettersAsTheyAreIfTheyAreCaseful) {
  Site site(
      "a:\n driver = accept\n caseful_local_part\n local_parts = Joe : !Ann : a*\n"
      " transport = t\n"
      "b:\n driver = accept\n transport = u\n");
  EXPECT_THAT(site.summary("Joe@b.test"), ElementsAre("Joe@b.test a t"));
  EXPECT_THAT(site.summary("JOE@b.test"), ElementsAre("JOE@b.test b u"));
  EXPECT_THAT(site.summary("ann@b.test"), ElementsAre("ann@b.test b u"));
}

TEST(Routers, ShowAncestorsAsTheirRoutersSawThem) {
  for (const char* caseful : {"", " caseful_local_part\n"}) {
    Site site("a:\n driver = redirect\n local_parts = ^(?i)joe\n" +
              std::string(caseful) +
              " data = ann\n"
              "b:\n driver = accept\n transport = t\n"
              " address_data = $original_local_part $parent_local_part\n");
    auto all = site.route("Joe@b.test");
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].address_data, *caseful ? "Joe Joe" : "joe joe");
  }
}

TEST(Routers, TakeAllOfALocalPartForASuffixThatIsAnything) {
  Site site(
      "a:\n driver = accept\n local_part_suffix = *\n transport = t\n"
      " local_parts = :\n");
  auto all = site.route("joe@b.test");
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].local_part_suffix, "joe");
}

TEST(Routers, DoNotLetStrangersChooseAFile) {
  support::TempDir dir;
  cases::spill(dir / "joe", "ann\n");
  Site site(
      "a:\n driver = redirect\n local_parts = !ann\n file = " + dir.path().string() +
      "/$local_part\n"
      "b:\n driver = accept\n transport = t\n");
  EXPECT_THAT(site.summary("joe@b.test"), ElementsAre("ann@example.net b t"));
  EXPECT_THAT(site.summary("bob@b.test"), ElementsAre("bob@b.test b t"));
  for (const char* bad : {"\"../joe\"@b.test", "\"..\"@b.test", "\"a/b\"@b.test"})
    EXPECT_THAT(site.summary(bad), ElementsAre(HasSubstr("waits: ")));
}

TEST(Routers, EndInATooLongChain) {
  Site site("a:\n driver = redirect\n data = ${local_part:$local_part}x\n");
  EXPECT_THAT(site.summary("a@b.test"), ElementsAre(HasSubstr("waits: too many")));
}

TEST(Routers, VerifyWithoutFollowingAFan) {
  Site site(
      "a:\n driver = redirect\n local_parts = one : two : null\n"
      " data = ${if eq{$local_part}{one}{joe}{${if eq{$local_part}{two}{joe, ann}"
      "{:blackhole:}}}}\n"
      "b:\n driver = accept\n local_parts = joe\n transport = t\n"
      "c:\n driver = accept\n local_parts = never\n fail_verify\n transport = t\n"
      "d:\n driver = accept\n local_parts = only\n verify_only\n");
  site.purpose = RoutePurpose::verify_recipient;
  EXPECT_THAT(site.summary("one@example.net"), ElementsAre("joe@example.net b t"));
  EXPECT_THAT(site.summary("two@example.net"),
              ElementsAre("two@example.net is redirected"));
  EXPECT_THAT(site.summary("null@example.net"),
              ElementsAre("null@example.net is discarded"));
  EXPECT_THAT(site.summary("never@example.net"), ElementsAre(HasSubstr("fails")));
  EXPECT_EQ(site.route("only@example.net").at(0).outcome, Outcome::deliver);
}

TEST(Routers, KeepTheCallersVariables) {
  Site site("a:\n driver = accept\n transport = t\n");
  site.context.variables["local_part"] = "outer";
  site.context.variables["domain"] = "outer.test";
  site.route("joe@b.test");
  EXPECT_EQ(site.context.variables["local_part"], "outer");
  EXPECT_EQ(site.context.variables["domain"], "outer.test");
}

TEST(ManualRoute, TakesHostsFromRulesAndData) {
  struct Row {
    std::string_view options;
    Strings hosts;
  };
  for (const Row& row : {
           Row{"route_list = b.test 203.0.113.1:203.0.113.2",
               {"203.0.113.1", "203.0.113.2"}},
           Row{"route_list = x.test 203.0.113.1 ; b.test \"203.0.113.9::2525\" byname",
               {"203.0.113.9:2525"}},
           Row{"route_list = * \"<; 2001:db8::1 ; [2001:db8::2]:26 ; 192.0.2.1:27\"",
               {"2001:db8::1", "2001:db8::2:26", "192.0.2.1:27"}},
           Row{"route_list = ^(.)\\\\.test\\$ mx.$1.example", {"mx.b.example"}},
           Row{"route_data = ${if eq{$domain}{b.test}{h1:h2/MX byname}}", {"h1", "h2"}},
           Row{"route_data = ${if eq{1}{1}{\"h1 : + : h2\"}}\n hosts_randomize",
               {"h1", "h2"}},
       }) {
    Site site("m:\n driver = manualroute\n transport = s\n " +
              std::string(row.options) + "\n");
    EXPECT_THAT(site.hosts("x@b.test"), ElementsAreArray(row.hosts)) << row.options;
  }
}

TEST(ManualRoute, DoesNotExpandDataAgain) {
  Site site(
      "m:\n driver = manualroute\n transport = s\n"
      " route_data = ${lc:\\$primary_hostname}\n");
  EXPECT_THAT(site.hosts("x@b.test"), ElementsAre("$primary_hostname"));
}

TEST(ManualRoute, NamesATransportAndDeclinesWithoutData) {
  Site site(
      "m:\n driver = manualroute\n transport = s\n"
      " route_list = a.test 203.0.113.1 t ; b.test 203.0.113.2\n");
  EXPECT_EQ(site.route("x@a.test").at(0).transport, "t");
  EXPECT_EQ(site.route("x@b.test").at(0).transport, "s");
  EXPECT_THAT(site.summary("x@c.test"), ElementsAre(HasSubstr("Unrouteable")));
}

TEST(ManualRoute, PutsOffWhatHasNoHosts) {
  Site site("m:\n driver = manualroute\n transport = s\n route_list = * \"\"\n");
  EXPECT_THAT(site.summary("x@b.test"), ElementsAre(HasSubstr("waits: no hosts")));
  Site local("m:\n driver = manualroute\n transport = t\n route_list = *\n");
  EXPECT_THAT(local.summary("x@b.test"), ElementsAre("x@b.test m t"));
}

TEST(ManualRoute, LeavesOutHostsToBeIgnored) {
  auto with = [](const char* hosts, const char* all) {
    return "m:\n driver = manualroute\n transport = s\n"
           " ignore_target_hosts = 127.0.0.0/8\n host_all_ignored = " +
           std::string(all) + "\n route_list = * " + hosts + "\n";
  };
  EXPECT_THAT(Site(with("127.0.0.2:203.0.113.1", "defer")).hosts("x@b.test"),
              ElementsAre("203.0.113.1"));
  EXPECT_THAT(Site(with("127.0.0.2", "defer")).summary("x@b.test"),
              ElementsAre(HasSubstr("waits: all hosts are ignored")));
  EXPECT_THAT(Site(with("127.0.0.2", "fail")).summary("x@b.test"),
              ElementsAre(HasSubstr("fails: all hosts are ignored")));
  EXPECT_THAT(Site(with("127.0.0.2", "decline")).summary("x@b.test"),
              ElementsAre(HasSubstr("Unrouteable")));
}

TEST(ManualRoute, DoesWhatSelfSaysOfThisMachine) {
  auto with = [](const char* self) {
    return "m:\n driver = manualroute\n transport = s\n domains = b.test\n"
           " route_list = * 127.0.0.1\n self = " +
           std::string(self) +
           "\n"
           "n:\n driver = accept\n transport = t\n";
  };
  EXPECT_THAT(Site(with("freeze")).summary("x@b.test"),
              ElementsAre(HasSubstr("waits: remote host address is the local host")));
  EXPECT_TRUE(Site(with("freeze")).route("x@b.test").at(0).freeze);
  EXPECT_FALSE(Site(with("defer")).route("x@b.test").at(0).freeze);
  EXPECT_THAT(Site(with("fail")).summary("x@b.test"),
              ElementsAre(HasSubstr("fails: ")));
  EXPECT_THAT(Site(with("send")).summary("x@b.test"), ElementsAre("x@b.test m s"));
  EXPECT_THAT(Site(with("pass")).summary("x@b.test"), ElementsAre("x@b.test n t"));
  EXPECT_THAT(Site(with("reroute: c.test")).summary("x@b.test"),
              ElementsAre("x@c.test n t"));
}

TEST(DnsLookup, TakesTheMxOrTheAddress) {
  Site site("d:\n driver = dnslookup\n transport = s\n mx_domains = need.test\n");
  auto& records = site.context.records;
  using policy::Answer;
  records["mx two.test"] = {Answer::yes, {{"20", "b.test"}, {"10", "a.test"}}, false};
  records["mx null.test"] = {Answer::yes, {{"0", ""}}, false};
  records["mx broken.test"] = {Answer::defer, {}, false};
  records["mx backup.test"] = {
      Answer::yes,
      {{"10", "a.test"}, {"20", "mx.example.net"}, {"30", "c.test"}},
      false};
  records["mx here.test"] = {Answer::yes, {{"10", "mx.example.net"}}, false};
  site.context.addresses["plain.test"] = {"203.0.113.1"};
  site.context.addresses["need.test"] = {"203.0.113.1"};
  EXPECT_THAT(site.hosts("x@two.test"), ElementsAre("a.test", "b.test"));
  EXPECT_TRUE(site.route("x@two.test").at(0).by_mx);
  EXPECT_THAT(site.hosts("x@plain.test"), ElementsAre("plain.test"));
  EXPECT_FALSE(site.route("x@plain.test").at(0).by_mx);
  EXPECT_THAT(site.hosts("x@backup.test"), ElementsAre("a.test"));
  EXPECT_EQ(site.route("x@broken.test").at(0).outcome, Outcome::defer);
  EXPECT_TRUE(site.route("x@here.test").at(0).freeze);
  for (const char* no : {"x@null.test", "x@none.test", "x@need.test"})
    EXPECT_THAT(site.summary(no), ElementsAre(HasSubstr("Unrouteable"))) << no;
}
