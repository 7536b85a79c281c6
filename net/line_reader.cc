// SPDX-License-Identifier: Apache-2.0
#include "net/line_reader.h"

#include <algorithm>

namespace net {

namespace {

constexpr std::size_t kFirstBuffer = 4096;  // an idle session costs no more than this
constexpr std::size_t kLargestBuffer = 65536;

}  // namespace

LineReader::LineReader(Stream& stream, std::size_t longest)
    : stream_(stream), longest_(longest) {}

std::string_view LineReader::unread() const {
  return std::string_view(buffer_).substr(begin_, end_ - begin_);
}

bool LineReader::has_line() const {
  return unread().contains('\n');
}

bool LineReader::has_input() const {
  return begin_ != end_ || stream_.input_waiting();
}

// Reads behind what is unread.  The buffer grows when it comes back full: content
// streams in large pieces, commands never need them.
asio::awaitable<void> LineReader::fill(Span timeout) {
  bool full = end_ == buffer_.size();
  buffer_.erase(0, begin_);
  end_ -= begin_;
  begin_ = 0;
  std::size_t wanted = std::max(buffer_.capacity(), kFirstBuffer);
  if (full && wanted < kLargestBuffer) wanted *= 2;
  buffer_.resize(std::max(wanted, end_ + kFirstBuffer));
  std::span<char> space = std::span(buffer_).subspan(end_);
  end_ += co_await stream_.read_some(space, timeout);
}

asio::awaitable<LineReader::Line> LineReader::next(Span timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::size_t seen = 0;
  bool too_long = false;
  while (true) {
    std::size_t newline = unread().find('\n', seen);
    if (newline != std::string_view::npos) {
      std::string_view line = unread().substr(0, newline);
      begin_ += newline + 1;
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.size() > longest_) too_long = true;
      co_return Line{line.substr(0, longest_), too_long};
    }
    seen = unread().size();
    if (seen > longest_ + 1) {  // one more for its CR
      too_long = true;
      begin_ = end_;
      seen = 0;
    }
    co_await fill(deadline - std::chrono::steady_clock::now());
  }
}

asio::awaitable<std::string_view> LineReader::some(Span timeout) {
  if (begin_ == end_) co_await fill(timeout);
  co_return unread();
}

void LineReader::consume(std::size_t count) {
  begin_ += count;
}

std::string LineReader::take() {
  std::string taken(unread());
  begin_ = end_ = 0;
  return taken;
}

void LineReader::forget() {
  // Wiped, so that no mistake of ours can ever find it again.
  std::ranges::fill(buffer_, '\0');
  begin_ = end_ = 0;
}

}  // namespace net
