// SPDX-License-Identifier: Apache-2.0
#include "net/hosts_file.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "net/rdata.h"

namespace net {

namespace {

constexpr std::string_view kBlanks = " \t\r\f\v";

std::string_view take_line(std::string_view& text) {
  std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line.substr(0, line.find('#'));
}

std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.size(), line.find_first_not_of(kBlanks)));
  std::string_view word = line.substr(0, line.find_first_of(kBlanks));
  line.remove_prefix(word.size());
  return word;
}

std::optional<std::string> usual_address(std::string_view word) {
  std::string text(word);
  std::array<unsigned char, 16> bytes{};
  std::array<char, INET6_ADDRSTRLEN> usual{};
  for (int family : {AF_INET, AF_INET6})
    if (inet_pton(family, text.c_str(), bytes.data()) == 1)
      return inet_ntop(family, bytes.data(), usual.data(), usual.size());
  return std::nullopt;
}

void add_once(std::vector<std::string>& list, const std::string& item) {
  if (std::ranges::find(list, item) == list.end()) list.push_back(item);
}

}  // namespace

HostsFile parse_hosts_file(std::string_view text) {
  HostsFile file;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    auto address = usual_address(take_word(line));
    if (!address) continue;
    for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
      if (!is_dns_name(word)) continue;
      std::string name = base::lower(word);
      if (name.ends_with('.')) name.pop_back();
      add_once(file.addresses[name], *address);
      add_once(file.names[*address], name);
    }
  }
  return file;
}

}  // namespace net
