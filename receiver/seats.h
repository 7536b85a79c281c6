// SPDX-License-Identifier: Apache-2.0
//
// How many clients are served at a time, by all loops, and how many of them are one
// host's (Exim manual, smtp_accept_max and what follows it).
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "policy/options.h"

namespace receiver {

struct Limits {
  unsigned clients = 0;  // smtp_accept_max; 0: no limit
  unsigned reserve = 0;  // how many of them are kept for smtp_reserve_hosts
  unsigned backlog = 0;  // smtp_connect_backlog

  static Limits of(const policy::Options& main);
};

// What counts as one host: an IPv4 address, or the /64 that an IPv6 address is in, for
// that is what one customer gets.
std::string host_network(std::string_view address);

class Seats {
 public:
  // One client's, until its end.
  class Seat {
   public:
    Seat(Seat&& other) noexcept;
    Seat& operator=(Seat&&) = delete;
    ~Seat();

    // How many were taken when this one was, itself included.
    unsigned number() const { return number_; }
    // The client is `address`, as far as we know by now.  How many seats its host has,
    // this one included.
    unsigned belongs_to(std::string_view address);

   private:
    friend class Seats;
    Seat(Seats& seats, unsigned number) : seats_(&seats), number_(number) {}
    void leave_host();

    Seats* seats_;  // null: moved from
    unsigned number_;
    std::string host_;  // "": not said yet
  };

  // None is left of `limit`: nothing.  From any thread.
  std::optional<Seat> take(unsigned limit);
  unsigned taken() const { return taken_; }

 private:
  std::atomic<unsigned> taken_ = 0;
  std::mutex mutex_;  // guards what follows
  std::map<std::string, unsigned, std::less<>> hosts_;
};

}  // namespace receiver
