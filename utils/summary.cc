// SPDX-License-Identifier: Apache-2.0
//
// bobbin-summary: what a queue consists of, by domain, sender, host or reason.
//
// By domain it is exiqsumm's table: every recipient not yet delivered to counts, with
// the size of its message.  The other tables count messages.  Ages and volumes are
// exact sums, where exiqsumm adds up what a listing has rounded.
#include <algorithm>
#include <cstdio>
#include <map>

#include "base/cli.h"
#include "base/clock.h"
#include "base/failures.h"
#include "base/json.h"
#include "base/text.h"
#include "utils/print.h"
#include "utils/scan.h"
#include "utils/selection.h"

namespace {

using spoolfmt::Queued;

struct Options {
  base::CommonOptions common;
  utils::Selection selection;
  std::string by = "domain";
  std::string sort = "name";
  bool json = false;
};

void describe(base::Cli& cli, Options& options) {
  cli.about("bobbin-summary", "[OPTION...] [ID...]",
            "Sum up a queue: count, volume, oldest and newest.");
  cli.choice("by", 0, {"domain", "sender", "host", "reason"}, options.by,
             "what a line of the table stands for");
  cli.choice("sort", 0, {"name", "count", "volume", "age"}, options.sort,
             "by name, or the largest or oldest first");
  cli.flag("json", 0, options.json, "one JSON object per line");
  utils::describe_selection(cli, options.selection, options.common);
  cli.common(options.common);
}

struct Sum {
  std::uint64_t count = 0;
  std::uint64_t volume = 0;  // bytes
  std::int64_t oldest = 0;   // seconds in the queue
  std::int64_t newest = 0;

  void add(const Sum& other) {
    oldest = count ? std::max(oldest, other.oldest) : other.oldest;
    newest = count ? std::min(newest, other.newest) : other.newest;
    count += other.count;
    volume += other.volume;
  }
};
using Table = std::map<std::string, Sum>;

// What the last deferral in a message log says behind "defer (code): ".
std::string last_deferral(std::string_view log) {
  auto start = log.rfind(" defer (");
  if (start == std::string_view::npos) return "";
  auto line = log.substr(start, log.find('\n', start) - start);
  auto reason = line.find("): ");
  return std::string(reason == std::string_view::npos ? line.substr(1)
                                                      : line.substr(reason + 3));
}

// Why a message is still here: its state, or else its log.
std::string reason_to_wait(const spoolfmt::Spool& spool, const Queued& queued) {
  constexpr std::size_t kLargestLog = std::size_t{16} << 20;
  if (queued.h.file.frozen()) return "frozen";
  if (queued.h.file.has("deliver_firsttime")) return "not tried yet";
  auto name = std::string(queued.entry.stem());
  for (char subdirectory : {queued.entry.subdirectory, '\0', name[5]})
    if (auto log = base::read_file(spool.msglog(subdirectory) / name, kLargestLog)) {
      auto reason = last_deferral(*log);
      if (!reason.empty()) return reason;
    }
  return "unknown";
}

void add(Table& table, const std::string& by, const spoolfmt::Spool& spool,
         const Queued& queued, base::Time now) {
  const auto& file = queued.h.file;
  auto age = std::chrono::floor<std::chrono::seconds>(now - file.received_time());
  auto size = std::max<std::int64_t>(0, queued.message_size().value_or(0));
  Sum one{1, static_cast<std::uint64_t>(size), age.count(), age.count()};
  if (by == "domain") {
    for (auto address : utils::undelivered(queued)) {
      auto at = address.rfind('@');
      table[at == std::string_view::npos ? "(no domain)"
                                         : base::lower(address.substr(at + 1))]
          .add(one);
    }
  } else if (by == "sender") {
    table[file.sender.empty() ? "<>" : std::string(file.sender)].add(one);
  } else if (by == "host") {
    const auto* host = file.find("host_address");
    table[host ? std::string(spoolfmt::parse_host(host->value).address) : "(local)"]
        .add(one);
  } else {
    table[reason_to_wait(spool, queued)].add(one);
  }
}

std::string format_volume(std::uint64_t bytes) {
  char text[32];
  if (bytes < 10'000)
    std::snprintf(text, sizeof text, "%6llu", static_cast<unsigned long long>(bytes));
  else if (bytes < 10'000'000)
    std::snprintf(text, sizeof text, "%4lluKB",
                  static_cast<unsigned long long>((bytes + 512) / 1024));
  else
    std::snprintf(text, sizeof text, "%4lluMB",
                  static_cast<unsigned long long>((bytes + 512 * 1024) / 1'048'576));
  return text;
}

void append_line(std::string& out, const Sum& sum, std::string_view name) {
  char text[128];
  std::snprintf(text, sizeof text, "%5llu  %6s  %6s  %6s  ",
                static_cast<unsigned long long>(sum.count),
                format_volume(sum.volume).c_str(),
                spoolfmt::format_listing_age(sum.oldest).c_str(),
                spoolfmt::format_listing_age(sum.newest).c_str());
  out += text;
  out += name;
  out += '\n';
}

void append_json(std::string& out, const Sum& sum, std::string_view by,
                 const std::string* name) {
  base::Json json(out);
  json.begin_object().member("by", by).key("name");
  if (name)
    json.value(*name);
  else
    json.null();
  json.member("count", sum.count).member("volume", sum.volume);
  json.member("oldest_seconds", sum.oldest).member("newest_seconds", sum.newest);
  json.end_object();
  out += '\n';
}

using Rows = std::vector<std::pair<std::string, Sum>>;

Rows sorted(const Table& table, const std::string& sort) {
  Rows rows(table.begin(), table.end());
  auto key = [&](const Sum& sum) {
    return sort == "count" ? sum.count
           : sort == "volume"
               ? sum.volume
               : static_cast<std::uint64_t>(std::max<std::int64_t>(0, sum.oldest));
  };
  if (sort != "name")
    std::stable_sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
      return key(a.second) > key(b.second);
    });
  return rows;
}

