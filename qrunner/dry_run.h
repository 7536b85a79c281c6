// SPDX-License-Identifier: Apache-2.0
//
// What a queue run would do: scan and route only, and tell what would go where.
#pragma once

#include "base/result.h"
#include "qrunner/queue_run.h"
#include "qrunner/request.h"

namespace qrunner {

// One line a site on stdout, the largest first.  Code::partial: a message that was
// named is not there.
base::Result<void> dry_run(const RunTools& tools, const Request& request,
                           ScanOrder order);

}  // namespace qrunner
