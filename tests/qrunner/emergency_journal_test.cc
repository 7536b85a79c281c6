// SPDX-License-Identifier: Apache-2.0
//
// The emergency journal (spec/queue-run.md 13.10); tests/crash has the dying disk.
#include "qrunner/emergency_journal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "spoolfmt/new_message.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using qrunner::EmergencyJournal;
using qrunner::take_in_emergencies;
using spoolfmt::LockedMessage;
using spoolfmt::MessageId;

class EmergencyJournalTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory(elsewhere_);
    for (const MessageId& id : {one_, two_}) {
      auto message = spoolfmt::NewMessage::create(spool_, id);
      ASSERT_TRUE(message && message->write_body("Hello.\n"));
      spoolfmt::HFile file;
      file.id = id;
      file.recipients.push_back({"a@x.example", {}, {}, 0, -1, false});
      ASSERT_TRUE(message->commit(file));
      message->keep();
    }
  }

  std::string journal_of(const MessageId& id) const {
    return base::read_file(spool_.file_name(0, id, "-J")).value_or("");
  }
  void leave(const std::string& name, const std::string& text) const {
    std::ofstream(elsewhere_ / name) << text;
  }
  std::vector<std::string> left() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(elsewhere_))
      names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }
  base::Result<void> take_in() const {
    return take_in_emergencies(elsewhere_, "", spool_);
  }

  support::TempDir temp_;
  fs::path elsewhere_ = temp_ / "elsewhere";
  spoolfmt::Spool spool_ = *spoolfmt::Spool::create(temp_ / "spool");
  const MessageId one_ = *MessageId::parse("1xUYvJ-0004Zg-2C"),
                  two_ = *MessageId::parse("1xUYvJ-0004Zg-2D");
  const std::string first_ = one_.str() + " ";
};

using Names = std::vector<std::string>;

TEST_F(EmergencyJournalTest, IsThereBeforeItIsNeededAndGoesIfItNeverWas) {
  {
    auto journal = EmergencyJournal::open(elsewhere_, "");
    ASSERT_TRUE(journal) << journal.error().text;
    EXPECT_EQ(left().size(), 1U);
    EXPECT_TRUE(take_in());
    EXPECT_EQ(left().size(), 1U) << "the run that has it is at work";
  }
  EXPECT_EQ(left(), Names());
  EXPECT_FALSE(EmergencyJournal::open(temp_ / "nowhere", ""));
}

TEST_F(EmergencyJournalTest, S13_10_AMessageStaysLockedUntilItsJournalHasTheNames) {
  auto journal = *EmergencyJournal::open(elsewhere_, "");
  {
    auto message = *LockedMessage::lock(spool_, one_);
    ASSERT_TRUE(journal->record(message, {"a@x.example", "b@x.example"}));
  }
  EXPECT_EQ(LockedMessage::lock(spool_, one_).error().code, base::Code::locked);
  EXPECT_EQ(journal_of(one_), "");
  journal->settle();
  EXPECT_EQ(journal_of(one_), "a@x.example\nb@x.example\n");
  EXPECT_TRUE(LockedMessage::lock(spool_, one_));
  journal.reset();
  EXPECT_EQ(left(), Names());
}

TEST_F(EmergencyJournalTest, WhatCannotBeSettledIsForTheNextRun) {
  const fs::path in_the_way = spool_.file_name(0, one_, "-J");
  fs::create_directory(in_the_way);
  auto journal = *EmergencyJournal::open(elsewhere_, "");
  ASSERT_TRUE(journal->record(*LockedMessage::lock(spool_, one_), {"a@x.example"}));
  journal->settle();
  journal.reset();
  EXPECT_EQ(left().size(), 1U);
  auto taken = take_in();
  ASSERT_FALSE(taken) << "and nothing may be sent";
  EXPECT_EQ(taken.error().code, base::Code::disk);
  EXPECT_NE(taken.error().text.find(one_.str()), std::string::npos);
  fs::remove(in_the_way);
  ASSERT_TRUE(take_in());
  EXPECT_EQ(journal_of(one_), "a@x.example\n");
  EXPECT_EQ(left(), Names());
}

TEST_F(EmergencyJournalTest, IsTakenInMessageByMessage) {
  leave("emergency.7", first_ + "a@x.example\n" + two_.str() + " c d@x.example\n" +
                           first_ + "b@x.example\n1xUYvJ-0004Zg-99 gone@x.example\n" +
                           "nonsense\n" + first_ + "tor");
  ASSERT_TRUE(take_in());
  EXPECT_EQ(journal_of(one_), "a@x.example\nb@x.example\n") << "no torn line";
  EXPECT_EQ(journal_of(two_), "c d@x.example\n");
  EXPECT_EQ(left(), Names());
}

TEST_F(EmergencyJournalTest, OfAMessageWithoutBodyTheJournalIsWrittenToo) {
  fs::remove(spool_.file_name(0, one_, "-D"));
  leave("emergency.7", first_ + "a@x.example\n");
  ASSERT_TRUE(take_in());
  EXPECT_EQ(journal_of(one_), "a@x.example\n");
}

TEST_F(EmergencyJournalTest, AMessageInOtherHandsIsWaitedFor) {
  auto held = *LockedMessage::lock(spool_, one_);
  leave("emergency.7", first_ + "a@x.example\n");
  EXPECT_FALSE(take_in());
  EXPECT_EQ(left(), Names{"emergency.7"});
}

TEST_F(EmergencyJournalTest, EachQueueHasItsOwn) {
  for (const char* name : {"emergency-a.7", "emergency-a.b.7", "emergency.b.7"})
    leave(name, first_ + "a@x.example\n");
  ASSERT_TRUE(take_in());
  EXPECT_EQ(left().size(), 3U);
  ASSERT_TRUE(take_in_emergencies(elsewhere_, "a", spool_));
  EXPECT_EQ(left(), (Names{"emergency-a.b.7", "emergency.b.7"}));
}

}  // namespace
