// SPDX-License-Identifier: Apache-2.0
#include "policy/source.h"

#include <algorithm>

#include "base/text.h"

namespace policy {
namespace {

Origin moved(Origin origin, std::size_t columns) {
  origin.column += static_cast<std::uint32_t>(columns);
  return origin;
}

}  // namespace

SourceText::SourceText(std::string_view bytes, std::uint32_t file, std::uint32_t line)
    : bytes_(bytes) {
  if (!bytes.empty()) runs_.push_back({0, {file, line, 1, 0}, true});
}

std::size_t SourceText::run_at(std::size_t offset) const {
  auto after = std::ranges::upper_bound(runs_, offset, {}, &Run::begin);
  return static_cast<std::size_t>(after - runs_.begin()) - 1;
}

Origin SourceText::origin(std::size_t offset) const {
  if (bytes_.empty()) return {};
  offset = std::min(offset, bytes_.size() - 1);
  const Run& run = runs_[run_at(offset)];
  return run.moves ? moved(run.origin, offset - run.begin) : run.origin;
}

SourceText SourceText::part(std::size_t offset, std::size_t count) const {
  SourceText out;
  out.append(*this, offset, std::min(count, bytes_.size() - offset));
  return out;
}

void SourceText::append(const SourceText& more, std::size_t offset, std::size_t count) {
  if (count == 0) return;
  std::size_t begin = bytes_.size();
  bytes_.append(more.bytes_, offset, count);
  for (std::size_t i = more.run_at(offset);
       i < more.runs_.size() && more.runs_[i].begin < offset + count; ++i) {
    Run run = more.runs_[i];
    std::size_t skipped = run.begin < offset ? offset - run.begin : 0;
    if (run.moves) run.origin = moved(run.origin, skipped);
    run.begin = begin + run.begin + skipped - offset;
    runs_.push_back(run);
  }
}

void SourceText::append(std::string_view text, Origin origin) {
  if (text.empty()) return;
  runs_.push_back({bytes_.size(), origin, false});
  bytes_ += text;
}

void SourceText::remove_back(std::size_t count) {
  bytes_.resize(bytes_.size() - count);
  while (!runs_.empty() && runs_.back().begin >= bytes_.size()) runs_.pop_back();
}

void SourceText::trim() {
  std::string_view rest = trimmed(bytes_);
  if (rest.size() == bytes_.size()) return;
  auto front = static_cast<std::size_t>(rest.data() - bytes_.data());
  if (front == 0)
    remove_back(bytes_.size() - rest.size());
  else
    *this = part(front, rest.size());
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
