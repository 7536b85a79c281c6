// SPDX-License-Identifier: Apache-2.0
#include "hints/site_hint.h"

#include <cmath>

#include "hints/bytes.h"

namespace hints {

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr double kParts = 1000;  // of a connection
constexpr double kLargestWindow = 1e6;

}  // namespace

std::string format_site_hint(const SiteHint& hint) {
  double window = std::fmin(std::fmax(hint.window, 0), kLargestWindow);
  ByteWriter out;
  out.put(kVersion);
  out.put(static_cast<std::uint32_t>(std::lround(window * kParts)));
  out.put(hint.cap);
  out.put(hint.cap_until);
  out.put(hint.dead_until);
  out.put(hint.refused);
  out.put(hint.failed_cohorts);
  out.put(static_cast<std::int64_t>(hint.latency.count()));
  out.put(static_cast<std::int64_t>(hint.least_latency.count()));
  out.put(hint.mail_max);
  out.put(hint.rcpt_max);
  out.put(hint.size);
  out.put(static_cast<std::uint16_t>(hint.last_code));
  out.put(hint.updated);
  return out.take();
}

std::optional<SiteHint> parse_site_hint(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.take<std::uint8_t>() != kVersion) return std::nullopt;
  SiteHint hint;
  hint.window = in.take<std::uint32_t>() / kParts;
  hint.cap = in.take<std::uint32_t>();
  hint.cap_until = in.take_time();
  hint.dead_until = in.take_time();
  hint.refused = in.take<std::uint32_t>();
  hint.failed_cohorts = in.take<std::uint32_t>();
  hint.latency = std::chrono::microseconds(in.take<std::int64_t>());
  hint.least_latency = std::chrono::microseconds(in.take<std::int64_t>());
  hint.mail_max = in.take<std::uint32_t>();
  hint.rcpt_max = in.take<std::uint32_t>();
  hint.size = in.take<std::uint64_t>();
  hint.last_code = in.take<std::uint16_t>();
  hint.updated = in.take_time();
  if (!in.at_end()) return std::nullopt;
  return hint;
}

}  // namespace hints
