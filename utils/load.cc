// SPDX-License-Identifier: Apache-2.0
//
// bobbin-load: send many messages by SMTP and tell how fast they were taken.
//
// Made messages differ in number, recipients and Message-ID only, so that the generator
// costs little beside the server it measures; real ones come with --from.  All sessions
// run on one thread.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>

#include "base/cli.h"
#include "base/failures.h"
#include "base/fd.h"
#include "base/json.h"
#include "net/client.h"
#include "net/loop.h"
#include "net/task_group.h"

namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

struct Options {
  base::CommonOptions common;
  std::string to = "127.0.0.1:25";
  std::uint64_t messages = 1;
  unsigned sessions = 1;
  std::uint64_t per_connection = 0;
  base::Size size{4096};
  std::vector<std::filesystem::path> files;
  std::string helo = "load.example";
  std::string sender = "sender@load.example";
  std::string recipient = "user%d@example.org";
  unsigned recipients = 1;
  unsigned domains = 0;
  unsigned rate = 0;
  bool no_pipelining = false;
  bool json = false;
};

void describe(base::Cli& cli, Options& options) {
  cli.about("bobbin-load", "[OPTION...]",
            "Send many messages by SMTP and tell how fast they were taken.");
  cli.option("to", 't', "HOST:PORT", options.to, "the server");
  cli.option("messages", 'n', "N", options.messages, "how many");
  cli.option("sessions", 'c', "N", options.sessions, "how many at a time");
  cli.option("per-connection", 0, "N", options.per_connection,
             "messages in one connection; 0: no limit");
  cli.option("rate", 0, "N", options.rate, "messages a second; 0: as fast as they go");
  cli.flag("no-pipelining", 0, options.no_pipelining, "wait for each reply");
  cli.flag("json", 0, options.json, "print the result as JSON");
  cli.group("The messages");
  cli.option("size", 0, "BYTES", options.size, "of a made message");
  cli.option("from", 0, "FILE", options.files,
             "send this file, in turn with others so named");
  cli.option("helo", 0, "NAME", options.helo, "our name in EHLO");
  cli.option("sender", 0, "ADDRESS", options.sender, "empty for a bounce");
  cli.option("recipient", 0, "PATTERN", options.recipient,
             "%d is the recipient's number, from 0");
  cli.option("recipients", 0, "N", options.recipients, "of each message");
  cli.option("domains", 0, "N", options.domains,
             "spread them over d0, d1, ... in front of the domain");
  cli.common(options.common);
}

// One message, in the form that Client::send takes.
struct Sample {
  smtp::Envelope envelope;
  std::string head;       // the header section of a made message, or empty
  std::string_view body;  // shared by all

  net::Content content() const {
    return [head_left = std::string_view(head),
            body_left = body]() mutable -> base::Result<std::string_view> {
      return std::exchange(head_left.empty() ? body_left : head_left, {});
    };
  }
};

// Makes the messages one after the other.
class Samples {
 public:
  static base::Result<Samples> create(const Options& options);

  // Nothing when all were handed out.  An announced envelope must not move, so each
  // sample stays where it was made.
  std::unique_ptr<Sample> next();

 private:
  explicit Samples(const Options& options) : options_(options) {}
  std::string recipient(std::uint64_t number) const;
  std::string head(std::uint64_t number) const;

  const Options& options_;
  std::uint64_t count_ = 0;
  std::string filler_;
  std::vector<std::string> files_;
  std::string stamp_ =
      std::to_string(::getpid()) + "." +
      std::to_string(std::chrono::system_clock::now().time_since_epoch() /
                     std::chrono::milliseconds(1));
};

base::Result<Samples> Samples::create(const Options& options) {
  Samples samples(options);
  for (const auto& file : options.files) {
    samples.files_.push_back(TRY(base::read_file(file)));
    if (samples.files_.back().empty())
      return base::fail(base::Code::usage, file.string() + ": it is empty");
  }
  const std::string line = std::string(69, 'x') + "\n";
  while (samples.filler_.size() < options.size.bytes) samples.filler_ += line;
  return samples;
}

std::string Samples::recipient(std::uint64_t number) const {
  std::string address = options_.recipient;
  if (std::size_t mark = address.find("%d"); mark != address.npos)
    address.replace(mark, 2, std::to_string(number));
  std::size_t at = address.rfind('@');
  if (options_.domains > 0 && at != address.npos)
    address.insert(at + 1, "d" + std::to_string(number % options_.domains) + ".");
  return address;
}

std::string Samples::head(std::uint64_t number) const {
  std::string name = std::to_string(number);
  return "From: <" + options_.sender +
         ">\nTo: undisclosed-recipients:;\nSubject: load " + name + "\nMessage-ID: <" +
         name + "." + stamp_ + "@" + options_.helo + ">\n\n";
}

std::unique_ptr<Sample> Samples::next() {
  if (count_ == options_.messages) return nullptr;
  const std::uint64_t number = count_++;
  auto owner = std::make_unique<Sample>();
  Sample& sample = *owner;
  sample.envelope.sender = options_.sender;
  for (unsigned i = 0; i < options_.recipients; ++i)
    sample.envelope.recipients.push_back(
        {.address = recipient(number * options_.recipients + i)});
  if (files_.empty()) {
    sample.head = head(number);
    std::size_t rest = options_.size.bytes -
                       std::min<std::size_t>(options_.size.bytes, sample.head.size());
    sample.body = std::string_view(filler_).substr(filler_.size() - rest);
  } else {
    sample.body = files_[number % files_.size()];
  }
  sample.envelope.size = sample.head.size() + sample.body.size();
  return owner;
}

