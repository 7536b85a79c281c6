// SPDX-License-Identifier: Apache-2.0
//
// A whole receiver in this process: one loop in one thread, a spool and a log in a
// temporary directory.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "receiver/server.h"
#include "tests/receiver/peer.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace receiver_test {

inline smtp::Offer usual_offer() {
  smtp::Offer offer;
  offer.hostname = "mx.test";
  offer.size_limit = 100'000;
  offer.recipient_limit = 3;
  offer.error_limit = 3;
  return offer;
}

struct Settings {
  smtp::Offer offer = usual_offer();
  std::filesystem::path log = "log/mainlog";  // below the temporary directory
  net::Span timeout = std::chrono::minutes(1);
  bool split = false;
  bool long_ids = false;
  unsigned sessions = 0;
};

class TestService {
 public:
  explicit TestService(Settings settings = {})
      : settings_(std::move(settings)),
        log_(*base::MainLog::open(dir / settings_.log, clock)),
        pool_(8),
        spooler_(*spoolfmt::Spool::create(dir / "spool", "", settings_.split), ids(),
                 log_, clock, pool_),
        service_{settings_.offer, settings_.timeout, spooler_, log_, clock},
        load_{settings_.sessions, 0},
        server_(loop_, service_, load_) {
    port = server_.listen({"127.0.0.1", 0}, false)->port;
    server_.start();
    thread_ = std::thread([this] { loop_.run(); });
  }
  TestService(const TestService&) = delete;
  TestService& operator=(const TestService&) = delete;
  ~TestService() {
    loop_.post([this] {
      server_.drain();
      server_.stop();
    });
    thread_.join();
  }

  void drain() {
    loop_.post([this] { server_.drain(); });
  }

  // Names of the files in input/, sorted.
  std::vector<std::string> input(const std::string& subdirectory = "") const {
    std::vector<std::string> names;
    for (const auto& entry :
         std::filesystem::directory_iterator(dir / "spool/input" / subdirectory))
      names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }
  std::string h_text(const std::string& id) const {
    return *base::read_file(dir / "spool/input" / (id + "-H"));
  }
  spoolfmt::HFile h_file(const std::string& id) const {
    return *spoolfmt::parse_h_file(h_text(id), id + "-H");
  }
  std::string body(const std::string& id) const {
    std::string text = *base::read_file(dir / "spool/input" / (id + "-D"));
    return text.substr(id.size() + 3);
  }
  std::string log_text() const { return *base::read_file(dir / "log/mainlog"); }

  support::TempDir dir;
  support::FakeClock clock;
  std::uint16_t port = 0;

 private:
  spoolfmt::IdScheme ids() const {
    spoolfmt::IdScheme scheme;
    if (settings_.long_ids) scheme.release = spoolfmt::IdScheme::Release::v4_97;
    return scheme;
  }

  Settings settings_;
  base::MainLog log_;
  net::Loop loop_;
  net::Pool pool_;
  receiver::Spooler spooler_;
  receiver::Service service_;
  receiver::Server::Load load_;
  receiver::Server server_;
  std::thread thread_;
};

// A peer that has been greeted and has said EHLO.
class GreetedPeer : public Peer {
 public:
  explicit GreetedPeer(const TestService& service) : Peer(service.port) {
    reply();
    ask("EHLO c.test");
  }

  // MAIL, one RCPT and DATA; the reply to DATA.
  std::string open_data() {
    ask("MAIL FROM:<a@x.test>");
    ask("RCPT TO:<b@y.test>");
    return ask("DATA");
  }
};

// "250 2.0.0 OK id=..." without all but the id; empty if that is no acceptance.
inline std::string id_of(const std::string& reply) {
  constexpr std::string_view kMark = "250 2.0.0 OK id=";
  if (!reply.starts_with(kMark)) return {};
  return reply.substr(kMark.size(), reply.size() - kMark.size() - 1);
}

}  // namespace receiver_test
