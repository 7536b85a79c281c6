// SPDX-License-Identifier: Apache-2.0
#include "receiver/script_verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using receiver::judge_script;
using receiver::ScriptExit;
using receiver::ScriptVerdict;
using receiver::verdict_name;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

ScriptVerdict judge(int status, std::string output = {}, bool may_stop = false) {
  ScriptExit exit;
  exit.status = status;
  exit.output = std::move(output);
  receiver::Script script;
  script.may_stop = may_stop;
  return judge_script(script, exit);
}

std::string wire(const ScriptVerdict& verdict) {
  return std::string(verdict_name(verdict)) + " " + smtp::format_reply(verdict.reply);
}

TEST(ScriptVerdict, DS2_ExitStatusIsTheVerdict) {
  EXPECT_EQ(judge(0).kind, ScriptVerdict::Kind::pass);
  EXPECT_EQ(judge(30, "", true).kind, ScriptVerdict::Kind::stop);
  EXPECT_EQ(wire(judge(10)), "FAIL 554 5.7.1 Message refused\r\n");
  EXPECT_EQ(wire(judge(11)), "FAIL_KEEP 554 5.7.1 Message refused\r\n");
  EXPECT_EQ(wire(judge(20)), "FAIL 451 4.7.1 Message refused for now\r\n");
  EXPECT_EQ(wire(judge(21)), "FAIL_KEEP 451 4.7.1 Message refused for now\r\n");
  for (int status : {1, 2, 3, 30, 126, 127, 255, -1})
    EXPECT_THAT(wire(judge(status)), HasSubstr("ERROR 451 4.3.0 ")) << status;
  ScriptExit killed;
  killed.signal = 11;
  EXPECT_THAT(wire(judge_script({}, killed)), HasSubstr("ERROR 451 4.3.0 "));
  ScriptExit late;
  late.timed_out = true;
  EXPECT_THAT(wire(judge_script({}, late)), HasSubstr("ERROR 451 4.3.0 "));
}

TEST(ScriptVerdict, AnswerAddsToIt) {
  ScriptVerdict verdict = judge(10, R"({"code":550,"enhanced":"5.7.99",
      "text":["no","thanks"],"log":"word","keep_tag":"x","unknown":[1]})");
  EXPECT_EQ(wire(verdict), "FAIL 550-5.7.99 no\r\n550 5.7.99 thanks\r\n");
  EXPECT_EQ(verdict.log, "word");
  EXPECT_EQ(verdict.keep_tag, "x");
  verdict = judge(0, R"({"headers_add":["X-Score: 3"],"vars":{"acl_m_score":"3",
      "acl_m0":"a"}})");
  EXPECT_THAT(verdict.headers_add, ElementsAre("X-Score: 3"));
  EXPECT_THAT(verdict.vars, ElementsAre(Pair("acl_m0", "a"), Pair("acl_m_score", "3")));
  EXPECT_EQ(judge(0, " \n").kind, ScriptVerdict::Kind::pass);
}

TEST(ScriptVerdict, DS11_AnswerThatDoesNotFitIsAnError) {
  const std::pair<int, const char*> rows[] = {
      {10, "no JSON"},
      {10, "[]"},
      {10, "{} {}"},
      {10, R"({"code":451})"},
      {20, R"({"code":550})"},
      {10, R"({"code":521})"},
      {20, R"({"code":421})"},
      {0, R"({"code":550})"},
      {10, R"({"code":"550"})"},
      {10, R"({"code":55000000000000000000})"},
      {10, R"({"enhanced":"4.7.1"})"},
      {10, R"({"enhanced":"5.7.1 x"})"},
      {10, R"({"text":"one"})"},
      {10, R"({"text":[1]})"},
      {10, "{\"log\":\"\xff\"}"},
      {0, R"({"headers_add":["no header"]})"},
      {0, R"({"headers_add":[": x"]})"},
      {0, R"({"vars":{"acl_c_x":"1"}})"},
      {0, R"({"vars":{"acl_m_x":1}})"},
      {0, R"({"vars":{"acl_m_x y":"1"}})"},
      {0, R"({"vars":{"acl_mx":"1"}})"},
  };
  for (const auto& [status, output] : rows)
    EXPECT_THAT(wire(judge(status, output)), HasSubstr("ERROR 451 4.3.0 ")) << output;
  std::string deep(60'000, '[');
  EXPECT_EQ(judge(0, deep).kind, ScriptVerdict::Kind::error);
  ScriptExit much;
  much.too_much = true;
  EXPECT_EQ(judge_script({}, much).kind, ScriptVerdict::Kind::error);
}

TEST(ScriptVerdict, DS12_TextCannotSplitTheReply) {
  ScriptVerdict verdict =
      judge(10, R"({"text":["a\r\n250 OK","b\u0000\u0001\u00e9"]})");
  EXPECT_EQ(smtp::format_reply(verdict.reply),
            "554-5.7.1 a250 OK\r\n554 5.7.1 b???\r\n");
  verdict = judge(10, R"({"text":["1","2","3","4","5"]})");
  EXPECT_EQ(verdict.reply.text, "1\n2\n3\n4");
  verdict = judge(10, "{\"text\":[\"" + std::string(5000, 'x') + "\"]}");
  EXPECT_EQ(verdict.reply.text.size(), 400U);
  verdict = judge(0, R"({"headers_add":["X-A: b\r\nX-C: d"]})");
  EXPECT_THAT(verdict.headers_add, ElementsAre("X-A: bX-C: d"));
}

}  // namespace
