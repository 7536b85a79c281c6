// SPDX-License-Identifier: Apache-2.0
#include "receiver/facts.h"

namespace receiver {

std::string Client::protocol(const smtp::MailParams& params) const {
  std::string name = params.smtputf8 ? "utf8" : "";
  name += extended ? "esmtp" : "smtp";
  // TLS came to an "smtp" client only where it came first, and Exim has a name for
  // that.
  if (tls) name += params.requiretls ? 'S' : 's';
  if (login) name += 'a';
  return name;
}

}  // namespace receiver
