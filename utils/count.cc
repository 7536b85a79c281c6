// SPDX-License-Identifier: Apache-2.0
//
// bobbin-count: how many messages a queue has.
//
// Without criteria the names in the directories are the answer, as for `exim -bpc`, and
// no message is opened: damaged ones count.
#include "base/cli.h"
#include "base/clock.h"
#include "base/failures.h"
#include "base/json.h"
#include "utils/print.h"
#include "utils/scan.h"
#include "utils/selection.h"

namespace {

struct Options {
  base::CommonOptions common;
  utils::Selection selection;
  bool json = false;
};

void describe(base::Cli& cli, Options& options) {
  cli.about("bobbin-count", "[OPTION...] [ID...]", "Count the messages of a queue.");
  cli.flag("json", 0, options.json, "one JSON object: {\"count\":N}");
  utils::describe_selection(cli, options.selection, options.common);
  cli.common(options.common);
}

base::Result<std::uint64_t> count(const spoolfmt::Spool& spool, const Options& options,
                                  base::Failures& failures) {
  std::uint64_t total = 0;
  if (options.selection.is_everything()) {
    TRY(spool.for_each(
        [&](const spoolfmt::SpoolEntry&) {
          ++total;
          return true;
        },
        [&](const base::Error& trouble) { failures.add(trouble); }));
    return total;
  }
  auto source =
      TRY(utils::EntrySource::open(spool, options.selection, utils::Order::directory,
                                   options.common.verbose, failures));
  if (!options.selection.has_criteria()) {
    while (auto chunk = source->next()) total += chunk->size();
    return total;
  }
  auto visit = [](const spoolfmt::Queued&, const base::Error*, std::uint64_t& out) {
    ++out;
  };
  auto sink = [&](std::uint64_t found) {
    total += found;
    return true;
  };
  utils::scan<std::uint64_t>(spool, options.selection, base::SystemClock().now(),
                             *source, &failures, visit, sink);
  return total;
}

base::Result<void> run(const Options& options) {
  auto spool = TRY(utils::open_spool(options.common));
  base::Failures failures;
  auto total = TRY(count(spool, options, failures));
  std::string line;
  if (options.json)
    base::Json(line).begin_object().member("count", total).end_object();
  else
    line = std::to_string(total);
  TRY(utils::put(line + "\n"));
  return failures.result();
}

}  // namespace

int main(int argc, char** argv) {
  return base::tool_main(argc, argv, describe, run);
}
