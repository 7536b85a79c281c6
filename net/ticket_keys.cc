// SPDX-License-Identifier: Apache-2.0
#include "net/ticket_keys.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>

namespace net {

namespace {

std::shared_ptr<const TicketKeys::Set> make_set(base::Time now) {
  auto set = std::make_shared<TicketKeys::Set>();
  auto fill = [](auto& bytes) {
    return RAND_priv_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1;
  };
  if (!fill(set->name) || !fill(set->aes) || !fill(set->hmac)) return nullptr;
  set->name[0] = 'E';
  set->born = now;
  return set;
}

}  // namespace

TicketKeys::Set::~Set() {
  OPENSSL_cleanse(aes.data(), aes.size());
  OPENSSL_cleanse(hmac.data(), hmac.size());
}

// A clock that was set back must not keep keys for ever.
void TicketKeys::renew() {
  base::Time now = clock_.now();
  if (current_ && current_->born <= now && now < current_->born + kLife / 2) return;
  previous_ = std::move(current_);
  current_ = make_set(now);
}

std::shared_ptr<const TicketKeys::Set> TicketKeys::current() {
  std::lock_guard lock(mutex_);
  renew();
  return current_;
}

TicketKeys::Found TicketKeys::find(std::span<const unsigned char, 16> name) {
  std::lock_guard lock(mutex_);
  renew();
  auto named = [&](const auto& set) {
    return set && std::ranges::equal(set->name, name) &&
           clock_.now() < set->born + kLife;
  };
  if (named(current_)) return {current_, false};
  if (named(previous_)) return {previous_, true};
  return {};
}

}  // namespace net
