// SPDX-License-Identifier: Apache-2.0
//
// What OpenSSL makes of one TlsSetting: certificates with their keys, whom we believe,
// what we answer to a client's extensions.
//
// A context is built whole from the files as they are at one moment, and never changes;
// when the files do, another takes its place and connections keep theirs.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.h"
#include "base/result.h"
#include "net/ticket_keys.h"
#include "net/tls.h"

namespace net {

class TlsContext {
 public:
  // Code::not_found for a file that is not there, Code::config for all else.
  static base::Result<std::shared_ptr<const TlsContext>> load(
      const TlsSetting& setting);

  const TlsSetting& setting() const { return setting_; }
  SSL_CTX* get() const { return context_.get(); }

  // What belongs to a certificate of ours.
  struct Served {
    const X509* certificate = nullptr;
    int kind = 0;  // of its key, as OpenSSL numbers them
    std::string pem;
    std::string proof;                       // OCSP, DER; empty: none to show
    std::optional<std::int64_t> proof_ends;  // seconds since the epoch
    bool proof_verified = false;             // it is signed by the issuer
  };
  const Served* served(const X509* certificate) const;

 private:
  explicit TlsContext(const TlsSetting& setting) : setting_(setting) {}
  base::Result<void> take_certificates();
  base::Result<void> take_certificate(const std::string& file, const std::string& key);
  base::Result<void> take_proofs();
  base::Result<void> take_algorithms();
  base::Result<void> take_clients();
  void name_sessions();

  TlsSetting setting_;
  base::Handle<SSL_CTX, SSL_CTX_free> context_;
  std::vector<Served> served_;
};

// Tells one state of a setting's files from another: names, inodes, sizes and times.
std::string stamp_of(const TlsSetting& setting);
std::string stamp_of(const std::vector<std::string>& files);

// What contexts of both sides are made of; paths as in the settings.  Code::not_found
// for a file that is not there, Code::config for all else.
base::Result<void> choose_ciphers(SSL_CTX* context, std::string_view list);
base::Result<void> believe(SSL_CTX* context, const std::string& issuers,
                           const std::string& revoked);
base::Result<void> show_certificate(SSL_CTX* context, const std::string& file,
                                    const std::string& key);

// The first of the errors that OpenSSL has noted on this thread, all of them forgotten.
std::string openssl_words();

std::string pem_of(X509* certificate);

struct TlsKeys::State {
  explicit State(const base::Clock& clock) : tickets(clock) {}

  // The setting's context, built anew if its files have changed.  If that fails the
  // former one goes on and `trouble`, if given, tells.
  base::Result<std::shared_ptr<const TlsContext>> find(
      const TlsSetting& setting, std::optional<base::Error>* trouble = nullptr);

  TicketKeys tickets;

 private:
  struct Entry {
    std::shared_ptr<const TlsContext> context;
    std::string stamp;                   // of the last attempt
    std::optional<base::Error> trouble;  // if that failed
  };

  std::mutex mutex_;
  std::map<TlsSetting, Entry> entries_;
};

}  // namespace net
