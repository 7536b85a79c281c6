// SPDX-License-Identifier: Apache-2.0
#include "policy/parsing.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace policy {

namespace {

// Of two words: letters put in, left out, changed, or two neighbours exchanged.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before, row(b.size() + 1), next(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    next[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      next[j] = std::min(
          {row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        next[j] = std::min(next[j], before[j - 2] + 1);
    }
    before = std::exchange(row, next);
  }
  return row.back();
}

}  // namespace

void Diagnostics::error(Origin origin, std::string text) {
  if (full())
    ++more_errors;
  else
    errors.push_back({origin, std::move(text)});
}

void Diagnostics::warning(Origin origin, std::string text) {
  if (warnings.size() < kMost)
    warnings.push_back({origin, std::move(text)});
  else
    ++more_warnings;
}

void Diagnostics::note(Origin origin, std::string text) {
  if (notes.size() < kMost) notes.push_back({origin, std::move(text)});
}

std::string_view list_kind_name(ListKind kind) {
  switch (kind) {
    case ListKind::domain:
      return "domainlist";
    case ListKind::host:
      return "hostlist";
    case ListKind::address:
      return "addresslist";
    case ListKind::local_part:
      return "localpartlist";
    case ListKind::text:
      return "list of strings";
    case ListKind::ip:
      return "list of IP addresses";
  }
  return "list";
}

std::string did_you_mean(std::string_view word,
                         const std::vector<std::string_view>& known) {
  constexpr std::size_t kLongest = 64;  // what is longer is no slip of a name
  if (word.empty() || word.size() > kLongest) return "";
  std::size_t best = word.size() / 3 + 2;
  std::string_view nearest;
  for (std::string_view candidate : known) {
    std::size_t longer = std::max(candidate.size(), word.size());
    if (longer - std::min(candidate.size(), word.size()) >= best) continue;
    if (std::size_t far = distance(word, candidate); far < best && far < longer) {
      best = far;
      nearest = candidate;
    }
  }
  if (nearest.empty()) return "";
  return "; did you mean '" + std::string(nearest) + "'?";
}

namespace {

bool asks_the_dns(Feature feature) {
  constexpr Feature kFeatures[] = {Feature::spf,   Feature::dmarc,    Feature::arc,
                                   Feature::dkim,  Feature::verify,   Feature::dnslists,
                                   Feature::dnsdb, Feature::resolver, Feature::callout};
  return std::ranges::find(kFeatures, feature) != std::end(kFeatures);
}

}  // namespace

void Parsing::need(Feature feature, std::string_view what, Origin origin) {
  if (asks_the_dns(feature)) note({list, acl, phases, feature});
  if (program.serves(feature)) return;
  // The phases of an ACL are known later: any that the program runs will do.
  constexpr Phases kAcls = ~Phases{Phase::router, Phase::transport,
                                   Phase::authenticator, Phase::retry, Phase::other};
  Phases here = acl ? kAcls : phases;
  if ((here & program.phases).empty()) return;
  error(origin, std::string(what) + " is not available in this program (" +
                    std::string(program.name) + " has no " +
                    std::string(feature_name(feature)) + ")");
}

}  // namespace policy
