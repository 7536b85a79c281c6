// SPDX-License-Identifier: Apache-2.0
//
// bobbin-sink: an SMTP server for tests, which takes everything or fails on purpose.
//
// The protocol is smtp::Dialogue's, as in the real receiver, so that a client is judged
// as strictly here as there; this file adds the faults, the counting and the dumping.
// One thread serves all sessions.  Nothing is synced: what a sink took may be lost.
#include <signal.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <map>
#include <unordered_set>

#include "base/cli.h"
#include "base/failures.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/regex.h"
#include "net/line_reader.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/task_group.h"
#include "smtp/body.h"
#include "smtp/dialogue.h"

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

const std::vector<std::string> kStages = {"connect", "helo", "mail", "rcpt",
                                          "data",    "body", "dot"};

struct Options {
  base::CommonOptions common;
  std::string listen = "127.0.0.1:0";
  std::filesystem::path port_file;
  std::filesystem::path dump;
  std::filesystem::path count_file;
  std::string hostname = "sink.example";
  unsigned delay = 0;
  unsigned delay_dot = 0;
  unsigned max_connections = 0;
  std::uint64_t max_messages = 0;
  base::Size size_limit;
  std::string reject_rcpt;
  std::string defer_rcpt;
  std::vector<std::string> replies;
  std::string drop_at;
  std::optional<std::uint64_t> drop_times;
  bool no_pipelining = false;
};

void describe(base::Cli& cli, Options& options) {
  cli.about("bobbin-sink", "[OPTION...]",
            "Take mail by SMTP for a test: count it, dump it, or fail on purpose.");
  cli.option("listen", 'l', "ADDR:PORT", options.listen,
             "where to listen; port 0 takes a free one");
  cli.option("port-file", 0, "FILE", options.port_file, "write the port there");
  cli.option("hostname", 0, "NAME", options.hostname, "what we call ourselves");
  cli.group("What becomes of messages");
  cli.option("dump", 0, "DIR", options.dump,
             "write each one to DIR, envelope beside it");
  cli.option("count-file", 0, "FILE", options.count_file,
             "write the counts there at the end");
  cli.option("max-messages", 0, "N", options.max_messages,
             "after N of them take no more connections, end with the last session");
  cli.group("Faults");
  cli.option("delay", 0, "MS", options.delay,
             "wait before each write of replies, as a long line would");
  cli.option("delay-dot", 0, "MS", options.delay_dot,
             "wait before the answer to the end of data");
  cli.option("max-connections", 0, "N", options.max_connections,
             "answer 421 to more than N at a time");
  cli.option("size-limit", 0, "BYTES", options.size_limit, "refuse larger messages");
  cli.option("reject-rcpt", 0, "RE", options.reject_rcpt, "550 for such recipients");
  cli.option("defer-rcpt", 0, "RE", options.defer_rcpt, "450 for such recipients");
  cli.option("reply", 0, "STAGE=REPLY", options.replies,
             "answer so at connect, helo, mail, rcpt, data or dot");
  cli.choice("drop-at", 0, kStages, options.drop_at,
             "close the connection there; at dot the message is kept");
  cli.option("drop-times", 0, "N", options.drop_times, "drop so often, then behave");
  cli.flag("no-pipelining", 0, options.no_pipelining, "do not offer PIPELINING");
  cli.common(options.common);
}

struct Counts {
  std::uint64_t connections = 0;
  std::uint64_t most_at_once = 0;
  std::uint64_t messages = 0;
  std::uint64_t recipients = 0;  // of those messages
  std::uint64_t duplicates = 0;  // a recipient got a Message-ID again
  std::uint64_t refused_recipients = 0;
  std::uint64_t dropped = 0;
  std::uint64_t bytes = 0;
};

std::string to_json(const Counts& counts) {
  std::string text;
  base::Json json(text);
  json.begin_object();
  json.member("connections", counts.connections);
  json.member("most_at_once", counts.most_at_once);
  json.member("messages", counts.messages);
  json.member("recipients", counts.recipients);
  json.member("duplicates", counts.duplicates);
  json.member("refused_recipients", counts.refused_recipients);
  json.member("dropped", counts.dropped);
  json.member("bytes", counts.bytes);
  json.end_object();
  return text + "\n";
}

