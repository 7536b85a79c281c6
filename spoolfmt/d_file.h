// SPDX-License-Identifier: Apache-2.0
//
// The -D file: one line with its own name, then the message body.
//
// Normal format has LF line ends and neither dots nor CRs added.  Wire format (BDAT
// input with spool_wireformat, flagged in -H) has the bytes as received, CR LF.  The
// flag lies after a BDAT message in the same session (Exim 4.90 on), so a reader must
// take CR LF and LF alike in a flagged file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "spoolfmt/message_id.h"

namespace spoolfmt {

// What a body must be counted for: -body_linecount, -body_zerocount and
// -max_received_linelength.
struct BodyCounts {
  std::uint64_t lines = 0;    // LF bytes
  std::uint64_t zeros = 0;    // NUL bytes
  std::uint64_t longest = 0;  // bytes of the longest line, without its end

  // Adds the next piece of the body; pieces may end anywhere.
  void add(std::string_view piece);

 private:
  std::uint64_t current_ = 0;
};

// The first line of a -D file, LF included.
std::string d_first_line(const MessageId& id);

// Is that the first line of the file of `id`?  `text` is the start of the file.  Exim
// never looks; we do, because a body under the wrong name is mail for the wrong person.
bool d_first_line_matches(std::string_view text, const MessageId& id);

// CR LF becomes LF; a CR that is not before LF stays.  The output may lie piecewise:
// `pending` carries a CR at the end of one piece to the next; call with the last piece
// `final`.
class WireToLf {
 public:
  void convert(std::string_view piece, std::string& out);
  void finish(std::string& out);

 private:
  bool pending_cr_ = false;
};
std::string wire_to_lf(std::string_view body);

}  // namespace spoolfmt
