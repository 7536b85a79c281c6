// SPDX-License-Identifier: Apache-2.0
//
// A simulated clock (faketime) for bobbin-run and a real Exim: each on a spool of its
// own, with the same messages and the same policy, run at the same instants against the
// same far end.
#pragma once

#include <cstring>
#include <set>

#include "tests/e2e/run_exim.h"

namespace run_tests {

using namespace std::chrono_literals;
using std::chrono::seconds;

inline constexpr std::time_t kStart = 1'772'409'600;  // Monday, 2026-03-02 00:00:00
inline constexpr seconds kMargin =
    1min;  // how far from a due time, to this side and that

inline std::string when(seconds since, const char* format) {
  std::time_t time = kStart + since.count();
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, format, &parts);
  return text;
}

inline seconds parse_dump_time(const std::string& text) {
  std::tm parts{};
  if (!::strptime(text.c_str(), "%d-%b-%Y %H:%M:%S", &parts))
    throw std::runtime_error("no time in exim_dumpdb's '" + text + "'");
  return seconds(::timegm(&parts) - kStart);
}

// The same program, started at that moment.
inline support::Command at(seconds since, support::Command command) {
  command.args.insert(command.args.begin(),
                      {"-m", "--exclude-monotonic", "-f",
                       "@" + when(since, "%Y-%m-%d %H:%M:%S"), command.program});
  command.program = "faketime";
  const char* asan = std::getenv("ASAN_OPTIONS");
  command.env = {
      "TZ=UTC", "NO_FAKE_STAT=1",
      std::string("ASAN_OPTIONS=") + (asan ? asan : "") + ":verify_asan_link_order=0"};
  return command;
}

struct RetryTimes {
  seconds first, last, next;
  std::string error;  // "111 65 Connection refused"
  bool expired;
};

// exim_dumpdb's, or bobbin retry's: two lines a record.
inline std::map<std::string, RetryTimes> parse_dump(const std::string& text) {
  std::map<std::string, RetryTimes> records;
  std::istringstream lines(text);
  for (std::string key, times;
       std::getline(lines, key) && std::getline(lines, times);) {
    key.erase(0, key.find_first_not_of(' '));
    times.erase(0, times.find_first_not_of(' '));
    std::size_t end = key.find(' ');
    std::string error = key.substr(end);
    if (auto host = error.find(" H="); host != error.npos)  // 4.96 names it here, too
      error.erase(host, error.find(": ", host) + 1 - host);
    key.erase(end);
    std::erase_if(key, [](char c) { return c == '[' || c == ']'; });  // as before 4.98
    records[key] = {
        parse_dump_time(times.substr(0, 20)), parse_dump_time(times.substr(22, 20)),
        parse_dump_time(times.substr(44, 20)), std::move(error), times.ends_with('*')};
  }
  return records;
}

using Events = std::multiset<std::string>;

// What of its log lines both must have: no numbers of processes, no sizes, and instead
// of the id of a report that of the message which it is about.
class LogReader {
 public:
  explicit LogReader(fs::path log) : log_(std::move(log)) {}

  Events more() {
    Events events;
    std::istringstream lines(slurp(log_).substr(read_));
    for (std::string line; std::getline(lines, line);) {
      read_ += line.size() + 1;
      line.erase(0, 20);  // the time
      if (line.find("queue run: ") != line.npos ||
          line.starts_with("Queue run summary: ") ||
          line == "exim user lost privilege for using -C option")
        continue;
      events.insert(plain(line));
    }
    forget_cancelled(events);
    forget_last_tries(events);
    return events;
  }

 private:
  std::string plain(std::string line) {
    constexpr std::string_view kReport = " <= <> R=";
    std::string id = line.substr(0, 16);
    if (auto of = line.find(kReport); of == 16) {
      std::string about = line.substr(of + kReport.size(), 16);
      reports_[id] = "report on " + about;
      return reports_[id] + " is queued";
    }
    if (auto report = reports_.find(id); report != reports_.end())
      line.replace(0, id.size(), report->second);
    if (auto delivered = line.find(" => "); delivered != line.npos)
      line.erase(line.find(" T=", delivered));
    return as_before_497(std::move(line));
  }

  // A text of HEAD's, and ours, as 4.96 has it; without the mark of a connection used
  // again.
  static std::string as_before_497(std::string line) {
    for (const auto& [said, before] : {std::pair{"]*", "]"}, {" : ", ": "}})
      if (auto found = line.find(said); found != line.npos)
        line.replace(found, std::strlen(said), before);
    return line;
  }

