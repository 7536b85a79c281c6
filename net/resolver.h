// SPDX-License-Identifier: Apache-2.0
//
// The DNS, asked through libunbound inside the process: validating, cached, every
// question with a deadline (RFC 1035, RFC 4035).
//
// One resolver serves all loops and the threads of pools.  A question that is asked
// while the same one is under way waits for its answer.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "net/rdata.h"  // reverse_name(), and the fields of records

namespace net {

namespace asio = boost::asio;

// One type's records at one name.
struct DnsRecords {
  enum class Status { found, no_data, no_name };
  Status status = Status::no_data;
  bool secure = false;  // validated by DNSSEC
  std::string name;     // where they were found, after CNAMEs
  // The fields of each record as zone files write them, names in small letters without
  // the final dot: MX {"10", "mx.example.net"}, TXT its strings, A {"192.0.2.1"}.
  std::vector<std::vector<std::string>> records;
  std::chrono::seconds ttl{};
};

class Resolver {
 public:
  struct Options {
    // "192.0.2.53", "192.0.2.53@5353"; none: those of /etc/resolv.conf.
    std::vector<std::string> forwarders;
    // Files with DS or DNSKEY records; none: Debian's /usr/share/dns/root.key if there.
    // Where there is one, forwarders must pass on what DNSSEC needs.
    std::vector<std::filesystem::path> trust_anchors;
    bool validate = true;  // DNSSEC; else no trust anchor counts
    // Its names and addresses are not asked for anywhere else; "": none.
    std::filesystem::path hosts_file = "/etc/hosts";
    std::chrono::milliseconds deadline = std::chrono::seconds(10);  // of one question
    std::size_t cached_bytes = std::size_t{8} << 20;
  };
  // Reads all files there are.  Code::config with the remedy.
  static base::Result<std::unique_ptr<Resolver>> create(Options options);
  // What is still under way fails.  Declare a resolver after the loops it serves, so
  // that it ends before them; no thread may be inside ask().
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Blocks, so it is for threads of pools.
  // A type is what parse_record_type() takes, a name is_dns_name().  Code::temporary
  // when no server could say, or the answer is bogus; Code::usage for a type we do not
  // know or a name that cannot be one.
  base::Result<DnsRecords> ask(std::string_view type, std::string_view name);
  // The same from a coroutine, whose loop goes on meanwhile.
  asio::awaitable<base::Result<DnsRecords>> resolve(std::string type, std::string name);

 private:
  struct State;
  explicit Resolver(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace net
