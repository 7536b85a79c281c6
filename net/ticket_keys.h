// SPDX-License-Identifier: Apache-2.0
//
// The keys that session tickets are encrypted with: RFC 5077 section 4, with the life
// that Exim gives them (Exim manual, "tls_resumption_hosts").
//
// They exist in memory only.  The current ones encrypt until half of their life is
// over, then new ones do and the former ones still decrypt; what comes with them gets a
// new ticket.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <mutex>
#include <span>

#include "base/clock.h"

namespace net {

class TicketKeys {
 public:
  static constexpr std::chrono::seconds kLife{7200};

  // Overwritten when their last user drops them.
  struct Set {
    Set() = default;
    Set(const Set&) = delete;
    Set& operator=(const Set&) = delete;
    ~Set();

    std::array<unsigned char, 16> name{};  // begins with 'E'
    std::array<unsigned char, 32> aes{};   // AES-256-CBC
    std::array<unsigned char, 16> hmac{};  // HMAC-SHA256
    base::Time born;
  };

  explicit TicketKeys(const base::Clock& clock) : clock_(clock) {}

  // To encrypt with.  Null: there is no randomness to be had.
  std::shared_ptr<const Set> current();

  struct Found {
    std::shared_ptr<const Set> set;  // null: unknown, or too old
    bool renew = false;              // the client should get a new ticket
  };
  Found find(std::span<const unsigned char, 16> name);

 private:
  void renew();

  const base::Clock& clock_;
  std::mutex mutex_;
  std::shared_ptr<const Set> current_, previous_;
};

}  // namespace net
