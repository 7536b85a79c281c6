// SPDX-License-Identifier: Apache-2.0
#include "qrunner/message_events.h"

#include <algorithm>

#include "base/text.h"

namespace qrunner {

namespace {

constexpr std::chrono::seconds kNever{0};

// The value of a header, trimmed, up to a comment or parameter.
std::string_view first_word(std::string_view value) {
  value.remove_prefix(std::min(value.find_first_not_of(" \t\r\n"), value.size()));
  return value.substr(0, value.find_first_of(" \t\r\n;("));
}

struct AutomaticHeader {
  std::string_view name, value;  // an empty value: any
};
constexpr AutomaticHeader kAutomatic[] = {
    {"List-ID", ""},
    {"List-Post", ""},
    {"List-Subscribe", ""},
    {"Precedence", "bulk"},
    {"Precedence", "list"},
    {"Precedence", "junk"},
    {"Auto-Submitted", "auto-generated"},
    {"Auto-Submitted", "auto-replied"},
};

bool is_automatic(std::string_view header) {
  std::size_t colon = header.find(':');
  if (colon == header.npos) return false;
  std::string_view name = first_word(header.substr(0, colon));
  std::string_view value = first_word(header.substr(colon + 1));
  return std::ranges::any_of(kAutomatic, [&](const AutomaticHeader& row) {
    return base::equal_nocase(name, row.name) &&
           (row.value.empty() || base::equal_nocase(value, row.value));
  });
}

}  // namespace

ThawDecision decide_thaw(const MessageAge& message, bool forced,
                         const EventSettings& settings) {
  if (!message.frozen_for) return {Thaw::not_frozen, ""};
  // By the age of the message, not by the time that it lay frozen.
  if (settings.timeout_frozen_after > kNever &&
      message.age >= settings.timeout_frozen_after)
    return {Thaw::cancel, "cancelled by timeout_frozen_after"};
  if (message.bounce && message.age >= settings.ignore_bounce_errors_after)
    return {Thaw::thaw, "Unfrozen by errmsg timer"};
  if (forced) return {Thaw::thaw, "Unfrozen by forced delivery"};
  if (!message.bounce && settings.auto_thaw > kNever &&
      *message.frozen_for > settings.auto_thaw)
    return {Thaw::thaw, "Unfrozen by auto-thaw"};
  return {Thaw::skip, "Message is frozen"};
}

FailureDecision decide_failure(const MessageAge& message,
                               std::string_view errors_address, unsigned notify,
                               bool over, const EventSettings& settings) {
  namespace dsn = spoolfmt::dsn;
  constexpr unsigned kSaid = dsn::kNever | dsn::kSuccess | dsn::kFailure | dsn::kDelay;
  if (!errors_address.empty()) {
    if ((notify & kSaid) == 0 || (notify & dsn::kFailure) != 0)
      return {Failure::report, ""};
    return {Failure::ignore,
            "error ignored: RFC 3461 DSN, failure notify not requested"};
  }
  if (over || message.age >= settings.ignore_bounce_errors_after)
    return {Failure::ignore, "error ignored"};
  return {Failure::freeze, " (delivery error message)"};
}

std::optional<DueWarning> due_warning(std::chrono::seconds age, std::int64_t sent,
                                      const std::vector<std::chrono::seconds>& steps) {
  if (steps.empty() || steps.front() <= kNever) return std::nullopt;
  // The count of steps passed, and the last of them.
  auto next = std::ranges::upper_bound(steps, age);
  std::int64_t count = next - steps.begin();
  if (count == 0) return std::nullopt;
  std::chrono::seconds passed = *(next - 1);
  if (next == steps.end()) {
    auto gap = steps.size() > 1 ? steps.back() - steps[steps.size() - 2] : steps.back();
    if (gap > kNever) {
      std::int64_t repeats = (age - steps.back()) / gap;
      count += repeats;
      passed += gap * repeats;
    }
  }
  if (sent >= count) return std::nullopt;
  return DueWarning{count, passed};
}

bool may_be_warned(const spoolfmt::HFile& file) {
  return std::ranges::none_of(file.headers, [](const spoolfmt::Header& header) {
    return header.type != '*' && is_automatic(header.text);
  });
}

}  // namespace qrunner
