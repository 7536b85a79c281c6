// SPDX-License-Identifier: Apache-2.0
//
// What a Context hears of a running ACL if it is one of these, too: every clause with
// what it came to, for those who want to know why (spec/policy.md 18.10).  A context
// that is none pays nothing for it.
#pragma once

#include <string>

#include "policy/source.h"

namespace policy {

class AclTracer {
 public:
  virtual ~AclTracer() = default;
  // "deny domains = +local: yes (example.org)", "deny: refused".
  virtual void trace(const Origin& place, std::string text) = 0;
};

}  // namespace policy
