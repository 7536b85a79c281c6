// SPDX-License-Identifier: Apache-2.0
//
// The -J file: addresses delivered since -H was last written.
//
// One line an address, in its unique form, at most 500 bytes of it, written in one call
// with its newline and synced before the delivery is forgotten.  At the next attempt
// every line is merged into the tree, -H is rewritten and only then -J may go.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace spoolfmt {

// The names in a journal, exactly as Exim reads them: the last byte of each line is
// dropped without looking, so an unterminated last line loses one; empty lines give
// empty names.
std::vector<std::string_view> parse_journal(std::string_view text);

std::string format_journal(const std::vector<std::string>& names);

// A journal open for appending.
class Journal {
 public:
  // Creates it (0640, owner as its directory's) or goes on with one left over.
  static base::Result<Journal> open(std::string path);

  // Takes room on the disk for so many bytes more, without writing them: append() of no
  // more cannot find the disk full.  Where a file system cannot do that, nothing.
  base::Result<void> reserve(std::size_t bytes);
  // Appends the names in one write.  Not durable before sync().
  base::Result<void> append(const std::vector<std::string>& names);
  base::Result<void> sync();

 private:
  Journal(base::Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  base::Fd fd_;
  std::string path_;
};

}  // namespace spoolfmt
