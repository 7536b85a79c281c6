// SPDX-License-Identifier: Apache-2.0
//
// Programs of others that a test talks to: exim4, swaks, mandoc.
//
// On a laptop a missing peer skips the test and says why; in CI (CI=true) it fails it,
// because there a skipped test would look like a passed one.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

namespace support {

// Where PATH, or the directories of administrators' programs, have it.
inline std::optional<std::filesystem::path> find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(std::string(path ? path : "") +
                             ":/usr/local/sbin:/usr/sbin:/sbin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    auto program = std::filesystem::path(folder) / name;
    if (!folder.empty() && ::access(program.c_str(), X_OK) == 0) return program;
  }
  return std::nullopt;
}

inline bool in_ci() {
  const char* ci = std::getenv("CI");
  return ci && std::string_view(ci) == "true";
}

}  // namespace support

// In a test's own body (it returns from it).
// NOLINTBEGIN(bugprone-macro-parentheses): `name` goes into a stream, and is a literal.
#define REQUIRE_PROGRAM(name)                                              \
  do {                                                                     \
    if (!support::find_program(name)) {                                    \
      if (support::in_ci())                                                \
        FAIL() << name << " is not installed: scripts/install-deps";       \
      else                                                                 \
        GTEST_SKIP() << name << " is not installed: scripts/install-deps"; \
    }                                                                      \
  } while (false)
// NOLINTEND(bugprone-macro-parentheses)
