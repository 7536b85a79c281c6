// SPDX-License-Identifier: Apache-2.0
//
// Which messages a tool is about: the operands and selection options all tools share
// (bobbin(1), SELECTION).
//
// Criteria are combined by "and".  Regular expressions are compiled while the command
// line is read, so a bad one is a usage error before the first message is opened, and
// match without regard to case; "(?-i)" at their start brings it back.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cli.h"
#include "base/clock.h"
#include "base/failures.h"
#include "base/regex.h"
#include "base/result.h"
#include "spoolfmt/message_id.h"
#include "spoolfmt/queued.h"
#include "spoolfmt/spool.h"

namespace utils {

class Where;

// An address or a CIDR block, IPv4 as its mapped form, so that "::ffff:192.0.2.1" of a
// proxy and "192.0.2.1" are the same host.
class HostRange {
 public:
  // Code::usage with what to write instead.
  static base::Result<HostRange> parse(std::string_view text);

  // False for what is no IP address.
  bool contains(std::string_view address) const;

 private:
  std::array<unsigned char, 16> network_{};
  unsigned bits_ = 128;
};

struct HeaderPattern {
  std::string name;  // without the colon, in any case
  base::Regex text;  // of what follows it, without the final newline
};

struct Selection {
  std::vector<std::string> operands;  // ids, or "-": ids from standard input
  std::optional<std::chrono::seconds> older, younger;
  bool frozen = false, not_frozen = false;
  std::vector<base::Regex> senders, recipients;
  std::vector<std::string> domains;
  std::vector<HostRange> hosts;
  std::optional<base::Size> larger, smaller;
  std::vector<HeaderPattern> headers;
  std::vector<std::string> conditions;  // --where, as written
  std::shared_ptr<Where> where;         // the same, parsed; null: none

  // Must -H be read to tell?
  bool has_criteria() const;
  // Nothing was said: the whole queue.  A tool that changes messages asks for --all.
  bool is_everything() const { return operands.empty() && !has_criteria(); }
};

// The operands and the options under their heading; conditions are read with the policy
// of `common`.  bobbin-edit has a --sender of its own.
void describe_selection(base::Cli& cli, Selection& selection,
                        const base::CommonOptions& common, bool by_sender = true);

// Does a message fulfil the criteria?  One whose envelope cannot be read fulfils none.
// Code::usage naming the message: a condition has no answer for it.
base::Result<bool> matches(const Selection& selection, const spoolfmt::Spool& spool,
                           const spoolfmt::Queued& queued, base::Time now);

// The spool that -C, -s and -G name.
base::Result<spoolfmt::Spool> open_spool(const base::CommonOptions& common);

// The ids among the operands, "-" replaced by what standard input names: the first id
// of each line, lines without one passed over (and counted on stderr if `verbose`).
// Each id once, in the order given.  Code::usage for an operand that is no id.
base::Result<std::vector<spoolfmt::MessageId>> operand_ids(const Selection& selection,
                                                           bool verbose);

// For tools that change messages: the ids selected, operands in their order, otherwise
// in the order of the queue.  A message that is not there, or cannot be judged because
// it is damaged, is added to `failures`; ids given without any criterion are passed on
// unopened, so that damaged messages can be removed.
base::Result<std::vector<spoolfmt::MessageId>> select_ids(const spoolfmt::Spool& spool,
                                                          const Selection& selection,
                                                          base::Time now, bool verbose,
                                                          base::Failures& failures);

}  // namespace utils
