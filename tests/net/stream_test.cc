// SPDX-License-Identifier: Apache-2.0
#include "net/stream.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include "tests/net/net_fixture.h"
#include "tests/support/temp_dir.h"

namespace net {
namespace {

using boost::system::error_code;
using boost::system::system_error;

class StreamTest : public NetTest {};

// How reading one line from `stream` ends.
asio::awaitable<void> read_line(Stream& stream, Span timeout, error_code& how) {
  LineReader lines(stream, 100);
  try {
    co_await lines.next(timeout);
  } catch (const system_error& thrown) {
    how = thrown.code();
  }
}

asio::awaitable<void> connect_and_read(Endpoint to, Span timeout, error_code& how) {
  Stream stream = co_await Stream::connect(to, kPatience);
  co_await read_line(stream, timeout, how);
}

asio::awaitable<void> accept_and_keep(Listener& listener, std::optional<Stream>& kept) {
  Stream stream = co_await listener.accept();
  kept.emplace(std::move(stream));
}

TEST_F(StreamTest, SilenceEndsAtTheDeadline) {
  std::optional<Stream> kept;
  error_code how;
  tasks.spawn(accept_and_keep(listener, kept));
  tasks.spawn(connect_and_read(listener.local(), 10ms, how));
  run();
  EXPECT_EQ(how, asio::error::timed_out);
}

TEST_F(StreamTest, APeerThatClosesIsEof) {
  std::vector<std::string> surprises;
  error_code how;
  tasks.spawn(serve_script(listener, {"raw: half a line"}, surprises));
  tasks.spawn(connect_and_read(listener.local(), kPatience, how));
  run();
  EXPECT_EQ(how, asio::error::eof);
}

TEST_F(StreamTest, ARefusedConnectionIsAnException) {
  Endpoint dead = listener.local();
  listener.close();
  bool refused = false;
  auto attempt = [](Endpoint to, bool& answer) -> asio::awaitable<void> {
    try {
      co_await Stream::connect(to, kPatience);
    } catch (const system_error& thrown) {
      answer = thrown.code() == asio::error::connection_refused;
    }
  };
  tasks.spawn(attempt(dead, refused));
  run();
  EXPECT_TRUE(refused);
}

// A peer that never reads: the write fills all buffers, then the deadline comes.
TEST_F(StreamTest, AWriteNobodyReadsEndsAtTheDeadline) {
  std::optional<Stream> kept;
  error_code how;
  tasks.spawn(accept_and_keep(listener, kept));
  auto flood = [](Endpoint to, error_code& answer) -> asio::awaitable<void> {
    Stream stream = co_await Stream::connect(to, kPatience);
    std::string much(64 << 20, 'x');
    try {
      co_await stream.write(much, 20ms);
    } catch (const system_error& thrown) {
      answer = thrown.code();
    }
  };
  tasks.spawn(flood(listener.local(), how));
  run();
  EXPECT_EQ(how, asio::error::timed_out);
}

// The same timer serves short and long deadlines one after the other.
TEST_F(StreamTest, AShorterDeadlineAfterALongOneHolds) {
  std::vector<std::string> surprises;
  error_code how;
  std::optional<Stream> kept;
  auto serve = [](Listener& at, std::optional<Stream>& keep) -> asio::awaitable<void> {
    Stream stream = co_await at.accept();
    co_await stream.write("one\r\n", kPatience);
    keep.emplace(std::move(stream));
  };
  auto ask = [](Endpoint to, error_code& answer) -> asio::awaitable<void> {
    Stream stream = co_await Stream::connect(to, kPatience);
    LineReader lines(stream, 100);
    co_await lines.next(1h);
    try {
      co_await lines.next(10ms);
    } catch (const system_error& thrown) {
      answer = thrown.code();
    }
  };
  tasks.spawn(serve(listener, kept));
  tasks.spawn(ask(listener.local(), how));
  run();
  EXPECT_EQ(how, asio::error::timed_out);
}

TEST_F(StreamTest, KnowsInputAndAGonePeerApart) {
  std::vector<bool> seen;
  auto serve = [](Listener& at, std::vector<bool>& answers) -> asio::awaitable<void> {
    Stream stream = co_await at.accept();
    answers = {stream.input_waiting(), stream.peer_gone()};
    co_await stream.write("go\r\n", kPatience);
    LineReader lines(stream, 100);
    co_await lines.next(kPatience);
    bool input = lines.has_input();
    answers.push_back(input);
    co_await lines.next(kPatience);
    try {
      co_await lines.next(kPatience);
    } catch (const system_error&) {
    }
    answers.push_back(stream.peer_gone());
  };
  std::vector<std::string> surprises;
  auto ask = [](Endpoint to, std::vector<std::string>& odd) -> asio::awaitable<void> {
    Stream stream = co_await Stream::connect(to, kPatience);
    Script script = {"C: go", "raw: a\r\nb\r\n"};
    co_await follow(std::move(stream), std::move(script), odd);
  };
  tasks.spawn(serve(listener, seen));
  tasks.spawn(ask(listener.local(), surprises));
  run();
  EXPECT_EQ(seen, (std::vector<bool>{false, false, true, true}));
}

asio::awaitable<void> send_bytes(Endpoint to, std::string bytes, std::size_t step) {
  Stream stream = co_await Stream::connect(to, kPatience);
  std::string_view rest = bytes;
  while (!rest.empty()) {
    std::string_view piece = rest.substr(0, step);
    rest.remove_prefix(piece.size());
    co_await stream.write(piece, kPatience);
  }
}

asio::awaitable<void> read_lines(Listener& listener, std::vector<std::string>& lines) {
  Stream stream = co_await listener.accept();
  LineReader reader(stream, 10);
  try {
    while (true) {
      LineReader::Line line = co_await reader.next(kPatience);
      lines.push_back(std::string(line.text) + (line.too_long ? "+" : ""));
    }
  } catch (const system_error&) {
  }
}

TEST_F(StreamTest, LinesAreBoundedAndSwallowedToTheirEnd) {
  const std::string bytes = "one\r\ntwo\n\r\n1234567890\r\n12345678901\r\n" +
                            std::string(9000, 'x') + "\r\nlast\r\n";
  for (std::size_t step : {std::size_t{1}, std::size_t{3}, bytes.size()}) {
    std::vector<std::string> lines;
    tasks.spawn(read_lines(listener, lines));
    tasks.spawn(send_bytes(listener.local(), bytes, step));
    run();
    ASSERT_EQ(lines.size(), 7u) << step;
    EXPECT_EQ(lines[0], "one");
    EXPECT_EQ(lines[1], "two");
    EXPECT_EQ(lines[2], "");
    EXPECT_EQ(lines[3], "1234567890");
    EXPECT_EQ(lines[4], "1234567890+");
    EXPECT_TRUE(lines[5].ends_with("+"));
    EXPECT_EQ(lines[6], "last");
  }
}

TEST(Endpoint, IsAnAddressAndAPort) {
  EXPECT_EQ(parse_endpoint("127.0.0.1:25"), (Endpoint{"127.0.0.1", 25}));
  EXPECT_EQ(parse_endpoint("[::1]:65535"), (Endpoint{"::1", 65535}));
  EXPECT_EQ(format_endpoint({"::1", 25}), "[::1]:25");
  for (const char* text : {"", "25", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                           ":25", "localhost:25", "[::1]", "::1:25", "[::1", "[::1]25"})
    EXPECT_FALSE(parse_endpoint(text)) << text;
}

TEST(Endpoint, ResolvesNumbersWithoutAsking) {
  EXPECT_EQ(resolve("127.0.0.1", 25)->front(), (Endpoint{"127.0.0.1", 25}));
  EXPECT_EQ(resolve("::1", 25)->front(), (Endpoint{"::1", 25}));
  EXPECT_EQ(resolve("[::1]:26", 25)->front(), (Endpoint{"::1", 26}));
  EXPECT_FALSE(resolve("", 25));
  EXPECT_FALSE(resolve("host:port", 25));
}

TEST_F(StreamTest, AListenerSaysWhyItCannot) {
  auto second = Listener::open(loop, listener.local());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, base::Code::permanent);
  EXPECT_TRUE(second.error().text.contains(format_endpoint(listener.local())));
}

// "ping" goes one way, an end of file comes back.
asio::awaitable<void> say_ping(Stream stream) {
  co_await stream.write("ping\n", kPatience);
}
asio::awaitable<void> hear(Stream& stream, std::string& heard) {
  LineReader lines(stream, 100);
  LineReader::Line line = co_await lines.next(kPatience);
  heard = line.text;
}

TEST_F(StreamTest, ASocketFromElsewhereIsAdopted) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  base::Fd one(ends[0]), two(ends[1]);
  auto here = Stream::adopt(loop, std::move(one));
  auto there = Stream::adopt(loop, std::move(two));
  ASSERT_TRUE(here && there);
  EXPECT_EQ(here->peer(), Endpoint());
  std::string heard;
  tasks.spawn(say_ping(std::move(*here)));
  tasks.spawn(hear(*there, heard));
  run();
  EXPECT_EQ(heard, "ping");
  EXPECT_TRUE(there->peer_gone());
}

