// SPDX-License-Identifier: Apache-2.0
#include "policy/first_match.h"

#include <algorithm>
#include <functional>
#include <tuple>

namespace policy {

namespace {

// Order of the texts read from their ends.
bool less_from_end(std::string_view a, std::string_view b) {
  return std::lexicographical_compare(
      a.rbegin(), a.rend(), b.rbegin(), b.rend(), [](char x, char y) {
        return static_cast<unsigned char>(x) < static_cast<unsigned char>(y);
      });
}

bool less_address(const Ip& a, const Ip& b) {
  return std::tie(a.v6, a.bytes) < std::tie(b.v6, b.bytes);
}

// Sorted items that enclose each other or are apart: gives each its parent, and the
// first place of all around it.  Of equal ones the first stays.
template <class Item, class Same, class Encloses>
void link(std::vector<Item>& items, Same same, Encloses encloses) {
  items.erase(std::unique(items.begin(), items.end(), same), items.end());
  std::uint32_t around = UINT32_MAX;
  for (std::uint32_t i = 0; i < items.size(); ++i) {
    while (around != UINT32_MAX && !encloses(items[around], items[i]))
      around = items[around].parent;
    items[i].parent = around;
    if (around != UINT32_MAX)
      items[i].place = std::min(items[i].place, items[around].place);
    around = i;
  }
}

}  // namespace

std::size_t FirstWord::slot_of(std::string_view word, std::size_t hash) const {
  std::size_t mask = slots_.size() - 1;
  for (std::size_t slot = hash & mask;; slot = (slot + 1) & mask) {
    if (slots_[slot] == 0) return slot;
    const Word& there = words_[slots_[slot] - 1];
    if (there.hash == hash && text(there) == word) return slot;
  }
}

void FirstWord::grow() {
  slots_.assign(std::max<std::size_t>(16, slots_.size() * 2), 0);
  std::size_t mask = slots_.size() - 1;
  for (std::uint32_t i = 0; i < words_.size(); ++i) {
    std::size_t slot = words_[i].hash & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = i + 1;
  }
}

bool FirstWord::add(std::string_view word, Place place) {
  if (find(word) != kNowhere) return false;
  std::size_t hash = std::hash<std::string_view>()(word);
  words_.push_back({hash, static_cast<std::uint32_t>(bytes_.size()),
                    static_cast<std::uint32_t>(word.size()), place});
  bytes_ += word;
  if (words_.size() <= kFew) return true;
  if (words_.size() * 4 > slots_.size() * 3)
    grow();
  else
    slots_[slot_of(word, hash)] = static_cast<std::uint32_t>(words_.size());
  return true;
}

Place FirstWord::find(std::string_view subject) const {
  if (words_.size() <= kFew) {
    for (const Word& word : words_)
      if (text(word) == subject) return word.place;
    return kNowhere;
  }
  std::size_t slot = slot_of(subject, std::hash<std::string_view>()(subject));
  return slots_[slot] == 0 ? kNowhere : words_[slots_[slot] - 1].place;
}

void FirstEnding::add(std::string_view ending, Place place) {
  endings_.push_back({static_cast<std::uint32_t>(bytes_.size()),
                      static_cast<std::uint32_t>(ending.size()), place});
  bytes_ += ending;
}

void FirstEnding::finish() {
  std::sort(endings_.begin(), endings_.end(), [&](const Ending& a, const Ending& b) {
    if (text(a) == text(b)) return a.place < b.place;
    return less_from_end(text(a), text(b));
  });
  link(
      endings_, [&](const Ending& a, const Ending& b) { return text(a) == text(b); },
      [&](const Ending& a, const Ending& b) { return text(b).ends_with(text(a)); });
}

// All endings of the subject are its last neighbour below, or endings of that.
Place FirstEnding::find(std::string_view subject) const {
  auto above = std::upper_bound(endings_.begin(), endings_.end(), subject,
                                [&](std::string_view wanted, const Ending& ending) {
                                  return less_from_end(wanted, text(ending));
                                });
  if (above == endings_.begin()) return kNowhere;
  const Ending* near = &*std::prev(above);
  while (!subject.ends_with(text(*near))) {
    if (near->parent == kNone) return kNowhere;
    near = &endings_[near->parent];
  }
  return near->place;
}

void FirstNetwork::add(const IpNetwork& network, Place place) {
  networks_.push_back({masked(network.address, network.bits), network.bits, place});
}

void FirstNetwork::finish() {
  std::sort(networks_.begin(), networks_.end(), [](const Network& a, const Network& b) {
    if (a.first != b.first) return less_address(a.first, b.first);
    return std::tie(a.bits, a.place) < std::tie(b.bits, b.place);
  });
  auto same = [](const Network& a, const Network& b) {
    return a.first == b.first && a.bits == b.bits;
  };
  auto encloses = [](const Network& a, const Network& b) {
    return a.bits <= b.bits && masked(b.first, a.bits) == a.first;
  };
  link(networks_, same, encloses);
}

Place FirstNetwork::find(const Ip& ip) const {
  auto above = std::upper_bound(networks_.begin(), networks_.end(), ip,
                                [](const Ip& wanted, const Network& network) {
                                  return less_address(wanted, network.first);
                                });
  if (above == networks_.begin()) return kNowhere;
  const Network* near = &*std::prev(above);
  while (masked(ip, near->bits) != near->first) {
    if (near->parent == kNone) return kNowhere;
    near = &networks_[near->parent];
  }
  return near->place;
}

}  // namespace policy
