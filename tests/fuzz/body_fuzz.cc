// SPDX-License-Identifier: Apache-2.0
//
// Content on the wire: the reader against the obvious way to read, however it is cut,
// and the writer against the reader.
#include <string>

#include "smtp/body.h"
#include "tests/fuzz/fuzz.h"

using fuzz::require;

namespace {

struct Reading {
  std::string out;
  std::size_t taken = 0;
  bool done = false, bare = false;
  std::uint64_t size = 0, lines = 0, nuls = 0, longest = 0;

  bool operator==(const Reading&) const = default;
};

Reading read(std::string_view wire, std::uint32_t seed, std::size_t longest) {
  Reading reading;
  smtp::DotReader reader;
  fuzz::for_each_piece(wire, seed, longest, [&](std::string_view piece) {
    if (reader.done()) return;
    std::size_t taken = reader.feed(piece, reading.out);
    require(taken == piece.size() || reader.done(), "all is taken before the end");
    reading.taken += taken;
  });
  reading.done = reader.done();
  reading.bare = reader.bare_line_end();
  reading.size = reader.size();
  reading.lines = reader.lines();
  reading.nuls = reader.nuls();
  reading.longest = reader.longest_line();
  return reading;
}

// The whole content at once: up to CRLF . CRLF, one leading dot a line off.
void check_against_the_obvious(std::string_view wire, const Reading& reading) {
  std::string lines = "\r\n" + std::string(wire);
  std::size_t end = lines.find("\r\n.\r\n");
  require(reading.done == (end != std::string::npos), "CRLF . CRLF, and nothing else");
  if (!reading.done) return;
  require(reading.taken == end + 3, "it ends behind that");
  std::string content = lines.substr(2, end);
  std::string out;
  bool bare = false;
  for (std::size_t i = 0; i < content.size(); ++i) {
    bool after_crlf = i == 0 || (i >= 2 && content.compare(i - 2, 2, "\r\n") == 0);
    if (after_crlf && content[i] == '.') continue;
    if (content.compare(i, 2, "\r\n") == 0) {
      out += '\n';
      ++i;
    } else {
      bare = bare || content[i] == '\r' || content[i] == '\n';
      out += content[i];
    }
  }
  require(reading.out == out, "the content that was meant");
  require(reading.bare == bare, "lone line ends are seen, and only those");
}

// LF for each CRLF, CR and LF, and one at the end.
std::string with_lf(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && text.substr(i + 1, 1) == "\n") continue;
    out += text[i] == '\r' ? '\n' : text[i];
  }
  if (!out.empty() && out.back() != '\n') out += '\n';
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  auto seed = static_cast<std::uint32_t>(size);
  Reading whole = read(text, seed, size + 1);
  {
    smtp::DotReader reader;
    std::string out;
    std::size_t taken = reader.feed(text, out);
    require(taken == whole.taken && out == whole.out, "one piece is a way to cut");
  }
  for (std::size_t longest : {1UL, 3UL, 40UL})
    require(read(text, seed, longest) == whole, "cuts do not matter");
  check_against_the_obvious(text, whole);

  std::string wire;
  smtp::DotWriter writer;
  fuzz::for_each_piece(text, seed, 7,
                       [&](std::string_view piece) { writer.write(piece, wire); });
  writer.finish(wire);
  wire += smtp::DotWriter::kEnd;
  Reading back = read(wire, seed, 9);
  require(back.done && back.taken == wire.size(), "the writer's end is the end");
  require(!back.bare, "the writer writes CRLF only");
  require(back.out == with_lf(text), "written and read it is the same");
  return 0;
}
