// SPDX-License-Identifier: Apache-2.0
#include "utils/expand_lines.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "policy/programs.h"

namespace {

using base::Result;

struct Answers {
  std::string text;
  bool all_well = false;
};

policy::Loaded loaded() {
  auto made = policy::load_policy({"test.conf",
                                   "primary_hostname = mx.example.net\n"
                                   "begin acl\n"
                                   "count:\n"
                                   "  accept set acl_m_n = ${eval10:0$acl_m_n+1}\n"
                                   "         message = $acl_m_n\n"},
                                  {}, policy::Program::any());
  return std::move(made).value();
}

// As they are when standard input gives them in blocks of this size.
Answers answers(const std::vector<std::string>& lines, std::size_t lines_a_block,
                bool json = false) {
  auto policy = loaded();
  policy::ScriptedContext context;
  context.set_named_variable("acl_m_given", "here from the beginning");
  context.set_message("Subject: hello\n\nbody\n");
  std::size_t next = 0;
  Answers answers;
  auto done = utils::expand_lines(
      *policy.policy, context, json,
      [&]() -> Result<utils::Block> {
        if (next == lines.size()) return std::nullopt;
        std::string block;
        for (std::size_t i = 0; i < lines_a_block && next < lines.size(); ++i)
          block += lines[next++] + "\n";
        return block;
      },
      [&](std::string_view more) -> Result<void> {
        answers.text += more;
        return {};
      });
  answers.all_well = done.value();
  return answers;
}

// Texts that need nobody, that ask for what others set, that set it, and that fail.
std::vector<std::string> many_lines() {
  const std::vector<std::string> texts = {
      "${lc:HELLO} $h_subject: $primary_hostname",
      "${acl{count}}",
      "so far $acl_m_n, $acl_m_given",
      "",
      "${if match_domain{a.example}{*.example}{<$value>}{no}}",
      "${if inbound_srs{SRS0=abcd=AA=sender.example=user}{}{$srs_recipient}{no}}",
      "${if inbound_srs{nobody}{}{y}{n:$srs_recipient}}",
      "${eval:1/0}",
      "$no_such_variable",
      "${if eq{$sender_address}{}{${acl{count}}}{no}}",
      "${if match{abc}{(b)}{$1}}",
  };
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < 20'000; ++i)
    lines.push_back(texts[(i * i + i / 7) % texts.size()]);
  return lines;
}

}  // namespace

TEST(ExpandLinesThreads, ManyAtOnceAreAnsweredAsOneByOne) {
  const auto lines = many_lines();
  for (bool json : {false, true}) {
    const Answers alone = answers(lines, 1, json);
    EXPECT_FALSE(alone.all_well);
    EXPECT_TRUE(alone.text.contains("so far 9, here from the beginning"));
    for (std::size_t at_once : {1'500, 4'000}) {
      const Answers together = answers(lines, at_once, json);
      EXPECT_EQ(together.text, alone.text);
      EXPECT_FALSE(together.all_well);
    }
  }
}

TEST(ExpandLinesThreads, AllIsWellOnlyIfEachHasAValue) {
  std::vector<std::string> lines(10'000, "${uc:all is well}");
  EXPECT_TRUE(answers(lines, 5'000).all_well);
  lines.back() = "$acl_m_missing${acl{count}}";  // in its turn
  EXPECT_TRUE(answers(lines, 5'000).all_well);
  lines.back() = "${if eq{$acl_m_missing}{}{${eval:1/0}}}";
  EXPECT_FALSE(answers(lines, 5'000).all_well);
}

TEST(ExpandLinesThreads, WhatWasReadIsAnsweredBeforeReadingFails) {
  auto policy = loaded();
  policy::ScriptedContext context;
  std::string block, answered;
  for (int i = 0; i < 10'000; ++i) block += "${uc:a}${acl{count}}\n";
  int reads = 0;
  auto done = utils::expand_lines(
      *policy.policy, context, false,
      [&]() -> Result<utils::Block> {
        if (++reads > 3) return base::fail(base::Code::disk, "no more");
        return block;
      },
      [&](std::string_view more) -> Result<void> {
        answered += more;
        return {};
      });
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().text, "no more");
  EXPECT_TRUE(answered.ends_with("\nA30000\n"));
}

TEST(ExpandLinesThreads, NobodyReadsOnWhenAnswersCannotBeWritten) {
  auto policy = loaded();
  policy::ScriptedContext context;
  std::string block;
  for (int i = 0; i < 10'000; ++i) block += "${uc:a}\n";
  auto done = utils::expand_lines(
      *policy.policy, context, false,
      [&]() -> Result<utils::Block> { return block; },  // for ever
      [](std::string_view) -> Result<void> {
        return base::fail(base::Code::disk, "the disk is full");
      });
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().text, "the disk is full");
}
