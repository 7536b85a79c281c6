// SPDX-License-Identifier: Apache-2.0
#include "qrunner/journal_sweep.h"

#include <unistd.h>

#include <set>
#include <utility>

#include "base/fd.h"

namespace qrunner {

void JournalSweep::add(std::filesystem::path journal) {
  std::lock_guard guard(mutex_);
  journals_.push_back(std::move(journal));
}

base::Result<void> JournalSweep::flush() {
  std::vector<std::filesystem::path> journals;
  {
    std::lock_guard guard(mutex_);
    journals.swap(journals_);
  }
  std::set<std::filesystem::path> directories;
  for (const auto& journal : journals) directories.insert(journal.parent_path());
  for (const auto& directory : directories) TRY(base::sync_directory(directory));
  // One that stays is debris, never harm: its message is gone.
  for (const auto& journal : journals) ::unlink(journal.c_str());
  return {};
}

}  // namespace qrunner
