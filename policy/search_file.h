// SPDX-License-Identifier: Apache-2.0
//
// Files of keys and data, a line each: what lsearch, nwildlsearch and iplsearch look
// into (spec/policy.md 8.2; Exim manual, "Single-key lookup types").
//
//   record = key [blanks] [":"] [blanks] data { newline blanks data }
//   key    = double-quoted with escapes, or up to a colon or blank
//
// A line that is empty or starts with '#' is no record, and ends the one before it, as
// in Exim.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/regex.h"
#include "base/result.h"
#include "policy/first_match.h"
#include "policy/ip.h"

namespace policy {

class SearchText {
 public:
  explicit SearchText(std::string text) : text_(std::move(text)) {}

  struct Record {
    std::uint32_t line = 0;  // offset of the first line
    std::uint32_t data = 0;  // and of what follows the key on it
  };
  // Moves `at` behind the next record's key; nothing at the end.
  std::optional<Record> next(std::uint32_t& at, std::string& key) const;
  // Continuation lines joined by one blank each.
  std::string data(const Record& record) const { return joined(record.data); }
  // With the key, as the line is written.
  std::string whole(const Record& record) const { return joined(record.line); }

 private:
  std::string joined(std::uint32_t from) const;

  std::string text_;
};

// Keys without case; the first of equal ones counts.
class SearchFile {
 public:
  static base::Result<std::shared_ptr<const SearchFile>> parse(std::string text);
  std::optional<SearchText::Record> find(std::string_view key) const;
  const SearchText& text() const { return text_; }

 private:
  explicit SearchFile(std::string text) : text_(std::move(text)) {}
  SearchText text_;
  FirstWord keys_;
  std::vector<SearchText::Record> records_;
};

// Keys are patterns: ^regex, *ending or a word, without case.
class WildFile {
 public:
  static base::Result<std::shared_ptr<const WildFile>> parse(std::string text);
  base::Result<std::optional<SearchText::Record>> find(std::string_view key) const;
  const SearchText& text() const { return text_; }

 private:
  explicit WildFile(std::string text) : text_(std::move(text)) {}
  struct Pattern {
    Place place;
    base::Result<base::Regex> regex;  // an error only matters if it is reached
  };
  SearchText text_;
  FirstWord words_;
  FirstEnding endings_;
  std::vector<Pattern> patterns_;
  std::vector<SearchText::Record> records_;
};

// Keys are addresses and networks; "*" is only found under its own name.
class NetworkFile {
 public:
  static base::Result<std::shared_ptr<const NetworkFile>> parse(std::string text);
  std::optional<SearchText::Record> find(const Ip& ip) const;
  std::optional<SearchText::Record> find_star() const;
  const SearchText& text() const { return text_; }

 private:
  explicit NetworkFile(std::string text) : text_(std::move(text)) {}
  SearchText text_;
  FirstNetwork networks_;
  Place star_ = kNowhere;
  std::vector<SearchText::Record> records_;
};

}  // namespace policy
