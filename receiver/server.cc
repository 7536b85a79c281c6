// SPDX-License-Identifier: Apache-2.0
#include "receiver/server.h"

#include <utility>

#include "base/failures.h"
#include "receiver/received_header.h"

namespace receiver {

namespace {

// Words for whoever is not let in; if they do not fit into the socket, they are lost.
void say_goodbye(net::Stream stream, const smtp::Reply& reply) {
  std::string bytes = smtp::format_reply(reply);
  stream.write_now(bytes);
  stream.close();
}

asio::awaitable<void> dismiss(std::shared_ptr<Session> session) {
  co_await session->dismiss();
}

}  // namespace

Server::Server(net::Loop& loop, Seats& seats)
    : loop_(loop), seats_(seats), tasks_(loop) {}

void Server::serve_by(std::shared_ptr<const Service> service,
                      std::shared_ptr<Authenticators> authenticators) {
  service_ = std::move(service);
  authenticators_ = std::move(authenticators);
}

base::Result<net::Endpoint> Server::listen(const net::Endpoint& at, Opening opening,
                                           bool shared, unsigned backlog) {
  net::Listener listener = TRY(net::Listener::open(loop_, at, shared, backlog));
  return doors_.emplace_back(std::move(listener), opening).listener.local();
}

base::Result<net::Endpoint> Server::adopt_listener(base::Fd socket, Opening opening) {
  net::Listener listener = TRY(net::Listener::adopt(loop_, std::move(socket)));
  return doors_.emplace_back(std::move(listener), opening).listener.local();
}

base::Result<void> Server::adopt_client(base::Fd socket, Opening opening) {
  net::Stream stream = TRY(net::Stream::adopt(loop_, std::move(socket)));
  waiting_.emplace_back(std::move(stream), opening);
  return {};
}

void Server::start() {
  for (Door& door : doors_) tasks_.spawn(accept(door));
  for (auto& [stream, opening] : waiting_) admit(std::move(stream), opening, others_);
  waiting_.clear();
}

asio::awaitable<void> Server::accept(Door& door) {
  while (true) {
    net::Stream stream = co_await door.listener.accept();
    admit(std::move(stream), door.opening, door.tally);
  }
}

void Server::admit(net::Stream stream, Opening opening, Tally& tally) {
  using smtp::Standard;
  auto refuse = [&](Standard standard, std::string_view why) {
    smtp::Reply reply = smtp::standard(standard);
    tally.told(reply);
    turn_away(std::move(stream), reply, why);
  };
  if (stream.has_ip_options()) return refuse(Standard::no_service, "with IP options");
  auto seat = seats_.take(service_->limits.clients);
  if (!seat) return refuse(Standard::too_many_connections, "too many connections");
  Neighbours neighbours{authenticators_, tasks_, tally};
  auto session = std::make_shared<Session>(
      std::move(stream), service_, std::move(neighbours), opening, std::move(*seat));
  sessions_.insert(session);
  tasks_.spawn(serve(std::move(session), tally));
}

void Server::turn_away(net::Stream stream, const smtp::Reply& reply,
                       std::string_view why) {
  Client client;
  client.peer = stream.peer();
  std::string line = "Connection from " + client_name(client) + " refused: ";
  auto written = service_->world.main_log.write("", line.append(why));
  if (!written) base::complain(written.error().text);
  say_goodbye(std::move(stream), reply);
}

asio::awaitable<void> Server::serve(std::shared_ptr<Session> session, Tally& tally) {
  // Leaves the books in order however the session ends.
  struct Entry {
    Server& server;
    const std::shared_ptr<Session>& session;
    Tally& tally;
    Entry(Server& of, const std::shared_ptr<Session>& one, Tally& counts)
        : server(of), session(one), tally(counts) {
      tally.sessions.add();
      tally.open.add();
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() {
      tally.open.take_one();
      server.sessions_.erase(session);
    }
  };
  Entry entry(*this, session, tally);
  co_await session->run();
}

void Server::drain() {
  for (Door& door : doors_) door.listener.close();
  for (const auto& session : sessions_) tasks_.spawn(dismiss(session));
}

void Server::stop() {
  tasks_.cancel();
}

std::vector<const Tally*> Server::tallies() const {
  std::vector<const Tally*> tallies;
  for (const Door& door : doors_) tallies.push_back(&door.tally);
  return tallies;
}

}  // namespace receiver
