// SPDX-License-Identifier: Apache-2.0
#include "utils/change.h"

#include <pwd.h>
#include <unistd.h>

#include <optional>

#include "base/clock.h"
#include "base/failures.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "policy/main_options.h"
#include "spoolfmt/locked_message.h"
#include "utils/print.h"

namespace utils {

namespace {

using base::Code;
using base::fail;
using base::Result;

// Who did it, as Exim's log says: the caller, not the user the program may run as.
std::string caller() {
  const passwd* user = ::getpwuid(::getuid());
  return user ? std::string(user->pw_name) : "uid " + std::to_string(::getuid());
}

std::string joined(const Changes& changes) {
  std::string out;
  for (const std::string& change : changes) out += (out.empty() ? "" : "; ") + change;
  return out;
}

Result<void> print(const ChangeOptions& options, const spoolfmt::MessageId& id,
                   const Changes& changes) {
  if (options.quiet) return {};
  std::string line = id.str() + " ";
  if (changes.empty())
    line += "unchanged: it is so already";
  else
    line += (options.dry_run ? "would be: " : "") + base::printable(joined(changes));
  return put(line + "\n");
}

Result<void> check_something_is_named(const ChangeOptions& options) {
  bool everything = options.selection.is_everything();
  if (everything && !options.all)
    return fail(Code::usage,
                "no message is named: give ids, a selection, or --all for the whole "
                "queue");
  if (options.all && !options.selection.operands.empty())
    return fail(Code::usage, "--all and message ids exclude each other");
  return {};
}

// Every message, unopened: a damaged one is named by what is done to it, or removed.
Result<std::vector<spoolfmt::MessageId>> all_ids(const spoolfmt::Spool& spool,
                                                 base::Failures& failures) {
  auto entries =
      TRY(spool.sorted([&](const base::Error& error) { failures.add(error); }));
  std::vector<spoolfmt::MessageId> ids;
  for (const auto& entry : entries) {
    if (auto id = spoolfmt::MessageId::parse(entry.stem()))
      ids.push_back(*id);
    else
      failures.add({Code::permanent, entry.h_name() + ": no message id: left alone"});
  }
  return ids;
}

// Why a message cannot be locked although its -H is there; nothing if it is not.
std::optional<base::Error> stranded(const spoolfmt::Spool& spool,
                                    const spoolfmt::MessageId& id) {
  if (spool.locate(id, "-H"))
    return base::Error{Code::permanent,
                       id.str() + ": its -D is missing: see bobbin check"};
  constexpr std::string_view kLetters =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (char letter : kLetters)
    if (::access((spool.input(letter) / (id.str() + "-H")).c_str(), F_OK) == 0)
      return base::Error{Code::permanent,
                         id.str() + ": lies in " + spool.input(letter).string() +
                             ", where it cannot be found by its id: bobbin check --fix "
                             "moves it"};
  return std::nullopt;
}

}  // namespace

void describe_changes(base::Cli& cli, ChangeOptions& options, bool by_sender) {
  cli.flag("all", 0, options.all, "all messages of the queue");
  cli.flag("dry-run", 'n', options.dry_run, "say what would be done, and do nothing");
  cli.flag("quiet", 'q', options.quiet, "print no line for each message");
  describe_selection(cli, options.selection, options.common, by_sender);
  cli.common(options.common);
}

Act editing(Edit edit) {
  return [edit = std::move(edit)](const spoolfmt::Spool& spool,
                                  const spoolfmt::MessageId& id,
                                  bool dry_run) -> Result<Changes> {
    auto message = TRY(spoolfmt::LockedMessage::lock(spool, id));
    spoolfmt::HFile file = TRY(message.read_h());
    Changes changes = TRY(edit(file));
    if (!changes.empty() && !dry_run) TRY(message.publish(file));
    return changes;
  };
}

Result<void> change_messages(const ChangeOptions& options, const Act& act,
                             const std::string& epilogue) {
  TRY(check_something_is_named(options));
  auto main_options = TRY(policy::load_main_options(options.common));
  auto spool = TRY(open_spool(options.common));
  base::SystemClock clock;
  base::Failures failures;
  auto ids = options.selection.is_everything()
                 ? TRY(all_ids(spool, failures))
                 : TRY(select_ids(spool, options.selection, clock.now(),
                                  options.common.verbose, failures));
  if (ids.empty()) return failures.result();

  // Opened before anything is changed: a change that nobody can look up later is none
  // we want to make.
  std::optional<base::MainLog> log;
  if (!options.dry_run)
    log.emplace(
        TRY(base::MainLog::open(policy::log_path(main_options, "main"), clock)));
  std::string by = " by " + caller();

  // Who asked may have stopped listening; what he asked for is done all the same.
  Result<void> said;
  auto change = [&](const spoolfmt::MessageId& id) -> Result<void> {
    Changes changes = TRY(act(spool, id, options.dry_run));
    if (log) {
      for (const std::string& line : changes) TRY(log->write(id.text(), line + by));
      if (!epilogue.empty() && !changes.empty()) TRY(log->write(id.text(), epilogue));
    }
    if (said) said = print(options, id, changes);
    return {};
  };

  // An id given by hand must be there; one that was found may have gone meanwhile.
  bool named = !options.selection.operands.empty();
  bool single = named && ids.size() == 1 && failures.count() == 0;
  for (const auto& id : ids) {
    auto done = change(id);
    if (done) continue;
    base::Error error = std::move(done).error();
    if (error.code == Code::not_found) {
      if (auto reason = stranded(spool, id))
        error = std::move(*reason);
      else if (!named)
        continue;
      else
        error.text = id.str() + ": no such message in this queue";
    }
    if (error.text.find(id.text()) == error.text.npos)
      error = base::at(id.text(), std::move(error));
    if (single) return std::unexpected(std::move(error));
    failures.add(error);
  }
  TRY(std::move(said));
  return failures.result();
}

}  // namespace utils
