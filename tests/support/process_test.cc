// SPDX-License-Identifier: Apache-2.0
#include "tests/support/process.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <system_error>

#include "tests/support/temp_dir.h"

using namespace std::chrono_literals;
using support::Process;
using support::run;

TEST(Process, FeedsInputAndReadsBothOutputs) {
  std::string big(1'000'000, 'x');  // more than any pipe holds, both ways at once
  auto outcome = run({.program = "cat", .args = {}, .input = big});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, big);
  outcome = run({"sh", {"-c", "echo out; echo err >&2; exit 7"}});
  EXPECT_EQ(outcome.out, "out\n");
  EXPECT_EQ(outcome.err, "err\n");
  EXPECT_EQ(outcome.status, 7);
}

TEST(Process, SetsEnvironmentAndDirectory) {
  support::TempDir dir;
  auto outcome = run({.program = "sh",
                      .args = {"-c", "echo $WORD${HOME-none}; pwd"},
                      .env = {"WORD=given", "HOME"},
                      .directory = dir.path()});
  EXPECT_EQ(outcome.out, "givennone\n" + dir.path().string() + "\n");
}

TEST(Process, TalksBackAndForth) {
  Process cat({.program = "cat", .args = {}, .keep_input_open = true});
  cat.send("one\n");
  EXPECT_TRUE(cat.saw("one\n"));
  cat.send("two\n");
  EXPECT_TRUE(cat.saw("two\n"));
  EXPECT_FALSE(cat.saw("three", 1ms));
  EXPECT_EQ(cat.wait().status, 0);
}

TEST(Process, ADeadlineKills) {
  Process sleeper({"sleep", {"1000"}});
  EXPECT_EQ(sleeper.wait(10ms).status, 128 + SIGKILL);
  Process terminated({"sleep", {"1000"}});
  terminated.signal(SIGTERM);
  EXPECT_EQ(terminated.wait().status, 128 + SIGTERM);
}

TEST(Process, AChildThatKeepsTheStreamsDoesNotKeepUs) {
  auto outcome = run({"sh", {"-c", "sleep 1000 & echo $!"}}, 30s);
  EXPECT_EQ(outcome.status, 0);
  ASSERT_EQ(::kill(std::stoi(outcome.out), SIGKILL), 0);
}

TEST(Process, LeavesNoneBehind) {
  pid_t pid = -1;
  {
    Process sleeper({"sleep", {"1000"}});
    pid = sleeper.pid();
    ASSERT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST(Process, WhatCannotBeStartedThrows) {
  EXPECT_THROW(run({"/no/such/program", {}}), std::system_error);
}
