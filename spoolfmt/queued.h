// SPDX-License-Identifier: Apache-2.0
//
// A message as somebody sees it who only looks: -H read at once, -J if there is one,
// the size of -D.  No lock is taken, so a message may vanish between a scan and the
// look; that is Code::not_found and no trouble.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"
#include "spoolfmt/h_file.h"
#include "spoolfmt/spool.h"

namespace spoolfmt {

struct Queued {
  SpoolEntry entry;
  std::string h_text;  // owns what `h` borrows
  ParsedH h;
  std::string j_text;  // owns what `journal` borrows; may be stale if journal is empty
  std::vector<std::string_view> journal;
  std::optional<std::uint64_t>
      d_size;  // bytes of the -D file; nothing if it is missing

  // Is the recipient done?  As Exim's listings answer it: exactly this spelling, in the
  // tree or the journal.
  bool listed_as_delivered(std::string_view address) const;
  // Is the recipient done?  Both spellings, anywhere: the question before a delivery.
  bool delivered(std::string_view address) const;

  // Size in a listing: header bytes that would be sent, the body, and the blank line.
  // Nothing if there is no -D file.  May be negative when -D is shorter than its first
  // line.
  std::optional<std::int64_t> message_size() const;
  // The body's bytes; nothing if there is no -D file or it is shorter than its first
  // line.
  std::optional<std::uint64_t> body_size() const;
};

// Looks at messages of one spool.  Keeps input/ open, but not its up to 62
// subdirectories: there is one for each thread, and descriptors are few.
//
// Who looks at many says so with expect(), a few dozen at a time: it makes the disk
// fetch all of them, where look() alone would wait for one after the other.
class Looker {
 public:
  explicit Looker(const Spool& spool) : spool_(&spool) {}

  // look() will be called for each of these, in this order.  What is wrong with a file
  // is told there.
  void expect(std::span<const SpoolEntry> entries);

  // Fills `queued`, whose buffers are reused.  Code::not_found: it is gone.  Damage to
  // -H is no error here: queued.h tells it.  A -H that is no readable regular file is
  // an error.
  base::Result<void> look(const SpoolEntry& entry, Queued& queued);

 private:
  // A -H file on its way.
  struct Opened {
    base::Fd fd;       // none: not opened, or read already
    std::string text;  // what the memory had of it; empty unless that was all
  };

  base::Result<int> input();

  const Spool* spool_;
  base::Fd input_;
  std::vector<Opened> expected_;  // as many as ever were; their buffers are reused
  std::size_t next_ = 0;          // the first that look() was not called for
  std::size_t end_ = 0;
};

// The entry of an id, wherever it lies.  Code::not_found: "no such message".
base::Result<SpoolEntry> find_entry(const Spool& spool, const MessageId& id);

// Exim's five columns for a size: "  333", " 1.2K", "  12M", blank for 0.
std::string format_listing_size(std::int64_t size);
// Exim's age column: "45m", " 3h", "12d", at least three characters wide.
std::string format_listing_age(std::int64_t seconds);

}  // namespace spoolfmt
