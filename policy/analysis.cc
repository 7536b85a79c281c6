// SPDX-License-Identifier: Apache-2.0
#include "policy/analysis.h"

namespace policy {

void analyse(Policy&, Parsing&) {}

}  // namespace policy
