// SPDX-License-Identifier: Apache-2.0
//
// bobbin-check on spools with one thing wrong, and what --fix makes of it.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "spoolfmt/locked_message.h"
#include "tests/utils/small_spool.h"

namespace {

namespace fs = std::filesystem;
using spoolfmt::MessageId;
using std::chrono::hours;
using std::chrono::seconds;
using utils_test::kId;
using utils_test::kOtherId;
using utils_test::message;
using utils_test::SmallSpool;

const std::string kStem = "input/" + std::string(kId);
const std::string kH = kStem + "-H";
const std::string kD = kStem + "-D";
const std::string kJ = kStem + "-J";

// What check says, without its summary.
std::string troubles(const SmallSpool& spool, std::vector<std::string> args = {}) {
  auto run = spool.run("check", args);
  EXPECT_EQ(run.err, "");
  auto last = run.out.rfind('\n', run.out.size() - 2);
  std::string out = last == run.out.npos ? "" : run.out.substr(0, last + 1);
  EXPECT_EQ(run.status, out.empty() ? 0 : 1) << run.out;
  return out;
}

// Mends, expects the words, and expects nothing to be left to do.
void expect_mended(const SmallSpool& spool, const std::string& words) {
  auto run = spool.run("check", {"--fix"});
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_TRUE(run.out.contains(words)) << run.out;
  EXPECT_EQ(troubles(spool), "");
}

TEST(Check, FindsNothingInASoundSpool) {
  SmallSpool spool;
  spool.put_message(message());
  spool.put_message(message(kOtherId), "input/K");
  spool.put("msglog/" + std::string(kId), "Received\n");
  spool.put("slowlane/input/1xUYvL-0004Zg-2C-D", "1xUYvL-0004Zg-2C-D\n");
  spool.put("slowlane/input/1xUYvL-0004Zg-2C-H",
            format_h_file(message("1xUYvL-0004Zg-2C")));
  auto run = spool.run("check", {});
  EXPECT_EQ(run.out, "3 messages, 0 of them unsound; 0 other files in the way\n");
  EXPECT_EQ(run.status, 0);
  auto json = spool.run("check", {"--json", std::string(kId)});
  EXPECT_EQ(json.out, "{\"id\":\"" + std::string(kId) + "\",\"file\":\"" + kH +
                          "\",\"verdict\":\"ok\",\"line\":null,\"what\":\"\"}\n");
}

TEST(Check, AnswersForOneMessage) {
  SmallSpool spool;
  spool.put_message(message());
  spool.put("input/README", "x");
  EXPECT_EQ(spool.run("check", {std::string(kId)}).status, 0);
  EXPECT_EQ(spool.run("check", {std::string(kOtherId)}).status, 66);
  EXPECT_EQ(spool.run("check", {std::string(kId), std::string(kOtherId)}).status, 1);
  EXPECT_EQ(spool.run("check", {"rubbish"}).status, 64);
}

TEST(Check, JudgesWhatStandsInAFilesPlace) {
  SmallSpool spool;
  fs::create_directory(spool / kH);
  EXPECT_EQ(troubles(spool), kH + ": envelope: is a directory\n");
  fs::remove(spool / kH);
  ASSERT_EQ(::mkfifo((spool / kH).c_str(), 0640), 0);
  EXPECT_EQ(troubles(spool), kH + ": envelope: is a fifo\n");
  fs::remove(spool / kH);
  spool.put_message(message());
  fs::rename(spool / kD, spool / "body");
  fs::create_symlink("../body", spool / kD);
  EXPECT_EQ(troubles(spool), kD + ": data: is a symbolic link\n");
  fs::remove(spool / kD);
  fs::rename(spool / "body", spool / kD);
  fs::rename(spool / kH, spool / "head");
  fs::create_symlink("../head", spool / kH);
  EXPECT_TRUE(troubles(spool).contains(kH + ": misplaced: is a symbolic link"));
}

TEST(Check, HeaderWithoutBodyIsAnOrphan) {
  SmallSpool spool;
  spool.put(kH, format_h_file(message()));
  EXPECT_EQ(troubles(spool), kH + ": orphan: no -D: it can never be delivered\n");
  EXPECT_EQ(spool.run("check", {"--fix"}).status, 1);
  EXPECT_TRUE(spool.has(kH));
  // Its recipients were all delivered to, one of them after -H was written.
  auto file = message();
  file.mark_delivered({"carol@two.example"});
  spool.put(kH, format_h_file(file));
  spool.put(kJ, "bob@one.example\n");
  expect_mended(spool, "its end was cut short: removed\n");
  EXPECT_FALSE(spool.has(kH));
  EXPECT_FALSE(spool.has(kJ));
}

TEST(Check, BodyWithoutHeaderIsAnOrphanUnlessItIsBeingReceived) {
  SmallSpool spool;
  spool.put_message(message());
  fs::remove(spool / kH);
  EXPECT_EQ(troubles(spool), kD + ": orphan: no -H: a reception was cut short\n");
  {
    auto opened = spoolfmt::Spool::open(spool.path());
    auto lock = spoolfmt::LockedMessage::lock(*opened, *MessageId::parse(kId));
    ASSERT_TRUE(lock);
    EXPECT_EQ(troubles(spool), "");
  }
  spool.put(kD, std::string(kId) + "-D\n", seconds(1));
  EXPECT_EQ(troubles(spool), "") << "its first instant";
  spool.put(kD, std::string(kId) + "-D\nx", hours(1000));
  EXPECT_EQ(spool.run("check", {"--fix"}).status, 1);
  EXPECT_TRUE(spool.has(kD)) << "may be all that is left of a message";
  spool.put(kD, std::string(kId) + "-D\n");
  expect_mended(spool, ": removed\n");
}

TEST(Check, MisplacedPairsAreMovedWhereTheirIdLeads) {
  const std::string id(kId);
  struct Row {
    const char* h;
    const char* d;
    const char* to;
  };
  for (const Row& row :
       {Row{"input/x/", "input/x/", "input/"}, Row{"input/", "input/J/", "input/J/"},
        Row{"input/J/", "input/", "input/"}, Row{"input/x/", "input/J/", "input/J/"}}) {
    SmallSpool spool;
    std::string h = format_h_file(message());
    std::string d = id + "-D\nhello\n";
    spool.put(row.h + id + "-H", h);
    spool.put(row.d + id + "-D", d);
    EXPECT_TRUE(troubles(spool).starts_with(row.h + id + "-H: misplaced: "));
    expect_mended(spool, ": moved to ");
    EXPECT_EQ(spool.read(row.to + id + "-H"), h);
    EXPECT_EQ(spool.read(row.to + id + "-D"), d);
    EXPECT_EQ(spool.run("freeze", {id}).status, 0);
  }
}

TEST(Check, AMoveCutShortIsFinished) {
  const std::string id(kId);
  SmallSpool spool;
  spool.put_message(message(), "input/x");
  spool.put("input/x/" + id + "-J", "carol@two.example\n");
  // As if killed after the first two links.
  fs::create_hard_link(spool / ("input/x/" + id + "-D"), spool / kD);
  fs::create_hard_link(spool / ("input/x/" + id + "-J"), spool / kJ);
  spool.run("check", {"--fix"});
  EXPECT_TRUE(fs::is_empty(spool / "input/x"));
  EXPECT_TRUE(spool.has(kH));
  EXPECT_EQ(fs::hard_link_count(spool / kD), 1U);
}

TEST(Check, TwoDifferentFilesOfOneNameAreLeftToTheReader) {
  SmallSpool spool;
  spool.put_message(message());
  spool.put_message(message(), "input/J");
  auto run = spool.run("check", {"--fix"});
  EXPECT_EQ(run.status, 1);
  EXPECT_TRUE(run.err.contains("are different files")) << run.err;
  EXPECT_TRUE(spool.has(kH) && spool.has("input/J/" + std::string(kId) + "-H"));
}

TEST(Check, StaleJournalsAreMerged) {
  SmallSpool spool;
  spool.put_message(message());
  spool.put(kJ, "bob@one.example\n\nx\r\n");  // an empty line, a CR: kept as Exim does
  {
    auto opened = spoolfmt::Spool::open(spool.path());
    auto lock = spoolfmt::LockedMessage::lock(*opened, *MessageId::parse(kId));
    EXPECT_EQ(troubles(spool), "") << "a delivery that is going on";
  }
  EXPECT_EQ(troubles(spool),
            kJ + ": debris: journal of a delivery that was cut short\n");
  expect_mended(spool, ": merged into -H\n");
  auto file = spoolfmt::parse_h_file(spool.read(kH), std::string(kId) + "-H");
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->delivered.contains("bob@one.example"));
  EXPECT_TRUE(file->delivered.contains("bob@One.example"));
  EXPECT_FALSE(spool.has(kJ));
}

