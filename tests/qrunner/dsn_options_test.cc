// SPDX-License-Identifier: Apache-2.0
#include "qrunner/dsn_options.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/fd.h"
#include "policy/scripted_context.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace qrunner;
using namespace std::chrono_literals;

std::shared_ptr<const policy::Policy> load(const std::string& text) {
  auto loaded = policy::load_policy(
      "test.conf", "primary_hostname = mx.x\nqualify_domain = q.x\n" + text,
      *policy::Macros::create({}, {}),
      [](const std::filesystem::path& path) { return base::read_file(path); },
      policy::Program::any());
  for (const auto& error : loaded.diagnostics.errors)
    ADD_FAILURE() << loaded.source.format(error, "error");
  return loaded.policy;
}

struct Loaded {
  explicit Loaded(const std::string& text)
      : policy(load(text)), options(*DsnOptions::of(*policy)) {}
  std::shared_ptr<const policy::Policy> policy;
  DsnOptions options;
  policy::ScriptedContext context;
  policy::Evaluation evaluation{.policy = *policy, .context = context};
};

TEST(DsnOptions, DefaultsAreExims) {
  Loaded loaded("");
  const DsnOptions& options = loaded.options;
  EXPECT_EQ(options.settings.hostname, "mx.x");
  EXPECT_EQ(options.settings.size_limit, 102400U);
  EXPECT_EQ(options.settings.line_limit, 998U);
  EXPECT_TRUE(options.settings.return_body && options.settings.return_message);
  EXPECT_TRUE(options.settings.remote_details);
  EXPECT_EQ(options.events.timeout_frozen_after, 0s);
  EXPECT_EQ(options.events.auto_thaw, 0s);
  EXPECT_EQ(options.events.ignore_bounce_errors_after, std::chrono::weeks(10));
  EXPECT_EQ(options.events.delay_warning, std::vector<std::chrono::seconds>{24h});
  EXPECT_EQ(options.storm_limit, 1000U);
  EXPECT_EQ(expand_from(options, loaded.evaluation),
            "Mail Delivery System <Mailer-Daemon@q.x>");
  auto texts = read_texts(ReportKind::bounce, options, loaded.evaluation);
  ASSERT_TRUE(texts);
  EXPECT_EQ(texts->intro + texts->top + texts->headers + texts->closing, "");
}

TEST(DsnOptions, WhatIsSetIsTaken) {
  Loaded loaded(
      "bounce_return_body = no\nbounce_return_size_limit = 2M\n"
      "bounce_return_linesize_limit = 500\nno_bounce_return_message\nno_dsn_info\n"
      "timeout_frozen_after = 7d\nauto_thaw = 2h\nignore_bounce_errors_after = 0s\n"
      "delay_warning = 4h:8h:1d\nbounce_storm_limit = 5\n"
      "bounce_sender_authentication = b@q.x\n"
      "dsn_from = Post <post@$qualify_domain>\n"
      "bounce_message_text = by ${uc:$primary_hostname}\n");
  const DsnOptions& options = loaded.options;
  EXPECT_EQ(options.settings.size_limit, 2U << 20);
  EXPECT_EQ(options.settings.line_limit, 500U);
  EXPECT_FALSE(options.settings.return_body || options.settings.return_message);
  EXPECT_FALSE(options.settings.remote_details);
  EXPECT_EQ(options.events.timeout_frozen_after, 168h);
  EXPECT_EQ(options.events.auto_thaw, 2h);
  EXPECT_EQ(options.events.ignore_bounce_errors_after, 0s);
  EXPECT_EQ(options.events.delay_warning,
            (std::vector<std::chrono::seconds>{4h, 8h, 24h}));
  EXPECT_EQ(options.storm_limit, 5U);
  EXPECT_EQ(options.auth_sender, "b@q.x");
  EXPECT_EQ(expand_from(options, loaded.evaluation), "Post <post@q.x>");
  EXPECT_EQ(read_texts(ReportKind::bounce, options, loaded.evaluation)->top, "by MX.X");
}

TEST(DsnOptions, TextsComeFromFiles) {
  support::TempDir dir;
  std::ofstream(dir / "bounce") << "Subject: no\n****\nHello\n";
  Loaded loaded("bounce_message_file = " + (dir / "bounce").string() +
                "\nwarn_message_file = " + (dir / "none").string() + "\n");
  auto texts = read_texts(ReportKind::bounce, loaded.options, loaded.evaluation);
  ASSERT_TRUE(texts);
  EXPECT_EQ(texts->headers, "Subject: no\n");
  EXPECT_EQ(texts->intro, "Hello\n");
  auto missing = read_texts(ReportKind::warning, loaded.options, loaded.evaluation);
  ASSERT_FALSE(missing);
  EXPECT_TRUE(missing.error().text.starts_with("warn_message_file: "));
}

TEST(DsnOptions, Q92_TheConditionDecidesAboutWarnings) {
  struct Row {
    const char* condition;
    bool list, plain;  // is mail of a list, other mail warned of?
  };
  for (const Row& row :
       {Row{"", false, true}, Row{"yes", true, true}, Row{"no", false, false},
        Row{"0", false, false}, Row{"FALSE", false, false},
        Row{"${if eq{a}{b}{x}{}}", false, false},
        Row{"${if eq{a}{b}{x}fail}", false, false},
        Row{"${extract{x}{/none}{y}{1}}", true, true}}) {
    std::string condition = row.condition;
    Loaded loaded(condition.empty() ? "" : "delay_warning_condition = " + condition);
    spoolfmt::HFile file;
    EXPECT_EQ(warning_allowed(loaded.options, file, loaded.evaluation), row.plain)
        << condition;
    file.headers.push_back({' ', "Precedence: list\n"});
    EXPECT_EQ(warning_allowed(loaded.options, file, loaded.evaluation), row.list)
        << condition;
  }
}

TEST(DsnOptions, NonsenseNamesTheOption) {
  for (const auto& [text, complaint] :
       {std::pair{"delay_warning = 8h:4h\n", "delay_warning: write the times in order"},
        std::pair{"delay_warning = 1h:2h:3h:4h:5h:6h:7h:8h:9h:10h:11h\n",
                  "delay_warning: ten times at most"},
        std::pair{"bounce_storm_limit = -1\n",
                  "bounce_storm_limit: a number below 0 means nothing"}}) {
    auto policy = load(text);
    auto options = DsnOptions::of(*policy);
    ASSERT_FALSE(options) << text;
    EXPECT_EQ(options.error().text, complaint);
    EXPECT_EQ(options.error().code, base::Code::config);
  }
}

}  // namespace
