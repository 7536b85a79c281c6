// SPDX-License-Identifier: Apache-2.0
#include "smtp/body.h"

#include <algorithm>
#include <cstring>
#include <utility>

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

enum class BodyReader::Action : std::uint8_t {
  none,
  put,
  line_end,     // CRLF
  lf_line_end,  // an LF that stands alone and ends a line
  bare_cr,      // the octet before this one was a CR that stands alone
  bare_cr_put,
  bare_lf,
  end,
  lf_end,
};

struct BodyReader::Step {
  State next;
  Action action;
};

BodyReader::BodyReader(LineEndings policy, Storing storing, bool dots, bool binary)
    : policy_(policy),
      storing_(storing),
      dots_(dots),
      binary_(binary),
      lf_ends_lines_(policy != LineEndings::reject) {}

// What stands alone is copied as it is: it will be refused, or is nobody's line end.
bool BodyReader::keeps_bare() const {
  return policy_ == LineEndings::reject || (storing_ == Storing::wire && !in_headers_);
}

// The recogniser: a function of state and octet, and nothing else, so that cuts cannot
// matter.  A row is a state, a column what the octet is: another, a dot, CR, LF.
BodyReader::Step BodyReader::step(char octet) const {
  using enum State;
  using enum Action;
  static constexpr Step kSteps[5][4] = {
      {{middle, put}, {State::dot, none}, {cr, none}, {middle, bare_lf}},  // line_start
      {{middle, put}, {middle, put}, {cr, none}, {middle, bare_lf}},       // middle
      {{middle, bare_cr_put},
       {middle, bare_cr_put},
       {cr, bare_cr},
       {line_start, line_end}},
      {{middle, put}, {middle, put}, {dot_cr, none}, {middle, bare_lf}},  // dot
      {{middle, bare_cr_put}, {middle, bare_cr_put}, {cr, bare_cr}, {done, end}},
  };
  std::size_t column = octet == '\n' ? 3 : octet == '\r' ? 2 : octet == '.' ? 1 : 0;
  Step step = kSteps[static_cast<std::size_t>(state_)][column];
  if (step.next == State::dot && !dots_) return {middle, put};
  if (step.action != bare_lf || !lf_ends_lines_ || keeps_bare()) return step;
  return state_ == State::dot ? Step{done, lf_end} : Step{line_start, lf_line_end};
}

char* BodyReader::put(char octet, char* to) {
  *to++ = octet;
  ++line_;
  return to;
}

char* BodyReader::end_line(bool crlf, char* to) {
  if (crlf && storing_ == Storing::wire && !in_headers_) *to++ = '\r';
  *to++ = '\n';
  longest_ = std::max(longest_, line_);
  line_ = 0;
  ++lines_;
  after_lf_ = !crlf;
  if (std::exchange(first_line_, false)) {
    first_line_bare_ = !crlf;
    if (policy_ == LineEndings::exim) lf_ends_lines_ = !crlf;
  }
  return to;
}

char* BodyReader::bare_cr(char* to) {
  note_bare();
  if (keeps_bare()) return put('\r', to);
  longest_ = std::max(longest_, line_);
  line_ = 0;
  ++lines_;
  *to++ = '\n';
  return in_headers_ ? put(' ', to) : to;
}

char* BodyReader::bare_lf(char* to) {
  note_bare();
  if (keeps_bare()) return put('\n', to);
  return in_headers_ ? bare_cr(to) : put(' ', to);
}

char* BodyReader::perform(Action action, char octet, char* to) {
  switch (action) {
    case Action::none:
      return to;
    case Action::put:
      return put(octet, to);
    case Action::line_end:
      return end_line(true, to);
    case Action::lf_line_end:
      note_bare();
      return end_line(false, to);
    case Action::bare_cr:
      return bare_cr(to);
    case Action::bare_cr_put:
      return put(octet, bare_cr(to));
    case Action::bare_lf:
      return bare_lf(to);
    case Action::lf_end:
      note_bare();
      after_lf_ = true;
      [[fallthrough]];
    case Action::end:
      lenient_end_ = after_lf_;
      longest_ = std::max(longest_, line_);
      return to;
  }
  std::unreachable();
}

// Five states, but the inside of lines is found by memchr: only the octets around a
// line end go through the table.
std::size_t BodyReader::feed(std::string_view wire, std::string& out) {
  const char* in = wire.data();
  const char* const end = in + wire.size();
  const char* cr = nullptr;  // the next one, once it was looked for
  const bool lf_is_text = keeps_bare() && !pauses_at_lines();
  const std::uint64_t lines_before = lines_;
  const std::size_t before = out.size();
  bool pausing = false;
  // At most one octet becomes two, and a CR may have been held back by the last call.
  const std::size_t room = wire.size() * (lf_is_text ? 1 : 2) + 3;
  out.resize_and_overwrite(before + room, [&](char* buffer, std::size_t) noexcept {
    char* to = buffer + before;
    while (in != end && state_ != State::done && !pausing) {
      if (state_ == State::middle) {
        if (cr == nullptr || cr < in) cr = find(in, end, '\r');
        const char* stop = lf_is_text ? cr : find(in, cr, '\n');
        auto length = static_cast<std::size_t>(stop - in);
        std::memcpy(to, in, length);
        to += length;
        line_ += length;
        in = stop;
        if (in == end) break;
      }
      const char octet = *in++;
      Step next = step(octet);
      to = perform(next.action, octet, to);
      state_ = next.next;
      pausing = octet == '\n' && pauses_at_lines();
    }
    return static_cast<std::size_t>(to - buffer);
  });
  size_ += out.size() - before;
  // LFs inside of lines were copied unseen; each that ended a line was counted.
  const std::uint64_t line_ends =
      lines_ - lines_before + (state_ == State::done ? 1 : 0);
  if (lf_is_text && count(wire.data(), in, '\n') > line_ends) note_bare();
  nuls_ += count(wire.data(), in, '\0');
  return static_cast<std::size_t>(in - wire.data());
}

void ChunkReader::finish(std::string& out) {
  const std::size_t before = out.size();
  char last[4];
  char* to = last;
  if (state_ == State::cr) to = bare_cr(to);
  if (line_ > 0) to = end_line(true, to);
  out.append(last, to);
  size_ += out.size() - before;
  state_ = State::done;
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
    if (dots_ && line_start_ && *in == '.') wire += '.';
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
