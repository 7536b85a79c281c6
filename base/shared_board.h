// SPDX-License-Identifier: Apache-2.0
//
// A board that a running process hangs out for others to read, and where they may leave
// a wish: one mapped file a process (Boost.Interprocess).
//
// What is on it is a page: facts, and a table of rows.  There are two pages in the
// file; the owner fills the one that is not shown and then shows it, so that it never
// waits, however many read, and a reader who was overtaken sees that it was.  The owner
// holds a lock on its file: a board without one is what a dead process left behind.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/board_page.h"
#include "base/clock.h"
#include "base/result.h"

namespace base {

class SharedBoard {
 public:
  static constexpr std::size_t kPageSize = std::size_t{1} << 20;
  static constexpr std::size_t kLongestWish = 1000;

  // Hangs out our own, DIRECTORY/KIND-PID (0640), until this goes; a board that a
  // dead process left is removed.  The directory must be there, and the disk have room
  // for all of it: who shows a page later cannot fail.
  static Result<SharedBoard> create(const std::filesystem::path& directory,
                                    std::string_view kind, Time since);
  // Those of all processes that are alive.  No directory: none.
  static Result<std::vector<SharedBoard>> open_all(
      const std::filesystem::path& directory);

  SharedBoard(SharedBoard&&) noexcept;
  SharedBoard& operator=(SharedBoard&&) noexcept;
  ~SharedBoard();

  // From its start on the same.
  const std::string& kind() const { return kind_; }
  long pid() const;
  Time since() const;

  // Code::temporary: nothing was shown yet.  Code::syntax: no page of ours.  From any
  // thread.
  Result<BoardPage> read() const;
  // Leaves a wish and waits until the owner answered it.  Code::temporary: it did not,
  // or too many ask.  Code::permanent: the owner's reason, or we may not write there.
  Result<void> ask(std::string_view wish, std::chrono::milliseconds patience) const;

  // The owner's, from one thread.

  void show(const BoardPage& page);
  // Calls `grant` for each wish that waits; its error is the answer.  The answer comes
  // when it returns: what the wish changes has to be shown by then.
  void serve(const std::function<Result<void>(std::string_view wish)>& grant);

 private:
  struct Mapping;
  SharedBoard(std::string kind, std::unique_ptr<Mapping> mapping);
  static Result<SharedBoard> open(const std::filesystem::path& path);

  std::string kind_;
  std::unique_ptr<Mapping> mapping_;  // keeps Boost out of this header
};

}  // namespace base
