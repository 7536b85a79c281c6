// SPDX-License-Identifier: Apache-2.0
//
// A message as somebody sees it who only looks: -H read at once, -J if there is one,
// the size of -D.  No lock is taken, so a message may vanish between a scan and the
// look; that is Code::not_found and no trouble.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
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

// Looks at messages of one spool.  Keeps the directories open; one for each thread.
class Looker {
 public:
  explicit Looker(const Spool& spool) : spool_(&spool) {}

  // Fills `queued`, whose buffers are reused.  Code::not_found: it is gone.  Damage to
  // -H is no error here: queued.h tells it.  A -H that is no readable regular file is
  // an error.
  base::Result<void> look(const SpoolEntry& entry, Queued& queued);

 private:
  base::Result<int> directory(char subdirectory);

  const Spool* spool_;
  std::map<char, base::Fd> directories_;
};

// The entry of an id, wherever it lies.  Code::not_found: "no such message".
base::Result<SpoolEntry> find_entry(const Spool& spool, const MessageId& id);

// Exim's five columns for a size: "  333", " 1.2K", "  12M", blank for 0.
std::string format_listing_size(std::int64_t size);
// Exim's age column: "45m", " 3h", "12d", at least three characters wide.
std::string format_listing_age(std::int64_t seconds);

}  // namespace spoolfmt
