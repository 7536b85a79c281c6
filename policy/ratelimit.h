// SPDX-License-Identifier: Apache-2.0
//
// How often something happens: `ratelimit = LIMIT / PERIOD / OPTIONS / KEY`
// (spec/policy.md 10.9; Exim manual, "Rate limiting incoming messages").
//
// The rate is an average over the period in which old events weigh less and less, so an
// entry is one number and a time.  The entries lie with the program, behind
// Context::rate; here is what they come to.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/context.h"
#include "policy/written_text.h"

namespace policy {

struct RateLimit {
  enum class Per : std::uint8_t { mail, conn, cmd, rcpt, addr, byte };
  double limit = 0;
  std::chrono::seconds period{};
  std::string limit_text, period_text;  // as written: $sender_rate_limit
  Per per = Per::mail;
  bool strict = false;                // counts over the limit, too
  bool readonly = false;              // looks, and counts nothing
  std::optional<double> count;        // in place of what `per` counts
  std::optional<std::string> unique;  // counts different values only
  std::string key;                    // empty: the client's address
};

// Code::syntax says what is wrong.
base::Result<RateLimit> take_ratelimit(const std::vector<WrittenPart>& parts);

// The rate after `count` more at `now`, `entry` being what was known.
double next_rate(const std::optional<RateEntry>& entry, double count,
                 std::chrono::microseconds now, std::chrono::seconds period);

// Puts `value` into the filter that `unique` is, begun anew once in a period; false if
// it was there already, or so it seems: one in some thousands is taken for another.
bool add_unique(std::string& unique, std::string_view value, double limit,
                std::chrono::microseconds now, std::chrono::seconds period);

// Within one command, message or connection the same key counts once: the context of a
// session keeps one of these and says when something is over.
class RateMemory {
 public:
  void end_command() { command_.clear(); }
  void end_message() {
    end_command();
    message_.clear();
  }
  // Of `per`'s stretch of time.
  std::map<std::string, double, std::less<>>& rates(RateLimit::Per per);

 private:
  std::map<std::string, double, std::less<>> command_, message_, connection_;
};

}  // namespace policy
