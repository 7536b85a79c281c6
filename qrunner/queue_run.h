// SPDX-License-Identifier: Apache-2.0
//
// One queue run: scan, routing and delivery side by side, in one process.
//
// A thread reads the queue, routes what is due and posts it to the loop; there the ramp
// decides which site starts, and one task a connection drains it.  A message that needs
// a name nobody has asked for yet is put aside until its answer came.  The run ends
// when the scan is over and no connection is left.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "hints/leases.h"
#include "hints/store.h"
#include "net/resolver.h"
#include "policy/log_selector.h"
#include "policy/policy.h"
#include "qrunner/dsn_options.h"
#include "qrunner/emergency_journal.h"
#include "qrunner/ramp.h"
#include "qrunner/request.h"
#include "qrunner/scan.h"
#include "spoolfmt/spool.h"

namespace qrunner {

struct RunSettings {
  Ramp::Settings ramp;
  ScanOrder order = ScanOrder::directory;
  policy::LogSelector shown{};
  DsnOptions reports{};
  spoolfmt::IdScheme ids{};  // of the messages we make
  bool message_logs = true;
  bool preserve_message_logs = false;
  std::optional<double> load_max{};  // deliver_queue_load_max; above it the run ends
  bool follow = false;               // what comes later, too, until somebody ends us
};

// What a run works with; all live longer than it.
struct RunTools {
  const spoolfmt::Spool& spool;
  const policy::Policy& policy;
  net::Resolver& resolver;
  hints::Store& hints;
  base::MainLog& log;
  hints::Leases* leases = nullptr;        // beside other runs: what an address bears
  EmergencyJournal* emergency = nullptr;  // null: there is none
  std::function<void(const std::string&)> panic{};  // a line for the panic log
};

// Runs the queue.  Code::partial: a message that was named is not there.  Code::disk: a
// delivery or its log line could not be written down, and the run was stopped.
// Code::temporary: no name server answers, or the machine has too much to do.
base::Result<void> run_queue(const RunTools& tools, const Request& request,
                             const RunSettings& settings);

}  // namespace qrunner
