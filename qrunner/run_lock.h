// SPDX-License-Identifier: Apache-2.0
//
// One run of a queue at a time, unless somebody wants more: message locks keep
// deliveries right in any case, but two runs ask every question twice.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/file_lock.h"
#include "base/result.h"

namespace qrunner {

class RunLock {
 public:
  // <spool>/db/bobbin/runner, or runner-QUEUE, held until this goes.  Code::locked
  // names the process that holds it.  Where nothing can be written there is no lock,
  // and the run goes on.
  static base::Result<RunLock> acquire(const std::filesystem::path& spool,
                                       const std::string& queue);

 private:
  std::optional<base::FileLock> lock_;
};

}  // namespace qrunner
