// SPDX-License-Identifier: Apache-2.0
//
// A name server of a test's own: knotd on a free port of 127.0.0.1, with zones given as
// text and signed on request.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace support {

struct Zone {
  std::string origin;   // "example.net"
  std::string records;  // as in a zone file; $ORIGIN, $TTL 60, SOA and NS are there
  bool sign = false;
};

class NameServer {
 public:
  // Waits until all zones are served; throws std::runtime_error with the server's log
  // if that fails.
  explicit NameServer(const std::vector<Zone>& zones);

  // "127.0.0.1@5353", as a forwarder of net::Resolver.
  const std::string& address() const { return address_; }
  // A file with DS records of the signed zones.
  std::filesystem::path trust_anchors() const { return home_ / "trust-anchors"; }

 private:
  void write_files(const std::vector<Zone>& zones);
  bool start();
  void write_trust_anchors(const std::vector<Zone>& zones);

  TempDir home_;
  std::string address_;
  std::unique_ptr<Process> server_;
};

}  // namespace support
