// SPDX-License-Identifier: Apache-2.0
#include "qrunner/default_policy.h"

#include <algorithm>
#include <cctype>
#include <sstream>

#include "base/text.h"

namespace qrunner {

std::string_view default_policy() {
  return R"(# The policy of a machine that nobody has told anything.
begin routers
dnslookup:
  driver = dnslookup
  transport = remote_smtp
  ignore_target_hosts = <; 0.0.0.0 ; 127.0.0.0/8 ; ::1
  no_more

begin transports
remote_smtp:
  driver = smtp
  message_linelength_limit = 0

begin retry
*  *  F,2h,15m; G,16h,1h,1.5; F,4d,6h
)";
}

namespace {

// Without the sections that say where mail goes; others may speak of each other.
std::string without_ways(std::string_view text) {
  std::string rest;
  bool drop = false;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n') + 1);
    if (line.empty()) line = text;  // the last one, without its end
    text.remove_prefix(line.size());
    std::istringstream words{base::lower(line)};
    std::string begin, section;
    if (words >> begin >> section && begin == "begin")
      drop = section == "routers" || section == "transports" || section == "retry";
    if (!drop) rest += line;
  }
  if (!rest.empty() && !rest.ends_with('\n')) rest += '\n';
  return rest;
}

}  // namespace

base::Result<std::string> smarthost_policy(std::string_view host_and_port,
                                           std::string_view text) {
  auto wrong = [&] {
    return base::fail(base::Code::usage, "--smarthost '" + std::string(host_and_port) +
                                             "': write HOST, HOST:PORT or [V6]:PORT");
  };
  std::string_view host = host_and_port, port;
  if (host.starts_with('[')) {
    auto end = host.find(']');
    if (end == host.npos) return wrong();
    port = host.substr(end + 1);
    host = host.substr(1, end - 1);
    if (!port.empty() && port[0] != ':') return wrong();
  } else if (std::ranges::count(host, ':') == 1) {
    port = host.substr(host.find(':'));
    host = host.substr(0, host.find(':'));
  }
  if (!port.empty()) port.remove_prefix(1);
  auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' ||
           c == '_' || c == ':';
  };
  if (host.empty() || !std::ranges::all_of(host, plain)) return wrong();
  auto number = base::to_number(port.empty() ? "25" : port);
  if (!number || *number == 0 || *number > 65535) return wrong();
  return without_ways(text) + R"(
begin routers
smarthost:
  driver = manualroute
  route_list = * ")" +
         ("<; " + std::string(host)) + R"("
  transport = remote_smtp
  self = send
  host_find_failed = defer

begin transports
remote_smtp:
  driver = smtp
  message_linelength_limit = 0
  port = )" +
         std::to_string(*number) + R"(

begin retry
*  *  F,2h,15m; G,16h,1h,1.5; F,4d,6h
)";
}

}  // namespace qrunner