TEST(Check, LeftoversAreDebris) {
  SmallSpool spool;
  spool.put_message(message());
  const std::string id(kId);
  spool.put("input/hdr." + id, "half a file");
  spool.put("input/hdr.4711", "half a file");
  spool.put("input/" + id + "-12-K", "x");
  spool.put("input/" + std::string(kOtherId) + "-J", "x\n");
  expect_mended(spool, "; 4 mended\n");
  spool.put("input/not_a_message_id-H", "x");
  spool.put("input/README", "x");
  spool.put("msglog/" + std::string(kOtherId), "Received\n");
  spool.put("msglog/" + id + "-12-3", "x");
  auto run = spool.run("check", {"--fix"});
  EXPECT_EQ(run.status, 1);
  EXPECT_TRUE(run.out.ends_with("; 4 other files in the way\n")) << run.out;
  EXPECT_TRUE(spool.has("input/README") && spool.has("input/not_a_message_id-H"));
}

TEST(Check, LeavesYoungTemporariesAlone) {
  SmallSpool spool;
  spool.put_message(message());
  spool.put("input/hdr." + std::string(kId), "half a file", seconds(5));
  EXPECT_EQ(troubles(spool), "");
}

TEST(Check, Checklist27_AWrongLineCountIsNoError) {
  SmallSpool spool;
  spool.put_message(message());
  spool.put(kD, std::string(kId) + "-D\none\ntwo\n");
  EXPECT_EQ(troubles(spool), "");
  auto run = spool.run("check", {"--verbose"});
  EXPECT_EQ(run.status, 0);
  EXPECT_TRUE(run.err.contains("2 lines, -body_linecount says 1")) << run.err;
}

TEST(Check, NamesASpoolThatIsNone) {
  SmallSpool spool;
  fs::remove(spool / "input");
  auto run = spool.run("check", {});
  EXPECT_EQ(run.status, 66);
  EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
}

}  // namespace
