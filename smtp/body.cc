// SPDX-License-Identifier: Apache-2.0
#include "smtp/body.h"

#include <algorithm>
#include <cstring>

namespace smtp {

namespace {

// The first `wanted` in [begin, end), or `end`.
const char* find(const char* begin, const char* end, char wanted) {
  const void* found = std::memchr(begin, wanted, static_cast<std::size_t>(end - begin));
  return found ? static_cast<const char*>(found) : end;
}

// How often `wanted` stands in [begin, end).  Sixteen bytes at a time, each lane with a
// counter of its own: std::count of g++ 12 is ten times slower, and this looks at every
// byte of every message.
std::uint64_t count(const char* begin, const char* end, char wanted) {
  using Lanes [[gnu::vector_size(16)]] = signed char;
  constexpr std::ptrdiff_t kWidth = sizeof(Lanes);
  const Lanes pattern = Lanes{} + static_cast<signed char>(wanted);
  std::uint64_t total = 0;
  while (end - begin >= kWidth) {
    Lanes found{};
    // An equal lane is -1, so a lane can bear 128 of them.
    for (int i = 0; i < 128 && end - begin >= kWidth; ++i, begin += kWidth) {
      Lanes bytes;
      std::memcpy(&bytes, begin, sizeof bytes);
      found += bytes == pattern;
    }
    for (int lane = 0; lane < kWidth; ++lane)
      total += static_cast<std::uint64_t>(-found[lane]);
  }
  return total + static_cast<std::uint64_t>(std::count(begin, end, wanted));
}

}  // namespace

void DotReader::end_line() {
  longest_ = std::max(longest_, line_);
  line_ = 0;
  ++lines_;
  state_ = State::line_start;
}

// Five states, but whole lines are found by memchr: only the bytes around a line end
// go through the switch.  An LF that stands alone moves no state, so it is enough to
// count: more LFs than line ends means a bare one.
std::size_t DotReader::feed(std::string_view wire, std::string& out) {
  const char* in = wire.data();
  const char* const end = in + wire.size();
  std::uint64_t crlfs = 0;
  const std::size_t before = out.size();
  // At most one byte more than came in: a CR that was held back by the last call.
  out.resize_and_overwrite(
      before + wire.size() + 1, [&](char* buffer, std::size_t) noexcept {
        char* to = buffer + before;
        while (in != end && state_ != State::done) {
          switch (state_) {
            case State::line_start:
              if (*in == '.') {
                state_ = State::dot;
                ++in;
                break;
              }
              state_ = State::middle;
              [[fallthrough]];
            case State::middle: {
              const char* cr = find(in, end, '\r');
              auto length = static_cast<std::size_t>(cr - in);
              std::memcpy(to, in, length);
              to += length;
              line_ += length;
              in = cr;
              if (in == end) break;
              state_ = State::cr;
              ++in;
              break;
            }
            case State::cr:
              if (*in == '\n') {
                *to++ = '\n';
                ++in;
                ++crlfs;
                end_line();
                break;
              }
              *to++ = '\r';
              ++line_;
              bare_ = true;
              state_ = State::middle;
              break;
            case State::dot:
              state_ = *in == '\r' ? State::dot_cr : State::middle;
              if (state_ == State::dot_cr) ++in;
              break;
            case State::dot_cr:
              if (*in == '\n') {
                ++in;
                ++crlfs;
                state_ = State::done;
                break;
              }
              state_ = State::cr;  // ".", stuffed, and a CR like any other
              break;
            case State::done:
              break;
          }
        }
        return static_cast<std::size_t>(to - buffer);
      });
  size_ += out.size() - before;
  if (count(wire.data(), in, '\n') > crlfs) bare_ = true;
  nuls_ += count(wire.data(), in, '\0');
  if (state_ == State::done) longest_ = std::max(longest_, line_);
  return static_cast<std::size_t>(in - wire.data());
}

void DotWriter::write_line_end(std::string& wire) {
  wire += "\r\n";
  line_start_ = true;
}

void DotWriter::write(std::string_view piece, std::string& wire) {
  wire.reserve(wire.size() + piece.size() + piece.size() / 16 + 16);
  const char* in = piece.data();
  const char* const end = in + piece.size();
  const char* cr = find(in, end, '\r');  // usually there is none, so look once
  while (in != end) {
    if (after_cr_) {
      after_cr_ = false;
      if (*in == '\n' && ++in == end) break;
    }
    if (line_start_ && *in == '.') wire += '.';
    if (cr < in) cr = find(in, end, '\r');
    const char* line_end = find(in, cr, '\n');
    wire.append(in, line_end);
    line_start_ = line_start_ && in == line_end;
    in = line_end;
    if (in == end) break;
    after_cr_ = *in == '\r';
    write_line_end(wire);
    ++in;
  }
}

void DotWriter::finish(std::string& wire) {
  if (!line_start_) write_line_end(wire);
}

}  // namespace smtp
