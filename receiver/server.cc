// SPDX-License-Identifier: Apache-2.0
#include "receiver/server.h"

#include <boost/asio/ip/address.hpp>

namespace receiver {

namespace {

asio::awaitable<void> turn_away(net::Stream stream, smtp::Reply reply, net::Span wait) {
  std::string bytes = smtp::format_reply(reply);
  co_await stream.write(bytes, wait);
}

asio::awaitable<void> dismiss(std::shared_ptr<Session> session) {
  co_await session->dismiss();
}

}  // namespace

bool is_welcome(std::string_view address) {
  boost::system::error_code error;
  auto ip = asio::ip::make_address(std::string(address), error);
  return !error && ip.is_loopback();
}

Server::Server(net::Loop& loop, const Service& service, Load& load)
    : loop_(loop), service_(service), load_(load), tasks_(loop) {}

base::Result<net::Endpoint> Server::listen(const net::Endpoint& at, bool shared) {
  net::Listener listener = TRY(net::Listener::open(loop_, at, shared));
  return listeners_.emplace_back(std::move(listener)).local();
}

void Server::start() {
  for (net::Listener& listener : listeners_) tasks_.spawn(accept(listener));
}

asio::awaitable<void> Server::accept(net::Listener& listener) {
  while (true) {
    net::Stream stream = co_await listener.accept();
    if (!is_welcome(stream.peer().address)) {
      smtp::Reply reply{554, "5.7.1", "no service for " + stream.peer().address};
      tasks_.spawn(turn_away(std::move(stream), std::move(reply), service_.timeout));
    } else if (load_.limit > 0 && load_.sessions >= load_.limit) {
      smtp::Reply reply = smtp::standard(smtp::Standard::too_many_connections);
      tasks_.spawn(turn_away(std::move(stream), std::move(reply), service_.timeout));
    } else {
      tasks_.spawn(serve(std::make_shared<Session>(std::move(stream), service_)));
    }
  }
}

asio::awaitable<void> Server::serve(std::shared_ptr<Session> session) {
  // Leaves the books in order however the session ends.
  struct Entry {
    Server& server;
    const std::shared_ptr<Session>& session;
    Entry(Server& of, const std::shared_ptr<Session>& one) : server(of), session(one) {
      ++server.load_.sessions;
      server.sessions_.insert(session);
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() {
      server.sessions_.erase(session);
      --server.load_.sessions;
    }
  };
  Entry entry(*this, session);
  co_await session->run();
}

void Server::drain() {
  for (net::Listener& listener : listeners_) listener.close();
  for (const auto& session : sessions_) tasks_.spawn(dismiss(session));
}

void Server::stop() {
  tasks_.cancel();
}

}  // namespace receiver
