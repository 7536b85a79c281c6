// SPDX-License-Identifier: Apache-2.0
//
// bobbin-run: one queue run, from the directory to the last reply.
//
// The command line is Exim's where Exim has one (-q, -R, -S, -M); man/bobbin-run.8 is
// the manual, man/bobbin-schedule.7 the idea behind the ramp.
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <limits>

#include "base/cli.h"
#include "base/clock.h"
#include "base/failures.h"
#include "base/privileges.h"
#include "engine/program_policy.h"
#include "engine/resolver_options.h"
#include "policy/log_selector.h"
#include "policy/main_options.h"
#include "qrunner/default_policy.h"
#include "qrunner/dry_run.h"
#include "qrunner/emergency_journal.h"
#include "qrunner/queue_run.h"
#include "qrunner/request.h"
#include "qrunner/run_lock.h"

namespace {

namespace fs = std::filesystem;

struct Options {
  base::CommonOptions common;
  qrunner::Request request;
  bool queue_run = false;  // -q, -R or -S was given
  bool force = false;
  bool only = false;
  bool dry_run = false;
  std::string smarthost;
  std::string shard;
  bool follow = false;
  bool parallel = false;
  std::optional<std::size_t> ramp;
  std::chrono::nanoseconds ramp_wait = std::chrono::milliseconds(200);
  std::string order;
  unsigned connections = 20;
  std::vector<std::string> operands;
};

base::Result<void> set_ramp(std::string_view text, std::optional<std::size_t>& ramp) {
  if (text == "inf") {
    ramp = qrunner::Ramp::kInfinite;
    return {};
  }
  auto number = base::to_number(text);
  if (!number || *number == 0)
    return base::fail(base::Code::usage,
                      "'" + std::string(text) + "': write a number from 1 on, or inf");
  ramp = number;
  return {};
}

base::Result<void> set_connections(std::string_view text, unsigned& connections) {
  auto number = base::to_number(text);
  if (!number || *number == 0 || *number > 1'000'000)
    return base::fail(base::Code::usage,
                      "'" + std::string(text) + "': write a number from 1 on");
  connections = static_cast<unsigned>(*number);
  return {};
}

// A script's variable that is empty must not mean that the option was not given.
base::Result<void> set_word(std::string_view text, std::string& word) {
  if (text.empty()) return base::fail(base::Code::usage, "the value is empty");
  word = text;
  return {};
}

// "200ms" as well as the spans of all tools.
base::Result<void> set_wait(std::string_view text, std::chrono::nanoseconds& wait) {
  if (text.ends_with("ms")) {
    if (auto number = base::to_number(text.substr(0, text.size() - 2))) {
      wait = std::chrono::milliseconds(std::min<std::uint64_t>(*number, 86'400'000));
      return {};
    }
  }
  wait = TRY(base::parse_span(text));
  return {};
}

void describe_selection(base::Cli& cli, Options& options) {
  cli.letters('q', "q][i][f|ff][l][GNAME",
              "one queue run; q: two phases, i: first attempts only, f: whatever "
              "the retry times, ff: thaw too, l: local only",
              [&](std::string_view letters) {
                options.queue_run = true;
                return parse_queue_letters(letters, options.request);
              });
  auto selection = [&](std::optional<qrunner::AddressPattern>& target) {
    return [&options, &target](std::string_view flags,
                               std::string_view text) -> base::Result<void> {
      options.queue_run = true;
      target = TRY(qrunner::parse_selection(flags, text, options.request));
      return {};
    };
  };
  cli.letters_and_word('R', "r][f|ff", "only messages with such a recipient to go",
                       selection(options.request.recipient));
  cli.letters_and_word('S', "r][f|ff", "only messages of such a sender",
                       selection(options.request.sender));
  cli.flag("force", 'M', options.force, "deliver the messages named, frozen ones too");
  cli.flag("only", 0, options.only,
           "run over the messages named, - for standard input");
}

void describe(base::Cli& cli, Options& options) {
  cli.about("bobbin-run", "-q[q] [OPTION...] [ID...]",
            "Deliver the messages of a queue.");
  cli.operands("ID", options.operands,
               "with -M and --only: these; otherwise the first and the last id to try");
  describe_selection(cli, options);
  cli.custom("smarthost", 0, "HOST[:PORT]",
             "send everything there, whatever the routers say",
             [&](std::string_view text) { return set_word(text, options.smarthost); });
  cli.custom("ramp", 0, "N|inf", "ready messages that start a site in -qq (8)",
             [&](std::string_view text) { return set_ramp(text, options.ramp); });
  cli.custom("ramp-wait", 0, "T", "... or a message that waited so long (200ms)",
             [&](std::string_view text) { return set_wait(text, options.ramp_wait); });
  cli.choice("order", 0, {"directory", "arrival"}, options.order,
             "the order in which messages are started");
  cli.custom("connections", 0, "N", "connections to one site, at most (20)",
             [&](std::string_view text) {
               return set_connections(text, options.connections);
             });
  cli.custom("shard", 0, "I/N",
             "part I of N runs side by side, each with its share of the queue",
             [&](std::string_view text) { return set_word(text, options.shard); });
  cli.flag("follow", 0, options.follow, "go on with what comes, until told to end");
  cli.flag("parallel", 0, options.parallel, "beside another run of this queue");
  cli.flag("dry-run", 0, options.dry_run, "say what would go where, and do nothing");
  cli.common(options.common);
}

base::Result<std::vector<spoolfmt::MessageId>> ids(
    const std::vector<std::string>& operands) {
  std::vector<spoolfmt::MessageId> found;
  for (const std::string& operand : operands) {
    if (operand == "-") {
      for (std::string line; std::getline(std::cin, line);)
        if (auto id = spoolfmt::MessageId::find_in(line)) found.push_back(*id);
    } else if (auto id = spoolfmt::MessageId::parse(operand)) {
      found.push_back(*id);
    } else {
      return base::fail(base::Code::usage, "'" + operand + "' is not a message id");
    }
  }
  return found;
}

// What the operands mean depends on the options beside them.
base::Result<void> read_operands(const Options& options, qrunner::Request& request) {
  auto named = TRY(ids(options.operands));
  if (options.force || options.only) {
    if (options.operands.empty())
      return base::fail(base::Code::usage, "-M and --only take message ids");
    request.ids = std::move(named);
    request.named_only = true;
    if (options.force) request.force = request.force_frozen = true;
    return {};
  }
  if (!options.queue_run && !options.dry_run)
    return base::fail(base::Code::usage,
                      "say -q for a queue run, -qq for one in two phases, or -M ID");
  if (named.size() > 2)
    return base::fail(base::Code::usage,
                      "a first and a last id at most: --only takes more");
  if (!named.empty()) request.start = named.front().text();
  if (named.size() == 2) request.stop = named.back().text();
  return {};
}

// "2/4" is the second of four.
base::Result<void> read_shard(std::string_view text, qrunner::Request& request) {
  if (text.empty()) return {};
  auto slash = text.find('/');
  auto which = base::to_number(text.substr(0, slash));
  auto of = base::to_number(slash == text.npos ? "" : text.substr(slash + 1));
  if (!which || !of || *which == 0 || *which > *of || *of > 1000)
    return base::fail(base::Code::usage, "--shard '" + std::string(text) +
                                             "': write 1/4, 2/4, 3/4 or 4/4");
  request.shard = static_cast<unsigned>(*which - 1);
  request.shards = static_cast<unsigned>(*of);
  return {};
}

base::Result<qrunner::RunSettings> settings(const Options& options,
                                            const policy::Policy& policy,
                                            const policy::MainOptions& main,
                                            const qrunner::Request& request) {
  qrunner::RunSettings settings;
  settings.ramp.wait = options.ramp_wait;
  settings.ramp.per_site = options.connections;
  if (!request.two_phases)
    settings.ramp.threshold = 1;
  else if (options.ramp)
    settings.ramp.threshold = *options.ramp;
  else if (!main.queue_fast_ramp)
    settings.ramp.threshold = qrunner::Ramp::kInfinite;
  bool arrival =
      options.order.empty() ? main.queue_run_in_order : options.order == "arrival";
  if (arrival) settings.order = qrunner::ScanOrder::arrival;
  settings.ramp.addresses.per_address =
      std::max(settings.ramp.addresses.per_address, settings.ramp.per_site);
  settings.follow = options.follow;
  settings.load_max = policy.main.fixed("deliver_queue_load_max");
  settings.shown = TRY(policy::LogSelector::parse(policy.main.text("log_selector")));
  settings.reports = TRY(qrunner::DsnOptions::of(policy));
  if (main.message_id_format == spoolfmt::MessageId::kLongLength)
    settings.ids.release = spoolfmt::IdScheme::Release::v4_97;
  settings.ids.localhost_number = main.localhost_number;
  settings.message_logs = main.message_logs;
  settings.preserve_message_logs = main.preserve_message_logs;
  return settings;
}

base::Result<std::shared_ptr<const policy::Policy>> load(const Options& options) {
  policy::Program program = *policy::find_program("run");
  if (options.smarthost.empty())
    return engine::program_policy(options.common, program, qrunner::default_policy());
  policy::PolicyFile file = TRY(policy::read_policy_file(options.common));
  if (!file.exists) file = {"built-in", ""};
  file.text = TRY(qrunner::smarthost_policy(options.smarthost, file.text));
  return engine::program_policy(file, options.common, program);
}

// Where deliveries are written down when the disk of the spool fails.
fs::path emergency_directory(const policy::Policy& policy,
                             const policy::MainOptions& main) {
  std::string_view set = policy.main.text("emergency_journal");
  return set.empty() ? main.spool_directory / "db" / "bobbin" : fs::path(set);
}

// Null, and said: there can be none, and mail goes without it.
base::Result<std::unique_ptr<qrunner::EmergencyJournal>> open_emergency(
    const fs::path& directory, const std::string& queue) {
  auto journal = qrunner::EmergencyJournal::open(directory, queue);
  if (journal || journal.error().code == base::Code::no_space) return journal;
  base::complain(journal.error().text + ": there is no emergency journal");
  return nullptr;
}

bool is_empty(const spoolfmt::Spool& spool) {
  bool empty = true;
  auto seen = [&](const spoolfmt::SpoolEntry&) { return empty = false; };
  return spool.for_each(seen, [](const base::Error&) {}) && empty;
}

// What root would leave in the spool could not be opened by anybody else.
base::Result<void> become_owner(const std::filesystem::path& spool) {
  if (::geteuid() != 0) return {};
  return base::become_unprivileged(TRY(base::find_owner(spool)));
}

// Is the message in the spool, whatever the name of its queue?
bool is_queued(const std::filesystem::path& directory, std::string_view text) {
  auto id = spoolfmt::MessageId::parse(text);
  if (!id) return false;
  auto has_it = [&](const std::string& queue) {
    auto spool = spoolfmt::Spool::open(directory, queue);
    return spool && spool->locate(*id, "-H");
  };
  if (has_it("")) return true;
  std::error_code error;
  for (std::filesystem::directory_iterator at(directory, error), end;
       !error && at != end; at.increment(error))
    if (has_it(at->path().filename())) return true;
  return false;
}

base::Result<void> run(const Options& given) {
  qrunner::Request request = given.request;
  TRY(read_operands(given, request));
  TRY(read_shard(given.shard, request));
  auto main = TRY(policy::load_main_options(given.common));
  auto policy = TRY(load(given));
  if (request.queue.empty()) request.queue = given.common.queue;
  auto spool = TRY(spoolfmt::Spool::open(main.spool_directory, request.queue,
                                         main.split_spool_directory));
  TRY(become_owner(main.spool_directory));
  auto how = TRY(settings(given, *policy, main, request));
  base::SystemClock clock;
  auto log = TRY(base::MainLog::open(policy::log_path(main, "main"), clock));
  auto resolver = TRY(net::Resolver::create(engine::resolver_options(policy->main)));
  if (given.dry_run) {
    auto hints = hints::Store::in_memory();
    auto copy = [&](std::string_view key, const hints::RetryRecord& record) {
      hints.remember(key, record);
      return true;
    };
    TRY(hints::read_retry_records(main.spool_directory, copy));
    return dry_run({spool, *policy, *resolver, hints, log}, request, how.order);
  }
  auto directory = emergency_directory(*policy, main);
  if (!how.follow && is_empty(spool)) {  // and leave no trace in it
    TRY(qrunner::take_in_emergencies(directory, request.queue, spool));
    auto hints = hints::Store::in_memory();
    return run_queue({spool, *policy, *resolver, hints, log}, request, how);
  }
  std::optional<qrunner::RunLock> lock;
  if (!request.named_only && !given.parallel && request.shards == 1) {
    auto only = qrunner::RunLock::acquire(main.spool_directory, request.queue);
    if (!only) {
      std::printf("%s\n", only.error().text.c_str());
      return {};
    }
    lock = std::move(*only);
  }
  TRY(qrunner::take_in_emergencies(directory, request.queue, spool));
  auto hints = hints::Store::open(main.spool_directory);
  auto emergency = TRY(open_emergency(directory, request.queue));
  auto panic = [&](const std::string& text) {
    auto file = base::MainLog::open(policy::log_path(main, "panic"), clock);
    if (file) (void)file->write("", text);
  };
  std::optional<hints::Leases> leases;
  if (given.parallel || request.shards > 1)
    leases.emplace(hints::Leases::open(main.spool_directory, clock));
  auto done = run_queue({spool, *policy, *resolver, hints, log,
                         leases ? &*leases : nullptr, emergency.get(), panic},
                        request, how);
  hints.sweep(clock.now(),
              [&](std::string_view id) { return is_queued(main.spool_directory, id); });
  return done;
}

}  // namespace

int main(int argc, char** argv) {
  // Exim has two names for each: -qR is -R, and -qS is -S.
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    if (word.starts_with("-qR") || word.starts_with("-qS")) *++argv[i] = '-';
  }
  return base::tool_main(argc, argv, describe, run);
}
