// SPDX-License-Identifier: Apache-2.0
//
// Greylisting (RFC 6647): who is new, and comes again in time, may pass.
//
// Pure: what is known of a triplet and the time give what to say and what to know next.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace receiver {

struct GreylistTimes {
  std::chrono::seconds delay{300};                     // before that it is too soon
  std::chrono::seconds window = std::chrono::days(2);  // after that it is new again
  std::chrono::seconds keep = std::chrono::days(35);   // since it last passed
};

struct Triplet {
  std::chrono::sys_seconds first;  // seen
  std::chrono::sys_seconds last;   // passed; the epoch: never

  bool operator==(const Triplet&) const = default;
};

std::optional<Triplet> parse_triplet(std::string_view text);  // nothing: malformed
std::string format_triplet(const Triplet& triplet);

bool has_expired(const Triplet& triplet, const GreylistTimes& times,
                 std::chrono::sys_seconds now);
// May it pass?  `triplet` becomes what is to be remembered.
bool passes(std::optional<Triplet>& triplet, const GreylistTimes& times,
            std::chrono::sys_seconds now);

// What greylisting asks about a message, from a script's input (13.2).
struct GreylistFacts {
  std::string network;  // "192.0.2.0/24", "2001:db8:1:2::/64"; or the text as it is
  std::string sender, recipient;  // lower case; of all recipients the first
  bool authenticated = false;

  // One string of all three, of a fixed length.
  base::Result<std::string> key() const;
};
// Code::syntax.
base::Result<GreylistFacts> read_greylist_facts(std::string_view json);

}  // namespace receiver
