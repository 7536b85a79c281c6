// SPDX-License-Identifier: Apache-2.0
//
// What every built tool promises alike (bobbin(1)), and the dispatcher.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/support/process.h"

using support::Outcome;
using support::program;
using support::run;
using testing::HasSubstr;
using testing::StartsWith;

namespace {

std::vector<std::string> tools() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(program("."))) {
    std::string name = entry.path().filename();
    if (name.starts_with("bobbin-")) names.push_back(name);
  }
  return names;
}

auto lines(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n');
}

}  // namespace

TEST(Tools, AnswerHelpAndVersionOnStdout) {
  ASSERT_FALSE(tools().empty());
  for (const auto& name : tools()) {
    Outcome help = run({program(name), {"--help"}});
    EXPECT_EQ(help.status, 0) << name;
    EXPECT_THAT(help.out, StartsWith("Usage: " + name)) << name;
    EXPECT_GE(lines(help.out), 4) << name;
    EXPECT_EQ(help.err, "") << name;
    EXPECT_EQ(run({program(name), {"--version"}}).out, name + " 0.1.0\n");
  }
}

TEST(Tools, RefuseWhatTheyDoNotKnowInOneLineWithStatus64) {
  for (const auto& name : tools()) {
    Outcome refused = run({program(name), {"--no-such-option"}});
    EXPECT_EQ(refused.status, 64) << name;
    EXPECT_EQ(refused.out, "") << name;
    EXPECT_EQ(lines(refused.err), 1) << refused.err;
    EXPECT_THAT(refused.err, StartsWith(name + ": ")) << name;
  }
}

TEST(Tools, FailWhenTheirOutputCannotBeWritten) {
  for (const auto& name : tools()) {
    Outcome full =
        run({"/bin/sh", {"-c", program(name).string() + " --help >/dev/full"}});
    EXPECT_EQ(full.status, 74) << name;
  }
}

TEST(Bobbin, PassesTheLineAndTheStatusOfATool) {
  for (const auto& name : tools()) {
    std::string tool = name.substr(7);
    EXPECT_EQ(run({program("bobbin"), {tool, "--version"}}).out, name + " 0.1.0\n");
    Outcome refused = run({program("bobbin"), {tool, "--no-such-option"}});
    EXPECT_EQ(refused.status, 64);
    EXPECT_THAT(refused.err, StartsWith(name + ": "));
  }
}

TEST(Bobbin, ListsEveryToolWithItsPurpose) {
  Outcome help = run({program("bobbin"), {"help"}});
  EXPECT_EQ(help.status, 0);
  for (const auto& name : tools()) {
    std::string page = run({program(name), {"--help"}}).out;
    auto first = page.find('\n') + 1;
    std::string purpose = page.substr(first, page.find('\n', first) - first);
    EXPECT_THAT(help.out, HasSubstr("\n  " + name.substr(7) + " "));
    EXPECT_THAT(help.out, HasSubstr(" " + purpose + "\n"));
  }
}

TEST(Bobbin, HelpsWithATypingMistake) {
  Outcome wrong = run({program("bobbin"), {"lsit"}});
  EXPECT_EQ(wrong.status, 64);
  EXPECT_EQ(wrong.err, "bobbin: 'lsit': no such tool: did you mean 'list'?\n");
  EXPECT_THAT(run({program("bobbin"), {"x\x1b[2J"}}).err,
              StartsWith("bobbin: 'x\\033[2J': no such tool: bobbin help"));
  EXPECT_EQ(run({program("bobbin"), {"../bin/bobbin-list"}}).status, 64);
}

TEST(Bobbin, AloneIsAQuestionToo) {
  Outcome alone = run({program("bobbin"), {}});
  EXPECT_EQ(alone.status, 64);
  EXPECT_EQ(alone.out, "");
  EXPECT_THAT(alone.err, StartsWith("Usage: bobbin TOOL"));
  EXPECT_EQ(run({program("bobbin"), {"--version"}}).out, "bobbin 0.1.0\n");
}
