// SPDX-License-Identifier: Apache-2.0
#include "qrunner/packed_id.h"

#include <cassert>
#include <string_view>

namespace qrunner {

namespace {

constexpr std::string_view kDigits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::uint8_t kLong = 0x80;  // in the last byte, beside the last digit

constexpr auto kValues = [] {
  std::array<std::uint8_t, 256> values{};
  for (std::size_t i = 0; i < kDigits.size(); ++i)
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::uint8_t>(i);
  return values;
}();

// Where the second hyphen stands, counted in digits: the first is behind the sixth.
constexpr std::size_t second_group(bool is_long) {
  return is_long ? 17 : 12;
}

}  // namespace

// As base64 does it: four digits make three bytes.
PackedId::PackedId(const spoolfmt::MessageId& id) {
  assert(!id.empty());
  std::array<std::uint32_t, 24> digits{};
  std::size_t count = 0;
  for (char c : id.text())
    if (c != '-') digits[count++] = kValues[static_cast<unsigned char>(c)];
  for (std::size_t group = 0; group < 5; ++group) {
    const std::uint32_t* four = &digits[group * 4];
    std::uint32_t bits = four[0] << 18 | four[1] << 12 | four[2] << 6 | four[3];
    bytes_[group * 3] = static_cast<std::uint8_t>(bits >> 16);
    bytes_[group * 3 + 1] = static_cast<std::uint8_t>(bits >> 8);
    bytes_[group * 3 + 2] = static_cast<std::uint8_t>(bits);
  }
  bytes_[15] = static_cast<std::uint8_t>(digits[20] | (id.is_long() ? kLong : 0U));
}

spoolfmt::MessageId PackedId::id() const {
  using spoolfmt::MessageId;
  bool is_long = (bytes_[15] & kLong) != 0;
  std::array<char, 24> digits{};
  for (std::size_t group = 0; group < 5; ++group) {
    const std::uint8_t* three = &bytes_[group * 3];
    std::uint32_t bits = std::uint32_t{three[0]} << 16 | std::uint32_t{three[1]} << 8 |
                         std::uint32_t{three[2]};
    for (std::size_t i = 0; i < 4; ++i)
      digits[group * 4 + i] = kDigits[bits >> (18 - 6 * i) & 63U];
  }
  digits[20] = kDigits[bytes_[15] & 63U];

  std::array<char, MessageId::kLongLength> text{};
  std::size_t length = is_long ? MessageId::kLongLength : MessageId::kOldLength;
  std::size_t digit = 0;
  for (std::size_t i = 0; i < length; ++i) {
    bool hyphen = i == 6 || i == second_group(is_long) + 1;
    text[i] = hyphen ? '-' : digits[digit++];
  }
  return *MessageId::parse({text.data(), length});
}

}  // namespace qrunner
