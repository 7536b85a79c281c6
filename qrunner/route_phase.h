// SPDX-License-Identifier: Apache-2.0
//
// Where the recipients of a message go: routers, then hosts, then a site (Exim manual,
// "How Exim delivers mail"; spec/queue-run.md 8).
//
// Nothing waits here.  A plan that wanted names which are not known yet is no plan:
// learn them and make another one (qrunner/names.h).
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "policy/lookup_files.h"
#include "policy/policy.h"
#include "policy/routers.h"
#include "qrunner/names.h"
#include "qrunner/retry_book.h"
#include "qrunner/routing_context.h"
#include "qrunner/sites.h"
#include "spoolfmt/queued.h"

namespace qrunner {

// Where one recipient goes, or one of those that it was redirected to.
struct Destination {
  enum class Kind : std::uint8_t {
    send,     // to `site`
    fail,     // undeliverable: routed.message
    defer,    // not now: routed.message
    discard,  // :blackhole:
    foreign,  // needs what only Exim has: routed.message says what
    waits,    // its retry time has not come
    done,     // has been delivered there
  };
  Kind kind = Kind::send;
  std::size_t recipient = 0;  // in the list of -H
  SiteIndex site = kDesk;
  int number = -1;     // Exim's number of a deferral
  std::string status;  // of a failure, if a standard wants one: "5.1.10"
  std::string unique;  // the address, its domain in small letters
  // As journals know it: `unique`, or "unique/transport" where the message goes to one
  // address in several ways, as behind an `unseen` router.
  std::string key{};
  policy::RoutedAddress routed{};
};

// What a failure of a local delivery is remembered for: the address, in one of its ways
// if there are several; the whole domain if `transport` says so (Exim manual, option
// retry_use_local_part).
RetrySubject local_subject(const Destination& destination,
                           const policy::Driver& transport);

struct Plan {
  std::vector<Destination> destinations;  // of recipients that are not done
  std::vector<Names::Question> wanted;    // not empty: ask, and plan again

  // Each once; the desk for whatever is settled without a connection.  None: everything
  // is left to Exim.  A message whose recipients are all done is for the desk, too.
  std::vector<SiteIndex> sites() const;
  // What needs Exim, each once.
  std::set<std::string> foreign() const;
};

// One policy's routing, for all threads.
class RoutePhase {
 public:
  // All live longer than this.
  RoutePhase(const policy::Policy& policy, const Names& names,
             policy::LookupFiles& files, const RetryBook& retries, Sites& sites,
             const base::Clock& clock)
      : policy_(policy),
        names_(names),
        files_(files),
        retries_(retries),
        sites_(sites),
        clock_(clock) {}

  // `input` is the directory of the message's files.
  Plan plan(const spoolfmt::Queued& queued, const std::string& input);
  // Nobody goes anywhere any more: all who are not done fail, as of a message that was
  // frozen for too long.
  Plan give_up(const spoolfmt::Queued& queued);

  const policy::Policy& policy() const { return policy_; }
  const Names& names() const { return names_; }
  Sites& sites() { return sites_; }
  policy::LookupFiles& files() { return files_; }
  const base::Clock& clock() const { return clock_; }

 private:
  const policy::Policy& policy_;
  const Names& names_;
  policy::LookupFiles& files_;
  const RetryBook& retries_;
  Sites& sites_;
  const base::Clock& clock_;
};

}  // namespace qrunner
