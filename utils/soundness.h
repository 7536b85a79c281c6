// SPDX-License-Identifier: Apache-2.0
//
// What is right and wrong about the files of a spool, judged from names and bytes
// alone.
//
// The verdict on a -H file is that of Exim's reader (4.96 and 4.99.1 agree), with three
// differences: the first line must be the file's own name to the last byte, a message
// with more recipients than Exim reads back counts as damaged though we can read it,
// and what Exim would write in another way is told apart.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "spoolfmt/h_file.h"
#include "spoolfmt/message_id.h"

namespace utils {

enum class Verdict {
  ok,
  envelope,       // -H damaged up to the blank line, or no readable file at all
  headers,        // -H damaged from the blank line on
  data,           // -D is no body of this message
  orphan,         // one of -H and -D without the other
  misplaced,      // not where it is found by its id
  debris,         // left behind, or foreign
  not_canonical,  // readable, but not as Exim would write it
};
std::string_view name_of(Verdict verdict);

struct Judgement {
  Verdict verdict = Verdict::ok;
  std::size_t line = 0;  // from 1; 0: no line in particular
  std::string what;      // empty if ok

  bool ok() const { return verdict == Verdict::ok; }
};

// A whole -H file of that name: ok, envelope, headers or not_canonical.
Judgement judge_h(std::string_view text, std::string_view leaf);

// A -D file by its first bytes: ok or data.
Judgement judge_d(std::string_view start, const spoolfmt::MessageId& id);

// A name found in an input directory.
enum class NameKind {
  h,
  d,
  j,
  new_h,      // hdr.<id>, hdr.<pid> before 4.93: a -H being written
  dkim,       // <id>-<pid>-K: a message on its way to the DKIM signer
  false_h,    // 18 or 25 characters and -H, which Exim lists, but no id
  directory,  // one letter or digit: a subdirectory of a split spool
  other,
};
struct Name {
  NameKind kind = NameKind::other;
  spoolfmt::MessageId id;  // empty if the name has none
};
Name read_name(std::string_view name);

// A name found in a message log directory: the log itself, or the output of a pipe
// delivery, <id>-<pid>-<n>.
enum class LogKind { log, output, directory, other };
struct LogName {
  LogKind kind = LogKind::other;
  spoolfmt::MessageId id;
};
LogName read_log_name(std::string_view name);

// Is nothing left to deliver, by the tree and the journal?
bool is_finished(const spoolfmt::HFileView& file,
                 const std::vector<std::string_view>& journal);

}  // namespace utils
