// SPDX-License-Identifier: Apache-2.0
//
// What the tests of bobbin-run share: a spool, a configuration, a sink.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace run_tests {

namespace fs = std::filesystem;

inline std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

inline void spill(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline bool has(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

inline std::size_t count_of(const std::string& text, std::string_view what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1))
    ++count;
  return count;
}

// Is there time for what takes long?  ctest has none.
inline bool full() {
  return std::getenv("BOBBIN_E2E_FULL") != nullptr;
}

// bobbin-sink, which writes every message to `dump`.
class Sink {
 public:
  explicit Sink(const fs::path& dump, std::vector<std::string> args = {},
                const std::string& listen = "127.0.0.1:0")
      : dump_(dump) {
    args.insert(args.begin(), {"--listen", listen});
    args.insert(args.end(), {"--dump", dump.string()});
    process_ = std::make_unique<support::Process>(support::Command{
        .program = support::program("bobbin-sink"), .args = std::move(args)});
    EXPECT_TRUE(process_->saw("\n")) << process_->err();
    const std::string& line = process_->out();
    std::size_t at = line.find(listen.substr(0, listen.find(':') + 1));
    EXPECT_NE(at, line.npos) << line;
    address_ = line.substr(at, line.find('\n') - at);
  }

  const std::string& address() const { return address_; }
  std::string port() const { return address_.substr(address_.find(':') + 1); }
  support::Process& process() { return *process_; }

  // Its counts, after SIGTERM.
  std::string stop() {
    process_->signal(SIGTERM);
    support::Outcome end = process_->wait();
    EXPECT_EQ(end.status, 0) << end.err;
    return end.out.substr(end.out.find('\n') + 1);
  }

  // The messages it got, in no order.
  std::vector<std::string> messages() const { return files(".eml"); }
  std::vector<std::string> envelopes() const { return files(".env"); }
  // Envelope and message of each.
  std::vector<std::pair<std::string, std::string>> pairs() const {
    std::vector<std::pair<std::string, std::string>> found;
    for (const auto& file : fs::directory_iterator(dump_)) {
      fs::path path = file.path();
      if (path.extension() != ".eml") continue;
      std::string message = slurp(path);
      found.emplace_back(slurp(path.replace_extension(".env")), std::move(message));
    }
    return found;
  }

 private:
  std::vector<std::string> files(std::string_view extension) const {
    std::vector<std::string> texts;
    for (const auto& file : fs::directory_iterator(dump_))
      if (file.path().extension() == extension) texts.push_back(slurp(file.path()));
    std::ranges::sort(texts);
    return texts;
  }

  fs::path dump_;
  std::unique_ptr<support::Process> process_;
  std::string address_;
};

struct Letter {
  std::vector<std::string> recipients = {"one@x.example"};
  std::string options = "-deliver_firsttime\n";
  std::string tree = "XX\n";
  std::string body = "body\n";
  std::string sender = "s@x.example";
  std::vector<std::string> headers = {};  // behind Subject and Message-Id
  std::time_t received = ::time(nullptr) - 60;
};

// A spool of one test, with its configuration and its log.
class TestSpool {
 public:
  TestSpool() {
    fs::create_directories(dir_ / "spool/input");
    fs::create_directories(dir_ / "spool/msglog");
    spill(
        dir_ / "bobbin.conf",
        "primary_hostname = t.example\nspool_directory = " + (dir_ / "spool").string() +
            "\nlog_file_path = " + (dir_ / "%slog").string() + "\n");
  }

  // Adds to the main section and what follows it.
  void configure(std::string_view text) const {
    std::ofstream(dir_ / "bobbin.conf", std::ios::app) << text;
  }

  static std::string id(unsigned number) {
    char text[32];
    std::snprintf(text, sizeof text, "1xUj2S-%06u-0X", number);
    return text;
  }

  // Puts a message into input/, or its subdirectory.
  void put(const std::string& id, const Letter& letter, const fs::path& below = {}) {
    auto input = dir_ / "spool/input" / below;
    fs::create_directories(input);
    spill(input / (id + "-D"), id + "-D\n" + letter.body);
    std::string h = id + "-H\nroot 0 0\n<" + letter.sender + ">\n" +
                    std::to_string(letter.received) + " 0\n" + letter.options +
                    letter.tree + std::to_string(letter.recipients.size()) + "\n";
    for (const auto& recipient : letter.recipients) h += recipient + "\n";
    h += "\n" + header("Subject: " + id) + header("Message-Id: <" + id + "@x.example>");
    for (const auto& line : letter.headers) h += header(line);
    spill(input / (id + "-H"), h);
  }

  // What the sink gets of it.
  static std::string sent(const std::string& id, const Letter& letter) {
    return "Subject: " + id + "\nMessage-Id: <" + id + "@x.example>\n\n" + letter.body;
  }

  support::Command command(std::vector<std::string> args) const {
    args.insert(args.begin(), {"-C", (dir_ / "bobbin.conf").string()});
    return {.program = support::program("bobbin-run"), .args = std::move(args)};
  }
  support::Outcome run(std::vector<std::string> args) const {
    auto deadline = support::Process::kDeadline;
    return support::run(command(std::move(args)), full() ? 20 * deadline : deadline);
  }

  fs::path file(const std::string& name) const { return dir_ / "spool/input" / name; }
  std::string log() const { return slurp(dir_ / "mainlog"); }
  // Waits until the log has it.
  bool logged(std::string_view text) const {
    auto until = std::chrono::steady_clock::now() + support::Process::kDeadline;
    while (log().find(text) == std::string::npos) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }
  const fs::path& path() const { return dir_.path(); }

  // The -H files, of all directories.
  std::vector<std::string> messages() const {
    auto names = files();
    std::erase_if(names, [](const std::string& name) { return !name.ends_with("-H"); });
    return names;
  }

  // Every file of the spool but for hints, without the directories.
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& item : fs::recursive_directory_iterator(dir_ / "spool"))
      if (item.is_regular_file() && item.path().parent_path().filename() != "bobbin")
        names.push_back(item.path().filename());
    std::ranges::sort(names);
    return names;
  }

 private:
  static std::string header(const std::string& line) {
    char size[16];
    std::snprintf(size, sizeof size, "%03zu  ", line.size() + 1);
    return size + line + "\n";
  }

  support::TempDir dir_;
};

// A policy whose one transport goes to that port, with more lines of its own.
inline std::string to_port(
    const std::string& port, const std::string& transport_lines = "",
    const std::string& retry = "* * F,2h,15m; G,16h,1h,1.5; F,4d,6h") {
  return R"(
begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  headers_add = X-Router: $local_part
  transport = remote
begin transports
remote:
  driver = smtp
  port = )" +
         port + "\n" + transport_lines + "begin retry\n" + retry + "\n";
}
inline std::string to_sink(const Sink& sink, const std::string& transport_lines) {
  return to_port(sink.port(), transport_lines);
}

inline std::string retry_times(const TestSpool& spool) {
  return support::run({.program = support::program("bobbin-retry"),
                       .args = {"-C", (spool.path() / "bobbin.conf").string()}})
      .out;
}

}  // namespace run_tests
