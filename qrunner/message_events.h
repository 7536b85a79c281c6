// SPDX-License-Identifier: Apache-2.0
//
// What time alone does to a message: thaws, gives up, discards, warns (Exim manual,
// options timeout_frozen_after, auto_thaw, ignore_bounce_errors_after, delay_warning).
//
// Pure decisions; whoever asks writes the log line and acts.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "spoolfmt/h_file.h"

namespace qrunner {

struct EventSettings {
  std::chrono::seconds timeout_frozen_after{0};  // 0: never
  std::chrono::seconds auto_thaw{0};             // 0: never
  std::chrono::seconds ignore_bounce_errors_after = std::chrono::weeks(10);
  std::vector<std::chrono::seconds> delay_warning = {std::chrono::hours(24)};
};

struct MessageAge {
  std::chrono::seconds age{0};                          // since it was received
  std::optional<std::chrono::seconds> frozen_for = {};  // nothing: it is not frozen
  bool bounce = false;                                  // no sender

  template <class Text>
  static MessageAge of(const spoolfmt::BasicHFile<Text>& file, base::Time now) {
    auto second = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch();
    MessageAge age{
        second - std::chrono::seconds(file.received), {}, file.sender.empty()};
    if (auto frozen = file.frozen())
      age.frozen_for = second - std::chrono::seconds(*frozen);
    return age;
  }
};

// Before a message is tried.
enum class Thaw : std::uint8_t {
  not_frozen,
  skip,    // it stays frozen
  thaw,    // and is tried
  cancel,  // every recipient fails
};
struct ThawDecision {
  Thaw what;
  std::string_view log;  // the main log's line; empty: none
};
// `forced` by -M or ff.
ThawDecision decide_thaw(const MessageAge& message, bool forced,
                         const EventSettings& settings);

// What the text of a recipient is that a cancelled message had.
inline constexpr std::string_view kCancelledText =
    "delivery cancelled: the message was frozen for too long";

// After a recipient failed for good.
enum class Failure : std::uint8_t {
  report,  // to the errors address
  ignore,  // nobody wants to hear of it: the recipient is done
  freeze,  // a bounce that nobody takes: the message stays
};
struct FailureDecision {
  Failure what;
  std::string_view log;  // behind "<address>: " or "Frozen"; empty: none
};
// `errors_address` of the recipient, `notify` its DSN flags; `over`: it was cancelled
// as above, or had no tries left.
FailureDecision decide_failure(const MessageAge& message,
                               std::string_view errors_address, unsigned notify,
                               bool over, const EventSettings& settings);

// A warning that is due: how many are sent when it is, and the age it tells of.
struct DueWarning {
  std::int64_t count;
  std::chrono::seconds age;
};
// `sent` so far.  The last step repeats: with 4h:8h the next are due at 12h, 16h.
std::optional<DueWarning> due_warning(std::chrono::seconds age, std::int64_t sent,
                                      const std::vector<std::chrono::seconds>& steps);

// May its sender be warned, if delay_warning_condition is not set?  Not of mail from
// lists and programs: List-ID, List-Post or List-Subscribe, Precedence bulk, list or
// junk, Auto-Submitted auto-generated or auto-replied.
bool may_be_warned(const spoolfmt::HFile& file);

}  // namespace qrunner
