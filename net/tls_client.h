// SPDX-License-Identifier: Apache-2.0
//
// The client's side of TLS: RFC 3207 section 4, RFC 6125 (names), RFC 8446 section 2.2
// (resumption).
//
// A setting is plain values; TlsClientSessions keeps what OpenSSL makes of them, and
// the sessions that servers let us take up again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace net {

// Whom to believe, and what to show.
struct TlsClientSetting {
  std::string certificate = {};  // PEM file with its chain; "": none
  std::string key = {};          // PEM file; "": in the former
  std::string ciphers = {};      // OpenSSL's cipher list, TLS_... for 1.3; "": its own
  std::string verify_certificates = "system";  // a file, a directory or "system"
  std::string revocations = {};                // CRL file or directory; "": none
  enum class Verify : std::uint8_t {
    none,     // a certificate says nothing
    attempt,  // TlsFacts::verified tells
    must,     // or the handshake fails
  } verify = Verify::attempt;

  auto operator<=>(const TlsClientSetting&) const = default;
};

// One server to shake hands with.
struct TlsTarget {
  TlsClientSetting setting = {};
  std::string sni = {};                 // "": none is sent
  std::vector<std::string> names = {};  // the certificate is for one; none: for anyone
  bool resume = true;                   // a session of before, if it can be
};

// For one loop.  A session is taken up again only where all is as it was: server and
// port, our own address, the target; so what was verified then still counts.
class TlsClientSessions {
 public:
  TlsClientSessions();
  ~TlsClientSessions();
  TlsClientSessions(const TlsClientSessions&) = delete;
  TlsClientSessions& operator=(const TlsClientSessions&) = delete;

  // Reads the setting's files, or says what is wrong with them: Code::config.
  base::Result<void> check(const TlsClientSetting& setting);
  std::size_t size() const;  // sessions

  struct State;
  State& state() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

}  // namespace net
