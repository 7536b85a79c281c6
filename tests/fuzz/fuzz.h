// SPDX-License-Identifier: Apache-2.0
//
// What the fuzz targets share: how an oracle speaks up, and input cut to pieces.
//
// A target is one function that takes bytes and returns, or aborts because a claim does
// not hold.  clang links it with libFuzzer; g++ links it with replay.cc, which runs the
// kept corpus through it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

inline void require(bool holds, const char* claim,
                    std::source_location here = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: not so: %s\n", here.file_name(),
               static_cast<unsigned>(here.line()), claim);
  std::abort();
}

// Pieces of 1 to `longest` bytes, the same ones for the same seed.
template <class Visit>
void for_each_piece(std::string_view text, std::uint32_t seed, std::size_t longest,
                    Visit visit) {
  while (!text.empty()) {
    seed = seed * 1664525 + 1013904223;
    std::string_view piece = text.substr(0, 1 + (seed >> 16) % longest);
    text.remove_prefix(piece.size());
    visit(piece);
  }
}

}  // namespace fuzz
