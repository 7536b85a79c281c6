// SPDX-License-Identifier: Apache-2.0
#include "receiver/pace.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

#include "policy/option_value.h"

namespace receiver {

namespace {

std::unexpected<base::Error> malformed(std::string_view text) {
  return base::fail(base::Code::config,
                    "'" + std::string(text) +
                        "' is no rate limit: write THRESHOLD,DELAY,FACTOR,LONGEST, as "
                        "in 2,0.5s,1.05,4m");
}

template <class Number>
bool read(std::string_view text, Number& value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// "4m", or with a fraction of seconds: "0.5s".
std::optional<std::chrono::milliseconds> read_time(std::string_view text) {
  double seconds = 0;
  if (text.ends_with('s') && read(text.substr(0, text.size() - 1), seconds) &&
      seconds >= 0 && seconds < 1e6)
    return std::chrono::milliseconds(std::llround(seconds * 1000));
  auto time = policy::parse_time(text);
  if (!time) return std::nullopt;
  return *time;
}

}  // namespace

Pace::Time Pace::deadline() const {
  return std::min(window_ + kWindow, start_ + kLongest);
}

bool Pace::came(std::uint64_t count, Time now) {
  bytes_ += count;
  if (now >= start_ + kLongest) return false;
  if (now < window_ + kWindow) return true;
  auto lasted = std::chrono::duration_cast<std::chrono::seconds>(now - window_);
  bool enough = bytes_ >= kLeast * static_cast<std::uint64_t>(lasted.count());
  window_ = now;
  bytes_ = 0;
  return enough;
}

base::Result<Slowdown> Slowdown::parse(std::string_view text) {
  std::array<std::string_view, 4> fields;
  std::string_view rest = text;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    std::size_t comma = rest.find(',');
    bool last = i + 1 == fields.size();
    if (last != (comma == rest.npos)) return malformed(text);
    fields[i] = rest.substr(0, comma);
    rest.remove_prefix(last ? rest.size() : comma + 1);
  }
  Slowdown slowdown;
  auto first = read_time(fields[1]), longest = read_time(fields[3]);
  if (!read(fields[0], slowdown.threshold) || !read(fields[2], slowdown.factor) ||
      slowdown.factor < 1 || !first || !longest)
    return malformed(text);
  slowdown.first = *first;
  slowdown.longest = *longest;
  return slowdown;
}

std::chrono::milliseconds Slowdown::delay(unsigned count) const {
  if (count <= threshold) return {};
  double delay = static_cast<double>(first.count()) *
                 std::pow(factor, static_cast<double>(count - threshold - 1));
  if (!(delay < static_cast<double>(longest.count()))) return longest;
  return std::chrono::milliseconds(std::llround(delay));
}

}  // namespace receiver
