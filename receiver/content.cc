// SPDX-License-Identifier: Apache-2.0
#include "receiver/content.h"

namespace receiver {

using smtp::Standard;

Content::Content(const Limits& limits, smtp::LineEndings line_endings)
    : size_limit_(limits.size),
      refuses_bare_(line_endings == smtp::LineEndings::reject),
      reader_(smtp::DotReader(line_endings)),
      section_(limits.headers) {}

Content::Content(const Limits& limits, smtp::LineEndings line_endings,
                 smtp::Storing storing, bool binary)
    : size_limit_(limits.size),
      refuses_bare_(line_endings == smtp::LineEndings::reject && !binary),
      wire_format_(storing == smtp::Storing::wire),
      reader_(smtp::ChunkReader(line_endings, storing, binary)),
      section_(limits.headers) {}

std::size_t Content::feed(std::string_view wire) {
  std::size_t used = 0;
  while (used < wire.size() && !reader().done()) {
    std::string& out = section_.over() && !discarding_ ? body_ : undone_;
    used += reader().feed(wire.substr(used), out);
    take_undone();
  }
  if (refusal()) discard();
  return used;
}

void Content::finish() {
  auto& chunks = std::get<smtp::ChunkReader>(reader_);
  chunks.finish(section_.over() && !discarding_ ? body_ : undone_);
  take_undone();
  finished_ = true;
}

void Content::take_undone() {
  if (undone_.empty()) return;
  std::size_t before = body_.size();
  if (!discarding_) section_.feed(undone_, body_);
  // A line that turned out to be the body's first: those came one by one.
  if (wire_format_ && body_.size() > before && body_.ends_with('\n'))
    body_.insert(body_.size() - 1, "\r");
  undone_.clear();
  if (section_.over()) reader().headers_over();
}

std::optional<smtp::Reply> Content::refusal() const {
  if (section_.too_large()) return smtp::standard(Standard::headers_too_big);
  if (size_limit_ > 0 && reader().size() > size_limit_)
    return smtp::standard(Standard::message_too_big);
  if (const auto* chunks = std::get_if<smtp::ChunkReader>(&reader_))
    if (chunks->first_line_bare()) return smtp::standard(Standard::bad_first_line);
  if (refuses_bare_ && reader().bare_line_end())
    return smtp::standard(Standard::bad_line_endings);
  return std::nullopt;
}

void Content::discard() {
  discarding_ = true;
  reader().headers_over();
  body_ = {};
}

bool Content::lenient_end() const {
  const auto* dots = std::get_if<smtp::DotReader>(&reader_);
  return dots && dots->lenient_end();
}

}  // namespace receiver
