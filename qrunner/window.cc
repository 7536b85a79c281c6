// SPDX-License-Identifier: Apache-2.0
#include "qrunner/window.h"

#include <algorithm>

namespace qrunner {

namespace {

using std::chrono::milliseconds;

// The mean of the last eight messages or so.
constexpr float kGain = 1.0F / 8;
// Twice the least is too slow.  A mean only comes near its double, so a little less is
// what we compare with.
constexpr float kStretch = 1.8F;
// An answer within so many seconds is at once, whatever the least was: what lies below
// are our own machine's moods.
constexpr float kAtOnce = 0.01F;
// What failed within this time failed together, though messages may go faster.
constexpr Window::Span kLeastRoundTrip = milliseconds(100);
constexpr Window::Span kUnknownRoundTrip = milliseconds(1000);

std::uint16_t small(std::size_t number) {
  return static_cast<std::uint16_t>(std::min<std::size_t>(number, 0xffff));
}

}  // namespace

Window::Window(const Settings& settings)
    : size_(static_cast<float>(
          std::clamp<std::size_t>(settings.start, 1, settings.ceiling))) {}

void Window::learn(double size, const Settings& settings) {
  auto ceiling = static_cast<float>(settings.ceiling);
  size_ = std::clamp(static_cast<float>(size) / 2, 1.0F, ceiling);
}

void Window::measure(Span latency, Instant now) {
  float seconds = std::chrono::duration<float>(latency).count();
  smoothed_ = smoothed_ == kNever ? seconds : smoothed_ + (seconds - smoothed_) * kGain;
  auto minute = static_cast<std::int32_t>(
      std::chrono::floor<std::chrono::minutes>(now.time_since_epoch()).count());
  if (minute != minute_) {
    least_before_ = minute == minute_ + 1 ? least_ : kNever;
    least_ = kNever;
    minute_ = minute;
  }
  least_ = std::min(least_, seconds);
}

float Window::least() const {
  return std::min(least_, least_before_);
}

bool Window::stretched() const {
  return smoothed_ != kNever && smoothed_ > kStretch * std::max(kAtOnce, least());
}

bool Window::answers_late() const {
  return least() != kNever && least() > kAtOnce;
}

std::size_t Window::most(const Settings& settings, Instant now) const {
  return std::min(settings.ceiling, cap(now).value_or(settings.ceiling));
}

void Window::succeeded(std::optional<Span> latency, bool worth_more,
                       const Settings& settings, Instant now) {
  bool was_dead = dead();
  if (was_dead) size_ = calm_ = 1;
  failures_ = 0;
  if (latency) measure(*latency, now);
  if (was_dead || !worth_more || stretched()) return;
  size_ += size_ < calm_ ? 1 : 1 / size_;
  size_ = std::min(size_, static_cast<float>(most(settings, now)));
}

void Window::failed(std::size_t open, const Settings& settings, Instant now) {
  if (failures_ == 0)
    cohort_ = small(std::max(settings.failures, std::min(size(settings, now), open)));
  if (failures_ < 0xffff) ++failures_;
  Span round_trip = kUnknownRoundTrip;
  if (auto known = latency()) round_trip = std::max(*known, kLeastRoundTrip);
  if (halved_ != Instant::min() && now - halved_ < round_trip) return;
  halved_ = now;
  size_ = calm_ = std::max(1.0F, size_ / 2);
}

void Window::crowded(std::size_t open, const Settings& settings, Instant now) {
  failed(open, settings, now);
  std::size_t fits = std::max<std::size_t>(1, open - 1);
  cap_ = small(std::min(fits, cap(now).value_or(fits)));
  cap_until_ = now + settings.cap_time;
  size_ = std::min(size_, static_cast<float>(cap_));
}

std::size_t Window::size(const Settings& settings, Instant now) const {
  std::size_t size =
      settings.fixed ? settings.ceiling : static_cast<std::size_t>(size_);
  return std::max<std::size_t>(1, std::min(size, most(settings, now)));
}

std::optional<std::size_t> Window::cap(Instant now) const {
  if (now >= cap_until_) return std::nullopt;
  return cap_;
}

std::optional<Window::Span> Window::latency() const {
  if (smoothed_ == kNever) return std::nullopt;
  return std::chrono::duration_cast<Span>(std::chrono::duration<float>(smoothed_));
}

}  // namespace qrunner
