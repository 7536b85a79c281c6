// SPDX-License-Identifier: Apache-2.0
#include "receiver/header_section.h"

#include <algorithm>

#include "base/text.h"

namespace receiver {

namespace {

constexpr std::string_view kBlanks = " \t";

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// Any byte that prints, and all above 127.
bool is_name_byte(char c) {
  auto byte = static_cast<unsigned char>(c);
  return byte > ' ' && byte != 0x7f && c != ':';
}

// header = *name-byte *blank ":" ...
bool is_header(std::string_view line) {
  std::size_t i = 0;
  while (i < line.size() && is_name_byte(line[i])) ++i;
  bool named = i > 0;
  while (named && i < line.size() && is_blank(line[i])) ++i;
  return i < line.size() && line[i] == ':';
}

std::string_view name_of(std::string_view header) {
  std::string_view name = header.substr(0, header.find(':'));
  return name.substr(0, name.find_last_not_of(kBlanks) + 1);
}

// Drops the lines at the end that hold nothing but blanks, never the first.
void drop_empty_folds(std::string& header) {
  while (true) {
    std::size_t previous = header.rfind('\n', header.size() - 2);
    if (previous == header.npos) return;
    if (header.find_first_not_of(" \t\n", previous) != header.npos) return;
    header.resize(previous + 1);
  }
}

// What the last delivery wrote is history to this one (return_path_remove,
// envelope_to_remove and delivery_date_remove, which are on in Exim).
bool is_removed(std::string_view name) {
  return base::equal_nocase(name, "Return-Path") ||
         base::equal_nocase(name, "Envelope-To") ||
         base::equal_nocase(name, "Delivery-Date");
}

bool is_resent(std::string_view name) {
  constexpr std::string_view kPrefix = "resent-";
  return base::equal_nocase(name.substr(0, kPrefix.size()), kPrefix);
}

// Only the first Message-ID counts, and where anything was resent only a resent one.
void set_types(std::vector<spoolfmt::Header>& headers) {
  bool resent = std::ranges::any_of(
      headers, [](const auto& header) { return is_resent(name_of(header.text)); });
  bool has_id = false;
  for (spoolfmt::Header& header : headers) {
    std::string_view name = name_of(header.text);
    header.type = is_removed(name) ? '*' : spoolfmt::header_type(name);
    if (header.type != 'I') continue;
    if (has_id || is_resent(name) != resent)
      header.type = ' ';
    else
      has_id = true;
  }
}

}  // namespace

void HeaderSection::feed(std::string_view piece, std::string& body) {
  if (too_large_) return;
  while (!over_ && !piece.empty()) {
    std::size_t end = piece.find('\n');
    bool whole = end != piece.npos;
    std::string_view part = piece.substr(0, whole ? end + 1 : piece.npos);
    piece.remove_prefix(part.size());
    if (text_.size() + part.size() > limits_.all) return give_up();
    text_ += part;
    if (whole) take_line(body);
  }
  body += piece;
}

void HeaderSection::give_up() {
  too_large_ = over_ = true;
  text_ = {};
}

void HeaderSection::take_line(std::string& body) {
  std::string_view line = std::string_view(text_).substr(line_start_);
  bool fold = line_start_ > 0 && is_blank(line.front());
  if (fold || is_header(line)) {
    if (!fold) header_start_ = line_start_;
    if (limits_.one > 0 && text_.size() - header_start_ > limits_.one) return give_up();
    ++lines_;
    nuls_ += static_cast<std::uint64_t>(std::ranges::count(line, '\0'));
    line_start_ = text_.size();
    return;
  }
  over_ = true;
  if (line == "\n")
    ++lines_;
  else
    body += line;
  text_.resize(line_start_);
}

std::vector<spoolfmt::Header> HeaderSection::headers() const {
  std::vector<spoolfmt::Header> headers;
  std::string_view rest = text_;
  while (!rest.empty()) {
    std::size_t end = rest.find('\n') + 1;
    bool fold = is_blank(rest.front());
    if (!fold) headers.emplace_back();
    headers.back().text += rest.substr(0, end);
    rest.remove_prefix(end);
  }
  for (spoolfmt::Header& header : headers) {
    std::ranges::replace(header.text, '\0', '?');
    drop_empty_folds(header.text);
  }
  set_types(headers);
  return headers;
}

std::string message_id_of(const std::vector<spoolfmt::Header>& headers) {
  auto header = std::ranges::find(headers, 'I', &spoolfmt::Header::type);
  if (header == headers.end()) return {};
  std::string_view text = header->text;
  text.remove_prefix(text.find(':') + 1);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\n"), text.size()));
  text = text.substr(0, text.find_last_not_of(" \t\n") + 1);
  if (text.starts_with('<') && text.ends_with('>')) {
    text.remove_prefix(1);
    text.remove_suffix(1);
  }
  if (text.find_first_of(" \t\n<>") != text.npos) return {};
  return std::string(text);
}

}  // namespace receiver
