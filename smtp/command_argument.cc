// SPDX-License-Identifier: Apache-2.0
#include "smtp/command_argument.h"

#include <algorithm>

#include "base/text.h"

namespace smtp {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

}  // namespace

std::string_view command_argument(std::string_view line) {
  line = trimmed(line);
  std::string_view verb = line.substr(0, line.find_first_of(kBlanks));
  std::string_view rest = trimmed(line.substr(verb.size()));
  bool mail = base::equal_nocase(verb, "MAIL");
  if (!mail && !base::equal_nocase(verb, "RCPT")) return rest;
  std::string_view word = mail ? "FROM:" : "TO:";
  if (!base::equal_nocase(rest.substr(0, word.size()), word)) return rest;
  return trimmed(rest.substr(word.size()));
}

}  // namespace smtp
