// SPDX-License-Identifier: Apache-2.0
#include "receiver/content.h"

namespace receiver {

std::size_t Content::feed(std::string_view wire) {
  std::size_t used = 0;
  if (section_.over() && !discarding_) {
    used = reader_.feed(wire, body_);
  } else {
    used = reader_.feed(wire, undone_);
    if (!discarding_) section_.feed(undone_, body_);
    undone_.clear();
  }
  if (refusal()) discard();
  return used;
}

std::optional<smtp::Reply> Content::refusal() const {
  if (section_.too_large())
    return smtp::Reply{552, "5.3.4", "header section too large"};
  if (size_limit_ > 0 && reader_.size() > size_limit_)
    return smtp::standard(smtp::Standard::message_too_big);
  if (reader_.bare_line_end()) return smtp::standard(smtp::Standard::bad_line_endings);
  return std::nullopt;
}

void Content::discard() {
  discarding_ = true;
  body_ = {};
}

}  // namespace receiver
