// SPDX-License-Identifier: Apache-2.0
//
// Threads that help whoever has several things to wait for at once.  Each is started
// when it is needed for the first time.
//
//   base::Crew crew(7);
//   crew.share(files.size(), [&](std::size_t i) { results[i] = sync(files[i]); });
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace base {

class Crew {
 public:
  explicit Crew(std::size_t most_helpers) : most_helpers_(most_helpers) {}
  ~Crew();  // nobody may be in share()
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // Calls work(0) to work(count - 1), here and on the helpers, and returns when all
  // have returned.  Several threads may share at a time.
  void share(std::size_t count, const std::function<void(std::size_t)>& work);

 private:
  struct Task {
    const std::function<void(std::size_t)>& work;
    std::size_t count;
    std::size_t begun = 0;
    std::size_t done = 0;
    std::condition_variable all_done{};
  };

  void hire();  // until all that is to be done has a helper, or there are enough
  void help();
  // Does one of `task`; the mutex is held before and after, not meanwhile.
  void do_one(Task& task, std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<Task*> tasks_;  // with work that nobody has begun
  bool ending_ = false;
  std::size_t pieces_ = 0;  // of work that are not done
  std::size_t most_helpers_;
  std::vector<std::jthread> helpers_;
};

}  // namespace base
