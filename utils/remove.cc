// SPDX-License-Identifier: Apache-2.0
//
// bobbin-remove: takes messages off the queue without delivering or returning them, as
// exim -Mrm; damaged ones too, for which -H is never read.
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/cli.h"
#include "spoolfmt/locked_message.h"
#include "utils/change.h"

namespace {

namespace fs = std::filesystem;
using base::Code;
using base::Result;
using utils::Changes;

// True if there was such a file.
Result<bool> unlink_if_there(const fs::path& path) {
  if (::unlink(path.c_str()) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return base::system_failure(path.string(), errno);
}

// What has no -D, and so no lock: a -H or -J whose owner died between two unlinks.  It
// can never be delivered, so it is nobody's work in progress.
Result<bool> remove_rest(const spoolfmt::Spool& spool, const spoolfmt::MessageId& id) {
  bool any = false;
  for (char subdirectory : {id.split_letter(), '\0'}) {
    auto stem = spool.input(subdirectory) / id.str();
    TRY(unlink_if_there(spool.msglog(subdirectory) / id.str()));
    bool h = TRY(unlink_if_there(stem.string() + "-H"));
    bool j = TRY(unlink_if_there(stem.string() + "-J"));
    any = any || h || j;
  }
  return any;
}

Result<Changes> remove(const spoolfmt::Spool& spool, const spoolfmt::MessageId& id,
                       bool dry_run) {
  bool any = false;
  // Twice at most: a pair may lie in the subdirectory and in input/ itself.
  for (int place = 0; place < 2; ++place) {
    auto message = spoolfmt::LockedMessage::lock(spool, id);
    if (!message) {
      if (message.error().code == Code::not_found) break;
      return std::unexpected(std::move(message).error());
    }
    if (dry_run) return Changes{"removed"};
    TRY(message->remove());
    any = true;
  }
  if (dry_run) {
    TRY(spool.locate(id, "-H"));
    return Changes{"removed"};
  }
  bool rest = TRY(remove_rest(spool, id));
  if (!any && !rest)
    return base::fail(Code::not_found, id.str() + ": no such message in this queue");
  return Changes{"removed"};
}

void describe(base::Cli& cli, utils::ChangeOptions& options) {
  cli.about("bobbin-remove", "[OPTION...] [ID...]",
            "Remove messages from the queue; nobody is told.");
  utils::describe_changes(cli, options);
}

Result<void> run(const utils::ChangeOptions& options) {
  return utils::change_messages(options, remove, "Completed");
}

}  // namespace

int main(int argc, char** argv) {
  return base::tool_main(argc, argv, describe, run);
}
