// SPDX-License-Identifier: Apache-2.0
#include "utils/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "base/fd.h"

namespace utils {

namespace {

constexpr std::string_view kBegin = "\x1b[?1049h\x1b[?25l";  // other screen, no cursor
constexpr std::string_view kEnd = "\x1b[?25h\x1b[?1049l";
constexpr auto kEnding = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

volatile sig_atomic_t told_to_end = 0;

void on_signal(int number) {
  if (number != SIGWINCH) told_to_end = 1;
}

void handle(int number) {
  struct sigaction action{};
  action.sa_handler = on_signal;
  ::sigaction(number, &action, nullptr);
}

}  // namespace

std::optional<Key> take_key(std::string& bytes) {
  using Kind = Key::Kind;
  if (bytes.empty()) return std::nullopt;
  static constexpr std::pair<std::string_view, Kind> kSequences[] = {
      {"\x1b[A", Kind::up},   {"\x1b[B", Kind::down},     {"\x1bOA", Kind::up},
      {"\x1bOB", Kind::down}, {"\x1b[5~", Kind::page_up}, {"\x1b[6~", Kind::page_down}};
  for (const auto& [sequence, kind] : kSequences) {
    if (!bytes.starts_with(sequence)) continue;
    bytes.erase(0, sequence.size());
    return Key{kind, 0};
  }
  if (bytes.starts_with("\x1b[") || bytes.starts_with("\x1bO")) {
    // A key that is not ours: up to the letter or tilde that ends it.
    auto end = std::ranges::find_if(bytes.begin() + 2, bytes.end(),
                                    [](char c) { return c >= '@' && c <= '~'; });
    if (end == bytes.end()) return std::nullopt;
    bytes.erase(bytes.begin(), end + 1);
    return take_key(bytes);
  }
  char first = bytes.front();
  bytes.erase(0, 1);
  return Key{Kind::character, first};
}

bool Terminal::is_there() {
  return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
}

Terminal::Terminal() {
  // They come only while we wait for a key, so none is missed and none cuts a write.
  sigset_t ours;
  ::sigemptyset(&ours);
  for (int number : kEnding) ::sigaddset(&ours, number);
  ::sigaddset(&ours, SIGWINCH);
  ::sigprocmask(SIG_BLOCK, &ours, &mask_);
  for (int number : kEnding) handle(number);
  handle(SIGWINCH);
  ::tcgetattr(STDIN_FILENO, &before_);
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG | IEXTEN);
  raw.c_iflag &= ~static_cast<tcflag_t>(IXON | ICRNL);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
  gone_ = !base::write_all(STDOUT_FILENO, kBegin, "terminal");
}

Terminal::~Terminal() {
  (void)base::write_all(STDOUT_FILENO, kEnd, "terminal");
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  ::sigprocmask(SIG_SETMASK, &mask_, nullptr);
}

Terminal::Size Terminal::size() const {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return {};
  return {size.ws_row, size.ws_col};
}

base::Result<void> Terminal::show(std::span<const std::string> lines,
                                  std::size_t inverse) {
  Size room = size();
  std::string out = "\x1b[H";
  for (std::size_t i = 0; i < room.lines; ++i) {
    if (i > 0) out += "\r\n";
    if (i == inverse) out += "\x1b[7m";
    if (i < lines.size()) out += lines[i].substr(0, room.columns);
    out += i == inverse ? "\x1b[0m\x1b[K" : "\x1b[K";
  }
  return base::write_all(STDOUT_FILENO, out, "terminal");
}

std::optional<Key> Terminal::wait_key(std::chrono::milliseconds patience) {
  if (auto key = take_key(bytes_)) return key;
  pollfd input{STDIN_FILENO, POLLIN, 0};
  timespec span{};
  span.tv_sec = patience.count() / 1000;
  span.tv_nsec = patience.count() % 1000 * 1'000'000;
  if (::ppoll(&input, 1, &span, &mask_) <= 0) return std::nullopt;
  char buffer[64];
  ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
  if (got <= 0) {
    gone_ = true;
    return std::nullopt;
  }
  bytes_.append(buffer, static_cast<std::size_t>(got));
  return take_key(bytes_);
}

bool Terminal::ended() const {
  return gone_ || told_to_end != 0;
}

}  // namespace utils
