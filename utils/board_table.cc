// SPDX-License-Identifier: Apache-2.0
#include "utils/board_table.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "base/json.h"
#include "base/text.h"
#include "spoolfmt/queued.h"

namespace utils {

namespace {

using base::BoardPage;
using base::Cell;

struct Column {
  std::string_view name, heading;
  int width;  // negative: to the left
};

constexpr Column kSites[] = {
    {"site", "SITE", -30},    {"ready", "READY", 7},           {"open", "OPEN", 5},
    {"window", "WINDOW", 6},  {"rate", "RATE/S", 8},           {"oldest", "OLDEST", 6},
    {"delivered", "SENT", 8}, {"deferred", "DEFER", 6},        {"pace", "PACE/S", 6},
    {"state", "STATE", -6},   {"last_reply", "LAST REPLY", -1}};

constexpr Column kAddresses[] = {
    {"address", "LISTENING ON", -30}, {"open", "OPEN", 5},
    {"sessions", "SESSIONS", 9},      {"rate", "RATE/S", 8},
    {"accepted", "ACCEPTED", 9},      {"bytes", "BYTES", 7},
    {"refused_4xx", "4XX", 8},        {"refused_5xx", "5XX", 8}};

std::span<const Column> columns_of(const Process& process) {
  if (process.is_run()) return kSites;
  return kAddresses;
}

constexpr std::array<std::string_view, 6> kSortColumns = {
    "ready", "open", "window", "rate", "oldest", "last_reply"};

double number_of(const Cell& cell, double otherwise) {
  const double* number = std::get_if<double>(&cell);
  return number ? *number : otherwise;
}

bool is_true(const Cell& cell) {
  const bool* truth = std::get_if<bool>(&cell);
  return truth && *truth;
}

std::string number_text(double number) {
  char text[32];
  bool whole = number == std::floor(number);
  std::snprintf(text, sizeof text, whole ? "%.0f" : "%.1f", number);
  return text;
}

std::string text_of(const Cell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell)) return base::printable(*text);
  if (const auto* number = std::get_if<double>(&cell)) return number_text(*number);
  if (const auto* truth = std::get_if<bool>(&cell)) return *truth ? "yes" : "no";
  return "";
}

std::string without_indent(const std::string& text) {
  return text.substr(std::min(text.find_first_not_of(' '), text.size()));
}

std::string age_text(base::Time then, base::Time now) {
  auto age = std::chrono::floor<std::chrono::seconds>(now - then).count();
  if (age >= 0 && age < 60) return std::to_string(age) + "s";
  return without_indent(spoolfmt::format_listing_age(age));
}

std::string value_text(std::string_view name, const Cell& cell) {
  const double* number = std::get_if<double>(&cell);
  if (name != "bytes" || !number || *number == 0) return text_of(cell);
  return without_indent(spoolfmt::format_listing_size(std::llround(*number)));
}

// Not worth a word.
bool is_nothing(const Cell& cell) {
  if (std::holds_alternative<bool>(cell)) return !is_true(cell);
  std::string text = text_of(cell);
  return text.empty() || text == "0" || text == "0.0";
}

base::Time time_of(double seconds) {
  return base::Time(std::chrono::microseconds(std::llround(seconds * 1e6)));
}

std::string cell_text(const BoardPage& page, const BoardPage::Row& row,
                      std::string_view column, base::Time now) {
  if (column == "state")
    return is_true(page.at(row, "paused")) ? "paused"
           : is_true(page.at(row, "dead")) ? "dead"
                                           : "";
  const Cell& cell = page.at(row, column);
  const double* number = std::get_if<double>(&cell);
  if (column == "oldest") return number ? age_text(time_of(*number), now) : "";
  if (column == "rate" && number) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", *number);
    return text;
  }
  return value_text(column, cell);
}

void append_cell(std::string& out, std::string_view text, int width) {
  auto space = static_cast<std::size_t>(std::abs(width));
  std::size_t padding = space - std::min(space, text.size());
  if (width > 0) out.append(padding, ' ');
  out += text;
  if (width < 0) out.append(padding, ' ');
  out += ' ';
}

