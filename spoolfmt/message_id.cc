// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/message_id.h"

#include <algorithm>
#include <cassert>
#include <random>

namespace spoolfmt {

namespace {

constexpr std::string_view kDigits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

// Linux gives no process a number from here on (kernel.pid_max).
constexpr std::uint64_t kPidLimit = std::uint64_t{1} << 22;

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

unsigned digit_value(char c) {
  if (c <= '9') return static_cast<unsigned>(c - '0');
  if (c <= 'Z') return static_cast<unsigned>(c - 'A') + 10;
  return static_cast<unsigned>(c - 'a') + 36;
}

std::uint64_t read_digits(std::string_view text, unsigned base) {
  std::uint64_t number = 0;
  for (char c : text) number = number * base + digit_value(c);
  return number;
}

// Fixed width; digits that do not fit are lost, as in Exim.
void write_digits(std::string& out, std::uint64_t number, std::size_t width,
                  unsigned base) {
  std::size_t start = out.size();
  out.append(width, '0');
  for (std::size_t i = width; i > 0; --i) {
    out[start + i - 1] = kDigits[number % base];
    number /= base;
  }
}

// The hyphens of the long form stand at 6 and 18, of the old at 6 and 13.
std::size_t second_hyphen(std::size_t id_length) {
  return id_length == MessageId::kLongLength ? 18 : 13;
}

bool has_id_form(std::string_view text) {
  if (text.size() != MessageId::kOldLength && text.size() != MessageId::kLongLength)
    return false;
  std::size_t second = second_hyphen(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool hyphen = i == 6 || i == second;
    if (hyphen ? text[i] != '-' : !is_alnum(text[i])) return false;
  }
  return true;
}

// The last digits count units of `tick` microseconds, and with a localhost_number n
// start at n times the units of a second.
struct Fraction {
  unsigned tick;
  unsigned units_a_second;
};

Fraction fraction_of(const IdScheme& scheme) {
  bool small_base = scheme.base == 36;
  unsigned tick = 0;
  switch (scheme.release) {
    case IdScheme::Release::to_4_95:
      tick = scheme.localhost_number ? (small_base ? 10000 : 5000)
                                     : (small_base ? 1000 : 500);
      break;
    case IdScheme::Release::v4_96:
      tick = small_base ? 10000 : 5000;
      break;
    case IdScheme::Release::v4_97:
      tick = scheme.localhost_number ? (small_base ? 4 : 2) : (small_base ? 2 : 1);
      break;
  }
  return {tick, 1'000'000 / tick};
}

}  // namespace

std::optional<MessageId> MessageId::parse(std::string_view text) {
  if (!has_id_form(text)) return std::nullopt;
  MessageId id;
  std::copy(text.begin(), text.end(), id.text_.begin());
  id.size_ = static_cast<std::uint8_t>(text.size());
  return id;
}

std::optional<MessageId> MessageId::find_in(std::string_view line) {
  std::size_t start = 0;
  while (start < line.size()) {
    std::size_t end = start;
    while (end < line.size() && (is_alnum(line[end]) || line[end] == '-')) ++end;
    if (auto id = parse(line.substr(start, end - start))) return id;
    start = end + 1;
  }
  return std::nullopt;
}

std::chrono::sys_seconds MessageId::time() const {
  auto seconds = read_digits(text().substr(0, 6), 62);
  return std::chrono::sys_seconds(
      std::chrono::seconds(static_cast<std::int64_t>(seconds)));
}

bool queue_order(std::string_view a, std::string_view b) {
  int seconds = a.substr(0, 6).compare(b.substr(0, 6));
  if (seconds != 0) return seconds < 0;
  auto tail = [](std::string_view name) {
    std::size_t hyphen =
        second_hyphen(name.size() >= MessageId::kLongLength ? MessageId::kLongLength
                                                            : MessageId::kOldLength);
    return name.substr(std::min(hyphen + 1, name.size()));
  };
  return tail(a) < tail(b);
}

unsigned IdScheme::tick() const {
  return fraction_of(*this).tick;
}

IdParts decode(const MessageId& id, const IdScheme& scheme) {
  std::string_view text = id.text();
  std::size_t second = second_hyphen(text.size());
  IdParts parts;
  parts.seconds =
      static_cast<std::int64_t>(read_digits(text.substr(0, 6), scheme.base));
  parts.pid = read_digits(text.substr(7, second - 7), scheme.base);
  Fraction fraction = fraction_of(scheme);
  std::uint64_t units = read_digits(text.substr(second + 1), scheme.base);
  if (scheme.localhost_number) {
    parts.localhost_number = static_cast<unsigned>(units / fraction.units_a_second);
    units %= fraction.units_a_second;
  }
  parts.microseconds = static_cast<unsigned>(units * fraction.tick);
  return parts;
}

MessageId encode(const IdParts& parts, const IdScheme& scheme) {
  bool is_long = scheme.id_length() == MessageId::kLongLength;
  Fraction fraction = fraction_of(scheme);
  std::uint64_t units = parts.microseconds / fraction.tick;
  if (scheme.localhost_number)
    units += std::uint64_t{*scheme.localhost_number} * fraction.units_a_second;
  std::string text;
  write_digits(text, static_cast<std::uint64_t>(parts.seconds), 6, scheme.base);
  text += '-';
  write_digits(text, parts.pid, is_long ? 11 : 6, scheme.base);
  text += '-';
  write_digits(text, units, is_long ? 4 : 2, scheme.base);
  auto id = MessageId::parse(text);
  assert(id);
  return *id;
}

MessageId MessageIdSource::next(base::Time now) {
  std::int64_t tick = scheme_.tick();
  std::int64_t microseconds = now.time_since_epoch().count();
  std::lock_guard guard(mutex_);
  std::int64_t this_tick = microseconds - microseconds % tick;
  if (this_tick > last_tick_) {
    last_tick_ = this_tick;
    lane_ = 0;
  } else {
    ++lane_;  // the tick is used, or the clock went back
  }
  IdParts parts;
  parts.seconds = last_tick_ / 1'000'000;
  parts.microseconds = static_cast<unsigned>(last_tick_ % 1'000'000);
  parts.pid = pid_ + lane_ * kPidLimit;
  return encode(parts, scheme_);
}

void MessageIdSource::avoid_others() {
  std::uint64_t lanes = 1 + std::random_device()() % 4096;
  std::lock_guard guard(mutex_);
  pid_ += lanes * kPidLimit;
}

}  // namespace spoolfmt
