// SPDX-License-Identifier: Apache-2.0
#include "utils/soundness.h"

#include <gtest/gtest.h>

#include "tests/utils/small_spool.h"

namespace {

using spoolfmt::MessageId;
using utils::judge_h;
using utils::LogKind;
using utils::NameKind;
using utils::Verdict;
using utils_test::kId;
using utils_test::message;

const std::string kLeaf = std::string(kId) + "-H";

TEST(JudgeH, KnowsASoundFile) {
  EXPECT_EQ(judge_h(format_h_file(message()), kLeaf).verdict, Verdict::ok);
}

TEST(JudgeH, NamesTheLineOfTheDamage) {
  std::string text = format_h_file(message());
  auto envelope = judge_h(text.substr(0, 30), kLeaf);
  EXPECT_EQ(envelope.verdict, Verdict::envelope);
  EXPECT_EQ(envelope.line, 3U);
  auto headers = judge_h(text + "\n", kLeaf);
  EXPECT_EQ(headers.verdict, Verdict::headers);
  EXPECT_FALSE(headers.what.empty());
}

TEST(JudgeH, Checklist5_TheFirstLineIsTheWholeName) {
  std::string id = "1xUYvo-000000005kR-09xI";
  std::string text = format_h_file(message(id));
  EXPECT_EQ(judge_h(text, id + "-H").verdict, Verdict::ok);
  text[22] = 'J';  // the last character, which Exim 4.97 does not compare
  EXPECT_EQ(judge_h(text, id + "-H").verdict, Verdict::envelope);
}

TEST(JudgeH, Checklist18_MoreRecipientsThanEximReads) {
  auto file = message();
  file.set({"aclm _x", "two\nlines", true, false, ""});
  file.mark_delivered({"a@x.example", "b@x.example"});
  file.recipients.resize(spoolfmt::kMostRecipientsForExim, file.recipients[0]);
  EXPECT_EQ(judge_h(format_h_file(file), kLeaf).verdict, Verdict::ok);
  file.recipients.push_back(file.recipients[0]);
  std::string text = format_h_file(file);
  auto judgement = judge_h(text, kLeaf);
  EXPECT_EQ(judgement.verdict, Verdict::envelope);
  auto count = text.find("\n16385\n");
  EXPECT_EQ(judgement.line,
            2U + static_cast<std::size_t>(std::count(
                     text.begin(), text.begin() + static_cast<long>(count), '\n')));
}

TEST(JudgeH, TellsWhatEximWritesInAnotherWay) {
  std::string text = format_h_file(message());
  text.replace(text.find("1795221689 0"), 12, "1795221689 00");
  auto judgement = judge_h(text, kLeaf);
  EXPECT_EQ(judgement.verdict, Verdict::not_canonical);
  EXPECT_EQ(judgement.line, 4U);
}

TEST(JudgeD, WantsItsOwnName) {
  auto id = *MessageId::parse(kId);
  EXPECT_EQ(utils::judge_d(std::string(kId) + "-D\nbody", id).verdict, Verdict::ok);
  EXPECT_EQ(utils::judge_d(std::string(kId) + "-D\n", id).verdict, Verdict::ok);
  EXPECT_EQ(utils::judge_d(std::string(kId) + "-H\n", id).verdict, Verdict::data);
  EXPECT_EQ(utils::judge_d("1xUYvJ", id).verdict, Verdict::data);
  EXPECT_EQ(utils::judge_d("", id).verdict, Verdict::data);
}

TEST(Names, OfAnInputDirectory) {
  struct Row {
    const char* name;
    NameKind kind;
    bool has_id;
  };
  const Row rows[] = {
      {"1xUYvJ-0004Zg-2C-H", NameKind::h, true},
      {"1xUYvo-000000005kR-09xI-H", NameKind::h, true},
      {"1xUYvJ-0004Zg-2C-D", NameKind::d, true},
      {"1xUYvJ-0004Zg-2C-J", NameKind::j, true},
      {"hdr.1xUYvJ-0004Zg-2C", NameKind::new_h, true},
      {"hdr.1xUYvo-000000005kR-09xI", NameKind::new_h, true},
      {"hdr.4711", NameKind::new_h, false},
      {"hdr.", NameKind::other, false},
      {"1xUYvJ-0004Zg-2C-123-K", NameKind::dkim, true},
      {"1xUYvJ-0004Zg-2C--K", NameKind::other, true},
      {"1xUYvJ-0004Zg-2C-K", NameKind::other, true},
      {"not_a_message_id-H", NameKind::false_h, false},
      {".1xUYvJ-0004Zg-2-H", NameKind::false_h, false},
      {"1xUYvJ-0004Zg-2C-H.bak", NameKind::other, true},
      {"J", NameKind::directory, false},
      {"-", NameKind::other, false},
      {"README", NameKind::other, false},
      {"", NameKind::other, false},
  };
  for (const Row& row : rows) {
    auto name = utils::read_name(row.name);
    EXPECT_EQ(name.kind, row.kind) << row.name;
    EXPECT_EQ(!name.id.empty(), row.has_id) << row.name;
  }
}

TEST(Names, OfAMessageLogDirectory) {
  EXPECT_EQ(utils::read_log_name("1xUYvJ-0004Zg-2C").kind, LogKind::log);
  EXPECT_EQ(utils::read_log_name("1xUYvo-000000005kR-09xI").kind, LogKind::log);
  EXPECT_EQ(utils::read_log_name("1xUYvJ-0004Zg-2C-123-4").kind, LogKind::output);
  EXPECT_EQ(utils::read_log_name("1xUYvJ-0004Zg-2C-123").kind, LogKind::other);
  EXPECT_EQ(utils::read_log_name("J").kind, LogKind::directory);
  EXPECT_EQ(utils::read_log_name("x.y").kind, LogKind::other);
}

TEST(Finished, WhenTreeAndJournalHaveEverybody) {
  auto file = message();
  std::string text;
  auto finished = [&](std::vector<std::string_view> journal) {
    text = format_h_file(file);
    spoolfmt::ParsedH parsed;
    read_h_file(text, kLeaf, parsed);
    return utils::is_finished(parsed.file, journal);
  };
  EXPECT_FALSE(finished({}));
  file.mark_delivered({"carol@two.example"});
  EXPECT_FALSE(finished({}));
  EXPECT_TRUE(finished({"bob@one.example"}));  // the unique form, as journals have it
  EXPECT_FALSE(finished({"bob@one.exampl"}));
}

}  // namespace
