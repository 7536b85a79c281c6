// SPDX-License-Identifier: Apache-2.0
//
// Content on the wire: the readers against the obvious way to read, however it is cut,
// and the writer against the reader.
#include <string>
#include <type_traits>

#include "smtp/body.h"
#include "tests/fuzz/fuzz.h"

using fuzz::require;

namespace {

struct Reading {
  std::string out;
  std::size_t taken = 0;
  bool done = false, bare = false, lenient_end = false;
  std::uint64_t size = 0, lines = 0, nuls = 0, longest = 0;

  bool operator==(const Reading&) const = default;
};

// The header section is what comes before the first empty line: was that the last one?
bool ends_headers(std::string_view out) {
  return out == "\n" || out.ends_with("\n\n");
}

template <class Reader>
Reading read(Reader reader, std::string_view wire, std::uint32_t seed,
             std::size_t longest) {
  Reading reading;
  bool in_headers = true;
  fuzz::for_each_piece(wire, seed, longest, [&](std::string_view piece) {
    while (!piece.empty() && !reader.done()) {
      std::size_t taken = reader.feed(piece, reading.out);
      require(taken == piece.size() || reader.done() || reader.pauses_at_lines(),
              "all is taken before the end");
      reading.taken += taken;
      piece.remove_prefix(taken);
      if (in_headers && reader.pauses_at_lines() && ends_headers(reading.out)) {
        in_headers = false;
        reader.headers_over();
      }
    }
  });
  reading.done = reader.done();
  if constexpr (std::is_same_v<Reader, smtp::ChunkReader>)
    reader.finish(reading.out);
  else
    reading.lenient_end = reader.lenient_end();
  reading.bare = reader.bare_line_end();
  reading.size = reader.size();
  reading.lines = reader.lines();
  reading.nuls = reader.nuls();
  reading.longest = reader.longest_line();
  require(reading.size == reading.out.size(), "what was written was counted");
  return reading;
}

template <class Reader>
Reading read_everyhow(const Reader& reader, std::string_view wire) {
  auto seed = static_cast<std::uint32_t>(wire.size());
  Reading whole = read(reader, wire, seed, wire.size() + 1);
  for (std::size_t longest : {1UL, 3UL, 40UL, wire.size() * 4 + 1})
    require(read(reader, wire, seed, longest) == whole, "cuts do not matter");
  return whole;
}

// As Exim reads what has CRLF behind its first line, `content` being freed of its
// leading dots: CR and LF that stand alone fold a header and split or join body lines.
std::string as_exim(std::string_view content) {
  std::string out;
  bool body = false;
  for (std::size_t i = 0; i < content.size(); ++i) {
    body = body || ends_headers(out);
    if (content.substr(i, 2) == "\r\n") {
      out += '\n';
      ++i;
    } else if (content[i] == '\r' || content[i] == '\n') {
      out += body && content[i] == '\n' ? "" : "\n";
      out += body && content[i] == '\r' ? "" : " ";
    } else {
      out += content[i];
    }
  }
  return out;
}

bool starts_with_crlf_line(std::string_view wire) {
  std::size_t lf = wire.find('\n');
  return lf != wire.npos && lf > 0 && wire[lf - 1] == '\r';
}

// What is left of a message that ends with `end`: no dots that were doubled.
std::string without_dots(std::string_view content) {
  std::string out;
  for (std::size_t i = 0; i < content.size(); ++i) {
    bool line_start = i == 0 || (i >= 2 && content.substr(i - 2, 2) == "\r\n");
    if (!line_start || content[i] != '.') out += content[i];
  }
  return out;
}

void check_exim(std::string_view wire) {
  Reading reading = read_everyhow(smtp::DotReader(smtp::LineEndings::exim), wire);
  if (!reading.done || !starts_with_crlf_line(wire)) return;
  require(!reading.lenient_end, "only CRLF . CRLF ends it");
  std::string lines = "\r\n" + std::string(wire);
  std::size_t end = lines.find("\r\n.\r\n");
  require(reading.taken == end + 3, "at the first one");
  require(reading.out == as_exim(without_dots(lines.substr(2, end))), "and as Exim");
}

void check_lenient(std::string_view wire) {
  Reading reading = read_everyhow(smtp::DotReader(smtp::LineEndings::lenient), wire);
  if (!reading.done) return;
  std::string_view taken = wire.substr(0, reading.taken);
  bool standard = taken == ".\r\n" || taken.ends_with("\r\n.\r\n");
  require(reading.lenient_end == !standard, "another end is told");
  require(!reading.out.contains('\r'), "every CR ended a line");
}

void check_chunks(std::string_view octets) {
  using smtp::LineEndings;
  using smtp::Storing;
  for (LineEndings policy :
       {LineEndings::reject, LineEndings::exim, LineEndings::lenient}) {
    Reading lf = read_everyhow(smtp::ChunkReader(policy, Storing::lf), octets);
    require(lf.taken == octets.size(), "a chunk has no end of its own");
    require(lf.out.empty() || lf.out.ends_with('\n'), "the last line has an end");
    if (policy == LineEndings::exim && starts_with_crlf_line(octets)) {
      std::string out = as_exim(octets);
      if (!out.empty() && !out.ends_with('\n')) out += '\n';
      require(lf.out == out, "as Exim");
    }
    Reading wire = read_everyhow(smtp::ChunkReader(policy, Storing::wire), octets);
    std::size_t body = octets.starts_with("\r\n") ? 2 : octets.find("\r\n\r\n");
    if (body == octets.npos || wire.bare) continue;
    std::string stored(octets.substr(body + (body == 2 ? 0 : 4)));
    if (!stored.empty() && !stored.ends_with("\r\n")) stored += "\r\n";
    require(wire.out.ends_with(stored), "the body is kept");
  }
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
  check_against_the_obvious(text, read_everyhow(smtp::DotReader(), text));
  check_exim(text);
  check_lenient(text);
  check_chunks(text);

  std::string wire;
  smtp::DotWriter writer;
  fuzz::for_each_piece(text, seed, 7,
                       [&](std::string_view piece) { writer.write(piece, wire); });
  writer.finish(wire);
  wire += smtp::DotWriter::kEnd;
  Reading back = read(smtp::DotReader(), wire, seed, 9);
  require(back.done && back.taken == wire.size(), "the writer's end is the end");
  require(!back.bare, "the writer writes CRLF only");
  require(back.out == with_lf(text), "written and read it is the same");
  return 0;
}
