// SPDX-License-Identifier: Apache-2.0
#include "qrunner/scan.h"

#include <algorithm>
#include <vector>

#include "spoolfmt/queued.h"

namespace qrunner {

namespace {

// So many files are asked of the disk before the first of them is waited for.
constexpr std::size_t kAhead = 32;

class Scan {
 public:
  Scan(const spoolfmt::Spool& spool, const Request& request, const ScanEvents& events)
      : request_(request), events_(events), looker_(spool) {}

  // False: stop here.
  bool meet(const spoolfmt::SpoolEntry& entry) {
    if (!in_range(request_, entry.stem())) return true;
    ahead_.push_back(entry);
    return ahead_.size() < kAhead || visit_all();
  }

  // All that were met.
  bool visit_all() {
    looker_.expect(ahead_);
    bool go_on = std::ranges::all_of(
        ahead_, [this](const spoolfmt::SpoolEntry& entry) { return visit(entry); });
    ahead_.clear();
    return go_on;
  }

  const ScanCounts& counts() const { return counts_; }

 private:
  bool visit(const spoolfmt::SpoolEntry& entry) {
    if (events_.stop()) return false;
    ++counts_.seen;
    if (auto looked = looker_.look(entry, queued_); !looked)
      damaged(looked.error());
    else
      judge(entry);
    return true;
  }

  void damaged(const base::Error& error) {
    if (error.code == base::Code::not_found) return;  // finished meanwhile
    ++counts_.damaged;
    events_.trouble(error);
  }

  void judge(const spoolfmt::SpoolEntry& entry) {
    const spoolfmt::ParsedH& h = queued_.h;
    auto id = spoolfmt::MessageId::parse(entry.stem());
    if (!id || h.damage != spoolfmt::Damage::none) {
      std::string what = id ? "line " + std::to_string(h.line) + ": " + h.what
                            : "its name is not a message id";
      return damaged({base::Code::syntax, entry.h_name() + ": " + what});
    }
    Skip skip = refusal(request_, queued_);
    if (skip == Skip::not_asked) return;
    if (skip == Skip::frozen && !events_.thaws(queued_)) {
      ++counts_.frozen;
      return events_.frozen(*id);
    }
    if (!queued_.d_size) {
      ++counts_.bodiless;
      return;
    }
    ++counts_.due;
    events_.due({*id, queued_});
  }

  const Request& request_;
  const ScanEvents& events_;
  spoolfmt::Looker looker_;
  spoolfmt::Queued queued_;
  std::vector<spoolfmt::SpoolEntry> ahead_;
  ScanCounts counts_;
};

}  // namespace

base::Result<ScanCounts> scan(const spoolfmt::Spool& spool, const Request& request,
                              ScanOrder order, const ScanEvents& events) {
  Scan scan(spool, request, events);
  if (request.named_only) {
    for (const auto& id : request.ids) {
      auto entry = spoolfmt::find_entry(spool, id);
      if (!entry)
        events.trouble(entry.error());
      else if (!scan.meet(*entry))
        break;
    }
  } else if (order == ScanOrder::arrival) {
    for (const auto& entry : TRY(spool.sorted(events.trouble)))
      if (!scan.meet(entry)) break;
  } else {
    auto meet = [&](const spoolfmt::SpoolEntry& entry) { return scan.meet(entry); };
    TRY(spool.for_each(meet, events.trouble));
  }
  scan.visit_all();
  return scan.counts();
}

}  // namespace qrunner
