// SPDX-License-Identifier: Apache-2.0
#include "receiver/facts.h"

namespace receiver {

std::string Client::protocol(bool utf8) const {
  std::string name = utf8 ? "utf8" : "";
  name += extended ? "esmtp" : "smtp";
  // TLS came to an "smtp" client only where it came first, and Exim has a name for
  // that.
  if (tls) name += 's';
  if (login) name += 'a';
  return name;
}

}  // namespace receiver
