// SPDX-License-Identifier: Apache-2.0
#include "tests/support/cases.h"

#include <cstdlib>
#include <iostream>
#include <sstream>

namespace support {

namespace fs = std::filesystem;

fs::path source_dir() {
  return BOBBIN_SOURCE_DIR;
}

std::vector<fs::path> case_roots() {
  const char* given = std::getenv("BOBBIN_CASES");
  std::istringstream words(given && *given ? given : "tests/data:../shared");
  std::vector<fs::path> roots;
  for (std::string word; std::getline(words, word, ':');)
    if (!word.empty()) roots.push_back((source_dir() / word).lexically_normal());
  return roots;
}

std::optional<fs::path> find_cases(std::string_view set) {
  for (const auto& root : case_roots())
    if (fs::exists(root / set)) return root / set;
  return std::nullopt;
}

std::vector<fs::path> find_case_sets(std::string_view parent, std::string_view prefix) {
  std::map<std::string, fs::path> sets;
  for (const auto& root : case_roots()) {
    if (!fs::is_directory(root / parent)) continue;
    for (const auto& entry : fs::directory_iterator(root / parent)) {
      std::string name = entry.path().filename();
      if (entry.is_directory() && name.starts_with(prefix))
        sets.emplace(name, entry.path());
    }
  }
  std::vector<fs::path> found;
  for (const auto& [name, path] : sets) found.push_back(path);
  return found;
}

std::string no_cases(std::string_view set) {
  std::string text = "no root of BOBBIN_CASES has " + std::string(set) + ":";
  for (const auto& root : case_roots()) text += " " + root.string();
  return text;
}

std::size_t CaseCount::total() const {
  std::size_t total = 0;
  for (const auto& [kind, count] : count_) total += count;
  return total;
}

CaseCount::~CaseCount() {
  std::string line = "cases: " + set_ + ":";
  for (const auto& [kind, count] : count_)
    line += (line.back() == ':' ? " " : ", ") + std::to_string(count) + " " + kind;
  if (count_.empty()) line += " none";
  std::cout << line << std::endl;
}

}  // namespace support
