// SPDX-License-Identifier: Apache-2.0
//
// TLS over one socket, as seen by its server: each call does what it can without
// waiting and says what it would wait for.  Stream waits.
//
// OpenSSL takes its bytes from the socket itself, so that what anybody read before
// cannot get to it, and what it has read cannot get anywhere else.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/handle.h"
#include "base/result.h"
#include "net/tls.h"
#include "net/tls_context.h"

namespace net {

class TlsConnection {
 public:
  // `socket` must not block and must outlive this, or close(); `first` comes before
  // what it has.
  static base::Result<std::unique_ptr<TlsConnection>> create(TlsKeys& keys,
                                                             const TlsSetting& setting,
                                                             TlsForName for_name,
                                                             int socket,
                                                             std::string first);
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;

  struct Step {
    enum class State {
      done,
      need_input,   // call again when the socket can be read
      need_output,  // ... can be written
      over,         // the peer has gone; `error` tells how
      failed,       // the handshake's failure() tells why
    };
    State state = State::done;
    std::size_t count = 0;  // bytes read or written
    int error = 0;          // errno; 0: an end of file
  };
  Step handshake();
  Step read(std::span<char> into);
  Step write(std::string_view bytes);

  const std::string& failure() const { return failure_; }
  TlsFacts facts() const;

  // As Stream has them.
  bool input_waiting();
  bool peer_gone();

  // Says goodbye, if the socket takes it at once, and leaves the socket alone from then
  // on.
  void close();

  // Has the connections of a context ask us.
  static void hook(SSL_CTX* context);

 private:
  TlsConnection(TlsKeys::State& keys, TlsForName for_name, int socket,
                std::string first)
      : keys_(keys),
        for_name_(std::move(for_name)),
        socket_(socket),
        first_(std::move(first)) {}
  base::Result<void> begin(const TlsSetting& setting);
  void use(std::shared_ptr<const TlsContext> context);
  Step step_of(int result);
  Step gone(int error);
  base::Result<void> choose_by_name();

  static TlsConnection& of(const SSL* ssl);
  static int on_hello(SSL* ssl, int* alert, void*);
  static int on_status_request(SSL* ssl, void*);
  static int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv,
                       EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int encrypt);
  static const BIO_METHOD* socket_method();
  static int receive(BIO* bio, char* into, std::size_t size, std::size_t* count);
  static int send(BIO* bio, const char* bytes, std::size_t size, std::size_t* count);

  TlsKeys::State& keys_;
  TlsForName for_name_;
  int socket_;
  std::string first_;  // what is left of it
  std::shared_ptr<const TlsContext> context_;
  base::Handle<SSL, SSL_free> ssl_;
  std::string failure_;
  bool over_ = false;    // nothing more can be read or written
  bool at_end_ = false;  // the socket has been read to its end
  int socket_error_ = 0;
  // Facts that are gone after the handshake.
  std::string sni_;
  unsigned ocsp_ = 0;
  unsigned resumption_ = 1;
};

}  // namespace net
