// SPDX-License-Identifier: Apache-2.0
#include "policy/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "policy/template_parser.h"
#include "tests/policy/expanding.h"

namespace {

using expanding::expanded;
using testing::HasSubstr;
using testing::StartsWith;

const policy::Policy& plain() {
  static const auto policy = expanding::loaded(
      "primary_hostname = mx.example.net\n"
      "qualify_domain = example.net\n"
      "domainlist local = example.net : *.example.org\n");
  return *policy;
}

std::string plainly(std::string_view expression) {
  policy::ScriptedContext context;
  return expanded(plain(), expression, context);
}

struct Row {
  std::string_view expression, result;
};

class Complaints : public testing::TestWithParam<Row> {};

TEST_P(Complaints, NameTheWordAndTheRemedy) {
  EXPECT_THAT(plainly(GetParam().expression), StartsWith("load:"));
  EXPECT_THAT(plainly(GetParam().expression), HasSubstr(GetParam().result));
}

INSTANTIATE_TEST_SUITE_P(
    Template, Complaints,
    testing::ValuesIn(std::to_array<Row>({
        {"$nosuch", "unknown variable '$nosuch'"},
        {"$sender_adress", "did you mean 'sender_address'?"},
        {"${domian}", "did you mean 'domain'?"},
        {"$acl_mfoo", "a digit or an underscore must follow 'acl_m'"},
        {"${lowercase:x}", "lowercase"},
        {"${run{/bin/true}}", "programs cannot be started from a policy"},
        {"${readsocket{/s}{x}}", "a policy opens no connections"},
        {"${env{PATH}}", "hidden input"},
        {"${expand:$h_subject:}", "expand"},
        {"${if pam{x}{y}{z}}", "passwords are checked by an authenticator"},
        {"${if eq{a}{b}", "the end"},
        {"${if eq{a}}", "condition 'eq' needs an argument in braces here"},
        {"${if eq{a}{b}{c}else{d}}", "'fail' or '}' is expected"},
        {"${if match{a}{a(b}}", "a(b"},
        {"${lc:abc", "'}' is missing at the end: operator 'lc' goes on"},
        {"$", "for the character itself put a backslash before it"},
        {"x\\", "backslash"},
        {"\\0", "NUL"},
        {"\\x", "NUL"},
        {"$h_x{y}", "a header name must end with a colon"},
        // policy.md 4.3: headers have no form with braces.
        {"${h_subject:}", "write '$h_NAME:' without braces"},
        {"${rh_x-multi:}", "write '$rh_NAME:' without braces"},
        {"${header_subject}", "write '$header_NAME:' without braces"},
        {"${tr{a}{b}}", "item 'tr' needs an argument"},
        {"${tr{a}{b}{c}{d}}", "item 'tr' has 3 arguments at most"},
        {"${sort{a:b}{==}{$item}}", "comparator"},
        {"${listnamed:loacl}", "'loacl'"},
        {"${listnamed_h:local}", "hostlist"},
        {"${acl{nosuch}}", "there is no ACL 'nosuch'"},
        {"${acl{$domain}}", "the name of an ACL is written out"},
        {"${lookup lsearch{/x}}", "needs a key"},
        {"${lookup{x}dnsdb{a=b}}", "takes no key"},
        {"${eval:1+}", "eval"},
        {"${hmac{md4}{a}{b}}", "hmac"},
        {"${length{x}{abc}}", "length"},
        {"${extract{}{a=1}}", "empty"},
        {"${sg{a}{b}{\\$nosuch}}", "unknown variable '$nosuch'"},
    })));

TEST(Template, WhatIsWrongTwiceIsSaidTwice) {
  policy::Diagnostics diagnostics;
  policy::parse_expression(plain(), "$one ${lc:$two} ${three:x}",
                           policy::Program::any(), diagnostics);
  ASSERT_EQ(diagnostics.errors.size(), 3U);
  EXPECT_EQ(diagnostics.errors[0].origin.column, 1U);
  EXPECT_EQ(diagnostics.errors[1].origin.column, 11U);
  EXPECT_EQ(diagnostics.errors[2].origin.column, 17U);
}

// le-026 and if-025: Exim's users rely on branches that are never taken.
TEST(Template, AConstantThatCannotBeRightIsAnErrorWhereItIsEvaluated) {
  EXPECT_THAT(plainly("${mask:junk}"), StartsWith("load:"));
  EXPECT_EQ(plainly("${if eq{1}{2}{${mask:junk}}{no}}"), "ok:no");
  policy::Diagnostics diagnostics;
  policy::parse_expression(plain(), "${if eq{1}{2}{${mask:junk}}{no}}",
                           policy::Program::any(), diagnostics);
  EXPECT_EQ(diagnostics.warnings.size(), 1U);
}

TEST(Template, ABraceInsideAnArgumentIsWarnedAbout) {
  policy::Diagnostics diagnostics;
  policy::parse_expression(plain(), "${lc:A{B}C}", policy::Program::any(), diagnostics);
  ASSERT_EQ(diagnostics.warnings.size(), 1U);
  EXPECT_THAT(diagnostics.warnings[0].text, HasSubstr("write '\\{'"));
}

TEST(Scopes, ValueAndItemEndWithTheirItem) {
  const Row rows[] = {
      {"${map{a:b}{$item}}$item", "ok:a:b"},
      {"${map{a:b}{${map{1:2}{$item}}$item}}", "ok:1::2a:1::2b"},
      {"${reduce{a:b}{}{$value$item}}$value", "ok:ab"},
      {"${extract{a}{a=1}{$value${extract{b}{b=2}{$value}}$value}}", "ok:121"},
      {"${extract{x}{a=1}{y}{<$value>}}", "ok:<>"},
      {"${extract{a}{a=1}{${extract{x}{a=2}{y}{$value}}}}", "ok:1"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(plainly(row.expression), row.result) << row.expression;
}

TEST(Scopes, CapturesAreSavedByIfAndNotByFilter) {
  const Row rows[] = {
      {"${if match{ab}{(a)(b)}{$1$2}}<$1>", "ok:ab<>"},
      {"${filter{a:b}{match{$item}{(b)}}}<$1>", "ok:b<b>"},
      {"${if match{x}{(x)}{${if match{y}{(y)}{$1}}$1}}", "ok:yx"},
      {"${if match{x}{(x)}{${sg{ab}{(b)}{\\$1\\$1}}$1}}", "ok:abbx"},
      {"${if match{x}{(x)}{${sg{ab}{(b)}{$1}}}}", "ok:ax"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(plainly(row.expression), row.result) << row.expression;
}

// 4.5: data inside a replacement is data at both levels.
TEST(Substitution, WhatAVariableHoldsIsNeverAReplacement) {
  policy::ScriptedContext context;
  context.variables["sender_address"] = "$1${lc:X}\\n}";
  EXPECT_EQ(expanded(plain(), "${sg{ab}{(b)}{$sender_address\\$1}}", context),
            "ok:a$1${lc:X}\\n}b");
  EXPECT_EQ(expanded(plain(), "${sg{ab}{(b)}{\\${uc:$sender_address\\}}}", context),
            "ok:a$1${LC:X}\\N}");
  // The backslash of the second level does not reach into data.
  EXPECT_EQ(expanded(plain(), "${sg{ab}{(b)}{\\\\$sender_address}}", context),
            "ok:a$1${lc:X}\\n}");
}

TEST(Extract, AComputedFirstArgumentChoosesTheForm) {
  policy::ScriptedContext context;
  auto with = [&](std::string key, std::string_view expression) {
    context.variables["sender_address"] = std::move(key);
    return expanded(plain(), expression, context);
  };
  constexpr std::string_view kThree = "${extract{$sender_address}{:}{a:b}}";
  EXPECT_EQ(with("2", kThree), "ok:b");
  EXPECT_EQ(with("x", kThree), "ok:");  // keyed: no x in ":", and no other string
  constexpr std::string_view kFive = "${extract{$sender_address}{:}{a:b}{<$value>}{n}}";
  EXPECT_EQ(with("1", kFive), "ok:<a>");
  EXPECT_EQ(with("9", kFive), "ok:n");
  EXPECT_THAT(with("x", kFive), StartsWith("error:"));
  EXPECT_THAT(with("1", "${extract{$sender_address}{a=1}}"), StartsWith("error:"));
  EXPECT_THAT(with("9", "${extract{$sender_address}{:}{a:b}{y}fail}"),
              StartsWith("forced:"));
  EXPECT_THAT(with("", kThree), StartsWith("error:"));
}

// ---- 19.4

bool is_remote(std::string_view expression) {
  policy::Diagnostics diagnostics;
  auto text = policy::parse_expression(plain(), expression, policy::Program::any(),
                                       diagnostics);
  EXPECT_TRUE(diagnostics.errors.empty()) << expression;
  return text.remote({[](std::string_view name) { return name == "acl_m_remote"; },
                      [](std::size_t number) { return number == 1; }});
}

TEST(Provenance, FollowsTheData) {
  for (std::string_view local :
       {"text", "$primary_hostname", "${lc:$tod_log}", "$acl_m_local", "$acl_arg2",
        "$domain_data", "$sender_host_address", "${listnamed:local}",
        "${lookup{$sender_address}lsearch{/etc/x}}",
        "${lookup{$domain}lsearch{/etc/x}{$value}{none}}", "${map{a:b}{$item}}",
        "${reduce{a:b}{}{$value$item}}", "${if eq{$domain}{x}{yes}{no}}",
        "${readfile{/etc/x}}", "${filter{a:b}{eq{$item}{$domain}}}"})
    EXPECT_FALSE(is_remote(local)) << local;
  for (std::string_view remote :
       {"$sender_address", "$h_subject:", "${lc:$domain}", "$acl_m_remote", "$acl_arg1",
        "${lookup dnsdb{txt=example.net}}", "${map{$domain}{x$item}}",
        "${if eq{$domain}{x}{$value}{no}}", "$1", "${map{a:b}{$domain}}",
        "${reduce{a:b}{$domain}{$value}}", "${sg{a}{b}{$domain}}",
        "${sg{$domain}{(.)}{\\$1}}", "${lookup{$domain}lsearch,ret=key{/etc/x}}",
        "${extract{a}{$domain}}"})
    EXPECT_TRUE(is_remote(remote)) << remote;
}

// ---- 18.8

// Of processor time: others may be busy, too.
double seconds_for(std::string_view expression, std::string& result) {
  std::clock_t begin = std::clock();
  result = plainly(expression);
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  all.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(Limits, NestingEndsAtTwoHundred) {
  const std::string openings[] = {
      repeated("${lc:", 100'000),       repeated("${if eq{", 100'000),
      repeated("${if and{{", 100'000),  repeated("${if !", 100'000) + "x",
      repeated("${tr{", 100'000),       repeated("${map{a}{", 100'000),
      repeated("${sg{a}{a}{", 100'000), "${if " + repeated("and{{", 100'000),
  };
  for (const std::string& text : openings) {
    std::string result;
    EXPECT_LT(seconds_for(text, result), 5.0) << text.substr(0, 20);
    EXPECT_THAT(result, StartsWith("load:")) << text.substr(0, 20);
  }
  std::string result;
  seconds_for(repeated("${lc:", 100) + "X" + repeated("}", 100), result);
  EXPECT_EQ(result, "ok:x");
}

TEST(Limits, ReadingTakesTimeInProportion) {
  constexpr std::size_t kMany = 1'000'000;
  const std::string texts[] = {
      repeated("$nosuch ", kMany / 8),
      repeated("${lc:a}", kMany / 7),
      repeated("{", kMany),
      repeated("\\N", kMany / 2),
      repeated("${", kMany / 2),
      repeated("}", kMany),
      repeated("\\", kMany),
      "${lc:" + std::string(kMany, '{'),
      repeated("${1}", kMany / 4),
      repeated("$h_x", kMany / 4),
  };
  for (const std::string& text : texts) {
    std::string result;
    EXPECT_LT(seconds_for(text, result), 5.0) << text.substr(0, 20);
  }
}

TEST(Limits, AMegabyteIsTheLongestText) {
  std::string result;
  seconds_for(repeated("a", 1 << 20), result);
  EXPECT_THAT(result, StartsWith("ok:"));
  EXPECT_LT(seconds_for(repeated("${lc:a}", 2'000'000), result), 5.0);
  EXPECT_THAT(result, HasSubstr("is too long"));
}

TEST(Limits, AnEvaluationThatGrowsEnds) {
  const std::string ten = "a:b:c:d:e:f:g:h:i:j";
  std::string nested = "$item";
  for (int i = 0; i < 7; ++i) nested = "${map{" + ten + "}{" + nested + "}}";
  EXPECT_THAT(plainly(nested), StartsWith("limit:"));
  std::string sum = "x";
  for (int i = 0; i < 30; ++i) sum = "${reduce{1:2:3:4}{" + sum + "}{$value$value}}";
  EXPECT_THAT(plainly(sum), StartsWith("limit:"));
  EXPECT_THAT(plainly("${sg{" + std::string(2000, 'a') + "}{a}{" +
                      std::string(2000, 'b') + "}}"),
              StartsWith("limit:"));
}

}  // namespace
