// SPDX-License-Identifier: Apache-2.0
//
// bobbin-receive: accept mail by SMTP into the spool.
//
// Here the parts are made and put together, in an order that gives away rights as soon
// as they are not needed: what only root can do, then what an ordinary user can, then
// what is left in the sandbox, threads last.  What a conversation is stands in
// session.h, what makes a message safe in spooler.h, what signals do in daemon.h.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <list>
#include <optional>

#include "base/cli.h"
#include "base/failures.h"
#include "base/privileges.h"
#include "base/version.h"
#include "engine/resolver_options.h"
#include "policy/main_options.h"
#include "receiver/confinement.h"
#include "receiver/daemon.h"
#include "receiver/script_launcher.h"
#include "receiver/server.h"
#include "receiver/service.h"
#include "spoolfmt/boards.h"

namespace {

using base::Result;
using receiver::ScriptLauncher;
using receiver::ScriptService;
using receiver::Server;
using receiver::Spooler;

// Threads that wait for the DNS or the disk in behalf of sessions.
constexpr unsigned kWaitingThreads = 32;

struct Options {
  base::CommonOptions common;
  std::vector<std::string> listen;
  bool stdio = false;
  unsigned threads = 1;
  std::string user;
  std::chrono::seconds drain{180};
  bool no_sandbox = false;
};

void describe(base::Cli& cli, Options& options) {
  cli.about("bobbin-receive", "--listen ADDR:PORT[/smtps][/proxy] [OPTION...]",
            "Accept mail by SMTP into the spool, as the policy says.");
  cli.option("listen", 0, "ADDR:PORT", options.listen,
             "where to listen, port 0: a free one; repeatable; /smtps behind it: TLS "
             "first, /proxy: a PROXY header first");
  cli.flag("stdio", 0, options.stdio,
           "serve the client on descriptor 0, as from inetd");
  cli.option("threads", 0, "N", options.threads, "event loops, each with a thread; 1");
  cli.option("drain", 0, "T", options.drain,
             "how long transactions may go on after SIGTERM; 180s");
  cli.option("user", 0, "NAME", options.user,
             "whom root becomes; the owner of the spool directory");
  cli.flag("no-sandbox", 0, options.no_sandbox,
           "keep all files and system calls that the user has");
  cli.common(options.common);
}

// A session needs two descriptors, and the usual soft limit is meant for select(2).
Result<void> raise_descriptor_limit(const Options& options) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t needed = 64 + rlim_t{8} * options.threads;
  if (limit.rlim_max >= needed) return {};
  return base::fail(base::Code::permanent, "only " + std::to_string(limit.rlim_max) +
                                               " descriptors are allowed: at least " +
                                               std::to_string(needed) +
                                               " are needed (ulimit -n, LimitNOFILE=)");
}

// Where clients come from.
struct Sources {
  std::vector<receiver::Entrance> entrances;
  std::vector<net::InheritedSocket> inherited;

  // There is one client, who is here already.
  bool one_shot() const {
    return entrances.empty() &&
           std::ranges::none_of(inherited, &net::InheritedSocket::listening);
  }
};

// inetd gives the connection as our standard streams; what is not for the client must
// not be written there.
Result<net::InheritedSocket> take_standard_input() {
  net::InheritedSocket taken{base::Fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)), ""};
  struct stat connection{};
  if (::fstat(taken.socket.get(), &connection) != 0 || !S_ISSOCK(connection.st_mode))
    return base::fail(base::Code::usage,
                      "--stdio: standard input is no socket: this is for inetd and "
                      "the like, --listen for everything else");
  base::Fd nothing = TRY(base::open_file("/dev/null", O_RDWR));
  for (int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    struct stat status{};
    bool same = ::fstat(stream, &status) == 0 && status.st_dev == connection.st_dev &&
                status.st_ino == connection.st_ino;
    if (same) ::dup2(nothing.get(), stream);
  }
  return taken;
}

Result<Sources> find_sources(const Options& options) {
  if (options.threads == 0)
    return base::fail(base::Code::usage, "--threads: at least 1 is needed");
  Sources sources;
  for (const std::string& text : options.listen)
    sources.entrances.push_back(TRY(receiver::parse_entrance(text)));
  sources.inherited = TRY(net::inherited_sockets());
  if (options.stdio) sources.inherited.push_back(TRY(take_standard_input()));
  if (sources.entrances.empty() && sources.inherited.empty())
    return base::fail(base::Code::usage, "nowhere to listen: give --listen ADDR:PORT");
  return sources;
}

