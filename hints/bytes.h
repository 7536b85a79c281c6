// SPDX-License-Identifier: Apache-2.0
//
// Fixed-width integers, little-endian, in the values of hints.
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/clock.h"

namespace hints {

class ByteWriter {
 public:
  template <std::integral T>
  void put(T number) {
    auto bits = static_cast<std::make_unsigned_t<T>>(number);
    for (std::size_t i = 0; i < sizeof(T); ++i)
      out_ += static_cast<char>(static_cast<unsigned char>(bits >> (8 * i)));
  }
  void put(base::Time time) { put(time.time_since_epoch().count()); }
  void put(std::string_view bytes) { out_ += bytes; }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// Reads zeros behind the end, and remembers it.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  template <std::integral T>
  T take() {
    std::string_view part = take_bytes(sizeof(T));
    std::make_unsigned_t<T> bits = 0;
    for (std::size_t i = 0; i < part.size(); ++i) {
      auto byte = static_cast<unsigned char>(part[i]);
      bits = static_cast<std::make_unsigned_t<T>>(
          bits | (static_cast<std::make_unsigned_t<T>>(byte) << (8 * i)));
    }
    return static_cast<T>(bits);
  }
  // One that a calendar has: others would overflow when they are compared.
  base::Time take_time() {
    constexpr std::chrono::microseconds kYear9999{253'402'300'800'000'000};
    std::chrono::microseconds time(take<std::int64_t>());
    if (time < time.zero() || time > kYear9999) good_ = false;
    return base::Time(good_ ? time : time.zero());
  }
  std::string_view take_bytes(std::size_t size) {
    if (bytes_.size() < size) good_ = false;
    if (!good_) return {};
    std::string_view part = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return part;
  }
  std::string_view rest() const { return bytes_; }
  bool good() const { return good_; }
  bool at_end() const { return good_ && bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool good_ = true;
};

}  // namespace hints
