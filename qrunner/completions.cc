// SPDX-License-Identifier: Apache-2.0
#include "qrunner/completions.h"

#include <utility>

namespace qrunner {

namespace {

using Wishes = base::SyncRounds::Wishes;

// As many as a split spool has directories.
constexpr unsigned kSyncs = 62;

class End : public base::SyncRounds::Work {
 public:
  // `result` is there until `wake` is called.
  End(std::unique_ptr<Outgoing> message, Completions::Finish finish, base::MainLog& log,
      const Completions::Unsynced& unsynced, base::Result<void>& result, net::Wake wake)
      : message_(std::move(message)),
        finish_(std::move(finish)),
        log_(log),
        unsynced_(unsynced),
        result_(result),
        wake_(std::move(wake)) {}

  void go_on(base::Result<void> synced, Wishes& wishes) override {
    if (finish_)
      finish(wishes);
    else if (synced)
      lasts();
    else
      over(unsynced_(*message_, synced.error()));
  }

 private:
  void finish(Wishes& wishes) {
    auto line = std::exchange(finish_, nullptr)();
    if (line && message_->ended()) {
      line_ = *std::move(line);
      wishes.sync_directory(message_->message().directory_name());
      return;
    }
    base::Result<void> done;
    if (!line) done = std::unexpected(std::move(line).error());
    over(std::move(done));
  }

  void lasts() {
    if (!line_.empty()) result_ = log_.write(message_->id().text(), line_);
    wake_();
    message_->clear();
  }

  // Others may wait for the lock of the message.
  void over(base::Result<void> result) {
    result_ = std::move(result);
    message_.reset();
    wake_();
  }

  std::unique_ptr<Outgoing> message_;
  Completions::Finish finish_;
  base::MainLog& log_;
  const Completions::Unsynced& unsynced_;
  base::Result<void>& result_;
  net::Wake wake_;
  std::string line_;
};

}  // namespace

Completions::Completions(base::MainLog& log, Unsynced unsynced)
    : log_(log), unsynced_(std::move(unsynced)), rounds_(kSyncs) {}

asio::awaitable<base::Result<void>> Completions::commit(
    std::unique_ptr<Outgoing> message, Finish finish) {
  base::Result<void> result;
  auto start = [&](net::Wake wake) {
    rounds_.start(std::make_unique<End>(std::move(message), std::move(finish), log_,
                                        unsynced_, result, std::move(wake)));
  };
  ++waiting_;
  co_await net::suspend(start);
  --waiting_;
  co_return result;
}

}  // namespace qrunner
