// SPDX-License-Identifier: Apache-2.0
//
// Which ACL a point of the conversation runs: the value of acl_smtp_... (spec/policy.md
// 10.1).
#pragma once

#include "policy/acl.h"

namespace policy {

class AclChoice {};

}  // namespace policy
