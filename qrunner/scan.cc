// SPDX-License-Identifier: Apache-2.0
#include "qrunner/scan.h"

#include "spoolfmt/queued.h"

namespace qrunner {

namespace {

class Scan {
 public:
  Scan(const spoolfmt::Spool& spool, const Request& request, const ScanEvents& events)
      : request_(request), events_(events), looker_(spool) {}

  // False: stop here.
  bool visit(const spoolfmt::SpoolEntry& entry) {
    if (events_.stop()) return false;
    if (!in_range(request_, entry.stem())) return true;
    ++counts_.seen;
    if (auto looked = looker_.look(entry, queued_); !looked)
      damaged(looked.error());
    else
      judge(entry);
    return true;
  }

  const ScanCounts& counts() const { return counts_; }

 private:
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
      else if (!scan.visit(*entry))
        break;
    }
  } else if (order == ScanOrder::arrival) {
    for (const auto& entry : TRY(spool.sorted(events.trouble)))
      if (!scan.visit(entry)) break;
  } else {
    auto visit = [&](const spoolfmt::SpoolEntry& entry) { return scan.visit(entry); };
    TRY(spool.for_each(visit, events.trouble));
  }
  return scan.counts();
}

}  // namespace qrunner
