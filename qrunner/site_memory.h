// SPDX-License-Identifier: Apache-2.0
//
// What earlier tries and earlier runs know of a site: may a message go there now, and
// how many connections did it bear (spec/queue-run.md 6.4, 13.6).
//
// A site that nobody had trouble with costs one look for all messages that nobody tried
// yet.  Lives on the loop.
#pragma once

#include <optional>
#include <vector>

#include "base/clock.h"
#include "hints/store.h"
#include "qrunner/due_hosts.h"
#include "qrunner/names.h"
#include "qrunner/retry_book.h"
#include "qrunner/sites.h"

namespace qrunner {

class SiteMemory {
 public:
  // All live longer than this.
  SiteMemory(const Sites& sites, const Names& names, const RetryBook& retries,
             hints::Store& store, const base::Clock& clock)
      : sites_(sites), names_(names), retries_(retries), store_(store), clock_(clock) {}

  // May any of its hosts be tried for the message, or is it to fail because all have
  // been failing for too long?
  bool may_try(SiteIndex site, const spoolfmt::MessageId& id, const Waiting& waiting);

  // Have all of its hosts been failing for too long, and may none be tried now?
  bool is_hopeless(SiteIndex site);

  // Connections that a run of this day ended with.
  std::optional<double> window(SiteIndex site) const;
  void remember_window(SiteIndex site, double window);

 private:
  struct Known {
    std::vector<Candidate> hosts;
    bool troubled = false;  // one of them, at least
  };
  Known& known(SiteIndex site);

  const Sites& sites_;
  const Names& names_;
  const RetryBook& retries_;
  hints::Store& store_;
  const base::Clock& clock_;
  std::vector<Known> known_;  // by site
};

}  // namespace qrunner