void trim(std::string& line) {
  while (line.ends_with(' ')) line.pop_back();
}

bool is_time(std::string_view name) {
  return name == "oldest";
}

void append_value(base::Json& json, std::string_view name, const Cell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell))
    json.value(*text);
  else if (const auto* truth = std::get_if<bool>(&cell))
    json.value(*truth);
  else if (const auto* number = std::get_if<double>(&cell))
    is_time(name) ? json.value(base::format_rfc3339(time_of(*number)))
                  : json.value(*number);
  else
    json.null();
}

}  // namespace

std::span<const std::string_view> sort_columns() {
  return kSortColumns;
}

void sort_rows(BoardPage& page, std::string_view column) {
  auto before = [&](const BoardPage::Row& a, const BoardPage::Row& b) {
    const Cell& left = page.at(a, column);
    const Cell& right = page.at(b, column);
    const auto* left_text = std::get_if<std::string>(&left);
    const auto* right_text = std::get_if<std::string>(&right);
    if (left_text && right_text) return *left_text < *right_text;
    // What has no time is younger than all.
    if (is_time(column)) return number_of(left, 1e18) < number_of(right, 1e18);
    return number_of(left, -1) > number_of(right, -1);
  };
  std::ranges::stable_sort(page.rows, before);
}

std::string process_line(const Process& process, base::Time now) {
  std::string line = process.kind + " " + std::to_string(process.pid) + "  since " +
                     age_text(process.since, now);
  for (const auto& [name, value] : process.page.facts) {
    if (is_nothing(value) || name.starts_with("rest_")) continue;
    std::string words = name;
    std::ranges::replace(words, '_', ' ');
    line += "  " + words;
    if (!is_true(value)) line += " " + value_text(name, value);
  }
  return line;
}

std::string table_heading(const Process& process) {
  std::string line;
  for (const Column& column : columns_of(process))
    append_cell(line, column.heading, column.width);
  trim(line);
  return line;
}

std::string table_row(const Process& process, const BoardPage::Row& row,
                      base::Time now) {
  std::string line;
  for (const Column& column : columns_of(process))
    append_cell(line, cell_text(process.page, row, column.name, now), column.width);
  trim(line);
  return line;
}

std::string rest_line(const BoardPage& page) {
  auto fact = [&](std::string_view name) {
    auto found =
        std::ranges::find(page.facts, name, &std::pair<std::string, Cell>::first);
    return found == page.facts.end() ? 0 : number_of(found->second, 0);
  };
  if (fact("rest_sites") == 0) return "";
  return "... and " + number_text(fact("rest_sites")) +
         " sites: " + number_text(fact("rest_ready")) + " ready, " +
         number_text(fact("rest_open")) + " open";
}

std::string format_table(std::span<const Process> processes, base::Time now) {
  std::string out;
  for (const Process& process : processes) {
    out += process_line(process, now) + "\n";
    if (process.page.columns.empty()) continue;
    out += "  " + table_heading(process) + "\n";
    for (const auto& row : process.page.rows)
      out += "  " + table_row(process, row, now) + "\n";
    std::string rest = rest_line(process.page);
    if (!rest.empty()) out += "  " + rest + "\n";
  }
  return out;
}

void append_json(std::string& out, const Process& process) {
  base::Json json(out);
  const BoardPage& page = process.page;
  json.begin_object()
      .member("kind", process.kind)
      .member("pid", process.pid)
      .member("since", base::format_rfc3339(process.since))
      .member("written", base::format_rfc3339(page.written));
  for (const auto& [name, value] : page.facts) {
    json.key(name);
    append_value(json, name, value);
  }
  if (!page.columns.empty()) {
    json.key("table").begin_array();
    for (const auto& row : page.rows) {
      json.begin_object();
      for (std::size_t i = 0; i < page.columns.size(); ++i) {
        json.key(page.columns[i]);
        append_value(json, page.columns[i], row[i]);
      }
      json.end_object();
    }
    json.end_array();
  }
  json.end_object();
  out += '\n';
}

}  // namespace utils
