// SPDX-License-Identifier: Apache-2.0
//
// Both ends of TLS for tests: a server of ours on a thread of its own, and a client
// made of plain OpenSSL that blocks.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "base/fd.h"
#include "base/handle.h"
#include "net/line_reader.h"
#include "net/listener.h"
#include "net/task_group.h"
#include "tests/net/net_fixture.h"

namespace net {

// What a session came to: its handshake, what was said under TLS, and how it ended.
struct TlsVisit {
  base::Result<TlsFacts> handshake = base::fail(base::Code::usage, "never begun");
  std::vector<std::string> lines;
  std::string end;  // "quit", or what was thrown
};

// How to serve.
struct TlsService {
  TlsKeys& keys;
  TlsSetting setting;
  TlsForName for_name = {};
  Span patience = kPatience;

  asio::awaitable<void> handshake(Stream& stream, TlsVisit& visit,
                                  std::string first = {}) const {
    auto facts =
        co_await stream.accept_tls(keys, setting, for_name, patience, std::move(first));
    visit.handshake = std::move(facts);
  }
};

// Echoes lines until "quit".
inline asio::awaitable<void> echo(Stream& stream, TlsVisit& visit) {
  LineReader lines(stream, 1000);
  while (true) {
    LineReader::Line line = co_await lines.next(kPatience);
    visit.lines.emplace_back(line.text);
    std::string answer = "you said " + visit.lines.back() + "\n";
    co_await stream.write(answer, kPatience);
    if (visit.lines.back() == "quit") co_return;
  }
}

// TLS from the first byte on.
inline asio::awaitable<void> tls_at_once(const TlsService& service, Stream& stream,
                                         TlsVisit& visit) {
  co_await service.handshake(stream, visit);
  co_await echo(stream, visit);
}

using TlsServe = asio::awaitable<void> (*)(const TlsService& service, Stream& stream,
                                           TlsVisit& visit);

class TlsServer {
 public:
  explicit TlsServer(TlsService service, TlsServe serve = tls_at_once)
      : service_(std::move(service)), serve_(serve) {
    tasks_.spawn(listen());
    thread_ = std::thread([this] { loop_.run(); });
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;
  ~TlsServer() {
    loop_.post([this] { tasks_.cancel(); });
    thread_.join();
  }

  std::uint16_t port() const { return listener_.local().port; }
  std::string address() const { return format_endpoint(listener_.local()); }

  // The next visit that is over.
  TlsVisit visit() {
    std::unique_lock lock(mutex_);
    bool came = come_.wait_for(lock, kPatience, [&] { return !visits_.empty(); });
    EXPECT_TRUE(came);
    if (!came) return {};
    TlsVisit visit = std::move(visits_.front());
    visits_.pop_front();
    return visit;
  }

 private:
  asio::awaitable<void> listen() {
    while (true) {
      Stream stream = co_await listener_.accept();
      tasks_.spawn(receive(std::move(stream)));
    }
  }

  asio::awaitable<void> receive(Stream stream) {
    TlsVisit visit;
    try {
      co_await serve_(service_, stream, visit);
      visit.end = "quit";
    } catch (const boost::system::system_error& thrown) {
      visit.end = thrown.code().message();
    }
    stream.close();
    std::lock_guard lock(mutex_);
    visits_.push_back(std::move(visit));
    come_.notify_all();
  }

  TlsService service_;
  TlsServe serve_;
  Loop loop_;
  TaskGroup tasks_{loop_};
  Listener listener_ = std::move(*Listener::open(loop_, {"127.0.0.1", 0}));
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable come_;
  std::deque<TlsVisit> visits_;
};

class TlsClient {
 public:
  explicit TlsClient(std::uint16_t port)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        context_(SSL_CTX_new(TLS_client_method())),
        ssl_(SSL_new(context_.get())) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    SSL_set_fd(ssl_.get(), socket_.get());
  }

  SSL* ssl() { return ssl_.get(); }
  int socket() const { return socket_.get(); }
  void say_plainly(std::string_view text) {
    EXPECT_EQ(::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  bool handshake() { return SSL_connect(ssl_.get()) == 1; }
  void say(std::string_view text) {
    EXPECT_EQ(SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())),
              static_cast<int>(text.size()));
  }
  std::string hear() {  // to the end of a line, or of the connection
    std::string line;
    char byte;
    while (!line.ends_with('\n') && SSL_read(ssl_.get(), &byte, 1) == 1) line += byte;
    return line;
  }
  // Without a goodbye, unless say_goodbye() was called.
  void hang_up() { socket_.reset(); }
  void say_goodbye() { SSL_shutdown(ssl_.get()); }

 private:
  base::Fd socket_;
  base::Handle<SSL_CTX, SSL_CTX_free> context_;
  base::Handle<SSL, SSL_free> ssl_;
};

}  // namespace net
