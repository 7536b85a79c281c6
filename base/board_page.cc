// SPDX-License-Identifier: Apache-2.0
#include "base/board_page.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

namespace base {

namespace {

class PageWriter {
 public:
  void put(std::uint64_t number) {
    char bytes[sizeof number];
    std::memcpy(bytes, &number, sizeof number);  // one machine reads and writes
    out.append(bytes, sizeof bytes);
  }
  void put(std::string_view text) {
    put(std::uint64_t{text.size()});
    out += text;
  }
  void put(const Cell& cell) {
    out += static_cast<char>(cell.index());
    if (const bool* truth = std::get_if<bool>(&cell)) out += *truth ? '\1' : '\0';
    if (const double* number = std::get_if<double>(&cell))
      put(std::bit_cast<std::uint64_t>(*number));
    if (const std::string* text = std::get_if<std::string>(&cell))
      put(std::string_view(*text));
  }

  std::string out;
};

// Reads zeros behind the end, and remembers it.
class PageReader {
 public:
  explicit PageReader(std::string_view bytes) : bytes_(bytes) {}

  std::uint64_t number() {
    std::uint64_t number = 0;
    std::string_view part = take(sizeof number);
    if (!part.empty()) std::memcpy(&number, part.data(), sizeof number);
    return number;
  }
  // No more than there can be if each takes a byte at least.
  std::uint64_t count() {
    std::uint64_t count = number();
    if (count > bytes_.size()) good_ = false;
    return good_ ? count : 0;
  }
  std::string text() {
    std::uint64_t size = number();
    return std::string(take(size));
  }
  Cell cell() {
    std::string_view kind = take(1);
    switch (kind.empty() ? 0 : kind[0]) {
      case 0:
        return {};
      case 1:
        return take(1) == "\1";
      case 2:
        return std::bit_cast<double>(number());
      case 3:
        return text();
      default:
        good_ = false;
        return {};
    }
  }
  bool good() const { return good_; }
  bool at_end() const { return good_ && bytes_.empty(); }

 private:
  std::string_view take(std::uint64_t size) {
    if (bytes_.size() < size) good_ = false;
    if (!good_) return {};
    std::string_view part = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return part;
  }

  std::string_view bytes_;
  bool good_ = true;
};

}  // namespace

const Cell& BoardPage::at(const Row& row, std::string_view column) const {
  static const Cell nothing;
  auto found = std::ranges::find(columns, column);
  auto index = static_cast<std::size_t>(found - columns.begin());
  return index < row.size() ? row[index] : nothing;
}

std::string format_board_page(const BoardPage& page, std::size_t most) {
  PageWriter head;
  head.put(static_cast<std::uint64_t>(page.written.time_since_epoch().count()));
  head.put(std::uint64_t{page.facts.size()});
  for (const auto& [name, value] : page.facts) {
    head.put(std::string_view(name));
    head.put(value);
  }
  head.put(std::uint64_t{page.columns.size()});
  for (const std::string& column : page.columns) head.put(std::string_view(column));
  std::size_t room = most - std::min(most, head.out.size() + sizeof(std::uint64_t));
  PageWriter table;
  std::uint64_t rows = 0;
  for (const BoardPage::Row& row : page.rows) {
    std::size_t before = table.out.size();
    for (std::size_t i = 0; i < page.columns.size(); ++i)
      table.put(i < row.size() ? row[i] : Cell());
    if (table.out.size() > room) {
      table.out.resize(before);
      break;
    }
    ++rows;
  }
  head.put(rows);
  return head.out + table.out;
}

Result<BoardPage> parse_board_page(std::string_view bytes) {
  PageReader in(bytes);
  BoardPage page;
  page.written =
      Time(std::chrono::microseconds(static_cast<std::int64_t>(in.number())));
  for (std::uint64_t left = in.count(); left > 0 && in.good(); --left) {
    std::string name = in.text();
    page.facts.emplace_back(std::move(name), in.cell());
  }
  for (std::uint64_t left = in.count(); left > 0 && in.good(); --left)
    page.columns.push_back(in.text());
  for (std::uint64_t left = in.count(); left > 0 && in.good(); --left) {
    BoardPage::Row& row = page.rows.emplace_back();
    for (std::size_t i = 0; i < page.columns.size(); ++i) row.push_back(in.cell());
  }
  if (!in.at_end()) return fail(Code::syntax, "no page of a board");
  return page;
}

}  // namespace base