// The value of the Message-ID line of the header section; empty if there is none.
std::string_view find_message_id(std::string_view message) {
  constexpr std::string_view kName = "message-id:";
  while (!message.empty() && message.front() != '\n') {
    std::size_t end = std::min(message.find('\n'), message.size());
    std::string_view line = message.substr(0, end);
    if (base::equal_nocase(line.substr(0, kName.size()), kName))
      return line.substr(kName.size());
    message.remove_prefix(std::min(end + 1, message.size()));
  }
  return {};
}

// "451 4.3.0 try later", as a reply to give.
base::Result<smtp::Reply> parse_fault(std::string_view text) {
  std::string line = std::string(text) + "\r\n";
  std::string_view bytes = line;
  smtp::ReplyParser parser;
  auto reply = parser.feed(bytes);
  if (reply && *reply) return **reply;
  return base::fail(base::Code::usage,
                    "'" + std::string(text) + "' is no reply: write '451 4.3.0 later'");
}

// What all sessions share.
class Sink {
 public:
  static base::Result<Sink> create(const Options& options);

  const Options& options() const { return options_; }
  Counts& counts() { return counts_; }
  std::uint64_t sessions = 0;

  // The reply that is to be given at `stage` in place of the honest one.
  const smtp::Reply* fault(std::string_view stage) const;
  const smtp::Reply* recipient_fault(const std::string& recipient) const;
  bool drops_at(std::string_view stage);

  // Counts and dumps.  A full disk is the caller's 451.
  base::Result<void> keep(const smtp::Dialogue& dialogue, const std::string& client,
                          std::string_view message);

  std::function<void()> on_enough = [] {};

 private:
  explicit Sink(const Options& options) : options_(options) {}

  base::Result<void> dump(const std::string& envelope, std::string_view message);

  const Options& options_;
  std::map<std::string, smtp::Reply, std::less<>> replies_;
  std::optional<base::Regex> reject_;
  std::optional<base::Regex> defer_;
  smtp::Reply rejection_{550, "5.1.1", "no such recipient here"};
  smtp::Reply deferral_{450, "4.2.1", "recipient not available now"};
  Counts counts_;
  std::unordered_set<std::string> seen_;
};

base::Result<Sink> Sink::create(const Options& options) {
  Sink sink(options);
  if (!options.reject_rcpt.empty())
    sink.reject_ = TRY(base::Regex::compile(options.reject_rcpt));
  if (!options.defer_rcpt.empty())
    sink.defer_ = TRY(base::Regex::compile(options.defer_rcpt));
  for (const std::string& text : options.replies) {
    std::size_t equals = std::min(text.find('='), text.size());
    std::string stage = text.substr(0, equals);
    if (std::ranges::find(kStages, stage) == kStages.end() || stage == "body")
      return base::fail(base::Code::usage,
                        "--reply: '" + text + "': write a stage, as dot='451 later'");
    sink.replies_[stage] = TRY(
        parse_fault(std::string_view(text).substr(std::min(equals + 1, text.size()))));
  }
  if (!options.dump.empty()) {
    std::error_code error;
    std::filesystem::create_directories(options.dump, error);
    if (error) return base::system_failure(options.dump.string(), error.value());
  }
  return sink;
}

const smtp::Reply* Sink::fault(std::string_view stage) const {
  auto found = replies_.find(stage);
  return found == replies_.end() ? nullptr : &found->second;
}

const smtp::Reply* Sink::recipient_fault(const std::string& recipient) const {
  if (reject_ && reject_->matches(recipient)) return &rejection_;
  if (defer_ && defer_->matches(recipient)) return &deferral_;
  return fault("rcpt");
}

bool Sink::drops_at(std::string_view stage) {
  if (stage.empty() || options_.drop_at != stage) return false;
  if (options_.drop_times && counts_.dropped >= *options_.drop_times) return false;
  ++counts_.dropped;
  return true;
}

base::Result<void> Sink::keep(const smtp::Dialogue& dialogue, const std::string& client,
                              std::string_view message) {
  const smtp::Transaction& transaction = dialogue.transaction();
  std::string_view id = find_message_id(message);
  std::string envelope = "client " + client + "\nhelo " + dialogue.helo_name() +
                         "\nmail " + transaction.sender.text() + "\n";
  for (const smtp::Rcpt& rcpt : transaction.recipients) {
    std::string address = rcpt.recipient.text();
    envelope += "rcpt " + address + "\n";
    if (!id.empty() && !seen_.insert(address.append("\n").append(id)).second)
      ++counts_.duplicates;
  }
  ++counts_.messages;
  counts_.recipients += transaction.recipients.size();
  counts_.bytes += message.size();
  if (!options_.dump.empty()) TRY(dump(envelope, message));
  if (counts_.messages == options_.max_messages) on_enough();
  return {};
}

