// SPDX-License-Identifier: Apache-2.0
//
// The server's side of TLS, by OpenSSL: RFC 3207 (STARTTLS), RFC 8314 (implicit TLS),
// RFC 5077 and 8446 (tickets).
//
// What a client gets may depend on who it is and on the name it asks for, so a setting
// is plain values, and TlsKeys keeps what OpenSSL makes of them until a file changes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace net {

// How to serve one client.
struct TlsSetting {
  std::string certificates;   // PEM files, parted by ':'; each with its chain
  std::string keys;           // PEM files, in the same order; "": in the former
  std::string ciphers;        // OpenSSL's cipher list, TLS_... for 1.3; "": its own
  std::string curves;         // OpenSSL's list of groups; "" or "auto": its own
  std::string dh_parameters;  // a PEM file, "none", or else OpenSSL's own
  std::string verify_certificates;  // of clients: a file, a directory or "system"
  std::string revocations;          // CRL file or directory; "": none
  std::string ocsp_file;            // a stapled proof, DER; "": none
  enum class Verify { no, ask, must } verify = Verify::no;  // the client's certificate
  bool tickets = false;  // let it resume the session later

  auto operator<=>(const TlsSetting&) const = default;
};

// What a handshake came to.
struct TlsFacts {
  std::string version;          // "TLS1.3"
  std::string cipher;           // "TLS1.3:TLS_AES_256_GCM_SHA384:256", as Exim logs it
  std::string standard_cipher;  // IANA's name
  unsigned bits = 0;
  std::string sni;               // the name that the client asked for
  std::string peer_dn;           // of its certificate, RFC 2253; "": it showed none
  std::string peer_certificate;  // PEM
  std::string our_certificate;   // PEM
  bool verified = false;         // the client's certificate
  unsigned ocsp = 0;             // $tls_in_ocsp
  unsigned resumption = 0;       // bits of $tls_in_resumption, spec/smtp-features.md 3
};

// Certificates with their keys, and the keys of session tickets.  For all loops.
class TlsKeys {
 public:
  // `clock` tells how old tickets are, and must outlive this.
  explicit TlsKeys(const base::Clock& clock);
  ~TlsKeys();
  TlsKeys(const TlsKeys&) = delete;
  TlsKeys& operator=(const TlsKeys&) = delete;

  // Reads and pairs the files, or says what is wrong with them: Code::config.  What was
  // read before stays until what replaces it is sound.
  base::Result<void> check(const TlsSetting& setting);

  struct State;
  State& state() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

// The setting for a name, asked for in the middle of a handshake.  Code::not_found, or
// a setting whose files are missing: the client gets what it would get without a name.
using TlsForName = std::function<base::Result<TlsSetting>(std::string_view sni)>;

}  // namespace net
