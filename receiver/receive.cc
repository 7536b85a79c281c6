// SPDX-License-Identifier: Apache-2.0
//
// bobbin-receive: accept mail by SMTP into the spool.
//
// Here the parts are made and put together: log, spool, pool, one server a loop and
// thread.  What a conversation is stands in session.h, what makes a message safe in
// spooler.h.
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <list>
#include <thread>

#include "base/cli.h"
#include "base/failures.h"
#include "base/version.h"
#include "policy/main_options.h"
#include "receiver/server.h"

namespace {

using receiver::Server;
using receiver::Service;
using receiver::Spooler;

// Threads that sync.  Many may wait at a time, since the file system commits them
// together.
constexpr unsigned kDiskThreads = 32;

struct Options {
  base::CommonOptions common;
  std::vector<std::string> listen;
  unsigned threads = 1;
};

void describe(base::Cli& cli, Options& options) {
  cli.about("bobbin-receive", "--listen ADDR:PORT [OPTION...]",
            "Accept mail by SMTP into the spool, from this machine only.");
  cli.option("listen", 0, "ADDR:PORT", options.listen,
             "where to listen, port 0: a free one; repeatable");
  cli.option("threads", 0, "N", options.threads, "event loops, each with a thread; 1");
  cli.common(options.common);
}

// A session needs two descriptors, and the usual soft limit is meant for select(2).
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

base::Result<std::vector<net::Endpoint>> endpoints(const Options& options) {
  if (options.listen.empty())
    return base::fail(base::Code::usage, "nowhere to listen: give --listen ADDR:PORT");
  if (options.threads == 0)
    return base::fail(base::Code::usage, "--threads: at least 1 is needed");
  std::vector<net::Endpoint> result;
  for (const std::string& text : options.listen)
    result.push_back(TRY(net::parse_endpoint(text)));
  return result;
}

smtp::Offer make_offer(const policy::MainOptions& main) {
  smtp::Offer offer;
  offer.hostname = policy::primary_hostname(main);
  offer.size_limit = main.message_size_limit;
  offer.recipient_limit = main.recipients_max;
  offer.error_limit = main.smtp_max_synprot_errors;
  offer.unknown_limit = main.smtp_max_unknown_commands;
  return offer;
}

spoolfmt::IdScheme id_scheme(const policy::MainOptions& main) {
  spoolfmt::IdScheme scheme;
  scheme.release = main.message_id_format == spoolfmt::MessageId::kLongLength
                       ? spoolfmt::IdScheme::Release::v4_97
                       : spoolfmt::IdScheme::Release::v4_96;
  scheme.localhost_number = main.localhost_number;
  return scheme;
}

// With smtp_receive_timeout 0 a client may be silent for as long as it likes.
net::Span receive_timeout(const policy::MainOptions& main) {
  if (main.smtp_receive_timeout.count() == 0) return std::chrono::years(10);
  return main.smtp_receive_timeout;
}

// Every loop listens at every address; the first one finds out what port 0 means.
base::Result<std::string> listen(std::list<Server>& servers,
                                 std::vector<net::Endpoint> addresses) {
  std::string announcement;
  for (net::Endpoint& address : addresses) {
    for (Server& server : servers)
      address = TRY(server.listen(address, servers.size() > 1));
    announcement += "listening on " + net::format_endpoint(address) + "\n";
  }
  return announcement;
}

base::Result<void> run(const Options& options) {
  auto addresses = TRY(endpoints(options));
  auto main = TRY(policy::load_main_options(options.common));
  auto spool = TRY(spoolfmt::Spool::create(main.spool_directory, options.common.queue,
                                           main.split_spool_directory));
  base::SystemClock clock;
  auto log = TRY(base::MainLog::open(policy::log_path(main, "main"), clock));
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit is an error like a full disk
  raise_descriptor_limit();

  std::list<net::Loop> loops(options.threads);
  net::Pool pool(kDiskThreads);
  smtp::Offer offer = make_offer(main);
  Spooler spooler(spool, id_scheme(main), log, clock, pool);
  Service service{offer, receive_timeout(main), spooler, log, clock, main.message_logs};
  Server::Load load{main.smtp_accept_max, 0};
  std::list<Server> servers;
  for (net::Loop& loop : loops) servers.emplace_back(loop, service, load);
  std::string announcement = TRY(listen(servers, addresses));

  bool draining = false;  // a second signal does not wait
  auto on_signal = [&](int) {
    auto server = servers.begin();
    for (net::Loop& loop : loops) {
      loop.post([&one = *server++, now = draining] { now ? one.stop() : one.drain(); });
    }
    draining = true;
  };
  loops.front().on_signals({SIGTERM, SIGINT}, on_signal);
  for (Server& server : servers) server.start();
  TRY(log.write("", "bobbin " + std::string(base::kVersion) +
                        " receiver started: pid=" + std::to_string(::getpid())));
  TRY(base::write_all(STDOUT_FILENO, announcement, "stdout"));
  std::list<std::jthread> threads;
  for (auto loop = std::next(loops.begin()); loop != loops.end(); ++loop)
    threads.emplace_back([&one = *loop] { one.run(); });
  loops.front().run();
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return base::tool_main(argc, argv, describe, run);
}
