// SPDX-License-Identifier: Apache-2.0
#include "receiver/script_slots.h"

#include <utility>

namespace receiver {

struct ScriptSlots::Place::Waiter {
  std::function<void()> wake;
  bool given = false;  // under the mutex
};

ScriptSlots::Place& ScriptSlots::Place::operator=(Place&& other) noexcept {
  if (this != &other) {
    leave();
    slots_ = other.slots_;
    waiter_ = std::move(other.waiter_);
  }
  return *this;
}

bool ScriptSlots::Place::given() const {
  if (!waiter_) return false;
  std::lock_guard lock(slots_->mutex_);
  return waiter_->given;
}

void ScriptSlots::Place::leave() {
  if (!waiter_) return;
  std::lock_guard lock(slots_->mutex_);
  if (waiter_->given)
    ++slots_->free_;
  else
    slots_->queue_.remove(waiter_);
  waiter_.reset();
  slots_->give();
}

ScriptSlots::Place ScriptSlots::ask(std::function<void()> wake) {
  auto waiter = std::make_shared<Place::Waiter>();
  std::lock_guard lock(mutex_);
  if (free_ > 0 && queue_.empty()) {
    --free_;
    waiter->given = true;
  } else {
    waiter->wake = std::move(wake);
    queue_.push_back(waiter);
  }
  return Place(*this, std::move(waiter));
}

void ScriptSlots::resize(unsigned from, unsigned to) {
  std::lock_guard lock(mutex_);
  free_ += static_cast<int>(to) - static_cast<int>(from);
  give();
}

// Under the mutex.
void ScriptSlots::give() {
  while (free_ > 0 && !queue_.empty()) {
    --free_;
    queue_.front()->given = true;
    queue_.front()->wake();
    queue_.pop_front();
  }
}

}  // namespace receiver
