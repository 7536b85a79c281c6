// SPDX-License-Identifier: Apache-2.0
#include "base/crew.h"

#include <algorithm>

namespace base {

Crew::Crew(unsigned helpers) {
  for (unsigned i = 0; i < helpers; ++i) helpers_.emplace_back([this] { help(); });
}

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
  lock.unlock();  // whoever is woken finds it free
  for (std::size_t i = 1; i < std::min(count, helpers_.size() + 1); ++i)
    more_.notify_one();
  lock.lock();
  while (task.begun < task.count) do_one(task, lock);
  task.all_done.wait(lock, [&] { return task.done == task.count; });
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
  if (++task.done == task.count) task.all_done.notify_one();
}

}  // namespace base
