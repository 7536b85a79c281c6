// SPDX-License-Identifier: Apache-2.0
//
// What a policy costs a server: evaluating what was parsed once, judging a recipient,
// and reading the file.
//
// The expressions are the lines of the file that BOBBIN_BENCH_LINES names, evaluated
// with the policy BOBBIN_BENCH_CONF; without them that part is left out. The recipient
// meets what is usual: three lists of hosts, a list of 100,000 domains in LMDB and two
// conditions.  The file has 5,000 lines of lists, statements and routers.
#include <benchmark/benchmark.h>
#include <lmdb.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "base/fd.h"
#include "policy/acl.h"
#include "policy/expression.h"
#include "policy/programs.h"
#include "policy/scripted_context.h"

namespace {

namespace fs = std::filesystem;

constexpr int kDomains = 100'000;

void must(bool done, const char* what) {
  if (done) return;
  std::fprintf(stderr, "bench: %s\n", what);
  std::exit(70);
}

// A directory with domains.mdb in it, gone when the process ends well.
class Place {
 public:
  Place() {
    std::string name = (fs::temp_directory_path() / "bobbin-bench-XXXXXX").string();
    must(::mkdtemp(name.data()) != nullptr, "no temporary directory");
    path_ = name;
    MDB_env* env = nullptr;
    MDB_txn* txn = nullptr;
    MDB_dbi database = 0;
    must(mdb_env_create(&env) == 0 && mdb_env_set_mapsize(env, 64 << 20) == 0 &&
             mdb_env_open(env, domains().c_str(), MDB_NOSUBDIR | MDB_NOSYNC, 0600) ==
                 0 &&
             mdb_txn_begin(env, nullptr, 0, &txn) == 0 &&
             mdb_dbi_open(txn, nullptr, 0, &database) == 0,
         "no database");
    for (int i = 0; i < kDomains; ++i) {
      std::string key = domain(i), value = "relay";
      MDB_val k{key.size(), key.data()}, v{value.size(), value.data()};
      must(mdb_put(txn, database, &k, &v, 0) == 0, "a domain cannot be stored");
    }
    must(mdb_txn_commit(txn) == 0, "the database cannot be stored");
    mdb_env_close(env);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { fs::remove_all(path_); }

  std::string domains() const { return (path_ / "domains.mdb").string(); }
  static std::string domain(int i) { return "d" + std::to_string(i) + ".example"; }

 private:
  fs::path path_;
};

policy::Loaded load(const std::string& text) {
  auto loaded = policy::load_policy({"bench.conf", text}, {}, policy::Program::any());
  must(loaded.has_value(), "no macros were given");
  if (!loaded->policy)
    std::fprintf(stderr, "%s",
                 loaded->source.format(loaded->diagnostics.errors, "error").c_str());
  must(loaded->policy != nullptr, "the policy is wrong");
  return std::move(*loaded);
}

void EvaluateExpressions(benchmark::State& state) {
  const char* conf = std::getenv("BOBBIN_BENCH_CONF");
  const char* file = std::getenv("BOBBIN_BENCH_LINES");
  if (!conf || !file) return state.SkipWithError("no expressions were given");
  auto loaded = load(base::read_file(conf).value_or(""));
  std::istringstream lines(base::read_file(file).value_or(""));
  const auto program = policy::Program::any();
  const policy::Expressions parser(*loaded.policy, program);
  policy::Diagnostics diagnostics;
  std::vector<policy::Template> texts;
  for (std::string line; std::getline(lines, line);)
    texts.push_back(parser.parse(line, diagnostics));
  policy::ScriptedContext context;
  std::size_t next = 0;
  for (auto _ : state) {
    policy::Evaluation evaluation{.policy = *loaded.policy, .context = context};
    benchmark::DoNotOptimize(policy::expand(texts[next], evaluation));
    next = next + 1 == texts.size() ? 0 : next + 1;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(EvaluateExpressions)->Unit(benchmark::kMicrosecond);

void JudgeRecipient(benchmark::State& state) {
  Place place;
  auto loaded = load(
      "primary_hostname = mx.example.net\n"
      "domainlist relay = lmdb;" +
      place.domains() +
      "\n"
      "hostlist bad = 203.0.113.0/26 : 198.51.100.7 : 198.51.100.9\n"
      "hostlist loopback = <; 127.0.0.0/8 ; ::1\n"
      "hostlist friends = 10.0.0.0/8 : 172.16.0.0/12 : 192.168.0.0/16\n"
      "acl_smtp_rcpt = rcpt\n"
      "begin acl\n"
      "rcpt:\n"
      "  deny hosts = +bad\n"
      "  accept hosts = +loopback\n"
      "  accept hosts = +friends\n"
      "  deny condition = ${if >{$rcpt_count}{100}}\n"
      "  deny condition = ${if match{$local_part}{[%!/|]}}\n"
      "  accept domains = +relay\n");
  policy::ScriptedContext context;
  context.host_address = "192.0.2.33";
  auto set = [&](const char* name, std::string value) {
    context.set_variable(*policy::find_variable(name), std::move(value));
  };
  set("sender_host_address", "192.0.2.33");
  set("rcpt_count", "3");
  set("local_part", "alice");
  int next = 0;
  for (auto _ : state) {
    set("domain", Place::domain(next));
    next = (next + 7919) % kDomains;
    auto result = policy::run_acl(*loaded.policy, policy::Phase::rcpt, context);
    if (result.verdict != policy::AclResult::Verdict::accept)
      return state.SkipWithError("a recipient was refused");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(JudgeRecipient)->Unit(benchmark::kMicrosecond);

std::string long_policy() {
  std::string text =
      "primary_hostname = mx.example.net\nNETS = 192.0.2.0/24 : 198.51.100.0/24\n"
      "acl_smtp_rcpt = a0\n";
  int lines = 3;
  auto add = [&](std::string line) {
    text += line + "\n";
    ++lines;
  };
  for (int i = 0; i < 250; ++i) {
    std::string n = std::to_string(i);
    add("domainlist d" + n + " = a" + n + ".example : *.b" + n + ".example : \\");
    add("   ^mail\\\\d+\\\\.c" + n + "\\\\.example\\$");
    add("hostlist h" + n + " = NETS : 203.0.113." + n);
  }
  add("begin acl");
  for (int i = 0; i < 250; ++i) {
    std::string n = std::to_string(i);
    add("a" + n + ":");
    if (i < 249) add("  accept acl = a" + std::to_string(i + 1));
    add("  warn hosts = +h" + n);
    add("       set acl_m_" + n + " = ${lc:$sender_address}");
    add("  deny domains = +d" + n + " : !*.other.example");
    add("       condition = ${if and{{eq{$acl_m_" + n +
        "}{x}}{match{$local_part}{^a+}}}}");
    add("       message = not here, $sender_host_address");
    add("  accept senders = *@s" + n + ".example : :");
  }
  add("begin routers");
  while (lines < 4'990) {
    std::string n = std::to_string(lines);
    add("r" + n + ":");
    add("  driver = redirect");
    add("  domains = +d" + std::to_string(lines % 250) + " : x.example");
    add("  condition = ${if def:h_x-" + n +
        ": {${lookup{$local_part}lsearch{/dev/null}}}}");
    add("  data = $local_part@${domain:a@b.example}");
  }
  return text;
}

void LoadFiveThousandLines(benchmark::State& state) {
  std::string text = long_policy();
  for (auto _ : state) benchmark::DoNotOptimize(load(text).policy);
}
BENCHMARK(LoadFiveThousandLines)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
