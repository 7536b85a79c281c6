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
      base::Result<void>& result, net::Wake wake)
      : message_(std::move(message)),
        finish_(std::move(finish)),
        log_(log),
        result_(result),
        wake_(std::move(wake)) {}

  void go_on(base::Result<void> synced, Wishes& wishes) override {
    if (finish_) {
      finish(wishes);
      return;
    }
    result_ = std::move(synced);
    bool lasts = result_.has_value();
    if (lasts && !line_.empty()) result_ = log_.write(message_->id().text(), line_);
    wake_();
    if (lasts) message_->clear();
  }

 private:
  void finish(Wishes& wishes) {
    auto line = std::exchange(finish_, nullptr)();
    if (line && message_->ended()) {
      line_ = *std::move(line);
      wishes.sync_directory(message_->message().directory_name());
      return;
    }
    if (!line) result_ = std::unexpected(std::move(line).error());
    message_.reset();  // others wait for its lock
    wake_();
  }

  std::unique_ptr<Outgoing> message_;
  Completions::Finish finish_;
  base::MainLog& log_;
  base::Result<void>& result_;
  net::Wake wake_;
  std::string line_;
};

}  // namespace

Completions::Completions(base::MainLog& log) : log_(log), rounds_(kSyncs) {}

asio::awaitable<base::Result<void>> Completions::commit(
    std::unique_ptr<Outgoing> message, Finish finish) {
  base::Result<void> result;
  auto start = [&](net::Wake wake) {
    rounds_.start(std::make_unique<End>(std::move(message), std::move(finish), log_,
                                        result, std::move(wake)));
  };
  ++waiting_;
  co_await net::suspend(start);
  --waiting_;
  co_return result;
}

}  // namespace qrunner
