// SPDX-License-Identifier: Apache-2.0
//
// Tells senders: bounces, delay warnings, reports of success, as the policy wants them
// (RFC 3461; Exim manual, "Customizing messages").
#pragma once

#include <string>
#include <vector>

#include "qrunner/dsn_options.h"
#include "qrunner/outgoing.h"
#include "qrunner/postbox.h"
#include "qrunner/storm_brake.h"

namespace qrunner {

// Safe from any thread.
class Reports {
 public:
  // All live longer than this.
  Reports(RoutePhase& routes, const DsnOptions& options, Postbox& postbox,
          base::MainLog& log)
      : routes_(routes),
        options_(options),
        postbox_(postbox),
        log_(log),
        brake_(options.storm_limit) {}

  const EventSettings& events() const { return options_.events; }

  // One bounce for each errors address.  The recipients that are dealt with, by their
  // unique addresses: those whom the storm brake holds back are not.
  base::Result<std::vector<std::string>> bounce(const Outgoing& message,
                                                const std::vector<Reported>& failed);
  base::Result<void> success(const Outgoing& message, std::vector<Reported> delivered);
  // If one is due; true if it was sent, and then `file` counts it.
  base::Result<bool> warn(const Outgoing& message, spoolfmt::HFile& file,
                          std::vector<Reported> delayed);

 private:
  base::Result<void> send(ReportKind kind, const Outgoing& message,
                          const std::string& to, const std::vector<Reported>& about,
                          std::chrono::seconds delay = {});

  RoutePhase& routes_;
  const DsnOptions& options_;
  Postbox& postbox_;
  base::MainLog& log_;
  StormBrake brake_;
};

}  // namespace qrunner
