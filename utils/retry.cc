// SPDX-License-Identifier: Apache-2.0
//
// bobbin-retry: what is tried again when, and why; forget it, or carry it from Exim
// and back.
//
// Looking needs no more than the right to read.  Exim's own databases are never opened:
// exim_dumpdb prints them, --import reads that, --export prints the same.
#include <algorithm>
#include <cstring>
#include <iostream>
#include <iterator>
#include <optional>

#include "base/cli.h"
#include "base/clock.h"
#include "base/failures.h"
#include "base/json.h"
#include "base/text.h"
#include "hints/retry_key.h"
#include "hints/store.h"
#include "spoolfmt/queued.h"
#include "utils/print.h"
#include "utils/retry_dump.h"
#include "utils/selection.h"

namespace {

using base::Code;
using hints::RetryRecord;

struct Options {
  base::CommonOptions common;
  std::vector<std::string> words;
  bool json = false;
  bool forget = false;
  bool all = false;
  bool dump = false;
  bool import = false;
};

void describe(base::Cli& cli, Options& options) {
  cli.about("bobbin-retry", "[OPTION...] [WORD...]",
            "Show what is tried again when, and why.");
  cli.operands("WORD", options.words,
               "records whose key mentions this host, IP address, domain, address or "
               "message; all if none");
  cli.flag("json", 0, options.json, "one JSON object per line");
  cli.flag("delete", 0, options.forget, "forget these records: tried at once");
  cli.flag("all", 0, options.all, "with --delete: every record");
  cli.flag("export", 0, options.dump, "print them as exim_dumpdb prints Exim's");
  cli.flag("import", 0, options.import,
           "remember what standard input has, as exim_dumpdb prints it");
  cli.common(options.common);
}

base::Result<void> check(const Options& options) {
  auto wrong = [](std::string text) {
    return base::fail(Code::usage, std::move(text));
  };
  if (options.json + options.forget + options.dump + options.import > 1)
    return wrong(
        "--json, --delete, --export and --import exclude each other: take one");
  if (options.all && !options.forget) return wrong("--all goes with --delete");
  if (options.forget && options.all == !options.words.empty())
    return wrong("--delete: say what the records mention, or --all");
  if (options.import && !options.words.empty())
    return wrong("--import takes all that it reads: leave the operands out");
  return {};
}

bool is_meant(const Options& options, std::string_view key) {
  return options.words.empty() ||
         std::ranges::any_of(options.words, [&](const std::string& word) {
           return hints::mentions(key, word);
         });
}

// "(111) Connection refused", as a log has it behind "defer".
std::string reason(const hints::Failure& failure) {
  std::string text = failure.text;
  if (text.empty() && failure.error > 0) text = std::strerror(failure.error);
  return "(" + std::to_string(failure.error) + ") " + text;
}

std::string right(std::string text, std::size_t width) {
  if (text.size() < width) text.insert(0, width - text.size(), ' ');
  return text + " ";
}

std::string span(base::Time from, base::Time to) {
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(to - from).count();
  return spoolfmt::format_listing_age(std::max<std::int64_t>(seconds, 0));
}

constexpr std::string_view kHeading = "FAILING  LAST   NEXT TRIES KEY (ERROR) REASON\n";

std::string row(std::string_view key, const RetryRecord& record, base::Time now,
                const utils::Screen& screen) {
  std::string next = record.next <= now ? "due" : span(now, record.next);
  std::string line =
      right(span(record.first, now), 7) + right(span(record.last, now), 5) +
      right(next + (record.expired ? "*" : ""), 6) +
      right(std::to_string(record.attempts), 5) + utils::shown(key, screen) + " " +
      utils::shown(reason(record.failure), screen);
  constexpr std::string_view kCut = "...";
  if (screen.width > kCut.size() && line.size() > screen.width) {
    line.resize(screen.width - kCut.size());
    line += kCut;
  }
  return line + "\n";
}

std::string as_json(std::string_view key, const RetryRecord& record) {
  const hints::Failure& failure = record.failure;
  std::string line;
  base::Json json(line);
  json.begin_object();
  json.member("key", key);
  json.member("first", base::format_rfc3339(record.first));
  json.member("last", base::format_rfc3339(record.last));
  json.member("next", base::format_rfc3339(record.next));
  json.member("expired", record.expired);
  json.member("attempts", record.attempts);
  json.member("error", failure.error);
  json.member("more_errno", more_errno(failure));
  json.key("route");
  if (failure.route == 'M')
    json.value("MX");
  else if (failure.route == 'A')
    json.value("A");
  else
    json.null();
  json.key("code");
  if (failure.code != 0)
    json.value(failure.code);
  else
    json.null();
  json.key("enhanced");
  if (failure.enhanced.kind != 0)
    json.value(format_enhanced_code(failure.enhanced));
  else
    json.null();
  json.member("text", failure.text);
  json.end_object();
  return line + "\n";
}

base::Result<void> show(const std::filesystem::path& spool, const Options& options) {
  base::Time now = base::SystemClock().now();
  utils::Screen screen = utils::standard_output();
  base::Result<void> written;
  if (!options.json && !options.dump) written = utils::put(kHeading);
  TRY(hints::read_retry_records(spool, [&](auto key, const RetryRecord& record) {
    if (written && is_meant(options, key))
      written = utils::put(options.dump   ? utils::format_retry_dump(key, record)
                           : options.json ? as_json(key, record)
                                          : row(key, record, now, screen));
    return written.has_value();
  }));
  return written;
}

// Lets `change` work on the records; an error if they could not be written.
base::Result<void> with_store(const std::filesystem::path& spool,
                              const std::function<void(hints::Store&)>& change) {
  std::optional<base::Error> trouble;
  auto store = hints::Store::open(
      spool, {.warn = [&](const base::Error& error) { trouble = error; }});
  if (store.persistent()) {
    change(store);
    store.flush();
  }
  if (store.persistent()) return {};
  if (!trouble) return base::fail(Code::disk, hints::store_path(spool).string());
  return std::unexpected(*trouble);
}

base::Result<void> forget(const std::filesystem::path& spool, const Options& options) {
  return with_store(spool, [&](hints::Store& store) {
    std::vector<std::string> keys;
    store.for_each_retry([&](auto key, const RetryRecord&) {
      if (is_meant(options, key)) keys.emplace_back(key);
      return true;
    });
    for (const std::string& key : keys) {
      store.forget(key);
      if (options.common.verbose) base::complain("forgotten: " + key);
    }
  });
}

// What was tried here later than there is newer.
base::Result<void> import(const std::filesystem::path& spool, const Options& options) {
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  auto records = utils::parse_retry_dump(text);
  if (!records) return std::unexpected(base::at("standard input", records.error()));
  return with_store(spool, [&](hints::Store& store) {
    for (const auto& [key, record] : *records) {
      auto ours = store.retry(key);
      bool newer = !ours || ours->last < record.last;
      if (newer) store.remember(key, record);
      if (!newer && options.common.verbose)
        base::complain(key + ": ours is as new, and stays");
    }
  });
}

base::Result<void> run(const Options& options) {
  TRY(check(options));
  auto spool = TRY(utils::open_spool(options.common));
  if (options.forget) return forget(spool.directory(), options);
  if (options.import) return import(spool.directory(), options);
  return show(spool.directory(), options);
}

}  // namespace

int main(int argc, char** argv) {
  return base::tool_main(argc, argv, describe, run);
}
