// SPDX-License-Identifier: Apache-2.0
#include "policy/header_changes.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "policy/regex_cache.h"
#include "policy/source.h"

namespace policy {
namespace {

constexpr auto kPlaces = std::to_array<std::pair<std::string_view, HeaderPlace>>(
    {{":after_received:", HeaderPlace::after_received},
     {":at_start_rfc:", HeaderPlace::at_start_rfc},
     {":at_start:", HeaderPlace::at_start},
     {":at_end:", HeaderPlace::at_end}});

// Takes the place off the start of a header.
HeaderPlace take_place(std::string_view& text) {
  for (const auto& [word, place] : kPlaces) {
    if (!base::equal_nocase(text.substr(0, word.size()), word)) continue;
    text.remove_prefix(word.size());
    while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
    return place;
  }
  return HeaderPlace::at_end;
}

bool is_continuation(std::string_view text) {
  return text.starts_with(' ') || text.starts_with('\t');
}

}  // namespace

std::string_view header_name(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && text[end] > ' ' && text[end] < 127 && text[end] != ':')
    ++end;
  std::size_t colon = end;
  while (colon < text.size() && (text[colon] == ' ' || text[colon] == '\t')) ++colon;
  if (end == 0 || colon == text.size() || text[colon] != ':') return {};
  return text.substr(0, end);
}

void add_header_lines(std::string_view text, Context& context) {
  while (true) {
    while (text.starts_with('\n')) text.remove_prefix(1);
    if (text.empty()) return;
    std::size_t end = std::min(text.find('\n'), text.size());
    while (end < text.size() && is_continuation(text.substr(end + 1)))
      end = std::min(text.find('\n', end + 1), text.size());
    std::string_view header = text.substr(0, end);
    text.remove_prefix(end);
    HeaderPlace place = take_place(header);
    if (trimmed(header).empty()) continue;
    std::string_view name = header_name(header);
    bool named = !name.empty() && header[name.size()] == ':';
    std::string line(named ? "" : "X-ACL-Warn: ");
    line.append(header).append("\n");
    context.add_header(place, std::move(line));
  }
}

bool removes_header(std::string_view name_or_pattern, std::string_view text) {
  if (!name_or_pattern.starts_with('^'))
    return base::equal_nocase(header_name(text), name_or_pattern);
  auto regex = compiled(name_or_pattern);
  return regex && (*regex)->matches(text);
}

void HeaderChanges::add(HeaderPlace place, std::string text) {
  if (std::ranges::find(additions_, text, &Addition::text) != additions_.end()) return;
  additions_.push_back({place, std::move(text)});
}

std::string HeaderChanges::added() const {
  std::string out;
  for (const Addition& addition : additions_) {
    if (!out.empty()) out += '\n';
    std::string_view text = addition.text;
    if (text.ends_with('\n')) text.remove_suffix(1);
    for (char c : text) out.append(c == '\n' ? 2 : 1, c);
  }
  return out;
}

bool HeaderChanges::is_received(std::string_view text) {
  return base::equal_nocase(header_name(text), "received");
}

bool HeaderChanges::stays_before(HeaderPlace place, std::string_view text) {
  if (is_received(text)) return true;
  return place == HeaderPlace::at_start_rfc &&
         base::equal_nocase(header_name(text).substr(0, 7), "resent-");
}

}  // namespace policy
