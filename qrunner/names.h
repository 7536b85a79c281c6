// SPDX-License-Identifier: Apache-2.0
//
// What the DNS said in this run: one question, one answer, whoever wants to know.
//
// Routing never waits.  It asks here, and where no answer is known yet it notes the
// question; the message is put aside, the question goes to the resolver once, and when
// its answer came the message is routed again.  So ten thousand messages to a new
// domain cost one question, and a slow domain holds nobody else up.
#pragma once

#include <chrono>
#include <compare>
#include <map>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "net/resolver.h"

namespace qrunner {

namespace asio = net::asio;

class Names {
 public:
  struct Question {
    std::string type, name;  // "mx", "example.net", both in small letters

    auto operator<=>(const Question&) const = default;
  };
  using Answer = base::Result<net::DnsRecords>;

  explicit Names(net::Resolver& resolver) : resolver_(resolver) {}

  // Nothing: nobody asked yet, or it is too long ago.  From any thread.
  std::optional<Answer> find(const Question& question) const;
  // The same, however old: a message on its way knows where it goes.
  std::optional<Answer> recall(const Question& question) const;

  // Asks, and keeps the answer.  True: nobody could say.
  asio::awaitable<bool> learn(Question question);
  // The same from a thread that may wait.
  void learn_now(const Question& question);

  // So many questions in a row went unanswered that it is not the domains' fault:
  // nobody is judged by it (spec/queue-run.md 13.10).  From any thread.
  bool dead() const;

 private:
  bool keep(const Question& question, Answer answer);

  using Clock = std::chrono::steady_clock;
  struct Known {
    Answer answer;
    Clock::time_point until;
  };

  net::Resolver& resolver_;
  mutable std::shared_mutex mutex_;
  std::map<Question, Known> known_;
  unsigned unanswered_ = 0;  // in a row
};

}  // namespace qrunner
