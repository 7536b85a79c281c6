// SPDX-License-Identifier: Apache-2.0
#include "policy/replies.h"

#include <gtest/gtest.h>

namespace {

using policy::AclResult;
using policy::Phase;

// "A message that begins with three digits and a blank (optionally followed by
// an enhanced code d.d.d and a blank) sets the code" (10.3).
TEST(Replies, S10_3_TakeTheCodeOfAMessage) {
  struct Row {
    std::string_view message;
    char digit;
    std::string_view code, enhanced, text;
    bool wrong;
  };
  for (const Row &row : std::initializer_list<Row>{
           {"no thanks", '5', "", "", "no thanks", false},
           {"552 5.2.2 over quota", '5', "552", "5.2.2", "over quota", false},
           {"250 not a failure code", '5', "", "", "not a failure code", true},
           {"250 2.1.5 nor this", '5', "", "", "nor this", true},
           {"550 5.7.1 too hard", '4', "", "", "too hard", true},
           {"451 4.7.1 later", '4', "451", "4.7.1", "later", false},
           {"550 4.1.1 other class", '5', "550", "", "4.1.1 other class", false},
           {"551 5.1 short", '5', "551", "", "5.1 short", false},
           {"551 5.1.2222 long", '5', "551", "", "5.1.2222 long", false},
           {"550", '5', "", "", "550", false},
           {"550-x", '5', "", "", "550-x", false},
           {"5xx no code", '5', "", "", "5xx no code", false},
           {"5555 no code either", '5', "", "", "5555 no code either", false},
           {"", '5', "", "", "", false},
       }) {
    auto taken = policy::take_code(row.message, row.digit);
    EXPECT_EQ(taken.code, row.code) << row.message;
    EXPECT_EQ(taken.enhanced, row.enhanced) << row.message;
    EXPECT_EQ(taken.text, row.text) << row.message;
    EXPECT_EQ(taken.wrong_class, row.wrong) << row.message;
  }
}

// "Newlines in a message make a multi-line reply; leading blanks of the
// following lines go.  Lines longer than 75 characters are split at blanks,
// preferably after a colon."
TEST(Replies, S10_3_WrapLongLines) {
  const std::string word(80, 'w');
  struct Row {
    std::string text, lines;
  };
  for (const Row &row : std::initializer_list<Row>{
           {"short", "short"},
           {"", ""},
           {"one\ntwo\n  three", "one\ntwo\nthree"},
           {"one\n\ntwo\n", "one\ntwo"},
           {word, word},
           {word + " x", word + "\nx"},
           {"a rather long text that goes on and on: it has a colon in it and "
            "it is "
            "certainly longer than the seventy-five characters that are "
            "allowed on one "
            "line",
            "a rather long text that goes on and on:\nit has a colon in it and "
            "it is "
            "certainly longer than the seventy-five\ncharacters that are "
            "allowed on "
            "one line"},
       })
    EXPECT_EQ(policy::wrap_reply(row.text), row.lines) << row.text;
}

TEST(Replies, S10_3_HaveTheCodeOfTheirPoint) {
  using Verdict = AclResult::Verdict;
  struct Row {
    Phase phase;
    Verdict verdict;
    std::string_view code, text;
  };
  constexpr std::string_view kNo = "Administrative prohibition";
  constexpr std::string_view kLater = "Temporary local problem - please try later";
  for (const Row &row : std::initializer_list<Row>{
           {Phase::connect, Verdict::accept, "220", ""},
           {Phase::predata, Verdict::accept, "354", ""},
           {Phase::rcpt, Verdict::accept, "250", ""},
           {Phase::rcpt, Verdict::discard, "250", ""},
           {Phase::quit, Verdict::accept, "221", ""},
           {Phase::rcpt, Verdict::refuse, "550", kNo},
           {Phase::auth, Verdict::refuse, "503", kNo},
           {Phase::vrfy, Verdict::refuse, "252", kNo},
           {Phase::etrn, Verdict::refuse, "458", kNo},
           {Phase::data, Verdict::defer, "451", kLater},
           {Phase::data, Verdict::error, "451", kLater},
       }) {
    AclResult result;
    result.verdict = row.verdict;
    auto reply = policy::reply_to(row.phase, result);
    EXPECT_EQ(reply.code, row.code);
    EXPECT_EQ(reply.text, row.text);
    EXPECT_FALSE(reply.close);
  }
}

TEST(Replies, S10_2_DropCloses) {
  AclResult result;
  result.verdict = AclResult::Verdict::drop;
  result.message = "go away";
  auto reply = policy::reply_to(Phase::mail, result);
  EXPECT_TRUE(reply.close);
  EXPECT_EQ(reply.code + " " + reply.text, "550 go away");
}

}  // namespace
