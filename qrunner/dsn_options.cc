// SPDX-License-Identifier: Apache-2.0
#include "qrunner/dsn_options.h"

#include <algorithm>

#include "base/fd.h"
#include "base/text.h"

namespace qrunner {

namespace {

constexpr std::size_t kLongestTextFile = std::size_t{64} << 10;

base::Result<std::uint64_t> count(const policy::Options& main, std::string_view name,
                                  std::int64_t otherwise) {
  std::int64_t value = main.integer(name, otherwise);
  if (value >= 0) return static_cast<std::uint64_t>(value);
  return base::fail(base::Code::config,
                    std::string(name) + ": a number below 0 means nothing");
}

base::Result<std::vector<std::chrono::seconds>> delay_steps(
    const policy::Options& main) {
  const policy::OptionValue* option = main.find("delay_warning");
  if (!option) return EventSettings{}.delay_warning;
  const auto& steps = std::get<std::vector<std::chrono::seconds>>(option->value);
  if (steps.size() > 10)
    return base::fail(base::Code::config, "delay_warning: ten times at most");
  if (!std::ranges::is_sorted(steps))
    return base::fail(base::Code::config, "delay_warning: write the times in order");
  return steps;
}

base::Result<std::string> expanded(std::string_view option,
                                   const policy::Template& text,
                                   policy::Evaluation& evaluation) {
  auto value = policy::expand(text, evaluation);
  if (value) return *std::move(value);
  return base::fail(base::Code::config,
                    std::string(option) + ": " + value.error().text);
}

}  // namespace

base::Result<DsnOptions> DsnOptions::of(const policy::Policy& policy) {
  const policy::Options& main = policy.main;
  DsnOptions options;
  DsnSettings& settings = options.settings;
  settings.hostname = policy.primary_hostname;
  settings.from = "Mail Delivery System <Mailer-Daemon@" + policy.qualify_domain + ">";
  settings.return_message = main.boolean("bounce_return_message", true);
  settings.return_body = main.boolean("bounce_return_body", true);
  settings.size_limit = TRY(count(main, "bounce_return_size_limit", 100 << 10));
  settings.line_limit = TRY(count(main, "bounce_return_linesize_limit", 998));
  settings.remote_details = main.boolean("dsn_info", true);
  EventSettings& events = options.events;
  events.timeout_frozen_after =
      main.time("timeout_frozen_after", events.timeout_frozen_after);
  events.auto_thaw = main.time("auto_thaw", events.auto_thaw);
  events.ignore_bounce_errors_after =
      main.time("ignore_bounce_errors_after", events.ignore_bounce_errors_after);
  events.delay_warning = TRY(delay_steps(main));
  options.storm_limit = TRY(count(main, "bounce_storm_limit", 1000));
  options.auth_sender = main.text("bounce_sender_authentication");
  options.from = main.expanded("dsn_from");
  options.bounce_text = main.expanded("bounce_message_text");
  options.bounce_file = main.expanded("bounce_message_file");
  options.warn_file = main.expanded("warn_message_file");
  options.warning_condition = main.expanded("delay_warning_condition");
  return options;
}

std::string expand_from(const DsnOptions& options, policy::Evaluation& evaluation) {
  if (!options.from) return options.settings.from;
  auto value = policy::expand(*options.from, evaluation);
  return value && value->contains('@') ? *std::move(value) : options.settings.from;
}

base::Result<ReportTexts> read_texts(ReportKind kind, const DsnOptions& options,
                                     policy::Evaluation& evaluation) {
  if (kind == ReportKind::success) return {};
  bool bounce = kind == ReportKind::bounce;
  const policy::Template* file = bounce ? options.bounce_file : options.warn_file;
  if (file) {
    auto option = bounce ? "bounce_message_file" : "warn_message_file";
    auto name = TRY(expanded(option, *file, evaluation));
    auto text = base::read_file(name, kLongestTextFile);
    if (!text) return std::unexpected(base::at(option, text.error()));
    return parse_report_texts(*text, kind);
  }
  ReportTexts texts;
  if (bounce && options.bounce_text)
    texts.top = TRY(expanded("bounce_message_text", *options.bounce_text, evaluation));
  return texts;
}

bool warning_allowed(const DsnOptions& options, const spoolfmt::HFile& file,
                     policy::Evaluation& evaluation) {
  if (!options.warning_condition) return may_be_warned(file);
  auto value = policy::expand(*options.warning_condition, evaluation);
  if (!value) return value.error().kind != policy::Failure::Kind::forced;
  return !value->empty() && *value != "0" && !base::equal_nocase(*value, "no") &&
         !base::equal_nocase(*value, "false");
}

}  // namespace qrunner
