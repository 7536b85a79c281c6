// SPDX-License-Identifier: Apache-2.0
#include "qrunner/journal_sweep.h"

#include <unistd.h>

#include <set>
#include <string_view>
#include <utility>

#include "base/fd.h"

namespace qrunner {

void JournalSweep::add(std::string journal) {
  std::lock_guard guard(mutex_);
  journals_.push_back(std::move(journal));
}

base::Result<void> JournalSweep::flush() {
  std::vector<std::string> journals;
  {
    std::lock_guard guard(mutex_);
    journals.swap(journals_);
  }
  std::set<std::string_view> directories;
  for (std::string_view journal : journals)
    directories.insert(journal.substr(0, journal.rfind('/')));
  for (std::string_view directory : directories) TRY(base::sync_directory(directory));
  // One that stays is debris, never harm: its message is gone.
  for (const auto& journal : journals) ::unlink(journal.c_str());
  return {};
}

}  // namespace qrunner
