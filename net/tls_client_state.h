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

  // Null: none.
  SSL_SESSION* session(const std::string& key) const;
  void keep(const std::string& key, SSL_SESSION* session);  // takes ownership
  void forget(const std::string& key) { sessions_.erase(key); }
  std::size_t size() const { return sessions_.size(); }

 private:
  struct Entry {
    Context context;
    std::string stamp;
  };

  std::map<TlsClientSetting, Entry> contexts_;
  std::map<std::string, base::Handle<SSL_SESSION, SSL_SESSION_free>, std::less<>>
      sessions_;
};

}  // namespace net
