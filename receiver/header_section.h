// SPDX-License-Identifier: Apache-2.0
//
// Where a message's header lines end and its body begins, as it comes in.
//
// A header line starts with a name and a colon, its continuation lines with a blank; an
// empty line ends the section, and so does any other line, which is then the body's
// first (Exim manual, "Format of spool files"; observed on Exim 4.96).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "spoolfmt/h_file.h"

namespace receiver {

class HeaderSection {
 public:
  // header_maxsize and header_line_maxsize.  A larger section is not kept.
  struct Limits {
    std::size_t all = std::size_t{1} << 20;  // bytes of the section
    std::size_t one = 0;                     // of one header with its folds; 0: none
  };
  HeaderSection() = default;
  explicit HeaderSection(const Limits& limits) : limits_(limits) {}

  // Takes the next piece of the message, LF line ends and cut anywhere, and appends
  // what is body to `body`.
  void feed(std::string_view piece, std::string& body);

  bool over() const { return over_; }
  bool too_large() const { return too_large_; }
  // Of the section, its last empty line included.
  std::uint64_t lines() const { return lines_; }
  std::uint64_t nuls() const { return nuls_; }

  // The header lines with their types, once the message is there.  NULs have become
  // question marks and empty continuation lines at a header's end are gone.
  std::vector<spoolfmt::Header> headers() const;

 private:
  void take_line(std::string& body);
  void give_up();

  Limits limits_;
  std::string text_;
  std::size_t header_start_ = 0;  // of the header that is coming in
  std::size_t line_start_ = 0;    // of the line that is coming in
  bool over_ = false;
  bool too_large_ = false;
  std::uint64_t lines_ = 0;
  std::uint64_t nuls_ = 0;
};

// The id that header lines give the message, without its brackets; empty if there is
// none, or one that could be mistaken for more than a word in the log.
std::string message_id_of(const std::vector<spoolfmt::Header>& headers);

}  // namespace receiver
