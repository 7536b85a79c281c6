// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/recipient.h"

#include <gtest/gtest.h>

namespace spoolfmt {
namespace {

struct Row {
  const char* line;
  const char* address;
  const char* errors_to;
  const char* orcpt;
  unsigned dsn_flags;
  int parent;
  const char* written;  // null: as read
};

const Row kRows[] = {
    // plain
    {"bob@remote.example", "bob@remote.example", "", "", 0, -1, nullptr},
    {"a", "a", "", "", 0, -1, nullptr},
    {"a@b.123", "a@b.123", "", "", 0, -1, nullptr},
    {"x@y7", "x@y7", "", "", 0, -1, nullptr},
    {"c@[192.0.2.1]", "c@[192.0.2.1]", "", "", 0, -1, nullptr},
    {"\"a 1\"@b", "\"a 1\"@b", "", "", 0, -1, nullptr},
    {"\"a,1#3\"@b", "\"a,1#3\"@b", "", "", 0, -1, nullptr},
    {"bob@remote.example ", "bob@remote.example", "", "", 0, -1, "bob@remote.example"},
    // #3
    {"a@b.example  0,4  0,-1#3", "a@b.example", "", "", 4, -1, nullptr},
    {"a@r rfc822;a@o.example 18,28 owner@lists.example 19,-1#3", "a@r",
     "owner@lists.example", "rfc822;a@o.example", 28, -1, nullptr},
    {"c@r rfc822;c@o.example 18,1  0,0#3", "c@r", "", "rfc822;c@o.example", 1, 0,
     nullptr},
    {"e@r  0,0 owner@lists.example 19,1#3", "e@r", "owner@lists.example", "", 0, 1,
     nullptr},
    {"\"d e\"@r utf-8;\\x{20AC}@o.example 24,2  0,-1#3", "\"d e\"@r", "",
     "utf-8;\\x{20AC}@o.example", 2, -1, nullptr},
    {"\"a #3\"@r  0,8  0,-1#3", "\"a #3\"@r", "", "", 8, -1, nullptr},
    // #1: the whole address, where Exim from 4.86 on cuts a byte
    {"one@remote.example owner@lists.example 19,0#1", "one@remote.example",
     "owner@lists.example", "", 0, 0, nullptr},
    {"onenull@remote.example  0,0#1", "onenull@remote.example", "", "", 0, 0, nullptr},
    {"\"sp ace 9\"@remote.example owner@lists.example 19,0#1",
     "\"sp ace 9\"@remote.example", "owner@lists.example", "", 0, 0, nullptr},
    // #2 and unknown bits
    {"a@r rfc822;a@o.example 18,28#2", "a@r", "", "rfc822;a@o.example", 28, -1,
     "a@r rfc822;a@o.example 18,28  0,-1#3"},
    {"a@r rfc822;a@o.example 18,28  0,-1#7", "a@r", "", "rfc822;a@o.example", 28, -1,
     "a@r rfc822;a@o.example 18,28  0,-1#3"},
    // Exim 3 and early Exim 4
    {"three@r 0,5,0", "three@r", "", "", 0, 5, "three@r  0,0  0,5#3"},
    {"early4@r 7", "early4@r", "", "", 0, 7, "early4@r  0,0  0,7#3"},
    // an address that would be read as an old form if it stood alone
    {"a@r  ", "a@r ", "", "", 0, -1, "a@r   0,0  0,-1#3"},
    {"a@r 5  0,0  0,-1#3", "a@r 5", "", "", 0, -1, nullptr},
    {"a@r ,5,", "a@r", "", "", 0, 5, "a@r  0,0  0,5#3"},
    {"a@r ,5,  0,0  0,-1#3", "a@r ,5,", "", "", 0, -1, nullptr},
    // nobody is named
    {" x 1,2#1", " x 1,2#1", "", "", 0, -1, nullptr},
    // lengths that lie: nothing is guessed
    {"a@r  0,4 owner@lists.example 10,-1#3", "a@r  0,4 owner@lists.example 10,-1#3", "",
     "", 0, -1, nullptr},
    {"a@r x 99999999999999999999,1#3", "a@r x 99999999999999999999,1#3", "", "", 0, -1,
     nullptr},
    {"0,1#3", "0,1#3", "", "", 0, -1, nullptr},
    {" 0,1#1", " 0,1#1", "", "", 0, -1, nullptr},
    {"a#0", "a#0", "", "", 0, -1, nullptr},
    {"#", "#", "", "", 0, -1, nullptr},
    {"5", "5", "", "", 0, -1, nullptr},
};

TEST(Recipient, Spool12_13_14_ReadsEveryFormByItsLengths) {
  for (const Row& row : kRows) {
    RecipientView recipient = parse_recipient(row.line);
    EXPECT_EQ(recipient.address, row.address) << row.line;
    EXPECT_EQ(recipient.errors_to, row.errors_to) << row.line;
    EXPECT_EQ(recipient.orcpt, row.orcpt) << row.line;
    EXPECT_EQ(recipient.dsn_flags, row.dsn_flags) << row.line;
    EXPECT_EQ(recipient.parent, row.parent) << row.line;
  }
}

TEST(Recipient, Spool25_WritesPlainWhereNothingElseIsToBeSaid) {
  for (const Row& row : kRows) {
    std::string out;
    append_recipient(out, parse_recipient(row.line));
    EXPECT_EQ(out, std::string(row.written ? row.written : row.line) + "\n");
  }
  Recipient orcpt_only;
  orcpt_only.address = "a@b";
  orcpt_only.orcpt = "rfc822;x@y";
  std::string out;
  append_recipient(out, orcpt_only);
  EXPECT_EQ(out, "a@b\n");  // as Exim: lost without NOTIFY
}

TEST(Recipient, Spool36_UniqueFormLowersTheDomainOnly) {
  EXPECT_EQ(unique_form("TWO@Ok.Example"), "TWO@ok.example");
  EXPECT_EQ(unique_form("\"A@B\"@C.D"), "\"A@B\"@c.d");
  EXPECT_EQ(unique_form("Postmaster"), "Postmaster");
}

}  // namespace
}  // namespace spoolfmt
