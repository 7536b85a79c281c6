// SPDX-License-Identifier: Apache-2.0
//
// A message id in 16 bytes, for lists of millions.
//
// An id has 6 + 11 + 4 digits in base 62 (6 + 6 + 2 in the old form), so 21 times six
// bits, and one bit more tells the form.
#pragma once

#include <array>
#include <cstdint>

#include "spoolfmt/message_id.h"

namespace qrunner {

class PackedId {
 public:
  PackedId() = default;
  explicit PackedId(const spoolfmt::MessageId& id);  // not an empty one

  spoolfmt::MessageId id() const;

  bool operator==(const PackedId&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

}  // namespace qrunner
