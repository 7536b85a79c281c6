// SPDX-License-Identifier: Apache-2.0
//
// The client's side of a TlsChannel: whom we asked for, and whether it is who came.
//
// A session of before is offered where there is one; what was found out about the
// certificate then travels in it, since the server does not show it again.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "base/result.h"
#include "net/endpoint.h"
#include "net/tls_channel.h"
#include "net/tls_client_state.h"

namespace net {

class TlsClientConnection : public TlsChannel {
 public:
  // `socket` must not block and must outlive this, or close(); so must `sessions`.
  // Code::config: the target's setting cannot be used.
  static base::Result<std::unique_ptr<TlsClientConnection>> create(
      TlsClientSessions& sessions, const TlsTarget& target, const Endpoint& peer,
      const std::string& our_address, int socket);

  TlsFacts facts() const override;

  // Has the connections of a context tell us of new sessions.
  static void hook(SSL_CTX* context);

 private:
  TlsClientConnection(TlsClientSessions& sessions, const TlsTarget& target, int socket)
      : TlsChannel(socket, {}), sessions_(sessions.state()), target_(target) {}
  base::Result<void> begin(const Endpoint& peer, const std::string& our_address);
  base::Result<void> ask_for_names();
  bool verified() const;
  bool acceptable() override;
  void failed() override;

  static int on_session(SSL* ssl, SSL_SESSION* session);

  TlsClientSessions::State& sessions_;
  TlsTarget target_;
  TlsClientSessions::State::Context context_;
  std::string key_;  // of the session
  unsigned resumption_ = 1;
};

}  // namespace net
