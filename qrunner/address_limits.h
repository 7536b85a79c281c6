// SPDX-License-Identifier: Apache-2.0
//
// How many connections one address bears, and one network: a /24 or a /48.
//
// Sites may share hosts without sharing their connections, so this is counted apart
// from them.  A site that was turned away waits here until a connection goes.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "qrunner/sites.h"

namespace qrunner {

class AddressLimits {
 public:
  struct Settings {
    std::size_t per_address = 20;
    std::size_t per_network = 100;
  };

  explicit AddressLimits(Settings settings) : settings_(settings) {}

  // True: there is room for a connection to the numeric address, and it is counted
  // until leave().
  bool enter(std::string_view address);
  // Who waited for the room that is left; each is told once.
  std::vector<SiteIndex> leave(std::string_view address);
  // The site waits for room at the address.  False: there is room by now.
  bool wait(std::string_view address, SiteIndex site);

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
};

}  // namespace qrunner
