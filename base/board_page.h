// SPDX-License-Identifier: Apache-2.0
//
// What a process shows of itself: facts, and a table of rows, whatever they are about.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace base {

// Nothing, a truth, a number, a text.
using Cell = std::variant<std::monostate, bool, double, std::string>;

struct BoardPage {
  using Row = std::vector<Cell>;

  Time written{};
  std::vector<std::pair<std::string, Cell>> facts;
  std::vector<std::string> columns;
  std::vector<Row> rows;  // each as long as `columns`

  // Of that column; nothing if there is none.
  const Cell& at(const Row& row, std::string_view column) const;

  bool operator==(const BoardPage&) const = default;
};

// The bytes of a page, no more than `most`: the last rows are left off.
std::string format_board_page(const BoardPage& page, std::size_t most);
// Code::syntax: no page.
Result<BoardPage> parse_board_page(std::string_view bytes);

}  // namespace base
