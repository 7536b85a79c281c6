// SPDX-License-Identifier: Apache-2.0
//
// Data are never expanded, parsed or split where they are not asked to be: hostile
// bytes go through every variable of a stranger into every construct, and come out as
// they went in (spec/policy.md D2 to D4).
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "policy/expansion_items.h"
#include "policy/variable_table.h"
#include "tests/policy/expanding.h"

namespace {

constexpr auto kHostile = std::to_array<std::string_view>({
    "${primary_hostname}",
    "${lc:ABC}",
    "${if eq{a}{a}{yes}{no}}",
    "${acl{a_secret}}",
    "$primary_hostname",
    "$acl_m_secret",
    "$h_subject:",
    "$h_x:",
    "$1$0${2}",
    "$value$item",
    "${lookup{root}lsearch{/etc/passwd}{$value}fail}",
    "${readfile{/etc/passwd}}",
    "lsearch;/etc/passwd",
    "net-lsearch;/etc/passwd",
    "/etc/passwd",
    "+trusted",
    "!+trusted",
    "! x",
    "^.*$",
    "*",
    "*.example.net",
    "@[]",
    "@",
    "@@lsearch;/etc/aliases",
    ": a : +trusted",
    "<; a ; *",
    "a::b:c",
    "a,b;c",
    "}",
    "}}{{",
    "{yes}{no}",
    "}{x}}${primary_hostname}",
    "\\N",
    "\\N$primary_hostname\\N",
    "\\",
    "\\$1\\}\\x41\\101",
    "fail",
    "\" quoted \" = x",
    "key=value",
    "a/b/defer_ok",
    "%s%n",
    "\xff\xfe\x80",
    "two\nX-Header: lines\n",
    "tab\tand blank ",
    "0",
    "-1",
    "1k",
    "true",
    "(a|b)*[",
    "",
});

const policy::Policy& policed() {
  static const auto policy = expanding::loaded(
      "primary_hostname = mx.example.net\n"
      "qualify_domain = example.net\n"
      "domainlist trusted = *\n"
      "hostlist trusted = *\n"
      "addresslist trusted = *\n"
      "localpartlist trusted = *\n"
      "begin acl\n"
      "a_secret:\n"
      "  accept message = secret\n"
      "a_echo:\n"
      "  accept message = <$acl_arg1>\n"
      "a_store:\n"
      "  warn   set acl_m_kept = $acl_arg1\n"
      "  accept message = <$acl_m_kept>\n");
  return *policy;
}

// `$x`, replaced by a reference, in constructs whose result is known whatever it holds;
// "@" in a result stands for the data.
struct Construct {
  std::string_view expression, result;
};
constexpr auto kConstructs = std::to_array<Construct>({
    {"$x", "@"},
    {"<$x>", "<@>"},
    {"$x$x", "@@"},
    // items
    {"${if eq{a}{a}{$x}{n}}", "@"},
    {"${if eq{a}{b}{y}{$x}}", "@"},
    {"${if eq{$x}{$x}{y}{n}}", "y"},
    {"${if eqi{$x}{$x}{y}{n}}", "y"},
    {"${if eq{<$x>}{<$x>z}{y}{n}}", "n"},
    {"${if le{$x}{$x}{y}{n}}", "y"},
    {"${if match{<$x>}{^<}{y}{n}}", "y"},
    {"${if match{$x}{^${rxquote:$x}\\$}{y}{n}}", "y"},
    {"${if match{<$x>}{\\N^<((?s).*)>$\\N}{$1}{n}}", "@"},
    {"${if and{{eq{$x}{$x}}{or{{eq{a}{b}}{eq{$x}{$x}}}}}{$x}{n}}", "@"},
    {"${if bool_lax{1${if eq{$x}{}}}{y}{n}}", "y"},
    {"${lc:${uc:A}}$x", "a@"},
    {"${base64d:${base64:$x}}", "@"},
    {"${extract{k}{k=v}{$x}{n}}", "@"},
    {"${extract{z}{k=v}{y}{$x}}", "@"},
    {"${extract{1}{\\001}{$x\\001b}}", "@"},
    {"${extract{${if eq{$x}{$x}{2}}}{\\001}{a\\001$x}}", "@"},
    {"${listextract{2}{<\\001a\\001b}{$x}}", "@"},
    {
        "${map{a}{$x}}",
        "@",
    },
    {"${filter{a:b}{eq{$x$item}{${if eq{a}{a}{$x}}b}}}", "b"},
    {"${reduce{a}{$x}{$value}}", "@"},
    {"${reduce{a:b}{}{$x}}", "@"},
    {"${sort{b:a}{lt}{${if eq{$x}{$x}{$item}}}}", "a:b"},
    {"${sg{ab}{b}{$x}}", "a@"},
    {"${sg{ab}{(b)}{<$x>\\$1}}", "a<@>b"},
    {"${sg{ab}{(b)}{\\${if eq\\{a\\}\\{a\\}\\{$x\\}\\}}}", "a@"},
    {"${sg{$x}{\\N[^\\s\\S]\\N}{y}}", "@"},
    {"${tr{$x}{}{}}", "@"},
    {"${tr{$x}{\\001}{\\002}}", "@"},
    {"${substr{0}{${strlen:$x}}{$x}}", "@"},
    {"${length{100000}{$x}}", "@"},
    {"${if eq{${md5:$x}}{${md5:$x}}{y}{n}}", "y"},
    {"${if eq{${hmac{md5}{$x}{$x}}}{${hmac{md5}{$x}{$x}}}{y}{n}}", "y"},
    // lists
    {"${if inlist{\\001$x}{\\001a:b}{y}{n}}", "n"},
    {"${if forany{a:b}{eq{$item$x}{b${if eq{a}{a}{$x}}}}{y}{n}}", "y"},
    {"${if match_domain{\\001$x}{a.test}{y}{n}}", "n"},
    {"${if match_local_part{\\001$x}{a : b}{y}{n}}", "n"},
    // ACLs
    {"${acl{a_echo}{$x}}", "<@>"},
    {"${acl{a_store}{$x}}", "<@>"},
    {"${if acl{{a_echo}{$x}}{$value}{n}}", "<@>"},
});

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// How a stranger's data come in: a reference, and where to put them.
struct Entrance {
  std::string reference;
  void (*set)(policy::ScriptedContext& context, std::string_view name,
              std::string value);
  std::string name;
};

std::vector<Entrance> entrances() {
  std::vector<Entrance> all;
  auto variable = [](policy::ScriptedContext& context, std::string_view name,
                     std::string value) {
    context.variables.insert_or_assign(std::string(name), std::move(value));
  };
  for (const policy::VariableInfo& info : policy::variables())
    // Those of all headers are the headers', as $h_ is: see below.
    if (info.origins == policy::Origins::remote &&
        !info.name.starts_with("message_headers"))
      all.push_back(
          {"${" + std::string(info.name) + "}", variable, std::string(info.name)});
  auto named = [](policy::ScriptedContext& context, std::string_view name,
                  std::string value) {
    context.named.insert_or_assign(std::string(name), std::move(value));
  };
  for (std::string_view name : {"acl_c_x", "acl_m0", "r_x"})
    all.push_back({"${" + std::string(name) + "}", named, std::string(name)});
  return all;
}

TEST(HostileData, StaysDataInEveryConstruct) {
  const policy::Policy& policy = policed();
  std::size_t asked = 0;
  for (const Entrance& entrance : entrances()) {
    for (const Construct& construct : kConstructs) {
      policy::Diagnostics diagnostics;
      auto text = policy::parse_expression(
          policy, replaced(std::string(construct.expression), "$x", entrance.reference),
          policy::Program::any(), diagnostics);
      if (!diagnostics.errors.empty()) {
        ADD_FAILURE() << construct.expression << ": " << diagnostics.errors[0].text;
        return;
      }
      for (std::string_view hostile : kHostile) {
        policy::ScriptedContext context;
        entrance.set(context, entrance.name, std::string(hostile));
        context.named["acl_m_secret"] = "secret";
        policy::Evaluation evaluation{.policy = policy, .context = context};
        auto result = policy::expand(text, evaluation);
        ++asked;
        // A list that is made of a value doubles its separators, and no more.
        std::string data(hostile);
        if (construct.expression.starts_with("${map{"))
          data = replaced(data, ":", "::");
        ASSERT_EQ(expanding::said(result),
                  "ok:" + replaced(std::string(construct.result), "@", data))
            << construct.expression << " with " << entrance.reference << " = "
            << testing::PrintToString(std::string(hostile));
      }
    }
  }
  std::cout << asked << " evaluations\n";
}

TEST(HostileData, InHeadersIsDecodedAndNoMore) {
  const policy::Policy& policy = policed();
  for (std::string_view hostile : kHostile) {
    policy::ScriptedContext context;
    std::string line = replaced(std::string(hostile), "\n", " ");
    context.add_message_header("X-Data:" + line + "\n");
    EXPECT_EQ(expanding::expanded(policy, "$rh_x-data:", context), "ok:" + line + "\n");
    EXPECT_EQ(expanding::expanded(policy, "${if def:h_x-data:{$rh_x-data:}}", context),
              "ok:" + line + "\n");
    EXPECT_EQ(expanding::expanded(policy, "${sg{a}{a}{$rh_x-data:}}", context),
              "ok:" + line + "\n");
    // As a list, it is one element.
    if (!line.empty()) {
      EXPECT_EQ(expanding::expanded(policy, "${listcount:x$lh_x-data:}", context),
                "ok:1")
          << line;
    }
  }
}

// 5 and 7: where a value is asked to be a list, a pattern or a number, it is one of
// plain strings; nothing in it is looked up.
TEST(HostileData, AsAListHasPlainElements) {
  const policy::Policy& policy = policed();
  policy::ScriptedContext context;
  context.variables["sender_address"] =
      "+trusted : *: /etc/passwd:^.*:lsearch;/etc/passwd";
  for (std::string_view probe : {"x", "root", "a.test"})
    EXPECT_EQ(
        expanding::expanded(
            policy, "${if inlist{" + std::string(probe) + "}{$sender_address}{y}{n}}",
            context),
        "ok:n");
  EXPECT_EQ(expanding::expanded(policy, "${map{$sender_address}{<$item>}}", context),
            "ok:<+trusted>:<*>:</etc/passwd>:<^.*>:<lsearch;/etc/passwd>");
}

}  // namespace
