// SPDX-License-Identifier: Apache-2.0
//
// Boards on paper: what running receivers and queue runs show, as a table for people
// and as JSON for programs.  Pure; the names of facts and columns are those that
// qrunner/ and receiver/ write (bobbin-top(1), JSON).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/board_page.h"
#include "base/clock.h"

namespace utils {

// A process and what its board says.
struct Process {
  std::string kind;  // "run", "receive": what its rows are, sites or addresses
  long pid = 0;
  base::Time since{};
  base::BoardPage page;

  // Its rows are sites, which an operator can pause and pace.
  bool is_run() const { return kind == "run"; }
};

// A column of the table that can be sorted by.
std::span<const std::string_view> sort_columns();

// Rows in that order: large numbers and old times first, names as in a telephone book.
// Rows without such a column stay as they are.
void sort_rows(base::BoardPage& page, std::string_view column);

// "run 1234  5m  rate 12.3  ready 100 ...": what is 0, empty or not so is left out.
std::string process_line(const Process& process, base::Time now);
std::string table_heading(const Process& process);
std::string table_row(const Process& process, const base::BoardPage::Row& row,
                      base::Time now);
// The sites that are not in the rows; empty if there are none.
std::string rest_line(const base::BoardPage& page);

// All of it, a line each.
std::string format_table(std::span<const Process> processes, base::Time now);

// One line of JSON.
void append_json(std::string& out, const Process& process);

}  // namespace utils
