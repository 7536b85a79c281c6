// SPDX-License-Identifier: Apache-2.0
#include "receiver/committer.h"

#include <memory>
#include <utility>

namespace receiver {

namespace {

using Wishes = base::SyncRounds::Wishes;

// Enough for a round of fifty messages: a sync that begins after the commit flushes the
// disk once more, so those that wait for a helper cost a round.
constexpr unsigned kSyncs = 100;

// The steps of one message.
class Arrival : public base::SyncRounds::Work {
 public:
  Arrival(Commit& commit, base::MainLog& log, const base::Clock& clock)
      : commit_(commit), log_(log), clock_(clock) {}

  void go_on(base::Result<void> synced, Wishes& wishes) override {
    auto step = std::exchange(next_, nullptr);
    commit_.result = synced ? (this->*step)(wishes) : std::move(synced);
    if (commit_.result && next_) return;
    net::Wake wake = std::move(commit_.wake);  // commit_ is gone once its task runs
    wake();
  }

 private:
  base::Result<void> write(Wishes& wishes) {
    auto& message = commit_.message;
    if (!message)
      message.emplace(TRY(
          spoolfmt::NewMessage::create(commit_.spool, commit_.file.id, commit_.rest)));
    else
      TRY(message->write_body(commit_.rest));
    TRY(message->prepare(commit_.file));
    message->begin_writing();
    wishes.wait([&] { return message->await_writing(); });
    wishes.sync([&] { return message->sync_body(); });
    wishes.sync([&] { return message->sync_header(); });
    next_ = &Arrival::publish;
    return {};
  }

  base::Result<void> publish(Wishes& wishes) {
    TRY(commit_.message->publish());
    wishes.sync_directory(commit_.message->directory());
    next_ = &Arrival::tell;
    return {};
  }

  base::Result<void> tell(Wishes&) {
    const LogLines& lines = commit_.lines;
    if (!lines.message.empty()) commit_.message->log(lines.message, clock_.now());
    return log_.write(commit_.file.id.text(), lines.main);
  }

  Commit& commit_;
  base::MainLog& log_;
  const base::Clock& clock_;
  base::Result<void> (Arrival::*next_)(Wishes&) = &Arrival::write;
};

}  // namespace

Committer::Committer(base::MainLog& log, const base::Clock& clock)
    : log_(log), clock_(clock), rounds_(kSyncs) {}

asio::awaitable<void> Committer::commit(Commit& message) {
  auto start = [this, &message](net::Wake wake) {
    message.wake = std::move(wake);
    rounds_.start(std::make_unique<Arrival>(message, log_, clock_));
  };
  co_await net::suspend(start);
}

}  // namespace receiver