TEST_F(StreamTest, WhatIsNotAConnectionIsNotAdopted) {
  base::Fd lonely(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto adopted = Stream::adopt(loop, std::move(lonely));
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().text, "inherited socket: it is not connected");
  auto file = base::open_file("/dev/null", O_RDONLY);
  EXPECT_EQ(Stream::adopt(loop, std::move(*file)).error().text,
            "inherited socket: Socket operation on non-socket");
}

asio::awaitable<void> ping_unix(std::string path, error_code& how, Endpoint& peer) {
  try {
    Stream stream = co_await Stream::connect_unix(path, kPatience);
    peer = stream.peer();
    co_await stream.write("ping\n", kPatience);
  } catch (const system_error& thrown) {
    how = thrown.code();
  }
}

TEST_F(StreamTest, UnixSocketsAreConnectedTo) {
  support::TempDir dir;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::string path = (dir / "socket").string();
  path.copy(name.sun_path, sizeof name.sun_path - 1);
  base::Fd waiting(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(waiting.get(), reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  ASSERT_EQ(::listen(waiting.get(), 1), 0);
  error_code how;
  Endpoint peer;
  tasks.spawn(ping_unix(path, how, peer));
  run();
  EXPECT_FALSE(how);
  EXPECT_EQ(peer, (Endpoint{path, 0}));
  base::Fd accepted(::accept4(waiting.get(), nullptr, nullptr, SOCK_CLOEXEC));
  char bytes[5];
  EXPECT_EQ(::recv(accepted.get(), bytes, sizeof bytes, MSG_WAITALL), 5);
}

TEST_F(StreamTest, UnixSocketsThatAreNotThereAreAnException) {
  error_code missing, too_long;
  Endpoint peer;
  tasks.spawn(ping_unix("/nowhere/socket", missing, peer));
  tasks.spawn(ping_unix("/" + std::string(200, 'x'), too_long, peer));
  run();
  EXPECT_EQ(missing.value(), ENOENT);
  EXPECT_EQ(too_long, asio::error::name_too_long);
}

}  // namespace
}  // namespace net
