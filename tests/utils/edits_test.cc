// SPDX-License-Identifier: Apache-2.0
#include "utils/edits.h"

#include <gtest/gtest.h>

#include "tests/utils/small_spool.h"

namespace {

using base::Code;
using spoolfmt::HFile;
using utils::Changes;
using utils_test::message;

TEST(Freeze, SetsTheTimeAndForgetsAThaw) {
  HFile file = message();
  file.set_flag("manual_thaw");
  EXPECT_EQ(utils::freeze(file, 1795258835), Changes{"frozen"});
  EXPECT_EQ(file.frozen(), 1795258835);
  EXPECT_FALSE(file.has("manual_thaw"));
  EXPECT_TRUE(file.has("deliver_firsttime"));
}

TEST(Freeze, LeavesAFrozenMessageItsTime) {
  HFile file = message();
  utils::freeze(file, 1);
  EXPECT_EQ(utils::freeze(file, 2), Changes{});
  EXPECT_EQ(file.frozen(), 1);
}

TEST(Thaw, DropsTheTimeAndSaysWhoThawed) {
  HFile file = message();
  utils::freeze(file, 1);
  EXPECT_EQ(utils::thaw(file), Changes{"unfrozen"});
  EXPECT_FALSE(file.frozen());
  EXPECT_TRUE(file.has("manual_thaw"));
  EXPECT_EQ(utils::thaw(file), Changes{});
}

TEST(Sender, IsChangedOnce) {
  HFile file = message();
  EXPECT_EQ(utils::set_sender(file, ""), Changes{"sender address changed to <>"});
  EXPECT_EQ(file.sender, "");
  EXPECT_EQ(utils::set_sender(file, ""), Changes{});
}

TEST(Recipients, AreAppendedOnce) {
  HFile file = message();
  EXPECT_EQ(utils::add_recipient(file, "z@Y.example"),
            Changes{"recipient <z@Y.example> added"});
  EXPECT_EQ(file.recipients.back().address, "z@Y.example");
  EXPECT_EQ(utils::add_recipient(file, "z@Y.example"), Changes{});
  EXPECT_EQ(file.recipients.size(), 3U);
}

TEST(Recipients, StopWhereEximCouldNotReadThemBack) {
  HFile file = message();
  file.recipients.resize(spoolfmt::kMostRecipientsForExim);
  auto added = utils::add_recipient(file, "z@y.example");
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Code::permanent);
  EXPECT_EQ(file.recipients.size(), spoolfmt::kMostRecipientsForExim);
}

TEST(MarkDelivered, TakesTheSpellingOfTheList) {
  HFile file = message();
  EXPECT_EQ(utils::mark_delivered(file, "bob@one.EXAMPLE"),
            Changes{"address <bob@One.example> marked delivered"});
  EXPECT_TRUE(file.delivered.found_by_exim("bob@One.example"));
  EXPECT_EQ(utils::mark_delivered(file, "bob@one.EXAMPLE"), Changes{});
}

TEST(MarkDelivered, RefusesWhoIsNoRecipient) {
  HFile file = message();
  EXPECT_FALSE(utils::mark_delivered(file, "Bob@One.example"));  // another local part
  EXPECT_FALSE(utils::mark_delivered(file, "nobody@x.example"));
  EXPECT_TRUE(file.delivered.empty());
}

TEST(MarkDelivered, AllNamesThoseThatWereMissing) {
  HFile file = message();
  ASSERT_TRUE(utils::mark_delivered(file, "carol@two.example"));
  EXPECT_EQ(utils::mark_all_delivered(file),
            Changes{"address <bob@One.example> marked delivered"});
  EXPECT_EQ(utils::mark_all_delivered(file), Changes{});
}

TEST(Headers, AreAppendedWithTheirType) {
  HFile file = message();
  utils::add_header(file, *utils::parse_header("From: x@y.example"));
  EXPECT_EQ(file.headers.back().type, 'F');
  EXPECT_EQ(file.headers.back().text, "From: x@y.example\n");
}

