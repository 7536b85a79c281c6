// SPDX-License-Identifier: Apache-2.0
//
// A stream's input, a line or a buffer at a time.
//
// Commands are read with next(), content with some() and consume(); both take from the
// same bytes, so whatever a client sent in one packet is seen in order.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "net/stream.h"

namespace net {

class LineReader {
 public:
  struct Line {
    std::string_view text;  // without CRLF or LF; until the next call
    bool too_long = false;  // the rest was swallowed up to its end
  };

  // `stream` must outlive the reader.  Lines hold at most `longest` bytes.
  LineReader(Stream& stream, std::size_t longest);

  // `timeout` is for the whole line, however it drips in.
  asio::awaitable<Line> next(Span timeout);

  // A whole line is here already, so next() will not wait: no need to flush replies.
  bool has_line() const;
  // Anything is here or waiting in the kernel: the test for lost synchronisation.
  bool has_input() const;

  // What is here, after a wait if that is nothing; valid until the next call.
  asio::awaitable<std::string_view> some(Span timeout);
  // Takes the first `count` bytes of it away.
  void consume(std::size_t count);

  // What is here, taken away: it belongs to the TLS handshake behind a PROXY header.
  std::string take();
  // What is here was never said: bytes behind STARTTLS (RFC 3207 section 5).
  void forget();

 private:
  asio::awaitable<void> fill(Span timeout);
  std::string_view unread() const;

  Stream& stream_;
  std::size_t longest_;
  std::string buffer_;
  std::size_t begin_ = 0;  // unread bytes are [begin_, end_)
  std::size_t end_ = 0;
};

}  // namespace net
