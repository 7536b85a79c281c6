// SPDX-License-Identifier: Apache-2.0
//
// The content of a message on the wire: RFC 5321 section 4.5.2, both ways.
//
// Only CRLF . CRLF ends a message, whatever else looks like it (CVE-2023-51764 to
// -51766: two hops that disagree let a stranger write the second half).  The reader
// never accepts another ending, the writer never emits one.  How the bytes are cut
// into packets cannot change a verdict.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace smtp {

// Wire to file: undoes leading dots and turns CRLF into LF.
//
// Line-ending policy "reject": a CR or LF that stands alone is kept in the output and
// flagged, the message is read to its true end, and the caller then refuses it with
// Standard::bad_line_endings.
class DotReader {
 public:
  // Appends the content found in `wire` to `out` and returns how many bytes of `wire`
  // belong to the message; fewer than all only if done().
  std::size_t feed(std::string_view wire, std::string& out);

  bool done() const { return state_ == State::done; }
  bool bare_line_end() const { return bare_; }

  // Of everything appended so far, header section and body together: a caller that
  // wants the body's numbers takes the header section's off.
  std::uint64_t size() const { return size_; }
  std::uint64_t lines() const { return lines_; }
  std::uint64_t nuls() const { return nuls_; }
  std::uint64_t longest_line() const { return longest_; }  // without its end

 private:
  enum class State { line_start, middle, cr, dot, dot_cr, done };

  void end_line();

  State state_ = State::line_start;
  bool bare_ = false;
  std::uint64_t size_ = 0;
  std::uint64_t lines_ = 0;
  std::uint64_t nuls_ = 0;
  std::uint64_t longest_ = 0;
  std::uint64_t line_ = 0;  // bytes of the current line so far
};

// File to wire: doubles leading dots and writes every line end as CRLF, be it LF, CRLF
// or a lone CR in the file.
class DotWriter {
 public:
  // Appends the wire form of the next piece; pieces may be cut anywhere.
  void write(std::string_view piece, std::string& wire);
  // Appends the line end that the last line lacks, if it lacks one.
  void finish(std::string& wire);

  // What follows finish(): kept apart, since a client may hold it back.
  static constexpr std::string_view kEnd = ".\r\n";

 private:
  void write_line_end(std::string& wire);

  bool line_start_ = true;
  bool after_cr_ = false;  // the CRLF is written; an LF that follows belongs to it
};

}  // namespace smtp
