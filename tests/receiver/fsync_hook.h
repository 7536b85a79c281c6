// SPDX-License-Identifier: Apache-2.0
//
// A say in every fsync(2) of this program.
#pragma once

#include <functional>
#include <string>

namespace receiver_test {

// While it lives, every fsync asks it first, with the name of the file (without its
// directory): 0, or the errno to fail with.  Called from any thread, one at a time.
class FsyncHook {
 public:
  explicit FsyncHook(std::function<int(const std::string& name)> hook);
  FsyncHook(const FsyncHook&) = delete;
  FsyncHook& operator=(const FsyncHook&) = delete;
  ~FsyncHook();
};

}  // namespace receiver_test
