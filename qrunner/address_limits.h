// SPDX-License-Identifier: Apache-2.0
//
// How many connections one address bears, and one network: a /24 or a /48.
//
// Sites may share hosts without sharing their connections, so this is counted apart
// from them.  A site that was turned away waits here until a connection goes.  What
// other processes have open at an address counts, too, if somebody says so.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "qrunner/sites.h"

namespace qrunner {

class AddressLimits {
 public:
  struct Settings {
    std::size_t per_address = 20;
    std::size_t per_network = 100;
    // A slot of `per_address` at the address, counted over all processes; the second
    // gives it back.  Both or none.
    std::function<bool(std::string_view address)> take{};
    std::function<void(std::string_view address)> give_back{};
  };

  explicit AddressLimits(Settings settings) : settings_(settings) {}

  // True: there is room for a connection to the numeric address, and it is counted
  // until leave().
  bool enter(std::string_view address);
  // Who waited for the room that is left; each is told once.
  std::vector<SiteIndex> leave(std::string_view address);
  // The site waits for room at the address.  False: there is room by now.
  bool wait(std::string_view address, SiteIndex site);
  // Do some wait for other processes?  Nobody tells when these leave: who waits has to
  // look again now and then.
  bool waits_for_others() const { return !for_others_.empty(); }
  std::vector<SiteIndex> look_again() { return std::exchange(for_others_, {}); }

 private:
  struct Place {
    std::size_t open = 0;
    std::deque<SiteIndex> waiting;
  };
  struct Keys;

  std::size_t open(const std::string& key) const;
  void leave_place(const std::string& key, std::size_t limit,
                   std::vector<SiteIndex>& told);

  Settings settings_;
  // By the bytes of the address or the network, which differ in length.
  std::unordered_map<std::string, Place> places_;
  std::vector<SiteIndex> for_others_;  // that wait for another process
};

}  // namespace qrunner