TEST(Headers, OnlyTheFirstMessageIdCounts) {
  HFile file = message();
  utils::add_header(file, *utils::parse_header("Message-ID: <2@y.example>"));
  EXPECT_EQ(file.headers.back().type, ' ');
  utils::remove_header(file, "message-id");
  utils::add_header(file, *utils::parse_header("Message-ID: <3@y.example>"));
  EXPECT_EQ(file.headers.back().type, 'I');
}

TEST(Headers, AreRemovedButKeptForTheRecord) {
  HFile file = message();
  file.headers.push_back({' ', "SUBJECT \t: again\n"});
  EXPECT_EQ(utils::remove_header(file, "subject"), Changes{"header subject removed"});
  EXPECT_EQ(file.headers[1].type, '*');
  EXPECT_EQ(file.headers[3].type, '*');
  EXPECT_EQ(file.headers[1].text, "Subject: hello\n");
  EXPECT_EQ(utils::remove_header(file, "subject"), Changes{});
}

TEST(Variables, AreSetWhereEximWritesThem) {
  HFile file = message();
  EXPECT_EQ(utils::set_variable(file, *utils::parse_variable("acl_m_spam=yes")),
            Changes{"variable acl_m_spam set"});
  utils::set_variable(file, *utils::parse_variable("acl_c0=-frozen 1\nXX"));
  std::string text = format_h_file(file);
  EXPECT_NE(text.find("-aclc 0 12\n-frozen 1\nXX\n-aclm _spam 3\nyes\n-body_linecount"),
            text.npos)
      << text;
  EXPECT_EQ(utils::set_variable(file, *utils::parse_variable("acl_m_spam=yes")),
            Changes{});
}

TEST(Variables, TrustedFromNowOn) {
  HFile file = message();
  file.set({"aclm _x", "1", true, true, "mysql"});
  EXPECT_EQ(utils::set_variable(file, *utils::parse_variable("acl_m_x=1")).size(), 1U);
  EXPECT_FALSE(file.find("aclm _x")->tainted);
  EXPECT_EQ(file.find("aclm _x")->quoter, "");
}

// RFC 5321 addresses; and exim-spool.md 16, statement 23.
TEST(Arguments, Checklist23_RefuseWhatWouldWriteOtherLines) {
  for (std::string bad : {"", "bob", "@x.example", "a@", "a@b.example\n-frozen 1",
                          "a@b.example\r", "a b@c.example", "<a@b.example>"})
    EXPECT_FALSE(utils::parse_address(bad)) << bad;
  EXPECT_FALSE(utils::parse_address(std::string_view("a@b.exam\0ple", 12)));
  EXPECT_TRUE(utils::parse_address("\"a b\"@c.example"));
  EXPECT_FALSE(utils::parse_address("<>"));
  EXPECT_EQ(utils::parse_address("<>", true), "");
  EXPECT_FALSE(utils::parse_address("", true));

  for (std::string bad : {"", "X", "X Y: z", ": z", "X: a\nY: b", "X: a\r\n b",
                          "X: a\n", "X: a\n \n b", "X: a\n ", "X\xc3: a", "X\n: a"}) {
    auto header = utils::parse_header(bad);
    ASSERT_FALSE(header) << bad;
    EXPECT_EQ(header.error().code, Code::usage);
  }
  EXPECT_FALSE(utils::parse_header(std::string_view("X: a\0b", 6)));
  EXPECT_EQ(utils::parse_header("X:")->text, "X:\n");
  EXPECT_EQ(utils::parse_header("X: a\n\tb")->text, "X: a\n\tb\n");

  for (std::string bad : {"", "x=1", "acl_m=1", "acl_m_=1", "acl_m_x", "acl_x_y=1",
                          "acl_m_x y=1", "acl_m_x\n=1", "acl_mx=1"})
    EXPECT_FALSE(utils::parse_variable(bad)) << bad;
  EXPECT_FALSE(utils::parse_variable(std::string_view("acl_m_x=a\0b", 11)));
  EXPECT_EQ(utils::parse_variable("acl_m10=")->name, "aclm 10");
}

}  // namespace
