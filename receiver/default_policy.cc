// SPDX-License-Identifier: Apache-2.0
#include "receiver/default_policy.h"

namespace receiver {

std::string_view default_policy() {
  return R"(# The policy of a machine that nobody has told anything.
hostlist loopback = <; 127.0.0.0/8 ; ::1

acl_smtp_connect = loopback_only
acl_smtp_rcpt = accept

begin acl

loopback_only:
  accept hosts = +loopback
  drop message = no service for $sender_host_address
)";
}

}  // namespace receiver
