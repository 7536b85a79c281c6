// SPDX-License-Identifier: Apache-2.0
#include "utils/top_screen.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace utils {

namespace {

constexpr std::ptrdiff_t kPage = 10;
constexpr std::string_view kKeys =
    "q quit  s sort  arrows select  p pause or resume  + - n pace";

double number_in(const base::BoardPage& page, const base::BoardPage::Row& row,
                 std::string_view column) {
  const double* number = std::get_if<double>(&page.at(row, column));
  return number ? *number : 0;
}

std::string rate_text(double rate) {
  return std::to_string(static_cast<long>(std::max(1.0, std::round(rate))));
}

}  // namespace

void TopScreen::see(std::vector<Process> processes) {
  processes_ = std::move(processes);
  sort();
  auto all = places();
  bool there =
      std::ranges::any_of(all, [&](const Place& p) { return p.site == site_; });
  if (there) return;
  site_.reset();
  if (!all.empty()) site_ = all.front().site;
}

void TopScreen::sort() {
  for (Process& process : processes_) sort_rows(process.page, sort_by_);
}

std::vector<TopScreen::Place> TopScreen::places() const {
  std::vector<Place> all;
  for (const Process& process : processes_) {
    if (!process.is_run()) continue;
    for (const auto& row : process.page.rows) {
      double number = number_in(process.page, row, "number");
      all.push_back({&process, &row, {process.pid, number}});
    }
  }
  return all;
}

std::optional<TopScreen::Place> TopScreen::selected() const {
  for (const Place& place : places())
    if (place.site == site_) return place;
  return std::nullopt;
}

void TopScreen::move(std::ptrdiff_t by) {
  auto all = places();
  if (all.empty()) return;
  auto now = std::ranges::find(all, site_, &Place::site);
  auto last = std::ssize(all) - 1;
  auto next = std::clamp<std::ptrdiff_t>(now - all.begin() + by, 0, last);
  site_ = all[static_cast<std::size_t>(next)].site;
}

std::optional<TopScreen::Wish> TopScreen::wish(const std::string& verb) const {
  auto place = selected();
  if (!place) return std::nullopt;
  return Wish{place->process->pid,
              verb + " " + std::to_string(std::llround(place->site.second))};
}

// From what it does now, if it has no pace yet.
std::optional<TopScreen::Wish> TopScreen::pace(double factor) const {
  auto place = selected();
  if (!place) return std::nullopt;
  double rate = number_in(place->process->page, *place->row, "pace");
  if (rate == 0) rate = number_in(place->process->page, *place->row, "rate");
  return wish("pace " + rate_text(rate * factor));
}

std::optional<TopScreen::Wish> TopScreen::type(char character) {
  constexpr char kEscape = 27, kBackspace = 8, kDelete = 127;
  if (base::is_digit(character) || character == '.') {
    *typed_ += character;
  } else if ((character == kBackspace || character == kDelete) && !typed_->empty()) {
    typed_->pop_back();
  } else if (character == '\r' || character == '\n') {
    std::string rate = *std::exchange(typed_, std::nullopt);
    if (!rate.empty()) return wish("pace " + rate);
  } else if (character == kEscape) {
    typed_.reset();
  }
  return std::nullopt;
}

std::optional<TopScreen::Wish> TopScreen::press(const Key& key) {
  constexpr char kInterrupt = 3;
  message_.clear();
  switch (key.kind) {
    case Key::Kind::up:
      move(-1);
      return std::nullopt;
    case Key::Kind::down:
      move(1);
      return std::nullopt;
    case Key::Kind::page_up:
      move(-kPage);
      return std::nullopt;
    case Key::Kind::page_down:
      move(kPage);
      return std::nullopt;
    case Key::Kind::character:
      break;
  }
  if (key.character == kInterrupt) quits_ = true;
  if (typed_) return type(key.character);
  auto columns = sort_columns();
  switch (key.character) {
    case 'q':
      quits_ = true;
      break;
    case 's': {
      auto now = std::ranges::find(columns, sort_by_) - columns.begin() + 1;
      sort_by_ = columns[static_cast<std::size_t>(now) % columns.size()];
      sort();
      break;
    }
    case 'p': {
      auto place = selected();
      if (!place) break;
      const auto* paused =
          std::get_if<bool>(&place->process->page.at(*place->row, "paused"));
      return wish(paused && *paused ? "resume" : "pause");
    }
    case '+':
      return pace(2);
    case '-':
      return pace(0.5);
    case 'n':
      if (selected()) typed_ = "";
      break;
    default:
      break;
  }
  return std::nullopt;
}

TopScreen::Drawing TopScreen::draw(std::size_t lines, base::Time now) const {
  Drawing drawing;
  if (lines < 2) return drawing;
  std::vector<std::string> body;
  std::optional<std::size_t> marked;
  auto chosen = selected();
  for (const Process& process : processes_) {
    body.push_back(process_line(process, now));
    if (process.page.columns.empty()) continue;
    body.push_back("  " + table_heading(process));
    for (const auto& row : process.page.rows) {
      if (chosen && chosen->row == &row) marked = body.size();
      body.push_back("  " + table_row(process, row, now));
    }
    std::string rest = rest_line(process.page);
    if (!rest.empty()) body.push_back("  " + rest);
  }
  if (body.empty()) body.emplace_back("No receiver and no queue run is at work.");
  // The selected line is in sight, and what stands over it as far as there is room.
  std::size_t room = lines - 1;
  std::size_t first = marked && *marked >= room ? *marked + 1 - room : 0;
  for (std::size_t i = first; i < body.size() && i < first + room; ++i)
    drawing.lines.push_back(std::move(body[i]));
  drawing.selected = marked ? *marked - first : lines;
  drawing.lines.resize(room);
  drawing.lines.push_back(typed_ ? "Messages a second, 0 for no limit: " + *typed_
                          : message_.empty()
                              ? std::string(kKeys) + "  (by " + sort_by_ + ")"
                              : message_);
  return drawing;
}

}  // namespace utils
