// SPDX-License-Identifier: Apache-2.0
#include "policy/search_file.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "policy/escapes.h"
#include "policy/source.h"

namespace policy {

namespace {

// Each is tried in turn and was compiled before.
constexpr std::size_t kMostPatterns = 5'000;

std::size_t skip_blanks(std::string_view text, std::size_t at) {
  while (at < text.size() && is_blank(text[at])) ++at;
  return at;
}

std::string_view without_trailing_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Returns the offset behind the key.
std::size_t take_key(std::string_view line, std::string& key) {
  key.clear();
  if (!line.starts_with('"')) {
    std::size_t end = 0;
    while (end < line.size() && line[end] != ':' && !is_blank(line[end])) ++end;
    key = line.substr(0, end);
    return end;
  }
  std::string_view rest = line.substr(1);
  while (!rest.empty() && rest[0] != '"') {
    char c = rest[0];
    rest.remove_prefix(1);
    key += c == '\\' && !rest.empty() ? take_escape(rest) : c;
  }
  return line.size() - rest.size() + (rest.empty() ? 0 : 1);
}

}  // namespace

std::optional<SearchText::Record> SearchText::next(std::uint32_t& at,
                                                   std::string& key) const {
  std::string_view text = text_;
  while (at < text.size()) {
    std::uint32_t start = at;
    std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = without_trailing_blanks(text.substr(at, end - at));
    at = static_cast<std::uint32_t>(std::min(end + 1, text.size()));
    if (line.empty() || line[0] == '#' || is_blank(line[0])) continue;
    std::size_t behind = skip_blanks(line, take_key(line, key));
    if (behind < line.size() && line[behind] == ':')
      behind = skip_blanks(line, behind + 1);
    return Record{start, static_cast<std::uint32_t>(start + behind)};
  }
  return std::nullopt;
}

std::string SearchText::joined(std::uint32_t from) const {
  std::string_view text = text_;
  std::size_t end = std::min(text.find('\n', from), text.size());
  std::string out(without_trailing_blanks(text.substr(from, end - from)));
  for (std::size_t at = end + 1; at < text.size() && is_blank(text[at]); at = end + 1) {
    end = std::min(text.find('\n', at), text.size());
    std::size_t begin = std::min(skip_blanks(text, at), end);
    // A line of blanks only is an empty line, and that ends the record as a comment
    // does.
    if (begin == end) break;
    out += ' ';
    out += without_trailing_blanks(text.substr(begin, end - begin));
  }
  return out;
}

base::Result<std::shared_ptr<const SearchFile>> SearchFile::parse(std::string text) {
  std::shared_ptr<SearchFile> file(new SearchFile(std::move(text)));
  std::string key;
  std::uint32_t at = 0;
  while (auto record = file->text_.next(at, key))
    if (file->keys_.add(base::lower(key), static_cast<Place>(file->records_.size())))
      file->records_.push_back(*record);
  return file;
}

std::optional<SearchText::Record> SearchFile::find(std::string_view key) const {
  thread_local std::string folded;
  folded.assign(key);
  std::transform(folded.begin(), folded.end(), folded.begin(), base::to_lower);
  Place place = keys_.find(folded);
  if (place == kNowhere) return std::nullopt;
  return records_[place];
}

base::Result<std::shared_ptr<const WildFile>> WildFile::parse(std::string text) {
  std::shared_ptr<WildFile> file(new WildFile(std::move(text)));
  std::string key;
  std::uint32_t at = 0;
  while (auto record = file->text_.next(at, key)) {
    auto place = static_cast<Place>(file->records_.size());
    file->records_.push_back(*record);
    if (key.starts_with('^') && file->patterns_.size() == kMostPatterns)
      return base::fail(base::Code::syntax, "more than " +
                                                std::to_string(kMostPatterns) +
                                                " keys are regular expressions");
    if (key.starts_with('^'))
      file->patterns_.push_back(
          {place, base::Regex::compile(key, base::Regex::Case::insensitive)});
    else if (key.starts_with('*'))
      file->endings_.add(base::lower(std::string_view(key).substr(1)), place);
    else
      file->words_.add(base::lower(key), place);
  }
  file->endings_.finish();
  return file;
}

base::Result<std::optional<SearchText::Record>> WildFile::find(
    std::string_view key) const {
  std::string folded = base::lower(key);
  Place first = std::min(words_.find(folded), endings_.find(folded));
  for (const Pattern& pattern : patterns_) {
    if (pattern.place > first) break;
    if (!pattern.regex) return std::unexpected(pattern.regex.error());
    if (TRY(pattern.regex->match(key, {})) == 0) continue;
    first = pattern.place;
    break;
  }
  if (first == kNowhere) return std::nullopt;
  return records_[first];
}

base::Result<std::shared_ptr<const NetworkFile>> NetworkFile::parse(std::string text) {
  std::shared_ptr<NetworkFile> file(new NetworkFile(std::move(text)));
  std::string key;
  std::uint32_t at = 0;
  while (auto record = file->text_.next(at, key)) {
    auto place = static_cast<Place>(file->records_.size());
    if (key == "*")
      file->star_ = std::min(file->star_, place);
    else if (key.find_first_of(".:") == key.npos)
      continue;
    else if (auto network = parse_network(key))
      file->networks_.add(*network, place);
    else
      continue;
    file->records_.push_back(*record);
  }
  file->networks_.finish();
  return file;
}

std::optional<SearchText::Record> NetworkFile::find(const Ip& ip) const {
  Place place = networks_.find(ip);
  if (place == kNowhere) return std::nullopt;
  return records_[place];
}

std::optional<SearchText::Record> NetworkFile::find_star() const {
  if (star_ == kNowhere) return std::nullopt;
  return records_[star_];
}

}  // namespace policy