// NNNNNN.env first and NNNNNN.eml last, each by rename: who sees an .eml sees all of
// both.
base::Result<void> Sink::dump(const std::string& envelope, std::string_view message) {
  std::string number = std::to_string(counts_.messages);
  number.insert(0, 6 - std::min<std::size_t>(6, number.size()), '0');
  auto publish = [&](const char* suffix, std::string_view bytes) -> base::Result<void> {
    std::filesystem::path name = options_.dump / (number + suffix);
    std::filesystem::path temporary = options_.dump / ("." + number + suffix);
    base::Fd file = TRY(base::open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC));
    TRY(base::write_all(file.get(), bytes, temporary.string()));
    if (::rename(temporary.c_str(), name.c_str()) != 0)
      return base::system_failure(name.string(), errno);
    return {};
  };
  TRY(publish(".env", envelope));
  return publish(".eml", message);
}

// One client.
class Session {
 public:
  Session(Sink& sink, net::Stream stream)
      : sink_(sink),
        stream_(std::move(stream)),
        lines_(stream_, smtp::kLongestCommand),
        dialogue_(offer(sink.options()), stream_.peer().address) {
    Counts& counts = sink_.counts();
    ++counts.connections;
    counts.most_at_once = std::max(counts.most_at_once, ++sink_.sessions);
  }
  Session(const Session&) = delete;
  ~Session() { --sink_.sessions; }

  asio::awaitable<void> run();

 private:
  static constexpr net::Span kTimeout = 5min;

  static smtp::Offer offer(const Options& options) {
    smtp::Offer offer;
    offer.hostname = options.hostname;
    offer.size_limit = options.size_limit.bytes;
    offer.pipelining = !options.no_pipelining;
    return offer;
  }

  asio::awaitable<void> flush();
  // False: hang up.
  bool answer(std::string_view line);
  smtp::Reply judge(const smtp::Command& command);
  asio::awaitable<void> skip_chunk();
  asio::awaitable<bool> receive_message();
  smtp::Reply verdict(const smtp::DotReader& reader);

  Sink& sink_;
  net::Stream stream_;
  net::LineReader lines_;
  smtp::Dialogue dialogue_;
  std::string replies_;  // not sent yet
  std::string message_;
};

std::string_view stage_of(smtp::Verb verb) {
  switch (verb) {
    case smtp::Verb::helo:
    case smtp::Verb::ehlo:
      return "helo";
    case smtp::Verb::mail:
      return "mail";
    case smtp::Verb::rcpt:
      return "rcpt";
    case smtp::Verb::data:
      return "data";
    default:
      return "";
  }
}

asio::awaitable<void> Session::flush() {
  if (replies_.empty()) co_return;
  if (sink_.options().delay > 0)
    co_await net::sleep_for(std::chrono::milliseconds(sink_.options().delay));
  co_await stream_.write(replies_, kTimeout);
  replies_.clear();
}

asio::awaitable<void> Session::run() {
  if (sink_.drops_at("connect")) co_return;
  const unsigned limit = sink_.options().max_connections;
  const bool crowded = limit > 0 && sink_.sessions > limit;
  const smtp::Reply* fault = sink_.fault("connect");
  smtp::append_reply(replies_,
                     crowded ? smtp::standard(smtp::Standard::too_many_connections)
                     : fault ? *fault
                             : smtp::greeting(sink_.options().hostname, "bobbin-sink"));
  if (crowded || (fault && !fault->positive())) {
    co_await flush();
    co_return;
  }
  while (!dialogue_.over()) {
    if (!lines_.has_line()) co_await flush();
    net::LineReader::Line line = co_await lines_.next(kTimeout);
    if (!answer(line.text)) co_return;
    if (dialogue_.chunk()) co_await skip_chunk();
    if (!dialogue_.awaits_message()) continue;
    bool going_on = co_await receive_message();
    if (!going_on) co_return;
  }
  co_await flush();
}

bool Session::answer(std::string_view line) {
  smtp::Verb verb = smtp::verb_of(line);
  if (sink_.drops_at(stage_of(verb))) return false;
  bool more = dialogue_.must_be_last(verb) && lines_.has_input();
  if (auto lost = dialogue_.out_of_sync(verb, more)) {
    smtp::append_reply(replies_, *lost);
    return true;
  }
  auto command = smtp::parse_command(line);
  if (!command) {
    smtp::append_reply(replies_, dialogue_.misunderstood(verb, command.error()));
    return true;
  }
  auto refusal = dialogue_.refuses(*command);
  if (refusal) {
    smtp::append_reply(replies_, *refusal);
    return true;
  }
  smtp::Reply reply = judge(*command);
  dialogue_.apply(*command, reply);
  smtp::append_reply(replies_, reply);
  return true;
}

