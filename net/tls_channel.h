// SPDX-License-Identifier: Apache-2.0
//
// TLS over one socket, either side of it: each call does what it can without waiting
// and says what it would wait for.  Stream waits.
//
// OpenSSL takes its bytes from the socket itself, so that what anybody read before
// cannot get to it, and what it has read cannot get anywhere else.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/handle.h"
#include "base/result.h"
#include "net/tls.h"

namespace net {

class TlsChannel {
 public:
  virtual ~TlsChannel() = default;
  TlsChannel(const TlsChannel&) = delete;
  TlsChannel& operator=(const TlsChannel&) = delete;

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
  virtual TlsFacts facts() const = 0;

  // As Stream has them.
  bool input_waiting();
  bool peer_gone();

  // Says goodbye, if the socket takes it at once, and leaves the socket alone from then
  // on.
  void close();

 protected:
  // `socket` must not block and must outlive this, or close(); `first` comes before
  // what it has.
  TlsChannel(int socket, std::string first)
      : socket_(socket), first_(std::move(first)) {}
  base::Result<void> begin(SSL_CTX* context);
  SSL* ssl() const { return ssl_.get(); }
  // Why the handshake shall fail, where OpenSSL's words would not say it.
  void fail(std::string why) { failure_ = std::move(why); }
  // A handshake that OpenSSL is content with.
  virtual bool acceptable() { return true; }
  // The handshake was not to be.
  virtual void failed() {}
  // What both sides know.
  TlsFacts common_facts() const;

 private:
  Step step_of(int result);
  Step gone(int error);

  static const BIO_METHOD* socket_method();
  static int receive(BIO* bio, char* into, std::size_t size, std::size_t* count);
  static int send(BIO* bio, const char* bytes, std::size_t size, std::size_t* count);

  int socket_;
  std::string first_;  // what is left of it
  base::Handle<SSL, SSL_free> ssl_;
  std::string failure_;
  bool over_ = false;    // nothing more can be read or written
  bool at_end_ = false;  // the socket has been read to its end
  int socket_error_ = 0;
};

}  // namespace net
