// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/strike.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "base/fd.h"

namespace crash {

namespace fs = std::filesystem;

namespace {

// A sanitizer's runtime must come before everything else; ours is the program's.
std::string sanitizer_runtime() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::size_t path = line.find('/');
    if (path != std::string::npos &&
        line.find("/libasan.so", path) != std::string::npos)
      return line.substr(path) + ":";
  }
  return {};
}

}  // namespace

support::Command under_shim(support::Command command, const fs::path& root,
                            const Strike& strike, const fs::path& report) {
  fs::remove(report);
  command.env.push_back("LD_PRELOAD=" + sanitizer_runtime() + BOBBIN_CRASH_SHIM);
  command.env.push_back("BOBBIN_CRASH_ROOT=" + root.string());
  command.env.push_back("BOBBIN_CRASH_AT=" + std::to_string(strike.at));
  command.env.push_back("BOBBIN_CRASH_HOW=" + strike.how);
  command.env.push_back("BOBBIN_CRASH_REPORT=" + report.string());
  return command;
}

std::optional<std::string> struck(const fs::path& report) {
  std::ifstream lines(report);
  for (std::string line; std::getline(lines, line);)
    if (line.ends_with(" !")) return line.substr(0, line.size() - 2);
  return std::nullopt;
}

std::size_t calls(const fs::path& report) {
  auto text = base::read_file(report);
  return text ? static_cast<std::size_t>(std::ranges::count(*text, '\n')) : 0;
}

namespace {

bool full() {
  return std::getenv("BOBBIN_CRASH_FULL") != nullptr;
}

}  // namespace

Points points_of(const std::string& how) {
  if (full() || how == "before") return {};
  if (how == "torn" || how == "ENOSPC" || how == "full" || how == "dead") return {2, 3};
  if (how == "power" || how == "EMFILE") return {3, 3};
  return {1, 3};
}

std::vector<std::string> ways_to_die() {
  std::vector<std::string> ways = {"before", "after", "torn", "power", "scattered"};
  if (full())
    for (int i = 1; i <= 20; ++i) ways.push_back("scattered" + std::to_string(i));
  return ways;
}

}  // namespace crash
