// SPDX-License-Identifier: Apache-2.0
#include "tests/policy/policy_cases.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>

#include "policy/programs.h"

namespace cases {

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void spill(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

std::string decoded(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "@{") == 0 && i + 4 < text.size() && text[i + 4] == '}') {
      out += static_cast<char>(std::stoi(text.substr(i + 2, 2), nullptr, 16));
      i += 4;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string replaced(std::string text,
                     const std::map<std::string, std::string>& words) {
  for (const auto& [from, to] : words)
    for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
      text.replace(at, from.size(), to);
  return text;
}

policy::Loaded load(const std::string& text) {
  return policy::load_policy(
      "policy.conf", text,
      *policy::Macros::create({}, policy::predefined_macros(policy::Program::any())),
      policy::read_included, policy::Program::any());
}

policy::Loaded load_case(const std::filesystem::path& folder) {
  return load(
      replaced(slurp(folder / "policy.conf"),
               {{"@CASE@", folder.string()},
                {"@DATA@", (folder.parent_path().parent_path() / "data").string()},
                {"@SPOOL@", "/tmp"}}));
}

std::vector<std::string> lines_of(const std::filesystem::path& file, char letter) {
  std::vector<std::string> lines;
  for (const std::string& line : split(slurp(file), '\n'))
    if (line.size() >= 2 && line[0] == letter && line[1] == ' ')
      lines.push_back(line.substr(2));
  return lines;
}

}  // namespace cases

TEST(PolicyCases, DecodeTheirBytes) {
  EXPECT_EQ(cases::decoded("a@{0a}b@{@"), "a\nb@{@");
}
