// SPDX-License-Identifier: Apache-2.0
//
// Real scripts, real processes; only the client is a double.
#include "receiver/scripts.h"
#include "base/sandbox.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <random>
#include <sstream>

#include "base/sandbox.h"
#include "base/text.h"
#include "net/task_group.h"
#include "receiver/script_quarantine.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace {

namespace asio = boost::asio;
using receiver::ClientWatch;
using receiver::ScriptMessage;
using receiver::ScriptResult;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// A client that leaves or speaks when a file is there.
class Watch final : public ClientWatch {
 public:
  std::function<bool()> gone = [] { return false; };
  std::function<bool()> said = [] { return false; };
  std::function<void(std::string_view)> hears = [](std::string_view) {};

  bool peer_gone() override { return gone(); }
  bool spoke() override { return said(); }
  asio::awaitable<void> keep_alive(std::string_view line) override {
    hears(line);
    co_return;
  }
};

class Scripts : public testing::Test {
 protected:
  Scripts() {
    // Scripts of another user must get here when the tests run as root.
    ::chmod(dir.path().c_str(), 0755);
    for (const char* name : {"scripts", "state", "work", "keep"})
      std::filesystem::create_directory(dir / name);
    ::chmod((dir / "state").c_str(), 0777);
    head = "dir = " + (dir / "scripts").string() +
           "\nkeep_dir = " + (dir / "keep").string() + "\n";
    letter.id = "1xUYvJ-0004Zg-2C";
    letter.hostname = "mx.test";
    letter.client.peer = {"192.0.2.7", 4711};
    letter.client.helo_name = "c.test";
    letter.envelope.sender = "a@x.test";
    letter.envelope.recipients.push_back({"b@y.test", {}});
    letter.headers = "Received: from c.test\nSubject: hello\n";
    letter.size = 1000;
  }

