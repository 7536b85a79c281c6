// SPDX-License-Identifier: Apache-2.0
//
// A whole receiver in this process: one loop in one thread, a spool and a log in a
// temporary directory.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "policy/programs.h"
#include "receiver/server.h"
#include "receiver/service.h"
#include "tests/receiver/peer.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace receiver_test {

struct Settings {
  // The policy, but for the host's name, which is mx.test.
  std::string policy = R"(
message_size_limit = 100000
recipients_max = 3
acl_smtp_rcpt = accept
)";
  std::filesystem::path log = "log/mainlog";  // below the temporary directory
  net::Span timeout = std::chrono::minutes(1);
  bool split = false;
  bool long_ids = false;
};

class TestService {
 public:
  explicit TestService(Settings settings = {})
      : settings_(std::move(settings)),
        log_(*base::MainLog::open(dir / settings_.log, clock)),
        reject_log_(*base::MainLog::open(dir / "log/rejectlog", clock)),
        spool_(*spoolfmt::Spool::create(dir / "spool", "", settings_.split)),
        rates_(*receiver::RateStore::open(dir / "spool")),
        resolver_(*net::Resolver::create(offline())),
        tls_(clock),
        pool_(8),
        spooler_(spool_, ids(), log_, clock, pool_),
        server_(loop_, seats_) {
    serve_by("primary_hostname = mx.test\n" + settings_.policy);
    port = server_.listen({"127.0.0.1", 0}, {})->port;
    tls_port = server_.listen({"127.0.0.1", 0}, {.tls = true})->port;
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

  // Of the door at `port`.
  const receiver::Tally& tally() const { return *server_.tallies().front(); }
  const receiver::Spooler& spooler() const { return spooler_; }

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
    if (id.empty()) return "no id";
    std::string text = *base::read_file(dir / "spool/input" / (id + "-D"));
    return text.substr(id.size() + 3);
  }
  std::string log_text() const { return *base::read_file(dir / "log/mainlog"); }

  support::TempDir dir;
  support::FakeClock clock;
  std::uint16_t port = 0;
  std::uint16_t tls_port = 0;  // where TLS comes first

 private:
  // Nobody is asked: every question of these tests ends soon.
  static net::Resolver::Options offline() {
    net::Resolver::Options options;
    options.forwarders = {"127.0.0.1@9"};
    options.validate = false;
    options.deadline = std::chrono::milliseconds(200);
    return options;
  }
  spoolfmt::IdScheme ids() const {
    spoolfmt::IdScheme ids;
    if (settings_.long_ids) ids.release = spoolfmt::IdScheme::Release::v4_97;
    return ids;
  }
  void serve_by(const std::string& text) {
    auto loaded =
        policy::load_policy("policy.conf", text, *policy::Macros::create({}, {}),
                            policy::read_included, *policy::find_program("receive"));
    for (const auto& error : loaded.diagnostics.errors)
      ADD_FAILURE() << loaded.source.format(error, "error");
    receiver::Lasting lasting{*resolver_, rates_,  log_,          reject_log_,
                              log_,       clock,   spooler_,      pool_,
                              tls_,       nullptr, dir / "spool", ""};
    auto service = receiver::make_service(loaded.policy, lasting);
    if (!service) ADD_FAILURE() << service.error().text;
    auto mine = std::make_shared<receiver::Service>(**service);
    mine->settings.timeout = settings_.timeout;
    server_.serve_by(mine, *receiver::Authenticators::create(loop_, loaded.policy));
  }

  Settings settings_;
  base::MainLog log_, reject_log_;
  spoolfmt::Spool spool_;
  receiver::RateStore rates_;
  net::Loop loop_;
  std::unique_ptr<net::Resolver> resolver_;
  net::TlsKeys tls_;
  net::Pool pool_;
  receiver::Spooler spooler_;
  receiver::Seats seats_;
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
