// SPDX-License-Identifier: Apache-2.0
//
// How many scripts may run at a time, in the whole server: slots, given in the order in
// which they were asked for.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>

namespace receiver {

class ScriptSlots {
 public:
  // One slot, or a place in the queue for one.  Given back, or left, by its end.
  class Place {
   public:
    Place(Place&&) noexcept = default;
    Place& operator=(Place&& other) noexcept;
    ~Place() { leave(); }
    bool given() const;

   private:
    friend class ScriptSlots;
    struct Waiter;
    Place(ScriptSlots& slots, std::shared_ptr<Waiter> waiter)
        : slots_(&slots), waiter_(std::move(waiter)) {}
    void leave();
    ScriptSlots* slots_;
    std::shared_ptr<Waiter> waiter_;
  };

  explicit ScriptSlots(unsigned count) : free_(static_cast<int>(count)) {}

  // From any thread.  `wake` is called once when a slot is given later on, from the
  // thread that gave one back: it posts and does no more.
  Place ask(std::function<void()> wake);
  // More or fewer from now on; what was given stays.
  void resize(unsigned from, unsigned to);

 private:
  void give();

  std::mutex mutex_;
  int free_;
  std::list<std::shared_ptr<Place::Waiter>> queue_;
};

}  // namespace receiver
