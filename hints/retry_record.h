// SPDX-License-Identifier: Apache-2.0
//
// What is remembered of an item that failed: since when, why, and when to try again.
//
// Exim's retry record (Exim manual, "Retry configuration") and what makes "why is this
// waiting" answerable without a log: the reply's code, its enhanced code, the attempts.
// The bytes are those of spec/queue-run.md 5.2; a layout that is not known is no
// record.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace hints {

// Exim's numbers for what is no errno (its manual shows them in "defer (-44)").
inline constexpr std::int32_t kNoReason = -1;
inline constexpr std::int32_t kClosed = -18;     // the server closed the connection
inline constexpr std::int32_t kMalformed = -19;  // its reply was none
inline constexpr std::int32_t kQuota = -22;
inline constexpr std::int32_t kUnknownHost = -32;     // of a host list
inline constexpr std::int32_t kLookupDeferred = -36;  // DNS
inline constexpr std::int32_t kTlsFailed = -37;
inline constexpr std::int32_t kTlsRequired = -38;
inline constexpr std::int32_t kAuthFailed = -42;
inline constexpr std::int32_t kConnectTimeout = -43;
inline constexpr std::int32_t kRcptReply = -44;  // a 4xx
inline constexpr std::int32_t kMailReply = -45;
inline constexpr std::int32_t kDataReply = -46;  // to DATA or to the dot
inline constexpr std::int32_t kAuthTrouble = -48;
inline constexpr std::int32_t kNeedsUtf8 = -49;

// RFC 3463, as 4.7.650; 0.0.0: none.
struct EnhancedCode {
  std::uint8_t kind = 0, subject = 0;
  std::uint16_t detail = 0;

  bool operator==(const EnhancedCode&) const = default;
};
EnhancedCode parse_enhanced_code(std::string_view text);  // "": none
std::string format_enhanced_code(const EnhancedCode& code);

// Why a try failed.
struct Failure {
  std::int32_t error = kNoReason;  // an errno, or one of those above
  char route = 0;                  // 'M': the host came from MX, 'A': it did not; 0
  bool connecting = false;         // a time-out while connecting
  int code = 0;                    // of the reply; 0: there was none
  EnhancedCode enhanced;
  std::string text;  // one line as the log has it; cut at 1 KiB when it is written down

  bool operator==(const Failure&) const = default;
};

// Exim's second number, as exim_dumpdb shows it: the route letter in the low byte,
// 0x100 for a connect time-out, the 4xx code less 400 in bits 8 to 15.
std::int32_t more_errno(const Failure& failure);
void take_more_errno(std::int32_t more, Failure& failure);

struct RetryRecord {
  Failure failure;  // the last one
  base::Time first, last, next;
  bool expired = false;  // all cut-offs of its rule have passed
  std::uint32_t attempts = 0;

  bool operator==(const RetryRecord&) const = default;
};

inline constexpr std::size_t kLongestText = 1024;

std::string format_retry_record(const RetryRecord& record);
// Nothing: of another version, or no record.
std::optional<RetryRecord> parse_retry_record(std::string_view bytes);

}  // namespace hints
