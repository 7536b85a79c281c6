// SPDX-License-Identifier: Apache-2.0
//
// bobbin-data-greylist: a DATA-stage script that puts off who was never seen before.
//
// What is decided stands in greylist.h; what is remembered in an LMDB database.
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <iterator>

#include "base/cli.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/lmdb.h"
#include "receiver/greylist.h"

namespace {

using receiver::GreylistTimes;
using std::chrono::sys_seconds;

constexpr int kPass = 0;
constexpr int kFailForNow = 20;
// No digest is that short: when old triplets were dropped last.
constexpr std::string_view kSwept = "swept";

struct Options {
  std::filesystem::path database;
  GreylistTimes times;
};

void describe(base::Cli& cli, Options& options) {
  cli.about("bobbin-data-greylist", "--database FILE [OPTION...]",
            "A DATA-stage script: put off messages whose client network, sender and "
            "recipient are new.");
  cli.option("database", 0, "FILE", options.database, "where to remember them");
  cli.option("delay", 0, "TIME", options.times.delay, "how long to put off; 5m");
  cli.option("window", 0, "TIME", options.times.window,
             "forget who does not come again within; 2d");
  cli.option("keep", 0, "TIME", options.times.keep,
             "forget who passed and is silent for; 35d");
}

base::Result<base::LmdbHints> open(const Options& options) {
  if (options.database.empty())
    return base::fail(base::Code::usage, "no --database FILE");
  constexpr std::size_t kMap = std::size_t{1} << 20;
  return base::LmdbHints::open(options.database, kMap, base::LmdbHints::Life::lasting);
}

// Once a day, by whoever comes first.
base::Result<void> sweep(base::LmdbHints& database, const GreylistTimes& times,
                         sys_seconds now) {
  bool due = false;
  TRY(database.update(kSwept, [&](std::optional<std::string>& value) {
    auto last = value ? receiver::parse_triplet(*value) : std::nullopt;
    due = !last || now >= last->first + std::chrono::days(1);
    if (due) value = receiver::format_triplet({now, now});
    return due;
  }));
  if (!due) return {};
  return database.erase_if([&](std::string_view key, std::string_view value) {
    auto triplet = receiver::parse_triplet(value);
    return key != kSwept && (!triplet || has_expired(*triplet, times, now));
  });
}

base::Result<int> run(const Options& options) {
  std::signal(SIGXFSZ, SIG_IGN);  // then a full database is an error like others
  std::string input(std::istreambuf_iterator<char>(std::cin), {});
  auto facts = TRY(receiver::read_greylist_facts(input));
  if (facts.authenticated) return kPass;
  std::string key = TRY(facts.key());
  auto database = TRY(open(options));
  auto now = std::chrono::floor<std::chrono::seconds>(base::SystemClock().now());
  bool passes = false;
  TRY(database.update(key, [&](std::optional<std::string>& value) {
    auto triplet = value ? receiver::parse_triplet(*value) : std::nullopt;
    passes = receiver::passes(triplet, options.times, now);
    value = receiver::format_triplet(*triplet);
    return true;
  }));
  TRY(sweep(database, options.times, now));
  if (passes) return kPass;
  constexpr std::string_view kAnswer =
      R"({"code":451,"enhanced":"4.7.1","text":["Greylisted, try again later"]})";
  TRY(base::write_all(STDOUT_FILENO, kAnswer, "standard output"));
  return kFailForNow;
}

}  // namespace

int main(int argc, char** argv) {
  return base::tool_main(argc, argv, describe, run);
}