spoolfmt::IdScheme id_scheme(const policy::MainOptions& main) {
  spoolfmt::IdScheme ids;
  ids.release = main.message_id_format == spoolfmt::MessageId::kLongLength
                    ? spoolfmt::IdScheme::Release::v4_97
                    : spoolfmt::IdScheme::Release::v4_96;
  ids.localhost_number = main.localhost_number;
  return ids;
}

// Every loop listens at every address; the first one finds out what port 0 means.
Result<std::string> listen(std::list<Server>& servers,
                           const receiver::Entrance& entrance, unsigned backlog) {
  net::Endpoint at = entrance.at;
  for (Server& server : servers)
    at = TRY(server.listen(at, entrance.opening, servers.size() > 1, backlog));
  return net::format_endpoint(at);
}

// One socket, and all loops take connections from it.
Result<std::string> adopt(std::list<Server>& servers, net::InheritedSocket inherited) {
  receiver::Opening opening = TRY(receiver::opening_of_socket(inherited.name));
  net::Endpoint at;
  for (Server& server : servers) {
    base::Fd socket(::fcntl(inherited.socket.get(), F_DUPFD_CLOEXEC, 3));
    if (!socket) return base::system_failure("inherited socket", errno);
    at = TRY(server.adopt_listener(std::move(socket), opening));
  }
  return net::format_endpoint(at);
}

// Returns where clients can come to, as "listening on" tells it.
Result<std::vector<std::string>> open_doors(std::list<Server>& servers, Sources sources,
                                            unsigned backlog) {
  std::vector<std::string> addresses;
  for (const receiver::Entrance& entrance : sources.entrances)
    addresses.push_back(TRY(listen(servers, entrance, backlog)));
  for (net::InheritedSocket& inherited : sources.inherited) {
    if (inherited.listening) {
      addresses.push_back(TRY(adopt(servers, std::move(inherited))));
      continue;
    }
    auto opening = TRY(receiver::opening_of_socket(inherited.name));
    TRY(servers.front().adopt_client(std::move(inherited.socket), opening));
  }
  return addresses;
}

// Whose files the spool's are; only root has a choice.
Result<base::User> choose_user(const std::string& name,
                               const std::filesystem::path& spool) {
  base::User self{"", ::geteuid(), ::getegid()};
  if (self.id != 0) {
    if (name.empty() || TRY(base::find_user(name)).id == self.id) return self;
    return base::fail(base::Code::usage, "--user " + name + ": only root can do that");
  }
  bool made = !std::filesystem::exists(spool);
  TRY(spoolfmt::make_directory(spool));
  if (name.empty()) return base::find_owner(spool);
  base::User user = TRY(base::find_user(name));
  if (made && ::chown(spool.c_str(), user.id, user.group) != 0)
    return base::system_failure(spool.string(), errno);
  return user;
}

struct Files {
  spoolfmt::Spool spool;
  base::MainLog main_log, reject_log, panic_log;
  receiver::RateStore rates;
};

Result<Files> open_files(const policy::MainOptions& main, const std::string& queue,
                         const base::Clock& clock) {
  auto open_log = [&](std::string_view name) {
    return base::MainLog::open(policy::log_path(main, name), clock);
  };
  auto spool = TRY(
      spoolfmt::Spool::create(main.spool_directory, queue, main.split_spool_directory));
  auto main_log = TRY(open_log("main"));
  auto reject_log = TRY(open_log("reject"));
  auto panic_log = TRY(open_log("panic"));
  auto rates = TRY(receiver::RateStore::open(main.spool_directory));
  return Files{std::move(spool), std::move(main_log), std::move(reject_log),
               std::move(panic_log), std::move(rates)};
}

// Directories that are written to.
std::vector<std::filesystem::path> places(const policy::MainOptions& main,
                                          const std::filesystem::path& quarantine) {
  std::vector<std::filesystem::path> paths = {main.spool_directory};
  for (std::string_view log : {"main", "reject", "panic"})
    paths.push_back(policy::log_path(main, log).parent_path());
  if (!quarantine.empty()) paths.push_back(quarantine);
  return paths;
}

// What could not be done is said, and no reason not to serve.
Result<void> warn(const std::string& text, base::MainLog& log) {
  base::complain(text);
  return log.write("", text);
}

