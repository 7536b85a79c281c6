// SPDX-License-Identifier: Apache-2.0
#include "tests/support/name_server.h"

#include <sys/socket.h>

#include <fstream>
#include <stdexcept>

#include "base/fd.h"
#include "tests/support/free_port.h"

namespace support {

namespace {

constexpr auto kServer = "/usr/sbin/knotd", kKeys = "/usr/sbin/keymgr";

}  // namespace

NameServer::NameServer(const std::vector<Zone>& zones) {
  for (int attempt = 0; attempt < 5; ++attempt) {
    address_ = "127.0.0.1@" + std::to_string(free_port(SOCK_DGRAM));
    write_files(zones);
    if (!start()) continue;
    write_trust_anchors(zones);
    return;
  }
  throw std::runtime_error("knotd does not start: " + server_->out() + server_->err());
}

void NameServer::write_files(const std::vector<Zone>& zones) {
  const std::string home = home_.path().string();
  std::ofstream config(home_ / "knot.conf");
  config << "server:\n  rundir: " << home << "\n  listen: " << address_
         << "\n  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n"
         << "log:\n  - target: stdout\n    any: info\n"
         << "database:\n  storage: " << home << "\n"
         << "policy:\n  - id: test\n    algorithm: ECDSAP256SHA256\n"
         << "    single-type-signing: on\n"
         << "zone:\n";
  for (const Zone& zone : zones) {
    config << "  - domain: " << zone.origin << ".\n    file: " << home << "/"
           << zone.origin
           << ".zone\n    zonefile-sync: -1\n    journal-content: none\n";
    if (zone.sign) config << "    dnssec-signing: on\n    dnssec-policy: test\n";
    std::ofstream(home_ / (zone.origin + ".zone"))
        << "$ORIGIN " << zone.origin << ".\n$TTL 60\n"
        << "@ SOA ns.invalid. hostmaster.invalid. 1 60 60 60 60\n@ NS ns.invalid.\n"
        << zone.records;
  }
}

bool NameServer::start() {
  Command command{.program = kServer,
                  .args = {"--config", (home_ / "knot.conf").string()}};
  server_ = std::make_unique<Process>(command);
  // It says so when all zones are loaded and signed.
  return server_->saw("server started") &&
         server_->out().find(" error: ") == std::string::npos;
}

void NameServer::write_trust_anchors(const std::vector<Zone>& zones) {
  std::ofstream anchors(trust_anchors());
  for (const Zone& zone : zones) {
    if (!zone.sign) continue;
    Command command{
        .program = kKeys,
        .args = {"--config", (home_ / "knot.conf").string(), zone.origin + ".", "ds"}};
    anchors << run(command).out;
  }
}

}  // namespace support
