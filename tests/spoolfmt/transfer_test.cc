// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/transfer.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/fd.h"
#include "spoolfmt/new_message.h"
#include "tests/support/temp_dir.h"

namespace spoolfmt {
namespace {

namespace fs = std::filesystem;

const MessageId kId = *MessageId::parse("1xUYvJ-0004Zg-2C");

class Transfer : public testing::Test {
 protected:
  Transfer() {
    auto message = *NewMessage::create(spool, kId);
    EXPECT_TRUE(message.write_body("body\n"));
    HFile file;
    file.id = kId;
    file.recipients.push_back({"bob@remote.example", "", "", 0, -1, false});
    EXPECT_TRUE(message.commit(file));
    message.log("Received from x", {});
    message.keep();
  }

  fs::path h(const fs::path& directory) { return directory / (kId.str() + "-H"); }
  fs::path d(const fs::path& directory) { return directory / (kId.str() + "-D"); }

  support::TempDir dir;
  Spool spool = *Spool::create(dir / "spool");
};

TEST_F(Transfer, Spool38_MovesAWholeMessage) {
  auto other = *Spool::create(dir / "spool", "slow");
  auto text = *base::read_file(h(spool.input()));
  ASSERT_TRUE(move_message(*LockedMessage::lock(spool, kId), other.input('J'),
                           other.msglog('J')));
  EXPECT_EQ(*base::read_file(h(other.input('J'))), text);
  EXPECT_TRUE(fs::exists(d(other.input('J'))));
  EXPECT_TRUE(fs::exists(other.msglog('J') / kId.str()));
  EXPECT_TRUE(fs::is_empty(spool.input()));
  EXPECT_TRUE(fs::is_empty(spool.msglog()));
}

TEST_F(Transfer, Spool38_ATakenNameOrAJournalLeavesEverythingWhereItWas) {
  auto other = *Spool::create(dir / "spool", "slow");
  std::ofstream(h(other.input())) << "taken";
  auto message = *LockedMessage::lock(spool, kId);
  EXPECT_FALSE(move_message(message, other.input(), other.msglog()));
  EXPECT_FALSE(fs::exists(d(other.input())));
  EXPECT_EQ(*base::read_file(h(other.input())), "taken");
  EXPECT_TRUE(fs::exists(h(spool.input())));
  fs::remove(h(other.input()));
  std::ofstream(message.path("-J")) << "a@b\n";
  EXPECT_EQ(move_message(message, other.input(), other.msglog()).error().code,
            base::Code::usage);
}

TEST_F(Transfer, Spool41_CopiesAreCompleteOrAbsentAndNeverOverwrite) {
  for (CopyMode mode : {CopyMode::bytes, CopyMode::link}) {
    fs::path target = dir / (mode == CopyMode::link ? "links" : "copies");
    fs::create_directory(target);
    auto message = *LockedMessage::lock(spool, kId);
    ASSERT_TRUE(copy_message(message, target, mode));
    EXPECT_EQ(*base::read_file(h(target)), *base::read_file(h(spool.input())));
    EXPECT_EQ(*base::read_file(d(target)), *base::read_file(d(spool.input())));
    EXPECT_EQ(fs::hard_link_count(d(target)), mode == CopyMode::link ? 2U : 1U);
    EXPECT_EQ(std::distance(fs::directory_iterator(target), {}), 2);
    // A second copy clashes and changes nothing.
    EXPECT_FALSE(copy_message(message, target, mode));
    fs::remove(h(target));
    EXPECT_FALSE(copy_message(message, target, mode));  // -D is taken
    EXPECT_FALSE(fs::exists(h(target)));
    fs::remove_all(target);
  }
}

TEST_F(Transfer, Spool41_AMissingDirectoryIsAnError) {
  auto message = *LockedMessage::lock(spool, kId);
  EXPECT_FALSE(copy_message(message, dir / "nowhere", CopyMode::bytes));
}

}  // namespace
}  // namespace spoolfmt
