// SPDX-License-Identifier: Apache-2.0
//
// How many connections one site bears: found out by trying, as TCP finds its rate.
//
// It opens by one for each message that went well while all connections were busy,
// until the first trouble; from then on by one for each round of them.  Trouble halves
// it, a slow far end holds it, "too many connections" caps it, and failures without an
// end close it: the site is dead.  man/bobbin-schedule.7 has the table.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

namespace qrunner {

class Window {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  using Span = std::chrono::nanoseconds;

  struct Settings {
    std::size_t start = 3;
    std::size_t ceiling = 20;
    bool fixed = false;        // the ceiling from the first message on
    std::size_t failures = 3;  // in a row, and as many as were open: dead
    Span cap_time = std::chrono::minutes(10);
  };

  explicit Window(const Settings& settings);

  // The window another run left behind: half of it is where this one starts.
  void learn(double size, const Settings& settings);

  // A message was taken over.  `latency`: from the end of the message to its reply.
  // `worth_more`: all connections are busy, and one more would be.
  void succeeded(std::optional<Span> latency, bool worth_more, const Settings& settings,
                 Instant now);
  // A connection failed; `open` counts it, too.
  void failed(std::size_t open, const Settings& settings, Instant now);
  // The far end said that there are too many.
  void crowded(std::size_t open, const Settings& settings, Instant now);

  // Connections there may be now; at least one.
  std::size_t size(const Settings& settings, Instant now) const;
  // With its fraction, to be learned from.
  double exact() const { return size_; }
  std::optional<std::size_t> cap(Instant now) const;
  std::optional<Span> latency() const;  // smoothed
  // Even the quickest answer of late took its time: whatever waits at our own side, one
  // more connection has something to do meanwhile.
  bool answers_late() const;
  bool dead() const { return failures_ > 0 && failures_ >= cohort_; }

 private:
  static constexpr float kNever = std::numeric_limits<float>::infinity();

  void measure(Span latency, Instant now);
  float least() const;
  bool stretched() const;
  std::size_t most(const Settings& settings, Instant now) const;

  float size_;
  float calm_ = kNever;  // below it the window opens quickly
  // Seconds.
  float smoothed_ = kNever;
  float least_ = kNever, least_before_ = kNever;  // of this minute and the one before
  std::int32_t minute_ = 0;
  std::uint16_t failures_ = 0;  // in a row
  std::uint16_t cohort_ = 0;    // so many of them are death
  std::uint16_t cap_ = 0;
  Instant cap_until_ = Instant::min();
  Instant halved_ = Instant::min();
};

}  // namespace qrunner
