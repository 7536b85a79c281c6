// SPDX-License-Identifier: Apache-2.0
#include "qrunner/dry_run.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "base/failures.h"
#include "base/text.h"
#include "qrunner/names.h"
#include "qrunner/route_phase.h"
#include "qrunner/scan.h"
#include "qrunner/sites.h"

namespace qrunner {

namespace {

struct Line {
  std::string name;
  std::uint64_t messages = 0, bytes = 0;
  std::int64_t oldest = 0;
};

class Lines {
 public:
  void count(const std::string& name, const spoolfmt::Queued& queued) {
    Line& line = lines_[name];
    line.name = name;
    std::int64_t received = queued.h.file.received;
    if (line.messages++ == 0 || received < line.oldest) line.oldest = received;
    line.bytes += static_cast<std::uint64_t>(
        std::max<std::int64_t>(0, queued.message_size().value_or(0)));
  }

  void print(std::chrono::sys_seconds now) const {
    std::vector<Line> sorted;
    for (const auto& [name, line] : lines_) sorted.push_back(line);
    std::ranges::stable_sort(sorted, std::ranges::greater{}, &Line::messages);
    if (!sorted.empty()) std::printf("Messages      Bytes  Oldest  Site\n");
    for (const Line& line : sorted) {
      auto age =
          spoolfmt::format_listing_age(now.time_since_epoch().count() - line.oldest);
      std::printf("%8ju %10ju  %6s  %s\n", static_cast<std::uintmax_t>(line.messages),
                  static_cast<std::uintmax_t>(line.bytes), age.c_str(),
                  base::printable(line.name).c_str());
    }
  }

 private:
  std::map<std::string, Line> lines_;
};

// Where the mail of a message would go, each once.
std::set<std::string> ways(const Plan& plan, const Sites& sites) {
  using Kind = Destination::Kind;
  std::set<std::string> ways;
  bool any_left = false;
  for (const Destination& destination : plan.destinations) {
    any_left = any_left || destination.kind != Kind::done;
    const std::string& why = destination.routed.message;
    if (destination.kind == Kind::send) ways.insert(sites.at(destination.site).name);
    if (destination.kind == Kind::fail) ways.insert("(fails: " + why + ")");
    if (destination.kind == Kind::defer) ways.insert("(put off: " + why + ")");
    if (destination.kind == Kind::discard) ways.insert("(discarded)");
    if (destination.kind == Kind::foreign) ways.insert("(left for Exim: " + why + ")");
  }
  if (!any_left) ways.insert("(nobody is left)");
  if (ways.empty()) ways.insert("(not due)");
  return ways;
}

}  // namespace

base::Result<void> dry_run(const RunTools& tools, const Request& request,
                           ScanOrder order) {
  base::SystemClock clock;
  policy::LookupFiles files;
  Names names(tools.resolver);
  RetryBook retries(tools.policy, names, files, clock, tools.hints, request.force);
  Sites sites;
  RoutePhase routes(tools.policy, names, files, retries, sites, clock);
  Lines lines;
  base::Failures failures;
  ScanEvents events;
  events.thaws = [](const spoolfmt::Queued&) { return false; };
  events.due = [&](const Due& due) {
    auto input = tools.spool.input_name(due.queued.entry.subdirectory);
    Plan plan = routes.plan(due.queued, input);
    while (!plan.wanted.empty()) {
      for (const Names::Question& question : plan.wanted) names.learn_now(question);
      plan = routes.plan(due.queued, input);
    }
    for (const std::string& way : ways(plan, sites)) lines.count(way, due.queued);
  };
  events.frozen = [](const spoolfmt::MessageId&) {};
  events.trouble = [&](const base::Error& error) { failures.add(error); };
  events.stop = [] { return false; };
  TRY(scan(tools.spool, request, order, events));
  lines.print(std::chrono::floor<std::chrono::seconds>(clock.now()));
  return failures.result();
}

}  // namespace qrunner
