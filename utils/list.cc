// SPDX-License-Identifier: Apache-2.0
//
// bobbin-list: show the messages of a queue.
//
// Which messages is selection.h's affair, how one looks print.h's; here are the order
// and the number of them.  Sorting by what only -H tells takes a pass of its own that
// remembers one number a message, so that no queue is too long for the memory.
#include <algorithm>
#include <tuple>

#include "base/cli.h"
#include "base/clock.h"
#include "base/failures.h"
#include "utils/print.h"
#include "utils/scan.h"
#include "utils/selection.h"

namespace {

using spoolfmt::Queued;
using utils::Entries;
using utils::EntrySource;

struct Options {
  base::CommonOptions common;
  utils::Selection selection;
  std::string format = "table";
  std::string sort;  // empty: by id, operands as given
  bool json = false;
  bool reverse = false;
  bool undelivered = false;
  bool all_names = false;
  std::optional<std::uint64_t> limit;
};

void describe(base::Cli& cli, Options& options) {
  cli.about("bobbin-list", "[OPTION...] [ID...]", "Show the messages of a queue.");
  cli.choice("format", 0, {"table", "exim", "ids", "json"}, options.format,
             "how a message is shown; exim: as exim -bp");
  cli.flag("json", 0, options.json, "the same as --format json");
  cli.choice("sort", 0, {"id", "age", "arrival", "size", "none"}, options.sort,
             "id as exim sorts, youngest first, oldest first, largest first, as found");
  cli.flag("reverse", 0, options.reverse, "the other way round");
  cli.option("limit", 0, "N", options.limit, "stop after N messages");
  cli.flag("undelivered", 0, options.undelivered,
           "with exim: no recipients delivered to, as exim -bpu");
  cli.flag("all-names", 0, options.all_names,
           "with exim: also names that recipients gave rise to, as exim -bpa");
  utils::describe_selection(cli, options.selection, options.common);
  cli.common(options.common);
}

struct Keyed {
  std::int64_t key;
  spoolfmt::SpoolEntry entry;
};

std::int64_t sort_key(const std::string& sort, const Queued& queued) {
  if (sort == "size") return -queued.message_size().value_or(-1);
  auto received = queued.h.file.received_time().time_since_epoch().count();
  return sort == "age" ? -received : received;
}

// The selected messages in the order of `options.sort`, which needs every -H.
Entries sort_by_content(const Options& options, const spoolfmt::Spool& spool,
                        base::Time now, EntrySource& source, base::Failures& failures) {
  using Batch = std::vector<Keyed>;
  Batch all;
  utils::scan<Batch>(
      spool, options.selection, now, source, &failures,
      [&](const Queued& queued, const base::Error*, Batch& out) {
        out.push_back({sort_key(options.sort, queued), queued.entry});
      },
      [&](Batch batch) {
        all.insert(all.end(), batch.begin(), batch.end());
        return true;
      });
  std::stable_sort(all.begin(), all.end(),
                   [](const Keyed& a, const Keyed& b) { return a.key < b.key; });
  Entries entries;
  for (const Keyed& keyed : all) entries.push_back(keyed.entry);
  return entries;
}

Entries drain(EntrySource& source, base::Failures& failures) {
  Entries all;
  while (auto chunk = source.next())
    all.insert(all.end(), chunk->begin(), chunk->end());
  source.report(failures);
  return all;
}

// A chunk's text, and where each message of it ends.
struct Text {
  std::string bytes;
  std::vector<std::size_t> ends;
};

base::Result<void> print(const Options& options, const spoolfmt::Spool& spool,
                         base::Time now, EntrySource& source,
                         base::Failures* failures) {
  std::string format = options.json ? "json" : options.format;
  auto names = options.undelivered ? utils::Names::undelivered
               : options.all_names ? utils::Names::generated
                                   : utils::Names::all;
  utils::Screen screen = utils::standard_output();
  std::size_t id_width = source.widest_id();
  base::Result<void> written;
  if (format == "table") {
    std::string heading;
    utils::append_heading(heading, id_width, screen);
    written = utils::put(heading);
  }
  auto visit = [&](const Queued& queued, const base::Error* trouble, Text& out) {
    if (format == "exim")
      utils::append_exim(out.bytes, queued, trouble, now, names, screen);
    else if (format == "json")
      utils::append_json(out.bytes, queued, trouble, now);
    else if (format == "table")
      utils::append_row(out.bytes, queued, trouble, now, id_width, screen);
    else
      out.bytes += std::string(queued.entry.stem()) + "\n";
    out.ends.push_back(out.bytes.size());
  };
  std::uint64_t left = options.limit.value_or(~std::uint64_t{0});
  auto sink = [&](Text text) {
    std::string_view bytes = text.bytes;
    if (text.ends.size() > left)
      bytes = bytes.substr(0, left ? text.ends[left - 1] : 0);
    left -= std::min<std::uint64_t>(left, text.ends.size());
    if (written && !bytes.empty()) written = utils::put(bytes);
    return written && left > 0;
  };
  if (written && left > 0)
    utils::scan<Text>(spool, options.selection, now, source, failures, visit, sink);
  return written;
}

base::Result<void> run(const Options& options) {
  if (options.undelivered && options.all_names)
    return base::fail(base::Code::usage,
                      "--undelivered and --all-names exclude each other: take one");
  auto spool = TRY(utils::open_spool(options.common));
  base::Time now = base::SystemClock().now();
  base::Failures failures;
  auto source = TRY(EntrySource::open(
      spool, options.selection,
      options.sort == "none" ? utils::Order::directory : utils::Order::queue,
      options.common.verbose, failures));

  // Troubles are named by the first pass over the messages, if there are two.
  base::Failures* second_pass = &failures;
  bool by_content =
      options.sort == "age" || options.sort == "arrival" || options.sort == "size";
  bool by_id = options.sort == "id" && !options.selection.operands.empty();
  if (by_content || by_id || options.reverse) {
    Entries entries = by_content
                          ? sort_by_content(options, spool, now, *source, failures)
                          : drain(*source, failures);
    if (by_content) second_pass = nullptr;
    if (by_id)
      std::stable_sort(entries.begin(), entries.end(),
                       [](const auto& a, const auto& b) {
                         return spoolfmt::queue_order(a.h_name(), b.h_name());
                       });
    if (options.reverse) std::reverse(entries.begin(), entries.end());
    source = std::make_unique<EntrySource>(std::move(entries));
  }
  TRY(print(options, spool, now, *source, second_pass));
  return failures.result();
}

}  // namespace

int main(int argc, char** argv) {
  return base::tool_main(argc, argv, describe, run);
}
