// SPDX-License-Identifier: Apache-2.0
//
// Many threads work, one hands on their results in the order the work was given out.
//
// Made for reading a queue of small files: on a warm cache a thread a processor is
// enough, on a disk that is slow to answer more of them are faster.  So it starts with
// those, and adds a thread whenever one had to wait more than once in one chunk, up to
// `most_threads`.
#pragma once

#include <sys/resource.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace base {

// Takes chunks from `source` until it has no more, gives each to a worker and calls
// `sink` with the results, in the order of the chunks, on the calling thread.
// `make_worker` is called once a thread, so a worker may own buffers.  `source` is
// called by one thread at a time.  When `sink` returns false, no new chunk is taken and
// the function returns.
template <class Chunk, class Out>
class InOrder {
 public:
  using Source = std::function<std::optional<Chunk>()>;
  using Worker = std::function<Out(Chunk&)>;

  InOrder(Source source, std::function<Worker()> make_worker,
          unsigned most_threads = 16)
      : source_(std::move(source)),
        make_worker_(std::move(make_worker)),
        most_threads_(most_threads) {}

  void run(const std::function<bool(Out)>& sink) {
    unsigned processors = std::max(1U, std::thread::hardware_concurrency());
    {
      std::lock_guard guard(mutex_);
      for (unsigned i = 0; i < std::min(processors, most_threads_); ++i) add_thread();
    }
    while (std::optional<Out> out = take_first())
      if (!sink(std::move(*out))) break;
    {
      std::lock_guard guard(mutex_);
      stopped_ = true;
    }
    room_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  // Results wait here in chunk order; an empty one is still being worked on.
  using Slot = std::optional<Out>;

  // The next result in order, waiting for it; nothing when all are handed on.
  std::optional<Out> take_first() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] {
      return slots_.empty() ? exhausted_ && !fetching_ : slots_.front().has_value();
    });
    if (slots_.empty()) return std::nullopt;
    Slot first = std::move(slots_.front());
    slots_.pop_front();
    ++handed_on_;
    room_.notify_one();
    return first;
  }

  void add_thread() {
    threads_.emplace_back([this] { work(); });
  }

  void work() {
    Worker worker = make_worker_();
    std::unique_lock lock(mutex_);
    for (;;) {
      room_.wait(lock, [&] {
        return stopped_ || exhausted_ ||
               (!fetching_ && slots_.size() < most_under_way());
      });
      if (stopped_ || exhausted_) return;
      fetching_ = true;
      lock.unlock();
      std::optional<Chunk> chunk = source_();
      lock.lock();
      fetching_ = false;
      if (!chunk) {
        exhausted_ = true;
        room_.notify_all();
        ready_.notify_one();
        return;
      }
      std::size_t number = given_out_++;
      slots_.emplace_back();
      lock.unlock();
      room_.notify_one();  // somebody else may fetch now
      long before = waits();
      Out out = worker(*chunk);
      bool waited = waits() - before >= kManyWaits;
      lock.lock();
      slots_[number - handed_on_] = std::move(out);
      if (waited && !exhausted_ && !stopped_ && threads_.size() < most_threads_)
        add_thread();
      if (number == handed_on_) ready_.notify_one();
    }
  }

  // A slow reader of our output must not make us hold the whole queue in memory.
  std::size_t most_under_way() const { return 4 * threads_.size(); }

  // How often this thread gave its processor up to wait: for the disk, while it works
  // on a chunk.  Time would tell less, since a busy machine takes the processor away as
  // well.
  static long waits() {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
  }
  static constexpr long kManyWaits = 2;  // in a chunk

  Source source_;
  std::function<Worker()> make_worker_;
  unsigned most_threads_;

  std::mutex mutex_;
  std::condition_variable ready_;  // the first slot is filled, or there will be no more
  std::condition_variable room_;   // a worker may fetch
  std::deque<Slot> slots_;
  std::vector<std::thread> threads_;
  std::size_t given_out_ = 0;
  std::size_t handed_on_ = 0;
  bool fetching_ = false;
  bool exhausted_ = false;
  bool stopped_ = false;
};

}  // namespace base
