// SPDX-License-Identifier: Apache-2.0
#include "qrunner/address_limits.h"

#include <arpa/inet.h>

#include <array>
#include <utility>

namespace qrunner {

struct AddressLimits::Keys {
  explicit Keys(std::string_view text) {
    std::array<char, 16> bytes{};
    std::string zero_ended(text);
    std::size_t prefix = 0;
    if (::inet_pton(AF_INET, zero_ended.c_str(), bytes.data()) == 1) {
      address.assign(bytes.data(), 4);
      prefix = 3;
    } else if (::inet_pton(AF_INET6, zero_ended.c_str(), bytes.data()) == 1) {
      address.assign(bytes.data(), 16);
      prefix = 6;
    } else {
      address = zero_ended;  // no IP address: its own network
      prefix = address.size();
    }
    network = address.substr(0, prefix);
    network += '/';
  }

  std::string address, network;
};

std::size_t AddressLimits::open(const std::string& key) const {
  auto found = places_.find(key);
  return found == places_.end() ? 0 : found->second.open;
}

bool AddressLimits::enter(std::string_view address) {
  Keys keys(address);
  if (open(keys.address) >= settings_.per_address ||
      open(keys.network) >= settings_.per_network)
    return false;
  if (settings_.take && !settings_.take(address)) return false;
  ++places_[keys.address].open;
  ++places_[keys.network].open;
  return true;
}

bool AddressLimits::wait(std::string_view address, SiteIndex site) {
  Keys keys(address);
  for (const auto& [key, limit] : {std::pair{keys.address, settings_.per_address},
                                   std::pair{keys.network, settings_.per_network}}) {
    if (open(key) < limit) continue;
    places_[key].waiting.push_back(site);
    return true;
  }
  if (!settings_.take) return false;
  for_others_.push_back(site);
  return true;
}

// As many are told as there is room: one who is told may go elsewhere, and must not
// keep the others waiting.
void AddressLimits::leave_place(const std::string& key, std::size_t limit,
                                std::vector<SiteIndex>& told) {
  auto found = places_.find(key);
  if (found == places_.end() || found->second.open == 0) return;
  Place& place = found->second;
  --place.open;
  std::size_t room = place.open == 0 ? place.waiting.size() : limit - place.open;
  for (; room > 0 && !place.waiting.empty(); --room) {
    told.push_back(place.waiting.front());
    place.waiting.pop_front();
  }
  if (place.open == 0) places_.erase(found);
}

std::vector<SiteIndex> AddressLimits::leave(std::string_view address) {
  if (settings_.give_back) settings_.give_back(address);
  Keys keys(address);
  std::vector<SiteIndex> told;
  leave_place(keys.address, settings_.per_address, told);
  leave_place(keys.network, settings_.per_network, told);
  return told;
}

}  // namespace qrunner
