// SPDX-License-Identifier: Apache-2.0
//
// What the tools that change messages share: selection, lock, log, and the loop.
//
// A change is: lock -D, read -H under the lock, edit, publish by rename, log.  Nobody
// is waited for: a message that another process works on is named and left.  As with
// Exim's own -M actions a journal is neither read nor removed; the next delivery merges
// it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/cli.h"
#include "base/result.h"
#include "spoolfmt/h_file.h"
#include "spoolfmt/message_id.h"
#include "spoolfmt/spool.h"
#include "utils/edits.h"
#include "utils/selection.h"

namespace utils {

struct ChangeOptions {
  base::CommonOptions common;
  Selection selection;
  bool all = false;
  bool dry_run = false;
  bool quiet = false;
};

// --all, --dry-run, --quiet, the selection and the common options.
void describe_changes(base::Cli& cli, ChangeOptions& options, bool by_sender = true);

// Changes one message, or with `dry_run` finds out what it would change.
using Act = std::function<base::Result<Changes>(
    const spoolfmt::Spool& spool, const spoolfmt::MessageId& id, bool dry_run)>;
using Edit = std::function<base::Result<Changes>(spoolfmt::HFile& file)>;

// Locks the message, edits its -H and publishes it.  An edit that fails or changes
// nothing leaves the file as it is.
Act editing(Edit edit);

// Does `act` to each selected message, logs every change as "CHANGE by LOGIN" and then
// `epilogue`, if any, and prints one line a message.  Failures are named as they come
// and the rest goes on: Code::partial; but if a single operand was all there was to do,
// its own error is the result.
base::Result<void> change_messages(const ChangeOptions& options, const Act& act,
                                   const std::string& epilogue = {});

}  // namespace utils
