// SPDX-License-Identifier: Apache-2.0
#include "receiver/seats.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace receiver {

namespace {

unsigned number(const policy::Options& main, std::string_view name,
                std::int64_t otherwise) {
  std::int64_t value = main.integer(name, otherwise);
  return static_cast<unsigned>(
      std::clamp<std::int64_t>(value, 0, std::numeric_limits<int>::max()));
}

}  // namespace

Limits Limits::of(const policy::Options& main) {
  return {number(main, "smtp_accept_max", 200), number(main, "smtp_accept_reserve", 0),
          number(main, "smtp_connect_backlog", 128)};
}

std::string host_network(std::string_view address) {
  std::string text(address.substr(0, address.find('%')));
  std::array<unsigned char, 16> bytes{};
  if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return text;
  return {bytes.begin(), bytes.begin() + 8};
}

Seats::Seat::Seat(Seat&& other) noexcept
    : seats_(std::exchange(other.seats_, nullptr)),
      number_(other.number_),
      host_(std::move(other.host_)) {}

Seats::Seat::~Seat() {
  if (!seats_) return;
  leave_host();
  --seats_->taken_;
}

unsigned Seats::Seat::belongs_to(std::string_view address) {
  leave_host();
  host_ = host_network(address);
  std::lock_guard guard(seats_->mutex_);
  return ++seats_->hosts_[host_];
}

void Seats::Seat::leave_host() {
  if (host_.empty()) return;
  std::lock_guard guard(seats_->mutex_);
  auto host = seats_->hosts_.find(host_);
  if (--host->second == 0) seats_->hosts_.erase(host);
  host_.clear();
}

std::optional<Seats::Seat> Seats::take(unsigned limit) {
  unsigned number = ++taken_;
  if (limit == 0 || number <= limit) return Seat(*this, number);
  --taken_;
  return std::nullopt;
}

}  // namespace receiver
