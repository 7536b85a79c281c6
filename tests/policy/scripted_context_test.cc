// SPDX-License-Identifier: Apache-2.0
#include "policy/scripted_context.h"

#include <gtest/gtest.h>

#include "policy/variable_table.h"

namespace {

using policy::ScriptedContext;
using policy::variable_id;

TEST(ScriptedContext, ReadsAMessage) {
  ScriptedContext context;
  context.set_message(
      "Received: from a\n by b\n"
      "From: alice@example.net\n"
      "subject : folded\n\there\n"
      "\n"
      "one\ntwo\n");
  ASSERT_EQ(context.headers().size(), 3U);
  EXPECT_EQ(context.headers()[0].text, "Received: from a\n by b\n");
  EXPECT_EQ(context.headers()[2].name, "subject");
  struct {
    policy::VariableId id;
    std::string_view value;
  } const rows[] = {
      {variable_id("message_body"), "one two "},
      {variable_id("message_body_size"), "8"},
      {variable_id("body_linecount"), "2"},
      {variable_id("received_count"), "1"},
      {variable_id("reply_address"), "alice@example.net"},
      {variable_id("sender_address"), ""},
  };
  for (const auto& row : rows) EXPECT_EQ(context.variable(row.id), row.value);
  context.set_message("Reply-To: bob@example.net\n\n");
  EXPECT_EQ(context.variable(variable_id("reply_address")), "bob@example.net");
  EXPECT_EQ(context.headers().size(), 1U);
}

TEST(ScriptedContext, RemembersWhatIsDone) {
  ScriptedContext context;
  context.log("main", "text");
  context.add_header(policy::HeaderPlace::at_start, "X: y\n");
  context.remove_header("X");
  const std::string options[] = {"a", "b"};
  context.control("queue", options);
  context.delay(std::chrono::seconds(5));
  ASSERT_EQ(context.effects.size(), 5U);
  EXPECT_EQ(context.effects[0].text, "text");
  EXPECT_EQ(context.effects[1].place, policy::HeaderPlace::at_start);
  EXPECT_EQ(context.effects[3].text, "a\nb\n");
  EXPECT_EQ(context.effects[4].time, std::chrono::seconds(5));
}

TEST(ScriptedContext, KeepsRatesAndAnswersWhatItWasTold) {
  ScriptedContext context;
  auto raise = [](std::optional<policy::RateEntry>& entry) {
    if (!entry) entry.emplace();
    entry->rate += 1;
    return true;
  };
  ASSERT_TRUE(context.rate("key", raise));
  ASSERT_TRUE(context.rate("key", raise));
  EXPECT_EQ(context.rates.at("key").rate, 2);
  ASSERT_TRUE(context.rate("key", [](auto&) { return false; }));
  EXPECT_EQ(context.rates.at("key").rate, 2);

  context.verifications["sender=a@b"].answer = policy::Answer::yes;
  EXPECT_EQ(context.verify({.item = "sender", .address = "a@b", .options = {}})->answer,
            policy::Answer::yes);
  EXPECT_EQ(context.verify({.item = "sender", .address = "c@d", .options = {}})->answer,
            policy::Answer::no);
  context.checks["spf"].word = "fail";
  EXPECT_EQ(context.check("spf", "")->word, "fail");
  context.records["mx example.net"].answer = policy::Answer::yes;
  EXPECT_EQ(context.dns("mx", "Example.NET")->answer, policy::Answer::yes);
}

}  // namespace
