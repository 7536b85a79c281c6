// SPDX-License-Identifier: Apache-2.0
//
// Transports that write to this machine's disk: maildir (appendfile) and queuefile
// (Exim manual, "The appendfile transport" and "The queuefile transport").
#pragma once

#include "qrunner/outgoing.h"
#include "qrunner/route_phase.h"
#include "qrunner/settlement.h"

namespace qrunner {

// A copy for each target, durable when this returns.  Blocks.
Settlement deliver_locally(const Outgoing& message, RoutePhase& routes);

}  // namespace qrunner
