// SPDX-License-Identifier: Apache-2.0
//
// What is known of a message, as the -H file that keeps it (spec: Exim manual, "Format
// of spool files"): options in the order in which Exim writes them, what the client
// chose marked as tainted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "receiver/facts.h"
#include "spoolfmt/h_file.h"

namespace receiver {

// Whom the file names as the program that took the message.
struct Owner {
  std::string login;
  std::int64_t uid = 0, gid = 0;

  static Owner of_this_process();
};

// What reception found out about a message.
struct Received {
  spoolfmt::MessageId id;
  base::Time started, complete;
  std::uint64_t body_lines = 0, body_nuls = 0, longest_line = 0;
  bool wire_format = false;     // -D has CRLF line ends
  std::string active_hostname;  // "": the machine's own name
};

// Without header lines: those are the caller's.
spoolfmt::HFile make_h_file(const Owner& owner, const Received& received,
                            const Client& client, const Envelope& envelope,
                            const Wishes& wishes, const AclVariables& variables);

// The S= of an arrival: what the message will be on the wire, less its CRs.  As Exim
// counts, with a byte too many for each digit of a header line's length beyond three.
std::uint64_t logged_size(const spoolfmt::HFile& file, std::uint64_t body_size);

}  // namespace receiver
