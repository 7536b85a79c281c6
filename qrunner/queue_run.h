// SPDX-License-Identifier: Apache-2.0
//
// One queue run: scan, routing and delivery side by side, in one process.
//
// A thread reads the queue and posts what is due to the loop; there the ramp decides
// which site starts, and one task a connection drains it.  The run ends when the scan
// is over and no connection is left.
#pragma once

#include <chrono>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "policy/main_options.h"
#include "qrunner/ramp.h"
#include "qrunner/request.h"
#include "qrunner/route_phase.h"
#include "qrunner/scan.h"
#include "spoolfmt/spool.h"

namespace qrunner {

struct RunSettings {
  Ramp::Settings ramp;
  ScanOrder order = ScanOrder::directory;
  std::string helo_name;
  bool message_logs = true;
  bool preserve_message_logs = false;
};

// Runs the queue over one site.  Code::partial: a message that was named is not there.
// Code::disk: a delivery or its log line could not be written down, and the run was
// stopped.
base::Result<void> run_queue(const spoolfmt::Spool& spool, const Request& request,
                             const Site& smarthost, const RunSettings& settings,
                             base::MainLog& log);

// Looks only: what would go where, one line a site on stdout.  Without a smarthost
// each domain counts as a site.
base::Result<void> show_plan(const spoolfmt::Spool& spool, const Request& request,
                             const Site* smarthost, ScanOrder order);

}  // namespace qrunner
