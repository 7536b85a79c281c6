// SPDX-License-Identifier: Apache-2.0
//
// The server's side of a TlsChannel: certificates by the name that a client asks for,
// tickets, stapled proofs.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "base/result.h"
#include "net/tls.h"
#include "net/tls_channel.h"
#include "net/tls_context.h"

namespace net {

class TlsConnection : public TlsChannel {
 public:
  // `socket` must not block and must outlive this, or close(); `first` comes before
  // what it has.
  static base::Result<std::unique_ptr<TlsConnection>> create(TlsKeys& keys,
                                                             const TlsSetting& setting,
                                                             TlsForName for_name,
                                                             int socket,
                                                             std::string first);

  TlsFacts facts() const override;

  // Has the connections of a context ask us.
  static void hook(SSL_CTX* context);

 private:
  TlsConnection(TlsKeys::State& keys, TlsForName for_name, int socket,
                std::string first)
      : TlsChannel(socket, std::move(first)),
        keys_(keys),
        for_name_(std::move(for_name)) {}
  base::Result<void> begin(const TlsSetting& setting);
  void use(std::shared_ptr<const TlsContext> context);
  base::Result<void> choose_by_name();

  static TlsConnection& of(const SSL* ssl);
  static int on_hello(SSL* ssl, int* alert, void*);
  static int on_status_request(SSL* ssl, void*);
  static int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv,
                       EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int encrypt);

  TlsKeys::State& keys_;
  TlsForName for_name_;
  std::shared_ptr<const TlsContext> context_;
  // Facts that are gone after the handshake.
  std::string sni_;
  unsigned ocsp_ = 0;
  unsigned resumption_ = 1;
};

}  // namespace net
