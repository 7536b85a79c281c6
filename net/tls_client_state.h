// SPDX-License-Identifier: Apache-2.0
//
// What TlsClientSessions is made of; for whoever has OpenSSL anyway.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "base/handle.h"
#include "net/tls_client.h"

namespace net {

struct TlsClientSessions::State {
  using Context = std::shared_ptr<SSL_CTX>;  // a connection keeps the one it began with

  struct Found {
    Context context;
    std::string name;  // tells contexts from each other, in the keys of sessions
  };
  // The setting's context, built anew if its files have changed.  Code::config.
  base::Result<Found> find(const TlsClientSetting& setting);

  using Session = base::Handle<SSL_SESSION, SSL_SESSION_free>;
  // Null: none.
  Session session(const std::string& key) const;
  void keep(const std::string& key, const SSL_SESSION* session);
  void forget(const std::string& key) { sessions_.erase(key); }
  std::size_t size() const { return sessions_.size(); }

 private:
  struct Entry {
    Context context;
    std::string stamp;
  };

  std::map<TlsClientSetting, Entry> contexts_;
  // As bytes: OpenSSL takes an object of TLS 1.3 up once only, but several connections
  // to one server begin before it has given us new tickets.
  std::map<std::string, std::string> sessions_;
};

}  // namespace net
