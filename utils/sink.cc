// SPDX-License-Identifier: Apache-2.0
//
// bobbin-sink: an SMTP or LMTP server for tests, which takes everything or fails on
// purpose.
//
// Here are its options and its loop; the session, its faults, what it offers and what
// it counts are in utils/sink_*.  One thread serves all sessions.  Nothing is synced:
// what a sink took may be lost.
#include <signal.h>

#include <filesystem>
#include <iostream>

#include "base/cli.h"
#include "base/fd.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/task_group.h"
#include "utils/sink_dead_port.h"
#include "utils/sink_session.h"

namespace {

namespace asio = net::asio;

struct Options {
  base::CommonOptions common;
  std::string listen = "127.0.0.1:0";
  std::filesystem::path port_file;
  std::filesystem::path dump;
  std::filesystem::path count_file;
  std::filesystem::path events;
  std::string hostname = "sink.example";
  base::Size size_limit;
  base::Size read_rate;
  std::string dead;
  bool no_pipelining = false;
  std::string tls_certificate;
  std::string tls_key;
  utils::SinkManner manner;
  utils::SinkExtras extras;
  utils::SinkFaults::Wishes faults;
};

void describe(base::Cli& cli, Options& options) {
  cli.about("bobbin-sink", "[OPTION...]",
            "Take mail by SMTP for a test: count it, dump it, or fail on purpose.");
  cli.option("listen", 'l', "ADDR:PORT", options.listen,
             "where to listen; port 0 takes a free one");
  cli.option("port-file", 0, "FILE", options.port_file, "write the port there");
  cli.option("hostname", 0, "NAME", options.hostname, "what we call ourselves");
  cli.flag("lmtp", 0, options.manner.lmtp, "speak LMTP");
  cli.group("What becomes of messages");
  cli.option("dump", 0, "DIR", options.dump,
             "write each one to DIR, envelope beside it");
  cli.option("count-file", 0, "FILE", options.count_file,
             "write the counts there at the end");
  cli.option("events", 0, "FILE", options.events,
             "write what happens there, with times");
  cli.option("max-messages", 0, "N", options.manner.max_messages,
             "after N of them take no more connections, end with the last session");
  cli.group("What is offered");
  cli.option("no-extension", 0, "NAME", options.extras.hidden,
             "do not offer this keyword of EHLO");
  cli.flag("no-pipelining", 0, options.no_pipelining,
           "the same as --no-extension PIPELINING");
  cli.option("limits", 0, "WORDS", options.extras.limits,
             "offer and keep 'MAILMAX=N RCPTMAX=N RCPTDOMAINMAX=N'");
  cli.option("size-limit", 0, "BYTES", options.size_limit, "refuse larger messages");
  cli.option("auth", 0, "USER:PASSWORD", options.manner.login,
             "want this before MAIL, by PLAIN or LOGIN");
  cli.option("tls-certificate", 0, "FILE", options.tls_certificate,
             "offer STARTTLS with it");
  cli.option("tls-key", 0, "FILE", options.tls_key, "its key, if not in the same file");
  cli.group("Faults");
  cli.option("delay", 0, "MS", options.manner.delay,
             "wait before each write of replies, as a long line would");
  cli.option("delay-dot", 0, "MS", options.manner.delay_dot,
             "wait before the answer to the end of data");
  cli.option("read-rate", 0, "BYTES", options.read_rate,
             "read content no faster than so much a second");
  cli.flag("flush-input", 0, options.manner.flush_input,
           "throw away what came behind a message before its answer");
  cli.option("max-connections", 0, "N", options.manner.max_connections,
             "answer 421 to more than N at a time");
  cli.option("reject-rcpt", 0, "RE", options.faults.reject_rcpt,
             "550 for such recipients");
  cli.option("defer-rcpt", 0, "RE", options.faults.defer_rcpt,
             "450 for such recipients");
  cli.flag("by-local-part", 0, options.faults.by_local_part,
           "code-451@, dot-451@, drop-dot@, slow-100@ get what they ask for");
  cli.option("reply", 0, "STAGE=REPLY", options.faults.replies,
             "answer so at connect, helo, ehlo, starttls, auth, mail, rcpt, data, dot");
  cli.choice("drop-at", 0, utils::kSinkStages, options.faults.drop_at,
             "close the connection there; at dot the message is kept");
  cli.option("drop-times", 0, "N", options.faults.drop_times,
             "drop so often, then behave");
  cli.option("chaos", 0, "SEED:PERCENT", options.faults.chaos,
             "any fault, by chance, at so many stages of a hundred");
  cli.choice("tls-fault", 0, {"garbage", "drop", "silent"}, options.manner.tls_fault,
             "what comes behind the answer to STARTTLS");
  cli.choice("dead", 0, {"refused", "silent"}, options.dead,
             "a port that refuses connections, or where they hang");
  cli.common(options.common);
}

base::Result<utils::Sink> make_sink(const Options& options, net::TlsKeys& keys) {
  utils::SinkExtras extras = options.extras;
  utils::SinkManner manner = options.manner;
  manner.read_rate = options.read_rate.bytes;
  manner.tls.certificates = options.tls_certificate;
  manner.tls.keys = options.tls_key;
  if (!options.tls_certificate.empty()) TRY(keys.check(manner.tls));
  if (options.no_pipelining) extras.hidden.emplace_back("PIPELINING");
  extras.starttls = !options.tls_certificate.empty() || !manner.tls_fault.empty();
  extras.login = !manner.login.empty();
  auto offer =
      TRY(utils::SinkOffer::create(options.hostname, options.size_limit.bytes, extras));
  auto faults = TRY(utils::SinkFaults::create(options.faults));
  auto tally = TRY(utils::SinkTally::create(options.dump));
  auto events = TRY(utils::SinkEvents::create(options.events));
  return utils::Sink{.manner = std::move(manner),
                     .offer = std::move(offer),
                     .faults = std::move(faults),
                     .tally = std::move(tally),
                     .events = std::move(events),
                     .tls = keys};
}

base::Result<void> write_file(const std::filesystem::path& path,
                              const std::string& text) {
  if (path.empty()) return {};
  auto file = TRY(base::open_file(path, O_WRONLY | O_CREAT | O_TRUNC));
  return base::write_all(file.get(), text, path.string());
}

base::Result<void> announce(const Options& options, const net::Endpoint& where) {
  TRY(write_file(options.port_file, std::to_string(where.port) + "\n"));
  std::cout << "listening on " << net::format_endpoint(where) << std::endl;
  return {};
}

asio::awaitable<void> accept_all(utils::Sink& sink, net::Listener& listener,
                                 net::TaskGroup& sessions) {
  while (true) {
    net::Stream stream = co_await listener.accept();
    sessions.spawn(utils::serve_sink(sink, std::move(stream)));
  }
}

base::Result<void> be_dead(const Options& options, net::Endpoint where) {
  using utils::SinkDeadPort;
  auto kind = options.dead == "silent" ? SinkDeadPort::Kind::silent
                                       : SinkDeadPort::Kind::refused;
  auto port = TRY(SinkDeadPort::open(where.port, kind));
  where.port = port.port();
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  TRY(announce(options, where));
  int got = 0;
  ::sigwait(&signals, &got);
  return {};
}

base::Result<void> run(const Options& options) {
  auto where = TRY(net::parse_endpoint(options.listen));
  if (!options.dead.empty()) return be_dead(options, where);
  base::SystemClock clock;
  net::TlsKeys keys(clock);
  utils::Sink sink = TRY(make_sink(options, keys));
  net::Loop loop;
  net::Listener listener = TRY(net::Listener::open(loop, where));
  net::TaskGroup sessions(loop);
  sink.on_enough = [&] { listener.close(); };
  loop.on_signals({SIGTERM, SIGINT}, [&](int) {
    listener.close();
    sessions.cancel();
  });
  TRY(announce(options, listener.local()));
  sessions.spawn(accept_all(sink, listener, sessions));
  loop.run();
  sink.events.flush();
  std::string counts = sink.tally.json();
  std::cout << counts << std::flush;
  return write_file(options.count_file, counts);
}

}  // namespace

int main(int argc, char** argv) {
  return base::tool_main(argc, argv, describe, run);
}
