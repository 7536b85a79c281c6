// SPDX-License-Identifier: Apache-2.0
//
// What bobbin-sink offers in its reply to EHLO: all it knows, without what a test
// hides.
//
// A hidden extension is refused, too: who uses what was not listed is told so.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "smtp/command.h"
#include "smtp/dialogue.h"

namespace utils {

struct SinkExtras {
  std::vector<std::string> hidden = {};  // keywords, in any case
  std::string limits = {};  // "MAILMAX=10 RCPTMAX=5 RCPTDOMAINMAX=1" (RFC 9422)
  bool starttls = false;
  bool login = false;  // needed before MAIL
};

class SinkOffer {
 public:
  static base::Result<SinkOffer> create(std::string hostname, std::uint64_t size_limit,
                                        const SinkExtras& extras);

  // For the Dialogue.
  const smtp::Offer& offer() const { return offer_; }

  // The reply to EHLO: LIMITS comes in, what is hidden goes.
  void edit(smtp::Reply& hello) const;

  // What the Dialogue would let through, though we did not offer it or say more.
  std::optional<smtp::Reply> refuses(const smtp::Command& command,
                                     const smtp::Dialogue& dialogue) const;

  bool hides(std::string_view keyword) const;

 private:
  base::Result<void> set_limits(const std::string& text);

  smtp::Offer offer_;
  std::vector<std::string> hidden_;  // in upper case
  std::string limits_;
  std::uint64_t recipient_domains_ = 0;  // of one message; 0: no limit
  bool login_ = false;
};

}  // namespace utils
