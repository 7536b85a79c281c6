// SPDX-License-Identifier: Apache-2.0
//
// What a run learned about a site, for the next run (spec/queue-run.md 5.2, 13.6). Good
// for 24 hours.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace hints {

// 128 bits over all that must be equal to share a connection (spec/queue-run.md 13.3).
using SiteHash = std::array<char, 16>;

struct SiteHint {
  double window = 0;  // connections that it bore
  base::Time updated{};

  bool operator==(const SiteHint&) const = default;
};

inline constexpr std::chrono::hours kSiteHintLife{24};

std::string format_site_hint(const SiteHint& hint);
std::optional<SiteHint> parse_site_hint(std::string_view bytes);

}  // namespace hints
