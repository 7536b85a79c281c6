// SPDX-License-Identifier: Apache-2.0
//
// Case sets: directories of inputs and expectations in documented formats.
//
// A set ("fixtures/spool-malformed", "conformance/dkim") is taken from the first root
// of the colon-separated BOBBIN_CASES that has it; relative roots start at the source
// directory, and the default is "tests/data:../shared".  A test of a set is a suite
// named FooData, depends on the set's format and on no case's name, and says how many
// cases it ran.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace support {

std::filesystem::path source_dir();

std::vector<std::filesystem::path> case_roots();

std::optional<std::filesystem::path> find_cases(std::string_view set);

// The sets "<parent>/<prefix>*" over all roots, by name; the first root that has a name
// gives it.
std::vector<std::filesystem::path> find_case_sets(std::string_view parent,
                                                  std::string_view prefix);

// Why find_cases(set) found nothing.
std::string no_cases(std::string_view set);

// Prints "cases: SET: 52 sound, 31 envelope" when it goes.
class CaseCount {
 public:
  explicit CaseCount(std::string set) : set_(std::move(set)) {}
  CaseCount(const CaseCount&) = delete;
  CaseCount& operator=(const CaseCount&) = delete;
  ~CaseCount();

  void ran(const std::string& kind) { ++count_[kind]; }
  std::size_t total() const;

 private:
  std::string set_;
  std::map<std::string, std::size_t> count_;
};

}  // namespace support

// In a test's own body: names the set's directory, or skips with the reason.
// NOLINTBEGIN(bugprone-macro-parentheses): `directory` is a name to declare.
#define REQUIRE_CASES(directory, set)                             \
  auto directory##_found = support::find_cases(set);              \
  if (!directory##_found) GTEST_SKIP() << support::no_cases(set); \
  const std::filesystem::path& directory = *directory##_found
// NOLINTEND(bugprone-macro-parentheses)
