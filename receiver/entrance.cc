// SPDX-License-Identifier: Apache-2.0
#include "receiver/entrance.h"

#include <string>

namespace receiver {

base::Result<Entrance> parse_entrance(std::string_view text) {
  std::size_t slash = text.find('/');
  Entrance entrance{TRY(net::parse_endpoint(text.substr(0, slash))), {}};
  while (slash != text.npos) {
    std::size_t begin = slash + 1;
    slash = text.find('/', begin);
    std::string_view word =
        text.substr(begin, slash == text.npos ? text.npos : slash - begin);
    if (word == "smtps")
      entrance.opening.tls = true;
    else if (word == "proxy")
      entrance.opening.proxy = true;
    else
      return base::fail(base::Code::usage,
                        "'" + std::string(text) + "': '/" + std::string(word) +
                            "' is not known: write /smtps or /proxy");
  }
  return entrance;
}

base::Result<Opening> opening_of_socket(std::string_view name) {
  constexpr std::string_view kProxy = "-proxy";
  Opening opening;
  std::string_view role = name;
  opening.proxy = role.ends_with(kProxy);
  if (opening.proxy) role.remove_suffix(kProxy.size());
  opening.tls = role == "smtps";
  // What systemd writes where the unit has no name for it.
  bool unnamed = role.empty() || role == "unknown" || role == "connection" ||
                 role.ends_with(".socket");
  if (opening.tls || role == "smtp" || role == "submission" || unnamed) return opening;
  return base::fail(base::Code::config, "inherited socket '" + std::string(name) +
                                            "': write FileDescriptorName=smtp, smtps "
                                            "or submission");
}

}  // namespace receiver
