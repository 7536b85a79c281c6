// SPDX-License-Identifier: Apache-2.0
#include "receiver/spooler.h"

#include <unistd.h>

#include <utility>

namespace receiver {

namespace {

// One that waits, as long as this is there.
class Wait {
 public:
  explicit Wait(std::shared_ptr<std::atomic<unsigned>> all) : all_(std::move(all)) {
    all_->fetch_add(1, std::memory_order_relaxed);
  }
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;
  ~Wait() { all_->fetch_sub(1, std::memory_order_relaxed); }

 private:
  const std::shared_ptr<std::atomic<unsigned>> all_;  // of the Spooler
};

}  // namespace

std::optional<std::filesystem::path> Incoming::body_path() const {
  if (!file_) return std::nullopt;
  return file_->path("-D");
}

void Incoming::keep() {
  if (file_) file_->keep();
}

Spooler::Spooler(spoolfmt::Spool spool, spoolfmt::IdScheme ids, base::MainLog& log,
                 const base::Clock& clock, net::Pool& pool)
    : spool_(std::move(spool)),
      clock_(clock),
      pool_(pool),
      ids_(ids, static_cast<std::uint64_t>(::getpid())),
      committer_(log, clock) {}

Incoming Spooler::begin(std::optional<std::string> queue) {
  base::Time now = clock_.now();
  return {ids_.next(now), now, std::move(queue).value_or(spool_.queue())};
}

asio::awaitable<base::Result<void>> Spooler::write(Incoming& message,
                                                   std::string_view body) {
  Wait wait(waiting_);
  auto job = [this, &message, body] { return append(message, body); };
  auto written = co_await pool_.run(job);
  co_return written;
}

asio::awaitable<base::Result<void>> Spooler::store(Incoming& message,
                                                   std::string_view rest) {
  return write(message, rest);
}

asio::awaitable<base::Result<void>> Spooler::commit(Incoming& message,
                                                    spoolfmt::HFile file,
                                                    std::string_view rest,
                                                    LogLines lines) {
  Wait wait(waiting_);
  auto job = [this, &message] { return spool_of(message.queue_); };
  base::Result<const spoolfmt::Spool*> spool = &spool_;
  if (message.queue_ != spool_.queue()) spool = co_await pool_.run(job);
  if (!spool) co_return std::unexpected(spool.error());
  Commit commit{**spool, message.file_, std::move(file), rest, std::move(lines), {},
                {}};
  co_await committer_.commit(commit);
  note_clash(commit.result);
  co_return commit.result;
}

base::Result<void> Spooler::append(Incoming& message, std::string_view body) {
  if (message.file_) return message.file_->write_body(body);
  const spoolfmt::Spool* spool = TRY(spool_of(message.queue_));
  auto file = spoolfmt::NewMessage::create(*spool, message.id_, body);
  if (!file) {
    note_clash(std::unexpected(file.error()));
    return std::unexpected(file.error());
  }
  message.file_.emplace(std::move(*file));
  return {};
}

base::Result<const spoolfmt::Spool*> Spooler::spool_of(const std::string& queue) {
  if (queue == spool_.queue()) return &spool_;
  std::lock_guard guard(mutex_);
  auto known = queues_.find(queue);
  if (known == queues_.end()) {
    auto made = TRY(spoolfmt::Spool::create(spool_.directory(), queue, spool_.split()));
    known = queues_.emplace(queue, std::move(made)).first;
  }
  return &known->second;
}

void Spooler::note_clash(const base::Result<void>& result) {
  if (!result && result.error().code == base::Code::temporary) ids_.avoid_others();
}

}  // namespace receiver
