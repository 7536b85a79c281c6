// SPDX-License-Identifier: Apache-2.0
//
// bobbin-load against bobbin-sink: both ends of every other end-to-end test.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <sstream>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace {

using support::program;

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void spill(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// A running sink.
class Sink {
 public:
  explicit Sink(std::vector<std::string> args)
      : process_({.program = program("bobbin-sink"), .args = std::move(args)}) {
    EXPECT_TRUE(process_.saw("\n")) << process_.err();
    const std::string& line = process_.out();
    std::size_t at = line.find("127.0.0.1:");
    EXPECT_NE(at, line.npos) << line;
    address_ = line.substr(at, line.find('\n') - at);
  }

  support::Outcome load(std::vector<std::string> args) const {
    args.insert(args.end(), {"--to", address_});
    return support::run({.program = program("bobbin-load"), .args = std::move(args)});
  }

  // Its counts, after SIGTERM.
  std::string stop() {
    process_.signal(SIGTERM);
    support::Outcome end = process_.wait();
    EXPECT_EQ(end.status, 0) << end.err;
    return end.out.substr(end.out.find('\n') + 1);
  }

 private:
  support::Process process_;
  std::string address_;
};

bool counts(const std::string& json, const std::string& key, unsigned value) {
  return json.find("\"" + key + "\":" + std::to_string(value) + ",") != json.npos;
}

TEST(Sink, CountsWhatLoadSends) {
  for (const char* mode : {"--json", "--no-pipelining"}) {
    Sink sink({});
    auto load = sink.load({"-n", "300", "-c", "7", "--per-connection", "13",
                           "--recipients", "3", "--domains", "5", mode});
    EXPECT_EQ(load.status, 0) << load.err;
    std::string json = sink.stop();
    EXPECT_TRUE(counts(json, "messages", 300)) << json;
    EXPECT_TRUE(counts(json, "recipients", 900)) << json;
    EXPECT_TRUE(counts(json, "duplicates", 0)) << json;
  }
}

TEST(Sink, DumpsTheBytesThatWereSent) {
  support::TempDir dir;
  const std::string first = "Subject: dots\n\n.\n..\n.x\nlast\n";
  const std::string second = "Subject: crlf\r\n\r\n\xff no end";
  spill(dir / "1", first);
  spill(dir / "2", second);
  Sink sink({"--dump", dir / "got"});
  auto load =
      sink.load({"-n", "2", "--from", dir / "1", "--from", dir / "2", "--sender", "",
                 "--recipient", "u%d@y.example", "--recipients", "2"});
  EXPECT_EQ(load.status, 0) << load.err;
  sink.stop();
  EXPECT_EQ(slurp(dir / "got/000001.eml"), first);
  EXPECT_EQ(slurp(dir / "got/000002.eml"), "Subject: crlf\n\n\xff no end\n");
  EXPECT_EQ(slurp(dir / "got/000002.env"),
            "client 127.0.0.1\nhelo load.example\nmail \nrcpt u2@y.example\n"
            "rcpt u3@y.example\n");
}

TEST(Sink, FindsDuplicates) {
  support::TempDir dir;
  spill(dir / "1", "message-id: <1@x>\n\nbody\n");
  Sink sink({});
  auto load = sink.load({"-n", "3", "--from", dir / "1", "--recipient", "u@y"});
  EXPECT_EQ(load.status, 0) << load.err;
  EXPECT_TRUE(counts(sink.stop(), "duplicates", 2));
}

struct Fault {
  std::vector<std::string> sink;
  std::string says;  // on load's stderr
  unsigned kept;     // of ten messages to user0 ... user9 in one session
};

TEST(Sink, FailsOnPurpose) {
  const Fault faults[] = {
      {{"--reject-rcpt", "^user[02468]@"}, "550 5.1.1", 5},
      {{"--defer-rcpt", "user1"}, "450 4.2.1", 9},
      {{"--reply", "connect=554 no"}, "554 no", 0},
      {{"--reply", "mail=451 4.3.0 later"}, "451 4.3.0 later", 0},
      {{"--reply", "data=451 later"}, "451 later", 0},
      {{"--reply", "dot=550 5.7.1 spam"}, "550 5.7.1 spam", 0},
      {{"--size-limit", "1k"}, "552 5.3.4", 0},
      {{"--drop-at", "connect", "--drop-times", "1"}, "closed", 9},
      {{"--drop-at", "helo", "--drop-times", "1"}, "closed", 9},
      {{"--drop-at", "mail", "--drop-times", "1"}, "closed", 9},
      {{"--drop-at", "rcpt", "--drop-times", "1"}, "closed", 9},
      {{"--drop-at", "data", "--drop-times", "1"}, "closed", 9},
      {{"--drop-at", "dot", "--drop-times", "1"}, "closed", 10},
  };
  for (const Fault& fault : faults) {
    Sink sink(fault.sink);
    auto load = sink.load({"-n", "10"});
    EXPECT_EQ(load.status, 1) << fault.sink[1];
    EXPECT_TRUE(load.err.find(fault.says) != load.err.npos ||
                load.err.find("reset") != load.err.npos)
        << fault.sink[1] << ": " << load.err;
    std::string json = sink.stop();
    EXPECT_TRUE(counts(json, "messages", fault.kept)) << fault.sink[1] << json;
  }
}

TEST(Sink, CapsConnections) {
  Sink sink({"--max-connections", "2", "--delay-dot", "1"});
  auto load = sink.load({"-n", "40", "-c", "4"});
  EXPECT_EQ(load.status, 1);
  EXPECT_NE(load.err.find("421 4.3.2"), load.err.npos) << load.err;
  std::string json = sink.stop();
  EXPECT_TRUE(counts(json, "dropped", 0)) << json;
}

TEST(Sink, EndsAfterEnough) {
  support::TempDir dir;
  support::Process sink({.program = program("bobbin-sink"),
                         .args = {"--max-messages", "3", "--count-file", dir / "counts",
                                  "--port-file", dir / "port"}});
  ASSERT_TRUE(sink.saw("listening on"));
  std::string port = slurp(dir / "port");
  port.pop_back();
  auto load = support::run({.program = program("bobbin-load"),
                            .args = {"-n", "3", "--to", "127.0.0.1:" + port}});
  EXPECT_EQ(load.status, 0) << load.err;
  EXPECT_EQ(sink.wait().status, 0);
  EXPECT_TRUE(counts(slurp(dir / "counts"), "messages", 3));
}

TEST(Sink, SaysWhatIsWrongWithItsOptions) {
  const std::pair<std::vector<std::string>, int> rows[] = {
      {{"--listen", "localhost:25"}, 64}, {{"--reply", "dot"}, 64},
      {{"--reply", "body=250 x"}, 64},    {{"--reply", "dot=x"}, 64},
      {{"--drop-at", "never"}, 64},       {{"--reject-rcpt", "("}, 64},
      {{"--listen", "192.0.2.1:0"}, 69},
  };
  for (const auto& [args, status] : rows) {
    auto end = support::run({.program = program("bobbin-sink"), .args = args});
    EXPECT_EQ(end.status, status) << args[0] << " " << args[1] << ": " << end.err;
  }
}

}  // namespace
