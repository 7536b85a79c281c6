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

// Where scripts/install-deps has unpacked Postfix's package, which cannot be installed
// beside Exim; BOBBIN_POSTFIX may name another place.  Run its programs with
// LD_LIBRARY_PATH=<root>/usr/lib/postfix.
inline std::optional<std::filesystem::path> postfix_root() {
  const char* named = std::getenv("BOBBIN_POSTFIX");
  std::filesystem::path root = named ? named : "/var/lib/bobbin-tests/postfix";
  if (!std::filesystem::exists(root / "usr/sbin/smtp-source")) return std::nullopt;
  return root;
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
#define REQUIRE_POSTFIX()                                                \
  do {                                                                   \
    if (!support::postfix_root()) {                                      \
      if (support::in_ci())                                              \
        FAIL() << "Postfix is not unpacked: scripts/install-deps";       \
      else                                                               \
        GTEST_SKIP() << "Postfix is not unpacked: scripts/install-deps"; \
    }                                                                    \
  } while (false)
// NOLINTEND(bugprone-macro-parentheses)
