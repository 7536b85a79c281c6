// SPDX-License-Identifier: Apache-2.0
#include "net/task_group.h"

#include <exception>
#include <list>
#include <string>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>

#include "base/failures.h"
#include "net/event.h"

namespace net {

namespace {

void report(std::exception_ptr thrown) {
  if (!thrown) return;
  try {
    std::rethrow_exception(thrown);
  } catch (const boost::system::system_error&) {
    // The peer is gone, or we were told to stop.
  } catch (const std::exception& bug) {
    base::complain(std::string("bug: ") + bug.what());
  }
}

}  // namespace

struct TaskGroup::State {
  using Tasks = std::list<asio::cancellation_signal>;

  explicit State(Loop& on) : loop(on), idle(on) { idle.open(); }

  void ended(Tasks::iterator task) {
    ended_tasks.splice(ended_tasks.end(), tasks, task);
    if (tasks.empty()) idle.open();
    loop.task_ended();
  }

  Loop& loop;
  Event idle;
  bool cancelled = false;
  Tasks tasks;
  // Asio still looks at a signal after it called the completion handler, so a signal
  // is destroyed when the next task starts.
  Tasks ended_tasks;
};

TaskGroup::TaskGroup(Loop& loop) : state_(std::make_shared<State>(loop)) {}
TaskGroup::~TaskGroup() = default;

void TaskGroup::spawn(asio::awaitable<void> task) {
  if (state_->cancelled) return;
  state_->ended_tasks.clear();
  state_->idle.shut();
  state_->loop.task_started();
  auto signal = state_->tasks.emplace(state_->tasks.end());
  auto ended = [state = state_, signal](std::exception_ptr thrown) {
    report(thrown);
    state->ended(signal);
  };
  asio::co_spawn(state_->loop.context(), std::move(task),
                 asio::bind_cancellation_slot(signal->slot(), std::move(ended)));
}

void TaskGroup::cancel() {
  state_->cancelled = true;
  for (asio::cancellation_signal& task : state_->tasks)
    task.emit(asio::cancellation_type::terminal);
}

bool TaskGroup::cancelled() const {
  return state_->cancelled;
}

std::size_t TaskGroup::size() const {
  return state_->tasks.size();
}

asio::awaitable<void> TaskGroup::wait() {
  return state_->idle.wait();
}

}  // namespace net
