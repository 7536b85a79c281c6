// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/d_file.h"

#include <algorithm>
#include <cstring>

namespace spoolfmt {

void BodyCounts::add(std::string_view piece) {
  zeros += static_cast<std::uint64_t>(std::count(piece.begin(), piece.end(), '\0'));
  while (!piece.empty()) {
    std::size_t end = piece.find('\n');
    std::size_t length = std::min(end, piece.size());
    current_ += length;
    longest = std::max(longest, current_);
    if (end == std::string_view::npos) return;
    ++lines;
    current_ = 0;
    piece.remove_prefix(end + 1);
  }
}

std::string d_first_line(const MessageId& id) {
  return id.str() + "-D\n";
}

bool d_first_line_matches(std::string_view text, const MessageId& id) {
  return text.starts_with(d_first_line(id));
}

void WireToLf::convert(std::string_view piece, std::string& out) {
  if (piece.empty()) return;
  if (pending_cr_ && piece.front() != '\n') out += '\r';
  pending_cr_ = false;
  while (!piece.empty()) {
    std::size_t cr = piece.find('\r');
    out += piece.substr(0, cr);
    if (cr == std::string_view::npos) return;
    piece.remove_prefix(cr + 1);
    if (piece.empty())
      pending_cr_ = true;
    else if (piece.front() != '\n')
      out += '\r';
  }
}

void WireToLf::finish(std::string& out) {
  if (pending_cr_) out += '\r';
  pending_cr_ = false;
}

std::string wire_to_lf(std::string_view body) {
  std::string out;
  out.reserve(body.size());
  WireToLf converter;
  converter.convert(body, out);
  converter.finish(out);
  return out;
}

}  // namespace spoolfmt
