// SPDX-License-Identifier: Apache-2.0
#include "policy/regex_cache.h"

#include <list>
#include <string>
#include <unordered_map>

namespace policy {

namespace {

constexpr std::size_t kMostPatterns = 128;
constexpr std::size_t kMostBytes = 4096;  // of a pattern that is kept

using Pattern = std::shared_ptr<const base::Regex>;

// The most recently used first.
class RecentPatterns {
 public:
  Pattern find(const std::string& key) {
    auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->pattern;
  }
  void add(const std::string& key, Pattern pattern) {
    entries_.push_front({key, std::move(pattern)});
    by_key_[key] = entries_.begin();
    if (entries_.size() <= kMostPatterns) return;
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }

 private:
  struct Entry {
    std::string key;
    Pattern pattern;
  };
  std::list<Entry> entries_;
  std::unordered_map<std::string, std::list<Entry>::iterator> by_key_;
};

}  // namespace

Outcome<Pattern> compiled(std::string_view pattern, base::Regex::Case letters) {
  thread_local RecentPatterns recent;
  std::string key(1, letters == base::Regex::Case::insensitive ? 'i' : 's');
  key += pattern;
  if (Pattern known = recent.find(key)) return known;
  auto made = base::Regex::compile(pattern, letters);
  if (!made) return cannot(made.error().text);
  auto shared = std::make_shared<const base::Regex>(std::move(*made));
  if (pattern.size() <= kMostBytes) recent.add(key, shared);
  return Pattern(shared);
}

}  // namespace policy
