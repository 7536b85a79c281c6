// SPDX-License-Identifier: Apache-2.0
//
// Conditions and modifiers: the lines below a verb.
#pragma once

#include "policy/acl.h"

namespace policy {

class Clause {
 public:
  virtual ~Clause() = default;
};

}  // namespace policy