  // Only we say who was to get a message that was frozen for too long.
  static void forget_cancelled(Events& events) {
    constexpr std::string_view kCancelled = ": delivery cancelled: ";
    std::vector<std::string> names;  // and what becomes of them
    for (const std::string& event : events)
      if (auto text = event.find(kCancelled); text != event.npos)
        names.push_back(event.substr(0, text).replace(event.find(" ** "), 4, " "));
    std::erase_if(events, [&](const std::string& event) {
      return event.find(kCancelled) != event.npos ||
             std::ranges::any_of(names, [&](const std::string& name) {
               return event == name + ": error ignored";
             });
    });
  }

  // Of a try that was the last one Exim 4.96 says "==", we say "**", and both say then
  // that the time is over.
  static void forget_last_tries(Events& events) {
    constexpr std::string_view kOver = ": retry timeout exceeded";
    std::vector<std::string> over;
    for (const std::string& event : events)
      if (event.ends_with(kOver) && event.find(" R=") == event.npos)
        over.push_back(event.substr(0, event.size() - kOver.size()) + " ");
    std::erase_if(events, [&](const std::string& event) {
      return std::ranges::any_of(over, [&](const std::string& failed) {
        std::string deferred = failed;
        deferred.replace(deferred.find(" ** "), 4, " == ");
        return event.starts_with(failed) || event.starts_with(deferred);
      });
    });
  }

  fs::path log_;
  std::size_t read_ = 0;
  std::map<std::string, std::string> reports_;
};

