// SPDX-License-Identifier: Apache-2.0
//
// PROXY headers: the same however they are cut, never more than the header is taken,
// and what it names are addresses.
#include <arpa/inet.h>

#include <string>

#include "smtp/proxy_header.h"
#include "tests/fuzz/fuzz.h"

using fuzz::require;

namespace {

struct Reading {
  std::optional<smtp::ProxyHeader> header;
  bool bad = false;
  std::size_t taken = 0;  // of a good one

  bool operator==(const Reading&) const = default;
};

class Reader {
 public:
  // False once there is nothing more to read.
  bool feed(std::string_view piece) {
    std::string_view left = piece;
    auto header = parser_.feed(left);
    taken_ += piece.size() - left.size();
    reading.bad = !header;
    if (header) reading.header = *header;
    if (reading.header) reading.taken = taken_;
    require(taken_ <= smtp::ProxyHeaderParser::kLongestV2, "it is bounded");
    return !reading.bad && !reading.header;
  }
  std::size_t wants() const { return parser_.wants(); }

  Reading reading;

 private:
  smtp::ProxyHeaderParser parser_;
  std::size_t taken_ = 0;
};

Reading read(std::string_view bytes, std::uint32_t seed, std::size_t longest) {
  Reader reader;
  bool going_on = true;
  fuzz::for_each_piece(bytes, seed, longest, [&](std::string_view piece) {
    if (going_on) going_on = reader.feed(piece);
  });
  return reader.reading;
}

// As one reads who cannot put bytes back.
Reading read_as_wanted(std::string_view bytes) {
  Reader reader;
  bool going_on = true;
  while (going_on && !bytes.empty()) {
    std::string_view piece = bytes.substr(0, reader.wants());
    require(!piece.empty(), "more is wanted until it ends");
    bytes.remove_prefix(piece.size());
    going_on = reader.feed(piece);
    if (!reader.reading.bad && !going_on) require(reader.wants() == 0, "then no more");
  }
  return reader.reading;
}

bool is_address(const std::string& text) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, text.c_str(), bytes) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes = fuzz::text_of(data, size);
  auto seed = static_cast<std::uint32_t>(size);
  Reading whole = read(bytes, seed, 1);
  for (std::size_t longest : {3UL, 40UL, size * 4 + 1})
    require(read(bytes, seed, longest) == whole, "cuts do not matter");
  require(read_as_wanted(bytes) == whole, "nothing behind it is wanted");
  if (!whole.header) return 0;
  require(read(bytes.substr(0, whole.taken), seed, 9) == whole, "it ends there");
  if (const auto& addresses = whole.header->addresses)
    require(is_address(addresses->source.address) &&
                is_address(addresses->destination.address),
            "it names addresses");
  return 0;
}