struct Result {
  std::uint64_t messages = 0;  // taken for all of their recipients
  std::uint64_t failed = 0;
  std::uint64_t connections = 0;
  std::vector<float> latencies;  // in ms, of all that were answered
};

// What the sessions share.
struct Load {
  const Options& options;
  net::Endpoint to;
  Samples samples;
  Result result{};
  base::Failures failures{};
  Clock::time_point start = Clock::now();
  std::uint64_t paced = 0;

  static constexpr std::size_t kMostNamed = 10;  // failures; all are counted

  void fail(base::Error error) {
    ++result.failed;
    if (failures.count() < kMostNamed) failures.add(error);
  }
  void count(const Sample& sample, const smtp::Outcome& outcome, float latency);
};

void Load::count(const Sample& sample, const smtp::Outcome& outcome, float latency) {
  for (std::size_t i = 0; i < sample.envelope.recipients.size(); ++i) {
    const smtp::Reply* verdict = outcome.verdict(i);
    if (verdict && verdict->completed()) continue;
    std::string why = "not tried";
    if (outcome.lost) why = outcome.lost->text();
    if (verdict) why = smtp::reply_for_log(*verdict);
    return fail(
        {base::Code::temporary, sample.envelope.recipients[i].address + ": " + why});
  }
  ++result.messages;
  result.latencies.push_back(latency);
}

// Waits until the next message is due.
asio::awaitable<void> pace(Load& load) {
  if (load.options.rate == 0) co_return;
  auto due = load.start + std::chrono::nanoseconds(std::chrono::seconds(1)) *
                              load.paced++ / load.options.rate;
  auto now = Clock::now();
  if (due > now) co_await net::sleep_for(due - now);
}

// Sends in one connection, from `current` on; what it does not get to is left there.
asio::awaitable<void> converse(Load& load, net::Client& client,
                               std::unique_ptr<Sample>& current) {
  std::uint64_t left = load.options.per_connection;
  while (current && client.usable()) {
    co_await pace(load);
    const bool last = left == 1;
    if (left > 0) --left;
    std::unique_ptr<Sample> next = load.samples.next();
    // A paced message is not announced before its time.
    const bool ahead = next && !last && load.options.rate == 0;
    const smtp::Envelope* announced = ahead ? &next->envelope : nullptr;
    net::Message message{current->envelope, current->content()};
    auto start = Clock::now();
    smtp::Outcome outcome = co_await client.send(std::move(message), announced);
    std::chrono::duration<float, std::milli> latency = Clock::now() - start;
    load.count(*current, outcome, latency.count());
    current = std::move(next);
    if (last) break;
  }
  co_await client.quit();
}

asio::awaitable<void> session(Load& load) {
  net::Client::Options options;
  options.helo_name = load.options.helo;
  options.pipelining = !load.options.no_pipelining;
  std::unique_ptr<Sample> current = load.samples.next();
  while (current) {
    auto client = co_await net::Client::open(load.to, options);
    if (client) {
      ++load.result.connections;
      co_await converse(load, *client, current);
    } else {
      load.fail(base::at(net::format_endpoint(load.to),
                         {client.error().code(), client.error().text()}));
      current = load.samples.next();
    }
  }
}

float percentile(const std::vector<float>& sorted, unsigned percent) {
  if (sorted.empty()) return 0;
  return sorted[(sorted.size() - 1) * percent / 100];
}

void print(Result& result, double seconds, bool as_json) {
  std::ranges::sort(result.latencies);
  const double p50 = percentile(result.latencies, 50);
  const double p99 = percentile(result.latencies, 99);
  const double per_second = static_cast<double>(result.messages) / seconds;
  char line[512];
  std::snprintf(line, sizeof line,
                as_json ? "{\"messages\":%llu,\"failed\":%llu,\"connections\":%llu,"
                          "\"seconds\":%.3f,\"per_second\":%.1f,\"p50_ms\":%.3f,"
                          "\"p99_ms\":%.3f}\n"
                        : "%llu messages, %llu failed, %llu connections, %.3f s: "
                          "%.1f/s, latency p50 %.3f ms, p99 %.3f ms\n",
                static_cast<unsigned long long>(result.messages),
                static_cast<unsigned long long>(result.failed),
                static_cast<unsigned long long>(result.connections), seconds,
                per_second, p50, p99);
  std::cout << line;
}

base::Result<void> run(const Options& options) {
  auto servers = TRY(net::resolve(options.to, 25));
  Load load{options, servers.front(), TRY(Samples::create(options))};
  net::Loop loop;
  net::TaskGroup sessions(loop);
  loop.on_signals({SIGTERM, SIGINT}, [&](int) { sessions.cancel(); });
  for (unsigned i = 0; i < options.sessions; ++i) sessions.spawn(session(load));
  loop.run();
  std::chrono::duration<double> seconds = Clock::now() - load.start;
  print(load.result, seconds.count(), options.json);
  return load.failures.result();
}

}  // namespace

int main(int argc, char** argv) {
  return base::tool_main(argc, argv, describe, run);
}