smtp::Reply Session::judge(const smtp::Command& command) {
  const smtp::Reply* fault = nullptr;
  if (const auto* rcpt = std::get_if<smtp::Rcpt>(&command)) {
    fault = sink_.recipient_fault(rcpt->recipient.text());
    if (fault && !fault->positive()) ++sink_.counts().refused_recipients;
  } else {
    fault = sink_.fault(stage_of(smtp::verb_of(command)));
  }
  return fault ? *fault : dialogue_.usual_answer(command);
}

// BDAT is not offered here, but what stands behind one is no command either.
asio::awaitable<void> Session::skip_chunk() {
  std::uint64_t left = dialogue_.chunk()->size;
  while (left > 0) {
    std::string_view bytes = co_await lines_.some(kTimeout);
    std::size_t taken = std::min<std::uint64_t>(bytes.size(), left);
    lines_.consume(taken);
    left -= taken;
  }
}

asio::awaitable<bool> Session::receive_message() {
  co_await flush();
  message_.clear();
  smtp::DotReader reader;
  while (!reader.done()) {
    std::string_view bytes = co_await lines_.some(kTimeout);
    std::size_t taken = reader.feed(bytes, message_);
    lines_.consume(taken);
    if (sink_.drops_at("body")) co_return false;
  }
  smtp::Reply reply = verdict(reader);
  dialogue_.message_over();
  if (sink_.drops_at("dot")) co_return false;
  if (sink_.options().delay_dot > 0)
    co_await net::sleep_for(std::chrono::milliseconds(sink_.options().delay_dot));
  smtp::append_reply(replies_, reply);
  co_return true;
}

smtp::Reply Session::verdict(const smtp::DotReader& reader) {
  if (reader.bare_line_end()) return smtp::standard(smtp::Standard::bad_line_endings);
  const std::uint64_t limit = sink_.options().size_limit.bytes;
  if (limit > 0 && reader.size() > limit)
    return smtp::standard(smtp::Standard::message_too_big);
  const smtp::Reply* fault = sink_.fault("dot");
  if (fault && !fault->completed()) return *fault;
  auto kept = sink_.keep(dialogue_, stream_.peer().address, message_);
  if (!kept) {
    base::complain(kept.error().text);
    return smtp::standard(smtp::Standard::local_trouble);
  }
  return fault ? *fault : smtp::standard(smtp::Standard::accepted);
}

asio::awaitable<void> serve(Sink& sink, net::Stream stream) {
  Session session(sink, std::move(stream));
  co_await session.run();
}

asio::awaitable<void> accept_all(Sink& sink, net::Listener& listener,
                                 net::TaskGroup& sessions) {
  while (true) {
    net::Stream stream = co_await listener.accept();
    sessions.spawn(serve(sink, std::move(stream)));
  }
}

base::Result<void> run(const Options& options) {
  auto where = TRY(net::parse_endpoint(options.listen));
  Sink sink = TRY(Sink::create(options));
  net::Loop loop;
  net::Listener listener = TRY(net::Listener::open(loop, where));
  net::TaskGroup sessions(loop);
  sink.on_enough = [&] { listener.close(); };
  loop.on_signals({SIGTERM, SIGINT}, [&](int) {
    listener.close();
    sessions.cancel();
  });
  if (!options.port_file.empty()) {
    auto file = TRY(base::open_file(options.port_file, O_WRONLY | O_CREAT | O_TRUNC));
    TRY(base::write_all(file.get(), std::to_string(listener.local().port) + "\n",
                        options.port_file.string()));
  }
  std::cout << "listening on " << net::format_endpoint(listener.local()) << std::endl;
  sessions.spawn(accept_all(sink, listener, sessions));
  loop.run();
  std::string counts = to_json(sink.counts());
  std::cout << counts << std::flush;
  if (options.count_file.empty()) return {};
  auto file = TRY(base::open_file(options.count_file, O_WRONLY | O_CREAT | O_TRUNC));
  return base::write_all(file.get(), counts, options.count_file.string());
}

}  // namespace

int main(int argc, char** argv) {
  return base::tool_main(argc, argv, describe, run);
}
