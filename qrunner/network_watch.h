// SPDX-License-Identifier: Apache-2.0
//
// Has this machine a network at all?  While nobody was reached, "no route" may be our
// own trouble: nobody is judged by it until the end of the run, and not then if many
// sites have it and nobody was reached (spec/queue-run.md 13.10).
//
// Lives on the loop.
#pragma once

#include <cerrno>
#include <cstddef>
#include <set>
#include <utility>
#include <vector>

#include "qrunner/sites.h"
#include "smtp/breakdown.h"
#include "spoolfmt/message_id.h"

namespace qrunner {

class NetworkWatch {
 public:
  // May this be our own fault?
  bool suspects(const smtp::Breakdown& why) const {
    return !works_ && is_unreachable(why) &&
           (why.system_error == ENETUNREACH || why.system_error == EHOSTUNREACH ||
            why.system_error == ENETDOWN);
  }
  // How a connection went; null: well.  Whoever answers, if only to refuse us, shows
  // that it works.
  void saw(const smtp::Breakdown* why) {
    if (!why || !is_unreachable(*why) || why->system_error == ECONNREFUSED) works();
  }
  void works() { works_ = true; }

  // The message was not tried, because no host of its site could be reached.
  void put_aside(SiteIndex site, const spoolfmt::MessageId& id) {
    sites_.insert(site);
    aside_.push_back(id);
  }
  // So many sites, and no other: it is not theirs.
  bool down() const { return !works_ && sites_.size() >= kSites; }
  std::size_t waiting() const { return aside_.size(); }
  // The messages put aside, to be tried as usual if it works.
  std::vector<spoolfmt::MessageId> take() { return std::exchange(aside_, {}); }

 private:
  static bool is_unreachable(const smtp::Breakdown& why) {
    return why.kind == smtp::Breakdown::Kind::unreachable;
  }

  static constexpr std::size_t kSites = 10;

  bool works_ = false;
  std::set<SiteIndex> sites_;
  std::vector<spoolfmt::MessageId> aside_;
};

}  // namespace qrunner
