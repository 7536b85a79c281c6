// SPDX-License-Identifier: Apache-2.0
//
// A spool of a test's own, a message to put into it, and the tool to run on it.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "spoolfmt/h_file.h"
#include "spoolfmt/message_id.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace utils_test {

inline constexpr std::string_view kId = "1xUYvJ-0004Zg-2C";
inline constexpr std::string_view kOtherId = "1xUYvK-0004Zh-3D";

inline spoolfmt::HFile message(std::string_view id = kId) {
  spoolfmt::HFile file;
  file.id = *spoolfmt::MessageId::parse(id);
  file.login = "root";
  file.sender = "alice@sender.example";
  file.received = 1795221689;
  file.set_value("received_time_usec", ".270783");
  file.set_value("body_linecount", "1");
  file.set_value("max_received_linelength", "5");
  file.set_flag("deliver_firsttime");
  for (const char* address : {"bob@One.example", "carol@two.example"}) {
    spoolfmt::Recipient recipient;
    recipient.address = address;
    file.recipients.push_back(recipient);
  }
  file.headers = {{'P', "Received: by mx.example; Sat, 21 Nov 2026 00:41:29 +0000\n"},
                  {' ', "Subject: hello\n"},
                  {'I', "Message-ID: <1@sender.example>\n"}};
  return file;
}

class SmallSpool {
 public:
  SmallSpool() {
    std::filesystem::permissions(dir_.path(), std::filesystem::perms(0755));
    std::filesystem::create_directories(dir_ / "input");
    std::filesystem::create_directories(dir_ / "msglog");
  }

  std::filesystem::path path() const { return dir_.path(); }
  std::filesystem::path operator/(const std::filesystem::path& name) const {
    return dir_ / name;
  }

  // Two days old unless told otherwise, so that nothing counts as work in progress.
  void put(const std::filesystem::path& name, std::string_view text,
           std::chrono::seconds age = std::chrono::hours(48)) const {
    std::filesystem::create_directories((dir_ / name).parent_path());
    std::ofstream(dir_ / name, std::ios::binary) << text;
    std::filesystem::last_write_time(
        dir_ / name, std::filesystem::file_time_type::clock::now() - age);
  }
  // Both files of a message, in input/ or a subdirectory of it.
  void put_message(const spoolfmt::HFile& file,
                   const std::string& directory = "input") const {
    std::string stem = directory + "/" + file.id.str();
    put(stem + "-D", file.id.str() + "-D\nhello\n");
    put(stem + "-H", format_h_file(file));
  }

  std::string read(const std::filesystem::path& name) const {
    return base::read_file(dir_ / name).value_or("(no such file)");
  }
  bool has(const std::filesystem::path& name) const {
    return std::filesystem::exists(std::filesystem::symlink_status(dir_ / name));
  }

  support::Outcome run(const std::string& tool, std::vector<std::string> args,
                       const std::string& input = {}) const {
    args.insert(args.begin(), {"--spool", dir_.path().string()});
    support::Command command{support::program("bobbin-" + tool).string(), args};
    command.input = input;
    return support::run(command);
  }

 private:
  support::TempDir dir_;
};

}  // namespace utils_test
