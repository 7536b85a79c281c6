// SPDX-License-Identifier: Apache-2.0
//
// bobbin TOOL ...: becomes bobbin-TOOL, the way git does.
//
// Tools are looked for beside this program (a build tree), in ../libexec/bobbin (an
// installation, wherever it was moved to) and in the directory compiled in.  Nothing
// is known about a tool but its name: help comes from its own --help.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/failures.h"
#include "base/fd.h"
#include "base/result.h"
#include "base/version.h"

extern char** environ;

namespace {

namespace fs = std::filesystem;
using base::Code;

int report(Code code, const std::string& text) {
  base::complain(text);
  return base::exit_status(code);
}

fs::path own_directory() {
  std::error_code unknown;  // without /proc: only the compiled-in place is left
  return fs::read_symlink("/proc/self/exe", unknown).parent_path();
}

// Every tool that is there, the first place that has a name winning.
std::map<std::string, fs::path> find_tools() {
  constexpr std::string_view kPrefix = "bobbin-";
  std::map<std::string, fs::path> tools;
  for (const fs::path& place : {own_directory(), own_directory() / "../libexec/bobbin",
                                fs::path(BOBBIN_LIBEXEC_DIR)}) {
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(place, unreadable)) {
      std::string name = entry.path().filename();
      if (name.starts_with(kPrefix) && ::access(entry.path().c_str(), X_OK) == 0)
        tools.emplace(name.substr(kPrefix.size()), entry.path());
    }
  }
  return tools;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result(words.size() + 1);  // a null pointer ends it
  std::transform(words.begin(), words.end(), result.begin(),
                 [](std::string& word) { return word.data(); });
  return result;
}

// Becomes `program`; returns only if that is impossible.
int become(const std::string& program, std::vector<std::string> words) {
  ::execvp(program.c_str(), pointers(words).data());
  base::Error error = base::system_error(program, errno);
  return report(error.code, error.text);
}

// What a program prints; nothing if it cannot be run or fails.
std::optional<std::string> output_of(std::vector<std::string> words) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  base::Fd read(ends[0]);
  base::Fd write(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = -1;
  int error = ::posix_spawnp(&child, words.front().c_str(), &actions, nullptr,
                             pointers(words).data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return std::nullopt;
  write.reset();
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(read.get(), buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) return std::nullopt;
  return text;
}

// The second line of --help.
std::string purpose_of(const fs::path& tool) {
  std::string help = output_of({tool.string(), "--help"}).value_or("");
  auto first = help.find('\n');
  if (first == std::string::npos) return "";
  return help.substr(first + 1, help.find('\n', first + 1) - first - 1);
}

// How many letters must be changed, added, left out or swapped with their neighbour.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);  // the row before the last one
  std::vector<std::size_t> last(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::vector<std::size_t> row(b.size() + 1, i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      std::size_t change = last[j] + (a[i] == b[j] ? 0 : 1);
      row[j + 1] = std::min({change, row[j] + 1, last[j + 1] + 1});
      if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j])
        row[j + 1] = std::min(row[j + 1], before[j - 1] + 1);
    }
    before = std::exchange(last, std::move(row));
  }
  return last.back();
}

int unknown_tool(const std::string& name,
                 const std::map<std::string, fs::path>& tools) {
  auto nearer = [&](const auto& a, const auto& b) {
    return distance(name, a.first) < distance(name, b.first);
  };
  auto nearest = std::min_element(tools.begin(), tools.end(), nearer);
  std::string hint = "bobbin help lists the tools";
  if (nearest != tools.end() && distance(name, nearest->first) <= 2)
    hint = "did you mean '" + nearest->first + "'?";
  return report(Code::usage, "'" + name + "': no such tool: " + hint);
}

int print(const std::string& text, int fd = STDOUT_FILENO) {
  auto written = base::write_all(fd, text, "output");
  return written ? 0 : base::exit_status(written.error().code);
}

std::string overview() {
  std::string text =
      "Usage: bobbin TOOL [OPTION...] [OPERAND...]\n"
      "tools for Exim-format mail spools\n\n";
  for (const auto& [name, path] : find_tools())
    text += "  " + name + std::string(name.size() < 12 ? 12 - name.size() : 1, ' ') +
            purpose_of(path) + "\n";
  return text +
         "\n`bobbin help TOOL` shows a tool's manual page, `bobbin TOOL --help` its "
         "options.\n";
}

// The manual page, else the one of the source this was built from, else --help.
int help_for(const std::string& name) {
  auto tools = find_tools();
  auto tool = tools.find(name);
  if (tool == tools.end()) return unknown_tool(name, tools);
  std::string page = "bobbin-" + name;
  if (output_of({"man", "-w", page})) return become("man", {"man", page});
  for (auto section : {".1", ".8"}) {
    fs::path built_from = own_directory() / "../../../man" / (page + section);
    if (fs::exists(built_from) && output_of({"man", "-l", "-w", built_from.string()}))
      return become("man", {"man", "-l", built_from.string()});
  }
  return become(tool->second.string(), {page, "--help"});
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty())
    return print(overview(), STDERR_FILENO), base::exit_status(Code::usage);
  std::string name = words.front();
  if (name == "--version") return print("bobbin " + std::string(base::kVersion) + "\n");
  if (name == "help" || name == "--help" || name == "-h")
    return words.size() > 1 ? help_for(words[1]) : print(overview());
  auto tools = find_tools();
  auto tool = tools.find(name);
  if (tool == tools.end()) return unknown_tool(name, tools);
  words.front() = "bobbin-" + name;
  return become(tool->second.string(), words);
}
