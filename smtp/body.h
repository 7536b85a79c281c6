// SPDX-License-Identifier: Apache-2.0
//
// The content of a message on the wire: RFC 5321 section 4.5.2, both ways, and in
// chunks (RFC 3030).
//
// Only CRLF . CRLF ends a message, whatever else looks like it (CVE-2023-51764 to
// -51766: two hops that disagree let a stranger write the second half).  The reader
// never accepts another ending unless it was told to be lenient, the writer never emits
// one.  How the bytes are cut into packets cannot change a verdict.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace smtp {

// What a CR or LF means that stands alone.
enum class LineEndings : std::uint8_t {
  // It is kept in the output and flagged; the message is read to its true end, and the
  // caller then refuses it with Standard::bad_line_endings.
  reject,
  // As Exim: a lone CR ends the stored line and a lone LF becomes a blank; in the
  // header
  // section both fold the line.  But if the message's first line ends in a lone LF, we
  // are lenient.
  exim,
  // An LF ends a line as CRLF does, and "." on such a line ends the message.
  lenient,
};

// How lines end in what is written.  `wire` is Exim's spool_wireformat: the body keeps
// its CRLFs, header lines end in LF all the same.
enum class Storing : std::uint8_t { lf, wire };

// What DotReader and ChunkReader have in common: wire to file.
class BodyReader {
 public:
  // Appends the content found in `wire` to `out` and returns how many bytes of `wire`
  // were taken: all of them, unless done() or pauses_at_lines().
  std::size_t feed(std::string_view wire, std::string& out);

  // Where the header section ends is not known here, but matters: until headers_over(),
  // feed() then returns behind each LF.
  bool pauses_at_lines() const {
    return in_headers_ && (policy_ != LineEndings::reject || storing_ == Storing::wire);
  }
  void headers_over() { in_headers_ = false; }

  bool done() const { return state_ == State::done; }
  // A CR or LF stood alone, whatever became of it.
  bool bare_line_end() const { return bare_; }

  // Of everything appended so far, header section and body together: a caller that
  // wants the body's numbers takes the header section's off.
  std::uint64_t size() const { return size_; }
  std::uint64_t lines() const { return lines_; }
  std::uint64_t nuls() const { return nuls_; }
  std::uint64_t longest_line() const { return longest_; }  // without its end

 protected:
  enum class State : std::uint8_t { line_start, middle, cr, dot, dot_cr, done };
  enum class Action : std::uint8_t;
  struct Step;

  BodyReader(LineEndings policy, Storing storing, bool dots, bool binary);
  ~BodyReader() = default;

  bool keeps_bare() const;
  Step step(char octet) const;
  char* perform(Action action, char octet, char* to);
  char* put(char octet, char* to);
  char* end_line(bool crlf, char* to);
  char* bare_cr(char* to);
  char* bare_lf(char* to);
  void note_bare() { bare_ = bare_ || in_headers_ || !binary_; }

  LineEndings policy_;
  Storing storing_;
  bool dots_;
  bool binary_;
  bool lf_ends_lines_;
  bool first_line_ = true;
  bool first_line_bare_ = false;  // it ended in an LF that stood alone
  bool after_lf_ = false;         // the last line did
  bool lenient_end_ = false;
  bool in_headers_ = true;
  bool bare_ = false;
  State state_ = State::line_start;
  std::uint64_t size_ = 0;
  std::uint64_t lines_ = 0;
  std::uint64_t nuls_ = 0;
  std::uint64_t longest_ = 0;
  std::uint64_t line_ = 0;  // bytes of the current line so far
};

// DATA: undoes leading dots and turns CRLF into LF; done() behind CRLF . CRLF.
class DotReader : public BodyReader {
 public:
  explicit DotReader(LineEndings policy = LineEndings::reject)
      : BodyReader(policy, Storing::lf, true, false) {}

  // Another ending than CRLF . CRLF was taken.  Whoever sent it may not be who wrote
  // what follows: throw all input away that is here, and close after the reply.
  bool lenient_end() const { return lenient_end_; }
};

// BDAT: the octets of all chunks, one after the other; where one ends means nothing.
class ChunkReader : public BodyReader {
 public:
  // `binary`: BODY=BINARYMIME, whose body has no lines; to be stored as Storing::wire.
  ChunkReader(LineEndings policy, Storing storing, bool binary = false)
      : BodyReader(policy, storing, false, binary) {}

  // Behind the last chunk: appends the line end that is missing, if it is.
  void finish(std::string& out);

  // Refuse the message with Standard::bad_first_line.
  bool first_line_bare() const { return first_line_bare_; }
};

// File to wire: doubles leading dots and writes every line end as CRLF, be it LF, CRLF
// or a lone CR in the file.
class DotWriter {
 public:
  // `dots`: false in chunks, where they mean nothing.
  explicit DotWriter(bool dots = true) : dots_(dots) {}

  // Appends the wire form of the next piece; pieces may be cut anywhere.
  void write(std::string_view piece, std::string& wire);
  // Appends the line end that the last line lacks, if it lacks one.
  void finish(std::string& wire);

  // What follows finish(): kept apart, since a client may hold it back.
  static constexpr std::string_view kEnd = ".\r\n";

 private:
  void write_line_end(std::string& wire);

  bool dots_;
  bool line_start_ = true;
  bool after_cr_ = false;  // the CRLF is written; an LF that follows belongs to it
};

}  // namespace smtp
