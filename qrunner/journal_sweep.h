// SPDX-License-Identifier: Apache-2.0
//
// The journals of finished messages, waiting for their directory to be synced.
//
// A power cut may undo the unlinking of -H, and then -J alone knows that everybody has
// the message.  So -J goes last, after a sync of the directory; one sync serves all
// messages that ended since the one before.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"

namespace qrunner {

class JournalSweep {
 public:
  // `journal` belongs to a message whose -H is unlinked.  From any thread.
  void add(std::string journal);

  // Syncs each directory once and unlinks.  Blocks.
  base::Result<void> flush();

 private:
  std::mutex mutex_;
  std::vector<std::string> journals_;
};

}  // namespace qrunner
