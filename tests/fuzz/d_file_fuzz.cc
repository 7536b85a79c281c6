// SPDX-License-Identifier: Apache-2.0
//
// -D files: the first line, and bodies that come in pieces.
#include <string>

#include "spoolfmt/d_file.h"
#include "tests/fuzz/fuzz.h"

using fuzz::require;

namespace {

// The slow and obvious way.
std::string without_cr_of_crlf(std::string_view body) {
  std::string out;
  for (std::size_t i = 0; i < body.size(); ++i)
    if (body[i] != '\r' || i + 1 == body.size() || body[i + 1] != '\n') out += body[i];
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  if (auto id = spoolfmt::MessageId::parse(text.substr(0, 23)))
    require(spoolfmt::d_first_line_matches(text, *id) ==
                (text.substr(0, 26) == id->str() + "-D\n"),
            "the first line is the name and nothing else");
  if (auto id = spoolfmt::MessageId::parse(text.substr(0, 16)))
    require(spoolfmt::d_first_line_matches(text, *id) ==
                (text.substr(0, 19) == id->str() + "-D\n"),
            "the first line is the name and nothing else");

  std::string whole = spoolfmt::wire_to_lf(text);
  require(whole == without_cr_of_crlf(text), "only the CR of a CR LF goes");
  spoolfmt::BodyCounts counted;
  counted.add(text);
  for (std::size_t longest : {1UL, 2UL, 17UL}) {
    std::string out;
    spoolfmt::WireToLf converter;
    spoolfmt::BodyCounts counts;
    fuzz::for_each_piece(text, static_cast<std::uint32_t>(size), longest,
                         [&](std::string_view piece) {
                           converter.convert(piece, out);
                           counts.add(piece);
                         });
    converter.finish(out);
    require(out == whole, "pieces give the same body");
    require(counts.lines == counted.lines && counts.zeros == counted.zeros &&
                counts.longest == counted.longest,
            "and the same counts");
  }
  return 0;
}