  std::string state(const std::string& name) const {
    return (dir / "state" / name).string();
  }
  std::string read_state(const std::string& name) const {
    std::ifstream in(state(name));
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  void touch(const std::string& name) { std::ofstream(state(name)) << ""; }
  bool seen(const std::string& name) const {
    return std::filesystem::exists(state(name));
  }

  // A script with a section of its own; `keys` are lines of it.
  void add(const std::string& name, const std::string& text,
           const std::string& keys = {}) {
    add_program(name, "#!/bin/sh\nS=" + (dir / "state").string() + "\n" + text + "\n",
                keys);
  }
  // A sanitizer's own memory, still there between fork and exec, is no script's.
  static std::string memory() { return base::has_sanitizer() ? "memory = 0\n" : ""; }
  void add_program(const std::string& name, const std::string& text,
                   const std::string& keys) {
    std::filesystem::path path = dir / "scripts" / name;
    std::ofstream(path) << text;
    ::chmod(path.c_str(), 0755);
    last_order += 10;
    sections += "[script " + name + "]\norder = " + std::to_string(last_order) +
                "\nexec = " + name + "\nstate = " + (dir / "state").string() + "\n" +
                memory() + keys + "\n";
  }
  std::string ini() const { return (dir / "scripts.ini").string(); }
  void write_ini() {
    std::ofstream(ini()) << "[data]\n" + head + sections;
    ::chmod(ini().c_str(), 0644);
  }

  // The launcher first: it is forked before there are threads.
  void start() {
    write_ini();
    auto launcher = receiver::ScriptLauncher::start(ini(), dir / "work");
    ASSERT_TRUE(launcher) << launcher.error().text;
    starter.emplace(std::move(*launcher));
    loop.emplace();
    pool.emplace(2);
    live.emplace(*starter, *pool, main_log, clock, dir / "work");
    auto loaded = live->load(rules);
    ASSERT_TRUE(loaded) << loaded.error().text;
    d_file = base::Fd(::open((dir / "body").c_str(), O_RDWR | O_CREAT, 0600));
    ASSERT_TRUE(base::write_all(d_file.get(), letter.id + "-D\nhello\nworld\n", "b"));
  }

  ScriptMessage message() const {
    ScriptMessage copy = letter;
    copy.d_file = d_file.get();
    copy.body_at = copy.id.size() + 3;
    return copy;
  }

  static asio::awaitable<void> run_into(receiver::ScriptService& service,
                                        ScriptMessage message, Watch& watch,
                                        ScriptResult& result) {
    auto list = service.current();
    result = co_await receiver::run_scripts(service, list, std::move(message), watch);
    if (result.event) co_await receiver::run_script_event(std::move(*result.event));
  }

  // One message through all of it, events included.
  ScriptResult run(Watch& watch) {
    if (!live) start();
    ScriptResult result;
    net::TaskGroup tasks(*loop);
    tasks.spawn(run_into(*live, message(), watch, result));
    loop->run();
    return result;
  }
  ScriptResult run() {
    Watch watch;
    return run(watch);
  }

  support::TempDir dir;
  std::string head, sections;
  int last_order = 0;
  ScriptMessage letter;
  base::Fd d_file;
  support::FakeClock clock;
  base::MainLog main_log = *base::MainLog::open(dir / "mainlog", clock);
  std::shared_ptr<const policy::Policy> rules =
      std::make_shared<const policy::Policy>();
  std::optional<receiver::ScriptLauncher> starter;
  std::optional<net::Loop> loop;
  std::optional<net::Pool> pool;
  std::optional<receiver::ScriptService> live;
};

std::string wire(const ScriptResult& result) {
  return smtp::format_reply(result.outcome.reply);
}

TEST_F(Scripts, DS1_RunInTheirOrderUntilOneFails) {
  for (const char* name : {"one", "two", "three"})
    add(name, std::string("echo ") + name + " >>$S/order");
  add("four", "echo four >>$S/order; exit 10");
  add("five", "echo five >>$S/order");
  ScriptResult result = run();
  EXPECT_EQ(read_state("order"), "one\ntwo\nthree\nfour\n");
  EXPECT_FALSE(result.outcome.may_commit());
  EXPECT_EQ(wire(result), "554 5.7.1 Message refused\r\n");
  EXPECT_THAT(result.outcome.log, ElementsAre("script four: FAIL"));
}

TEST_F(Scripts, DS2_WhatAScriptEndsWithIsTheReply) {
  const std::pair<const char*, const char*> rows[] = {
      {"exit 10", "554 5.7.1"},       {"exit 20", "451 4.7.1"},
      {"exit 1", "451 4.3.0"},        {"exit 2", "451 4.3.0"},
      {"exit 127", "451 4.3.0"},      {"exit 30", "451 4.3.0"},
      {"kill -SEGV $$", "451 4.3.0"}, {"nonesuch", "451 4.3.0"},
      {"echo nonsense", "451 4.3.0"},
  };
  add("one", "cat /dev/null; . $S/do");
  start();
  for (const auto& [text, reply] : rows) {
    std::ofstream(state("do")) << text << "\n";
    EXPECT_EQ(wire(run()).substr(0, 9), reply) << text;
  }
  std::ofstream(state("do")) << "exit 0\n";
  EXPECT_TRUE(run().outcome.may_commit());
}

TEST_F(Scripts, DS3_FailKeepLeavesACopy) {
  add("one", R"(echo '{"keep_tag":"test","code":550}'; exit 11)");
  ScriptResult result = run();
  EXPECT_EQ(wire(result).substr(0, 9), "550 5.7.1");
  std::filesystem::path copy = dir / "keep" / (letter.id + ".one.eml");
  EXPECT_EQ(*base::read_file(copy), letter.headers + "\nhello\nworld\n");
  struct stat status{};
  ASSERT_EQ(::stat(copy.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  std::string json = *base::read_file(copy.replace_extension(".json"));
  EXPECT_THAT(json, HasSubstr(R"("from":"a@x.test")"));
  EXPECT_THAT(json, HasSubstr(R"("script":"one","verdict":"FAIL_KEEP")"));
  EXPECT_THAT(result.outcome.log,
              ElementsAre("script one: FAIL_KEEP", "script one: copy kept (test)"));
}

TEST_F(Scripts, DS3_FailLeavesNothing) {
  add("one", "exit 10");
  run();
  EXPECT_TRUE(std::filesystem::is_empty(dir / "keep"));
  EXPECT_TRUE(std::filesystem::is_empty(dir / "work"));
}

TEST_F(Scripts, DS3_OldestCopiesGoFirst) {
  receiver::ScriptConfig config;
  config.keep_dir = dir / "keep";
  config.keep_bytes = 25;
  config.keep_age = seconds(1000);
  base::Fd content(::open((dir / "content").c_str(), O_RDWR | O_CREAT, 0600));
  ASSERT_TRUE(base::write_all(content.get(), "0123456789", "content"));
  std::int64_t now = 1'700'000'000;
  int age = 2000;
  for (const char* id : {"ancient", "older", "newer", "newest"}) {
    ASSERT_TRUE(receiver::keep_copy(config, id, "s", content.get(), "{}"));
    for (const char* end : {".s.eml", ".s.json"}) {
      timespec time{now - age, 0};
      timespec times[] = {time, time};
      ::utimensat(AT_FDCWD, (dir / "keep" / (std::string(id) + end)).c_str(), times, 0);
    }
    age /= 10;
  }
  ASSERT_TRUE(receiver::enforce_quota(config, base::Time(seconds(now))));
  EXPECT_FALSE(std::filesystem::exists(dir / "keep/ancient.s.eml"));
  EXPECT_FALSE(std::filesystem::exists(dir / "keep/older.s.json"));
  EXPECT_TRUE(std::filesystem::exists(dir / "keep/newer.s.eml"));
  EXPECT_TRUE(std::filesystem::exists(dir / "keep/newest.s.json"));
}

// Is that process there, and no zombie?
bool runs(const std::string& pid) {
  std::ifstream in("/proc/" + pid + "/stat");
  std::string line;
  if (!std::getline(in, line)) return false;
  return line.substr(line.rfind(')') + 2, 1) != "Z";
}

TEST_F(Scripts, DS4_NothingOutlivesItsTimeout) {
  add("one",
      "trap '' TERM\n"
      "setsid sh -c \"trap '' TERM; echo \\$\\$ >$S/far; sleep 1000\" &\n"
      "sleep 1000 & echo $! >$S/near\n"
      "echo $$ >$S/self; wait; sleep 1000",
      "timeout = 1s");
  auto begun = steady_clock::now();
  ScriptResult result = run();
  auto took = steady_clock::now() - begun;
  EXPECT_EQ(wire(result).substr(0, 9), "451 4.3.0");
  EXPECT_GE(took, seconds(3));
  EXPECT_LT(took, milliseconds(3500) + seconds(3));  // the machine may be busy
  for (const char* name : {"self", "near", "far"}) {
    std::string pid = read_state(name);
    ASSERT_FALSE(pid.empty()) << name;
    EXPECT_FALSE(runs(pid.substr(0, pid.size() - 1))) << name;
  }
}

TEST_F(Scripts, DS5_AllTogetherHaveABudget) {
  head += "total_timeout = 3s\nreply_reserve = 2s\n[event timeout]\nbudget = 5s\n";
  add("one", "sleep 0.3");
  add("two",
      "[ $SPOOLSCRIPT_EVENT = data ] && exec sleep 100; echo $SPOOLSCRIPT_EVENT "
      ">$S/event",
      "required = yes");
  ScriptResult result = run();
  EXPECT_EQ(wire(result).substr(0, 9), "451 4.4.2");
  EXPECT_FALSE(result.outcome.may_commit());
  EXPECT_EQ(read_state("event"), "timeout\n");
}

TEST_F(Scripts, DS6_DS18_GoneClientIsDiscardedAndItsEventRuns) {
  head += "[event client-gone]\nrun = one\nbudget = 5s\n";
  add("one", "echo $SPOOLSCRIPT_EVENT >>$S/events");
  add("two", "[ $SPOOLSCRIPT_EVENT = data ] || exit 11; touch $S/there; sleep 100",
      "required = yes");
  Watch watch;
  watch.gone = [&] { return seen("there"); };
  ScriptResult result = run(watch);
  EXPECT_FALSE(result.outcome.may_commit());
  EXPECT_TRUE(result.outcome.client_gone);
  EXPECT_EQ(read_state("events"), "data\nclient-gone\n");
  EXPECT_TRUE(std::filesystem::exists(dir / "keep" / (letter.id + ".two.eml")));
  EXPECT_THAT(*base::read_file(dir / "mainlog"),
              HasSubstr("script two (client-gone): FAIL_KEEP"));
}

TEST_F(Scripts, DS6_FinishCommitsOnlyIfRequiredPassed) {
  head += "on_client_gone = finish\n";
  add("one", "touch $S/there; sleep 100");
  add("two", "exit $(cat $S/status)", "required = yes");
  for (int status : {0, 10}) {
    std::ofstream(state("status")) << status;
    Watch watch;
    watch.gone = [&] { return seen("there"); };
    ScriptResult result = run(watch);
    EXPECT_EQ(result.outcome.may_commit(), status == 0);
    EXPECT_TRUE(result.outcome.client_gone);
  }
}

// The pure run is tried with a thousand seeds; here are the real pieces around it.
TEST_F(Scripts, DS7_LeavingAtAnyTimeIsNoWayAround) {
  add("one", "sleep 0.0$(($$ % 10))");
  add("two", "echo $SPOOLSCRIPT_EVENT >>$S/wall; sleep 0.05; exit 10",
      "required = yes");
  for (const char* policy : {"discard", "finish"}) {
    std::string data = head;
    head += std::string("on_client_gone = ") + policy + "\n";
    if (live) {
      write_ini();
      ASSERT_TRUE(live->load(rules));
    }
    for (int part = 0; part < 20; ++part) {
      std::filesystem::remove(state("wall"));
      auto leave = steady_clock::now() + milliseconds(part * 15);
      Watch watch;
      watch.gone = [leave] { return steady_clock::now() >= leave; };
      ScriptResult result = run(watch);
      EXPECT_FALSE(result.outcome.may_commit()) << policy << part;
      EXPECT_THAT(read_state("wall"), Not(IsEmpty())) << policy << part;
    }
    head = data;
  }
}

TEST_F(Scripts, DS9_WhatComesLaterIsAnEarlyQuit) {
  add("one", "touch $S/there; while [ ! -e $S/said ]; do sleep 0.02; done; sleep 0.3");
  add("two", "cat >$S/in.json");
  Watch watch;
  watch.said = [&] {
    if (seen("there")) touch("said");
    return seen("there");
  };
  ScriptResult result = run(watch);
  EXPECT_TRUE(result.outcome.may_commit());
  EXPECT_TRUE(result.outcome.early_quit);
  EXPECT_THAT(read_state("in.json"), HasSubstr(R"("early_quit":true)"));
}

TEST_F(Scripts, DS10_StrangersBytesAreInTheObjectAndNowhereElse) {
  std::string domain(255, 'd');
  letter.envelope.sender = "\"$(touch /tmp/x)\" '\n;`id`@" + domain;
  letter.client.helo_name = "caf\xe9";
  letter.envelope.recipients.push_back({"${IFS}|sh@y.test", {}});
  letter.envelope.params.size = 7;
  add("one",
      "cat >$S/in.json; tr '\\0' '\\n' </proc/$$/environ >$S/env; "
      "tr '\\0' '\\n' </proc/$$/cmdline >$S/args; ls -l /proc/$$/fd >$S/fds; "
      "cat <&3 >$S/message; cat $SPOOLSCRIPT_FILE >$S/again; pwd >$S/pwd");
  ScriptResult result = run();
  EXPECT_TRUE(result.outcome.may_commit())
      << testing::PrintToString(result.outcome.log);
  std::string json = read_state("in.json");
  EXPECT_THAT(json, HasSubstr(R"("from":"\"$(touch /tmp/x)\" '\n;`id`@)" + domain));
  EXPECT_THAT(json, HasSubstr(R"("helo":{"b64":"Y2Fm6Q=="})"));
  EXPECT_THAT(json, HasSubstr(R"({"addr":"${IFS}|sh@y.test","params":{}})"));
  EXPECT_THAT(json, HasSubstr(R"("from_params":{"SIZE":7})"));
  std::string env = read_state("env") + read_state("args");
  EXPECT_THAT(env, HasSubstr("SPOOLSCRIPT_PROTOCOL=1\nSPOOLSCRIPT_ID=" + letter.id +
                             "\nSPOOLSCRIPT_EVENT=data\nSPOOLSCRIPT_DEADLINE_MS="));
  EXPECT_THAT(env, HasSubstr("PATH=/usr/local/bin:/usr/bin:/bin\nLC_ALL=C\nTZ="));
  for (const char* text : {"touch /tmp", "caf", "IFS", "ddd", "x.test", "192.0.2"})
    EXPECT_THAT(env, Not(HasSubstr(text)));
  EXPECT_EQ(read_state("message"), letter.headers + "\nhello\nworld\n");
  EXPECT_EQ(read_state("again"), read_state("message"));
  EXPECT_THAT(read_state("pwd"), HasSubstr((dir / "work/run-").string()));
}

TEST_F(Scripts, DescriptorsAreFourAndNoMore) {
  add_program("one",
              "#!/usr/bin/python3\nimport os\n"
              "fds = [n for n in range(64) if os.path.exists(f'/proc/self/fd/{n}')]\n"
              "open('" +
                  state("fds") +
                  "', 'w').write(str(fds))\n"
                  "try:\n  os.write(3, b'x')\n  raise SystemExit(3)\n"
                  "except OSError: pass\n",
              "");
  ScriptResult result = run();
  EXPECT_TRUE(result.outcome.may_commit())
      << testing::PrintToString(result.outcome.log);
  EXPECT_EQ(read_state("fds"), "[0, 1, 2, 3]");
}

TEST_F(Scripts, DS11_TooMuchOutputIsAnError) {
  add("one", "head -c 10000000 /dev/zero | tr '\\0' x; echo oops >&2");
  ScriptResult result = run();
  EXPECT_EQ(wire(result).substr(0, 9), "451 4.3.0");
  EXPECT_THAT(result.outcome.log,
              ElementsAre("script one: stderr: oops",
                          "script one: ERROR (its output is too long)"));
}

asio::awaitable<void> open_gate_when(std::function<bool()> ready,
                                     std::function<void()> open) {
  while (!ready()) co_await net::sleep_for(milliseconds(5));
  open();
}

TEST_F(Scripts, DS13_WaitersHaveAPatience) {
  head += "max_running = 2\nqueue_wait = 1s\n";
  add("one", "while [ ! -e $S/go ]; do sleep 0.02; done");
  start();
  std::vector<ScriptResult> results(7);
  std::vector<Watch> watches(7);
  net::TaskGroup tasks(*loop);
  for (std::size_t i = 0; i < 7; ++i)
    tasks.spawn(run_into(*live, message(), watches[i], results[i]));
  auto busy = [&] {
    return std::ranges::count_if(results, [](const ScriptResult& one) {
      return smtp::format_reply(one.outcome.reply).starts_with("451 4.3.2");
    });
  };
  auto five = [&] { return busy() == 5; };
  auto go = [&] { touch("go"); };
  tasks.spawn(open_gate_when(five, go));
  loop->run();
  EXPECT_EQ(busy(), 5);
  EXPECT_EQ(std::ranges::count_if(
                results, [](const auto& one) { return one.outcome.may_commit(); }),
            2);
}

TEST_F(Scripts, SlotIsHandedOn) {
  head += "max_running = 1\nqueue_wait = 60s\n";
  add("one", "mkdir $S/alone && sleep 0.05 && rmdir $S/alone");
  start();
  std::vector<ScriptResult> results(6);
  std::vector<Watch> watches(6);
  net::TaskGroup tasks(*loop);
  for (std::size_t i = 0; i < 6; ++i)
    tasks.spawn(run_into(*live, message(), watches[i], results[i]));
  loop->run();
  for (const ScriptResult& one : results) EXPECT_TRUE(one.outcome.may_commit());
}

TEST_F(Scripts, DS14_IsKeptFromFilesAndNetwork) {
  std::ofstream(dir / "secret") << "key";
  ::chmod((dir / "secret").c_str(), 0644);
  base::Fd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(server.get(), reinterpret_cast<sockaddr*>(&address), sizeof address),
            0);
  ASSERT_EQ(::listen(server.get(), 5), 0);
  socklen_t size = sizeof address;
  ::getsockname(server.get(), reinterpret_cast<sockaddr*>(&address), &size);
  std::string program =
      "#!/usr/bin/python3\nimport json, socket, os\nfound = []\n"
      "try:\n  open('" +
      (dir / "secret").string() +
      "'); found.append('secret')\n"
      "except OSError: pass\n"
      "try:\n  open('" +
      (dir / "scripts/new").string() +
      "', 'w'); "
      "found.append('write')\nexcept OSError: pass\n"
      "try:\n  open('/proc/" +
      std::to_string(::getpid()) +
      "/environ').read(); "
      "found.append('environ')\nexcept OSError: pass\n"
      "try:\n  socket.create_connection(('127.0.0.1', " +
      std::to_string(ntohs(address.sin_port)) +
      ")); found.append('network')\n"
      "except OSError: pass\n"
      "socket.socketpair()\n"
      "print(json.dumps({'log': ' '.join(found) or 'nothing'}))\n";
  add_program("one", program, "");
  add_program("two", program, "network = yes");
  ScriptResult result = run();
  EXPECT_TRUE(result.outcome.may_commit());
  EXPECT_THAT(result.outcome.log,
              ElementsAre("script one: PASS: nothing", "script two: PASS: network"));
}

TEST_F(Scripts, DS14_ListedFilesAloneAreStarted) {
  add("one", "exit 0");
  start();
  EXPECT_TRUE(run().outcome.may_commit());
  ::chmod((dir / "scripts/one").c_str(), 0777);
  EXPECT_THAT(run().outcome.log, ElementsAre(HasSubstr("can be written by others")));
  std::filesystem::remove(dir / "scripts/one");
  std::filesystem::create_symlink("/bin/true", dir / "scripts/one");
  EXPECT_THAT(run().outcome.log, ElementsAre(HasSubstr("links are not followed")));
}

TEST_F(Scripts, DS15_KeepAliveAfterRequired) {
  head += "keepalive = after-required\nkeepalive_every = 1s\n";
  add("one", "sleep 1.2; touch $S/passed", "required = yes");
  add("two", "while [ ! -e $S/go ]; do sleep 0.02; done");
  int lines = 0;
  Watch watch;
  watch.hears = [&](std::string_view line) {
    EXPECT_TRUE(seen("passed"));
    EXPECT_EQ(line, "250-2.0.0 still checking\r\n");
    if (++lines == 2) touch("go");
  };
  ScriptResult result = run(watch);
  EXPECT_GE(lines, 2);
  EXPECT_TRUE(result.outcome.may_commit());
  EXPECT_TRUE(result.outcome.kept_alive);
}

TEST_F(Scripts, DS16_ReloadIsForTheNextMessage) {
  add("one", "touch $S/there; while [ ! -e $S/go ]; do sleep 0.02; done");
  add("two", "echo old >>$S/lists");
  start();
  ScriptResult first, second;
  Watch watch;
  net::TaskGroup tasks(*loop);
  tasks.spawn(run_into(*live, message(), watch, first));
  auto there = [&] { return seen("there"); };
  auto reload = [&] {
    sections.clear();
    add("three", "echo new >>$S/lists");
    write_ini();
    EXPECT_TRUE(live->load(rules));
    tasks.spawn(run_into(*live, message(), watch, second));
    touch("go");
  };
  tasks.spawn(open_gate_when(there, reload));
  loop->run();
  EXPECT_TRUE(first.outcome.may_commit());
  EXPECT_TRUE(second.outcome.may_commit());
  EXPECT_THAT(read_state("lists"), HasSubstr("old\n"));
  EXPECT_THAT(read_state("lists"), HasSubstr("new\n"));

  // What is wrong changes nothing.
  std::ofstream(ini()) << "[data]\ncolor = red\n";
  auto wrong = live->load(rules);
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().text, HasSubstr("scripts.ini: line 2: "));
  EXPECT_EQ(live->current()->config.scripts.front().name, "three");
}

TEST_F(Scripts, DS17_HeadersAndVariablesComeBack) {
  add("one", R"(echo '{"headers_add":["X-One: 1"],"vars":{"acl_m_one":"1"}}')");
  ScriptResult result = run();
  EXPECT_THAT(result.outcome.headers_add, ElementsAre("X-One: 1"));
  EXPECT_EQ(result.outcome.vars.at("acl_m_one"), "1");
}

TEST_F(Scripts, LargeAndWireFormatMessagesAreWhole) {
  add("one", "cat <&3 | md5sum >$S/sum");
  start();
  std::string text;
  for (int line = 0; line < 100'000; ++line)
    text += "line " + std::to_string(line) + "\n";
  std::string wire_text;
  for (char c : text) wire_text += c == '\n' ? std::string("\r\n") : std::string(1, c);
  std::string sums[2];
  for (bool wire_format : {false, true}) {
    ASSERT_EQ(::ftruncate(d_file.get(), static_cast<off_t>(letter.id.size() + 3)), 0);
    ::lseek(d_file.get(), 0, SEEK_END);
    ASSERT_TRUE(base::write_all(d_file.get(), wire_format ? wire_text : text, "b"));
    letter.size = 2'000'000;
    letter.wire_format = wire_format;
    EXPECT_TRUE(run().outcome.may_commit());
    sums[wire_format] = read_state("sum");
  }
  EXPECT_EQ(sums[0], sums[1]);
  EXPECT_EQ(sums[0].size(), 36U);
}

TEST_F(Scripts, CancellationEndsThem) {
  add("one", "echo $$ >$S/pid.new; mv $S/pid.new $S/pid; sleep 1000");
  start();
  ScriptResult result;
  Watch watch;
  net::TaskGroup tasks(*loop);
  tasks.spawn(run_into(*live, message(), watch, result));
  auto there = [&] { return seen("pid"); };
  net::TaskGroup stoppers(*loop);
  stoppers.spawn(open_gate_when(there, [&] { tasks.cancel(); }));
  loop->run();
  EXPECT_FALSE(result.outcome.may_commit());
  std::string pid = read_state("pid");
  pid.pop_back();
  auto until = steady_clock::now() + seconds(30);
  while (runs(pid) && steady_clock::now() < until) ::usleep(1000);
  EXPECT_FALSE(runs(pid));
}

TEST_F(Scripts, ListOfSomebodyElseIsRefused) {
  add("one", "exit 0");
  start();
  ::chmod(ini().c_str(), 0666);
  EXPECT_THAT(live->load(rules).error().text, HasSubstr("can be written by others"));
}

}  // namespace
