// SPDX-License-Identifier: Apache-2.0
#include "policy/source.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"

namespace policy {

SourceText::SourceText(std::string_view bytes, std::uint32_t file, std::uint32_t line)
    : bytes_(bytes) {
  origins_.reserve(bytes.size());
  for (std::uint32_t column = 1; column <= bytes.size(); ++column)
    origins_.push_back({file, line, column, 0});
}

Origin SourceText::origin(std::size_t offset) const {
  if (origins_.empty()) return {};
  return origins_[std::min(offset, origins_.size() - 1)];
}

void SourceText::append(const SourceText& more, std::size_t offset, std::size_t count) {
  bytes_.append(more.bytes_, offset, count);
  auto first = std::next(more.origins_.begin(), std::ptrdiff_t(offset));
  origins_.insert(origins_.end(), first, std::next(first, std::ptrdiff_t(count)));
}

void SourceText::append(std::string_view text, Origin origin) {
  bytes_ += text;
  origins_.insert(origins_.end(), text.size(), origin);
}

void SourceText::remove_back(std::size_t count) {
  bytes_.resize(bytes_.size() - count);
  origins_.resize(bytes_.size());
}

void SourceText::trim() {
  while (!bytes_.empty() && is_blank(bytes_.back())) remove_back(1);
  std::size_t front = 0;
  while (front < bytes_.size() && is_blank(bytes_[front])) ++front;
  bytes_.erase(0, front);
  origins_.erase(origins_.begin(), std::next(origins_.begin(), std::ptrdiff_t(front)));
}

std::size_t name_length(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::find_if_not(text, is_name_char) -
                                  text.begin());
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string quote(std::string_view word) {
  return "'" + base::printable(word) + "'";
}

}  // namespace policy
