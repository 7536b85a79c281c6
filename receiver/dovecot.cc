// SPDX-License-Identifier: Apache-2.0
#include "receiver/dovecot.h"

namespace receiver {

struct Dovecot::State {};

Dovecot::Dovecot(std::unique_ptr<State> state) : state_(std::move(state)) {}
Dovecot::~Dovecot() = default;

}  // namespace receiver
