// SPDX-License-Identifier: Apache-2.0
#include "hints/retry_record.h"

#include <cerrno>

#include "base/text.h"
#include "hints/bytes.h"

namespace hints {

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kExpired = 1;
constexpr std::uint8_t kConnecting = 2;
constexpr std::int32_t kConnectBit = 0x100;

bool is_reply(std::int32_t error) {
  return error == kRcptReply || error == kMailReply || error == kDataReply;
}

// The number before the next dot, or up to the end; nothing if it is above `most`.
std::optional<std::uint16_t> take_part(std::string_view& text, std::uint64_t most) {
  auto dot = std::min(text.find('.'), text.size());
  auto number = base::to_number(text.substr(0, dot));
  text.remove_prefix(std::min(dot + 1, text.size()));
  if (!number || *number > most) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

}  // namespace

EnhancedCode parse_enhanced_code(std::string_view text) {
  auto kind = take_part(text, 5);
  auto subject = take_part(text, 255);
  auto detail = take_part(text, 999);
  if (!kind || !subject || !detail || !text.empty()) return {};
  return {static_cast<std::uint8_t>(*kind), static_cast<std::uint8_t>(*subject),
          *detail};
}

std::string format_enhanced_code(const EnhancedCode& code) {
  if (code.kind == 0) return "";
  return std::to_string(code.kind) + "." + std::to_string(code.subject) + "." +
         std::to_string(code.detail);
}

std::int32_t more_errno(const Failure& failure) {
  std::int32_t more = static_cast<unsigned char>(failure.route);
  if (is_reply(failure.error) && failure.code >= 400 && failure.code < 500)
    more |= (failure.code - 400) << 8;
  if (failure.error == ETIMEDOUT && failure.connecting) more |= kConnectBit;
  return more;
}

void take_more_errno(std::int32_t more, Failure& failure) {
  char letter = static_cast<char>(more & 0x7f);
  if (letter == 'M' || letter == 'A') failure.route = letter;
  if (is_reply(failure.error)) failure.code = 400 + (more >> 8 & 0xff);
  failure.connecting = failure.error == ETIMEDOUT && (more & kConnectBit) != 0;
}

std::string format_retry_record(const RetryRecord& record) {
  const Failure& failure = record.failure;
  std::string_view text = std::string_view(failure.text).substr(0, kLongestText);
  ByteWriter out;
  out.put(kVersion);
  out.put(static_cast<std::uint8_t>((record.expired ? kExpired : 0) |
                                    (failure.connecting ? kConnecting : 0)));
  out.put(failure.route);
  out.put('\0');
  out.put(failure.error);
  out.put(more_errno(failure));
  out.put(static_cast<std::uint16_t>(failure.code));
  out.put(failure.enhanced.kind);
  out.put(failure.enhanced.subject);
  out.put(failure.enhanced.detail);
  out.put(record.attempts);
  out.put(record.first);
  out.put(record.last);
  out.put(record.next);
  out.put(static_cast<std::uint16_t>(text.size()));
  out.put(text);
  return out.take();
}

std::optional<RetryRecord> parse_retry_record(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.take<std::uint8_t>() != kVersion) return std::nullopt;
  RetryRecord record;
  Failure& failure = record.failure;
  auto flags = in.take<std::uint8_t>();
  record.expired = (flags & kExpired) != 0;
  failure.connecting = (flags & kConnecting) != 0;
  failure.route = in.take<char>();
  in.take<char>();
  failure.error = in.take<std::int32_t>();
  in.take<std::int32_t>();  // more_errno, for who looks at the bytes
  failure.code = in.take<std::uint16_t>();
  failure.enhanced.kind = in.take<std::uint8_t>();
  failure.enhanced.subject = in.take<std::uint8_t>();
  failure.enhanced.detail = in.take<std::uint16_t>();
  record.attempts = in.take<std::uint32_t>();
  record.first = in.take_time();
  record.last = in.take_time();
  record.next = in.take_time();
  failure.text = in.take_bytes(in.take<std::uint16_t>());
  if (!in.at_end()) return std::nullopt;
  return record;
}

}  // namespace hints
