// SPDX-License-Identifier: Apache-2.0
//
// The one loop of all tools that look: every selected message, read by many threads,
// handed on in order (base/in_order.h).
//
// The visitor turns a message into output on whatever thread read it; the sink gets a
// few dozen messages' output at a time, on the caller's thread.  So the memory needed
// is that of a few chunks, however long the queue is.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/failures.h"
#include "base/in_order.h"
#include "base/result.h"
#include "spoolfmt/queued.h"
#include "spoolfmt/spool.h"
#include "utils/selection.h"

namespace utils {

using Entries = std::vector<spoolfmt::SpoolEntry>;

enum class Order {
  queue,      // as `exim -bp` sorts: all names are read before the first message
  directory,  // as they come: the first message at once
};

// Hands out the messages to look at, a chunk at a time.
class EntrySource {
 public:
  // What the operands name, in their order; without operands the whole spool.  An id
  // that is not there is added to `failures`; if none is, Code::not_found without text.
  static base::Result<std::unique_ptr<EntrySource>> open(const spoolfmt::Spool& spool,
                                                         const Selection& selection,
                                                         Order order, bool verbose,
                                                         base::Failures& failures);
  explicit EntrySource(Entries entries);
  ~EntrySource();

  // The next chunk; nothing at the end.  For one thread at a time.
  std::optional<Entries> next();

  // Characters of the longest name among those known so far; never under 16.
  std::size_t widest_id();

  // What could not be read of the directories.  Once next() gave nothing.
  void report(base::Failures& failures);

 private:
  EntrySource() = default;
  void read_directories(const spoolfmt::Spool& spool);

  std::thread reader_;  // joinable: it fills `entries_`
  std::mutex mutex_;
  std::condition_variable changed_;
  Entries entries_;
  std::size_t given_out_ = 0;
  bool complete_ = true;
  bool stopped_ = false;
  std::vector<base::Error> troubles_;
};

// Looks at a message.  Nothing: it is gone meanwhile, or not selected.  Otherwise
// `queued` is filled and the value is what is wrong with it, empty if nothing: with
// Code::syntax -H is damaged (queued.h tells how far), with Code::usage it cannot be
// said whether it is selected, with any other it could not be read.
std::optional<base::Error> look(const spoolfmt::Spool& spool, spoolfmt::Looker& looker,
                                const spoolfmt::SpoolEntry& entry,
                                const Selection& selection, base::Time now,
                                spoolfmt::Queued& queued);

// What cannot be judged must not pass for selected: somebody may remove it.  What Exim
// passes over in its listing, a link that leads nowhere, is only named.
inline bool is_worth_a_visit(const spoolfmt::Queued& queued, const base::Error& trouble,
                             const Selection& selection) {
  if (trouble.code == base::Code::not_found || trouble.code == base::Code::usage)
    return false;
  return queued.h.damage != spoolfmt::Damage::envelope || !selection.has_criteria();
}

// `visit(queued, trouble, out)` is called for each selected message, from many threads;
// trouble is null for a sound one.  `sink(out)` ends the scan by returning false.  Each
// trouble is added to `failures`, if that is not null, that of a message too damaged
// for the criteria included.
template <class Out>
void scan(
    const spoolfmt::Spool& spool, const Selection& selection, base::Time now,
    EntrySource& source, base::Failures* failures,
    const std::function<void(const spoolfmt::Queued&, const base::Error*, Out&)>& visit,
    const std::function<bool(Out)>& sink) {
  struct Part {
    Out out{};
    std::vector<base::Error> troubles;
  };
  using Pipeline = base::InOrder<Entries, Part>;
  auto make_worker = [&]() -> typename Pipeline::Worker {
    auto looker = std::make_shared<spoolfmt::Looker>(spool);  // a worker is copyable
    auto queued = std::make_shared<spoolfmt::Queued>();
    return [&, looker, queued](Entries& chunk) {
      Part part;
      looker->expect(chunk);
      for (const auto& entry : chunk) {
        auto trouble = look(spool, *looker, entry, selection, now, *queued);
        if (!trouble) continue;
        bool sound = trouble->text.empty();
        if (is_worth_a_visit(*queued, *trouble, selection))
          visit(*queued, sound ? nullptr : &*trouble, part.out);
        if (!sound) part.troubles.push_back(std::move(*trouble));
      }
      return part;
    };
  };
  Pipeline pipeline([&] { return source.next(); }, make_worker);
  pipeline.run([&](Part part) {
    if (failures)
      for (const auto& trouble : part.troubles) failures->add(trouble);
    return sink(std::move(part.out));
  });
  if (failures) source.report(*failures);
}

}  // namespace utils
