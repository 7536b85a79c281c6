// SPDX-License-Identifier: Apache-2.0
#include "base/crew.h"

#include <algorithm>
#include <system_error>

namespace base {

Crew::~Crew() {
  {
    std::lock_guard guard(mutex_);
    ending_ = true;
  }
  more_.notify_all();
}

void Crew::share(std::size_t count, const std::function<void(std::size_t)>& work) {
  if (count == 0) return;
  Task task{work, count};
  std::unique_lock lock(mutex_);
  tasks_.push_back(&task);
  pieces_ += count;
  hire();
  std::size_t wanted = std::min(count - 1, helpers_.size());
  lock.unlock();  // whoever is woken finds it free
  for (std::size_t i = 0; i < wanted; ++i) more_.notify_one();
  lock.lock();
  while (task.begun < task.count) do_one(task, lock);
  task.all_done.wait(lock, [&] { return task.done == task.count; });
}

// Where there may be no more threads, those that share do it alone.
void Crew::hire() {
  try {
    while (helpers_.size() < std::min(most_helpers_, pieces_ - 1))
      helpers_.emplace_back([this] { help(); });
  } catch (const std::system_error&) {
    most_helpers_ = helpers_.size();
  }
}

void Crew::help() {
  std::unique_lock lock(mutex_);
  while (true) {
    more_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    do_one(*tasks_.front(), lock);
  }
}

void Crew::do_one(Task& task, std::unique_lock<std::mutex>& lock) {
  std::size_t mine = task.begun++;
  if (task.begun == task.count) std::erase(tasks_, &task);
  lock.unlock();
  task.work(mine);
  lock.lock();
  --pieces_;
  if (++task.done == task.count) task.all_done.notify_one();
}

}  // namespace base
