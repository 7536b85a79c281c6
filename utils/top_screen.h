// SPDX-License-Identifier: Apache-2.0
//
// bobbin-top's screen: what is shown, which site is selected, what a key means.  Pure:
// boards and keys go in, lines and wishes come out.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "utils/board_table.h"
#include "utils/terminal.h"

namespace utils {

class TopScreen {
 public:
  // What a process is asked for (bobbin-top(1)).
  struct Wish {
    long pid = 0;
    std::string text;

    bool operator==(const Wish&) const = default;
  };

  explicit TopScreen(std::string_view sort_by) : sort_by_(sort_by) {}

  // The boards as they are now.  The selected site stays, wherever it went.
  void see(std::vector<Process> processes);
  std::optional<Wish> press(const Key& key);
  // For the next drawing: how a wish was answered, say.
  void tell(std::string text) { message_ = std::move(text); }
  bool quits() const { return quits_; }

  // As many lines as there is room for, and which of them is selected.
  struct Drawing {
    std::vector<std::string> lines;
    std::size_t selected = 0;  // beyond the lines: none
  };
  Drawing draw(std::size_t lines, base::Time now) const;

 private:
  // A site of a run, by its number there.
  using Site = std::pair<long, double>;
  struct Place {
    const Process* process;
    const base::BoardPage::Row* row;
    Site site;
  };
  std::vector<Place> places() const;
  std::optional<Place> selected() const;
  void move(std::ptrdiff_t by);
  void sort();
  std::optional<Wish> wish(const std::string& verb) const;
  std::optional<Wish> pace(double factor) const;
  std::optional<Wish> type(char character);

  std::string sort_by_;
  std::vector<Process> processes_;
  std::optional<Site> site_;  // selected
  std::string message_;
  std::optional<std::string> typed_;  // a rate, while it is typed
  bool quits_ = false;
};

}  // namespace utils
