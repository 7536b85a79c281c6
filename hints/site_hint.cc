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
  out.put(hint.updated);
  return out.take();
}

std::optional<SiteHint> parse_site_hint(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.take<std::uint8_t>() != kVersion) return std::nullopt;
  SiteHint hint;
  hint.window = in.take<std::uint32_t>() / kParts;
  hint.updated = in.take_time();
  if (!in.at_end()) return std::nullopt;
  return hint;
}

}  // namespace hints