Result<std::optional<base::SharedBoard>> hang_out(const std::filesystem::path& spool,
                                                  base::Time since,
                                                  base::MainLog& log) {
  auto board = spoolfmt::hang_out(spool, "receive", since);
  if (board) return std::move(*board);
  TRY(warn("bobbin-top will not show this receiver: " + board.error().text, log));
  return std::nullopt;
}

Result<void> enter_sandbox(const std::vector<base::FileRule>& rules,
                           base::MainLog& log) {
  std::vector<std::string> trouble;
  auto files = base::restrict_files(rules);
  if (!files)
    trouble.push_back("the sandbox cannot guard files: " + files.error().text);
  else if (!*files)
    trouble.emplace_back("the sandbox cannot guard files: no Landlock in this kernel");
  auto calls = base::restrict_calls(receiver::calls_needed());
  if (!calls)
    trouble.push_back("the sandbox cannot guard system calls: " + calls.error().text);
  for (const std::string& line : trouble) TRY(warn(line, log));
  return {};
}

Result<void> announce(const std::vector<std::string>& addresses, base::MainLog& log) {
  TRY(log.write("", "bobbin " + std::string(base::kVersion) +
                        " receiver started: pid=" + std::to_string(::getpid())));
  std::string lines;
  for (const std::string& address : addresses)
    lines += "listening on " + address + "\n";
  return base::write_all(STDOUT_FILENO, lines, "stdout");
}

Result<void> run(const Options& options) {
  Sources sources = TRY(find_sources(options));
  auto manager = TRY(net::ServiceManager::find());
  auto policy = TRY(receiver::read_policy(options.common));
  policy::Diagnostics none;  // whatever is wrong was found already
  policy::MainOptions main = policy::main_options(policy->main, none);
  if (!options.common.spool.empty()) main.spool_directory = options.common.spool;
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit is an error like a full disk
  TRY(raise_descriptor_limit(options));

  // What root can do.
  std::filesystem::path list = policy->main.text("data_scripts");
  std::optional<ScriptLauncher> launcher;
  if (!list.empty())
    launcher.emplace(
        TRY(ScriptLauncher::start(list, std::filesystem::temp_directory_path())));
  bool one_shot = sources.one_shot();
  receiver::Seats seats;
  std::list<net::Loop> loops(one_shot ? 1 : options.threads);
  std::list<Server> servers;
  for (net::Loop& loop : loops) servers.emplace_back(loop, seats);
  unsigned backlog = receiver::Limits::of(policy->main).backlog;
  auto addresses = TRY(open_doors(servers, std::move(sources), backlog));
  base::User user = TRY(choose_user(options.user, main.spool_directory));
  TRY(base::become_unprivileged(user));

  // What the user can do.
  base::SystemClock clock;
  Files files = TRY(open_files(main, options.common.queue, clock));
  std::filesystem::path quarantine;
  if (launcher) quarantine = TRY(launcher->load()).config.keep_dir;
  std::optional<base::SharedBoard> board;
  if (!one_shot)
    board = TRY(hang_out(main.spool_directory, clock.now(), files.main_log));
  if (!options.no_sandbox) {
    auto rules = receiver::files_needed(*policy, places(main, quarantine));
    TRY(enter_sandbox(rules, files.main_log));
  }

  // What the sandbox lets us.
  auto resolver = TRY(net::Resolver::create(engine::resolver_options(policy->main)));
  net::TlsKeys tls(clock);
  net::Pool pool(one_shot ? 2 : kWaitingThreads);
  Spooler spooler(files.spool, id_scheme(main), files.main_log, clock, pool);
  std::optional<ScriptService> scripts;
  if (launcher)
    scripts.emplace(*launcher, pool, files.main_log, clock,
                    main.spool_directory / "db/bobbin");
  receiver::Lasting lasting{*resolver,
                            files.rates,
                            files.main_log,
                            files.reject_log,
                            files.panic_log,
                            clock,
                            spooler,
                            pool,
                            tls,
                            scripts ? &*scripts : nullptr,
                            main.spool_directory,
                            options.common.queue};
  receiver::Daemon daemon({options.common, list, options.drain}, loops, servers,
                          lasting, std::move(manager));
  TRY(daemon.serve_by(policy));
  if (!one_shot) TRY(announce(addresses, files.main_log));
  daemon.run(addresses, std::move(board));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return base::tool_main(argc, argv, describe, run);
}