// Both runners, their spools, and the far end: deadN.example is at 127.0.0.N, which
// refuses connections, as does deadname.example by its name, and everybody else at a
// sink that does what local parts ask for.
class Days {
 public:
  // `main`: lines of the main section; `transport_lines`: of both transports.
  Days(const std::string& main, const std::string& retry_rules,
       const std::string& transport_lines = "")
      : sink_(dir_ / "dump", {"--by-local-part"}), dead_(dead_port()) {
    std::string policy = main + R"(
log_selector = +subject -retry_defer
queue_run_in_order
begin routers
dead:
  driver = manualroute
  domains = ^dead
  route_data = ${if match{$domain}{name}{localhost}{127.0.0.${sg{$domain}{\N[^0-9]\N}{}}}}
  self = send
  transport = dead
alive:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = alive
begin transports
dead:
  driver = smtp
  port = )" + port_of(dead_) +
                         R"(
  hosts_try_chunking =
)" + transport_lines + R"(
alive:
  driver = smtp
  port = )" + sink_.port() +
                         R"(
  hosts_try_chunking =
)" + transport_lines + R"(
begin retry
)" + retry_rules + "\n";
    ours_.configure(policy);
    // Exim writes a report through its program, as another user: if that one changes
    // its user it loses faketime.
    fs::path program = theirs_.path() / "exim4";
    fs::copy_file("/usr/sbin/exim4", program);
    fs::permissions(program, fs::perms(0755));
    exim_.emplace(theirs_,
                  "keep_environment = ^LD_PRELOAD : ^FAKETIME : ^TZ\n"
                  "exim_path = " +
                      program.string() + "\n" + policy);
  }

  // At that moment, into both queues.
  void put(const std::string& id, Letter letter, seconds since = 0s) {
    letter.received = kStart + since.count();
    ours_.put(id, letter);
    theirs_.put(id, letter);
    Exim::own(theirs_.path() / "spool");
  }

  // From both queues, as if nobody wanted it any more.
  void remove(const std::string& id) {
    for (const TestSpool* spool : {&ours_, &theirs_})
      for (const char* suffix : {"-D", "-H"}) fs::remove(spool->file(id + suffix));
  }

  // Runs both at this moment, so often, and compares what they did.  What Exim did:
  Events run(seconds since, int times = 1) {
    SCOPED_TRACE("at " + std::to_string(since.count()) + " s, " + when(since, "%a %T"));
    auto events_of = [&](const support::Command& command, LogReader& log) {
      for (int i = 0; i < times; ++i) {
        auto end = support::run(at(since, command));
        EXPECT_EQ(end.status, 0) << end.err;
      }
      Events events = log.more();
      add_deliveries(events);
      return events;
    };
    Events expected = events_of(exim_->command({"-q"}), their_log_);
    Events got = events_of(ours_.command({"-q", "--connections", "1"}), our_log_);
    EXPECT_TRUE(same(got, expected));
    if (expected.empty() && got.empty()) return expected;
    records_ = their_records();
    compare_records();
    return expected;
  }

  // As exim -brt shows it, without its pattern.
  std::string rule_of(const std::string& address) const {
    std::string shown = exim_->run({"-brt", address}).out;
    std::size_t begin = shown.find_first_of("FGH");
    return begin == shown.npos ? shown : shown.substr(begin, shown.rfind(';') - begin);
  }

  // By Exim's records, behind this moment.
  std::optional<seconds> next_due(seconds since) const {
    std::optional<seconds> next;
    for (const auto& [key, record] : records_)
      if (record.next > since && (!next || record.next < *next)) next = record.next;
    return next;
  }
  // Is something due so near to this moment that one may find it due, and the other
  // not?
  bool is_close(seconds since) const {
    return std::ranges::any_of(records_, [&](const auto& record) {
      return std::chrono::abs(record.second.next - since) < kMargin / 4;
    });
  }

 private:
  static support::Command dead_command() {
    return {support::program("bobbin-sink"), {"--dead", "refused"}};
  }
  static std::unique_ptr<support::Process> dead_port() {
    auto process = std::make_unique<support::Process>(dead_command());
    EXPECT_TRUE(process->saw("\n")) << process->err();
    return process;
  }
  static std::string port_of(const std::unique_ptr<support::Process>& process) {
    const std::string& line = process->out();
    std::size_t colon = line.rfind(':');
    return line.substr(colon + 1, line.find('\n', colon) - colon - 1);
  }

  static testing::AssertionResult same(const Events& got, const Events& expected) {
    if (got == expected) return testing::AssertionSuccess();
    auto result = testing::AssertionFailure();
    std::vector<std::string> only;
    std::ranges::set_difference(expected, got, std::back_inserter(only));
    for (const std::string& event : only) result << "\nExim alone: " << event;
    only.clear();
    std::ranges::set_difference(got, expected, std::back_inserter(only));
    for (const std::string& event : only) result << "\nwe alone: " << event;
    return result;
  }

  // What came to the sink since it was asked last.
  void add_deliveries(Events& events) {
    auto messages = fs::directory_iterator(dir_ / "dump");
    for (const auto& file : messages) {
      if (file.path().extension() != ".eml" || !seen_.insert(file.path()).second)
        continue;
      fs::path env = file.path();
      std::string envelope = slurp(env.replace_extension(".env"));
      std::string text = slurp(file.path());
      std::string event = "sent " + envelope.substr(envelope.find("mail "));
      std::set<std::string> fields;  // our order is another
      std::istringstream lines(text);
      for (std::string line; std::getline(lines, line);) {
        std::erase(line, ' ');
        for (std::string_view field :
             {"Subject:", "Auto-Submitted:", "Action:", "Final-Recipient:"})
          if (line.starts_with(field)) fields.insert(line);
      }
      for (const std::string& field : fields) event += field + "\n";
      events.insert(event);
    }
  }

  std::map<std::string, RetryTimes> their_records() const {
    auto spool = (theirs_.path() / "spool").string();
    if (!fs::exists(spool + "/db/retry")) return {};
    return parse_dump(support::run({"exim_dumpdb", {spool, "retry"}, {"TZ=UTC"}}).out);
  }

  // Those of messages that are gone do no harm, and stay for a while.
  void forget_gone(std::map<std::string, RetryTimes>& records) const {
    std::erase_if(records, [&](const auto& record) {
      std::string id = record.first.substr(record.first.rfind(':') + 1);
      return id.size() == 16 && id[6] == '-' && !fs::exists(theirs_.file(id + "-H"));
    });
  }

  void compare_records() const {
    auto theirs = records_;
    auto dump = support::run(
        {.program = support::program("bobbin-retry"),
         .args = {"-C", (ours_.path() / "bobbin.conf").string(), "--export"},
         .env = {"TZ=UTC"}});
    EXPECT_EQ(dump.status, 0) << dump.err;
    auto ours = parse_dump(dump.out);
    forget_gone(theirs);
    forget_gone(ours);
    std::set<std::string> their_keys, our_keys;
    for (const auto& [key, record] : theirs) their_keys.insert(key);
    for (const auto& [key, record] : ours) our_keys.insert(key);
    EXPECT_EQ(our_keys, their_keys);
    for (const auto& [key, theirs_is] : theirs) {
      if (!ours.contains(key)) continue;
      SCOPED_TRACE(key);
      const RetryTimes& record = ours.at(key);
      EXPECT_EQ(record.error, theirs_is.error);
      EXPECT_EQ(record.expired, theirs_is.expired);
      EXPECT_EQ((record.next - record.last).count(),
                (theirs_is.next - theirs_is.last).count());
      EXPECT_LT(std::chrono::abs(record.first - theirs_is.first), kMargin);
      EXPECT_LT(std::chrono::abs(record.last - theirs_is.last), kMargin);
    }
  }

  support::TempDir dir_;
  TestSpool ours_, theirs_;
  Sink sink_;
  std::unique_ptr<support::Process> dead_;
  std::optional<Exim> exim_;
  LogReader our_log_{ours_.path() / "mainlog"}, their_log_{theirs_.path() / "mainlog"};
  std::set<fs::path> seen_;
  std::map<std::string, RetryTimes>
      records_;  // Exim's, of the last run that did something
};

#define REQUIRE_DAYS()         \
  REQUIRE_EXIM();              \
  REQUIRE_PROGRAM("faketime"); \
  REQUIRE_PROGRAM("exim_dumpdb")

}  // namespace run_tests