std::string format(const Rows& rows, const Options& options) {
  utils::Screen screen = utils::standard_output();
  std::string out;
  Sum total;
  for (const auto& [name, sum] : rows) total.add(sum);
  if (options.json) {
    for (const auto& [name, sum] : rows) append_json(out, sum, options.by, &name);
    append_json(out, total, "total", nullptr);
    return out;
  }
  std::string heading = options.by;
  heading[0] = static_cast<char>(heading[0] - 'a' + 'A');
  out = "Count  Volume  Oldest  Newest  " + heading + "\n" +
        "-----  ------  ------  ------  " + std::string(heading.size(), '-') + "\n";
  for (const auto& [name, sum] : rows) append_line(out, sum, shown(name, screen));
  out += std::string(63, '-') + "\n";
  append_line(out, total, "TOTAL");
  return out;
}

base::Result<void> run(const Options& options) {
  auto spool = TRY(utils::open_spool(options.common));
  base::Time now = base::SystemClock().now();
  base::Failures failures;
  auto source =
      TRY(utils::EntrySource::open(spool, options.selection, utils::Order::directory,
                                   options.common.verbose, failures));
  Table table;
  utils::scan<Table>(
      spool, options.selection, now, *source, &failures,
      [&](const Queued& queued, const base::Error*, Table& out) {
        if (queued.h.damage != spoolfmt::Damage::envelope)
          add(out, options.by, spool, queued, now);
      },
      [&](Table part) {
        for (const auto& [name, sum] : part) table[name].add(sum);
        return true;
      });
  TRY(utils::put(format(sorted(table, options.sort), options)));
  return failures.result();
}

}  // namespace

int main(int argc, char** argv) {
  return base::tool_main(argc, argv, describe, run);
}
