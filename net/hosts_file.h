// SPDX-License-Identifier: Apache-2.0
//
// /etc/hosts: names and addresses that need no name server (hosts(5)).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace net {

// Addresses as inet_ntop(3) writes them, names in small letters without a final dot,
// each in the order of the file.
struct HostsFile {
  std::map<std::string, std::vector<std::string>, std::less<>> addresses;  // by name
  std::map<std::string, std::vector<std::string>, std::less<>> names;      // by address
};

// Lines that are none of it are read over, as the C library does.
HostsFile parse_hosts_file(std::string_view text);

}  // namespace net
