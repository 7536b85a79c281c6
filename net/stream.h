// SPDX-License-Identifier: Apache-2.0
//
// A connection, TCP or to a unix socket, whose every wait has a deadline; encrypted
// once accept_tls() or connect_tls() has been through.
//
// A peer that is gone, silent for too long or resetting is an exception
// (boost::system::system_error: eof, timed_out, ...), for whoever owns the session:
// nobody on the way has a choice.  All calls belong to the loop the stream was made on.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "base/fd.h"
#include "net/endpoint.h"
#include "net/loop.h"
#include "net/tls.h"
#include "net/tls_client.h"

namespace net {

class TlsChannel;

using Span = std::chrono::nanoseconds;

class Stream {
 public:
  // Throws as above.  `from` is our own address, numeric; "": the system's choice.
  static asio::awaitable<Stream> connect(Endpoint to, Span timeout,
                                         std::string from = {});
  static asio::awaitable<Stream> connect_unix(std::string path, Span timeout);
  // A socket that is connected already, as inetd hands it over.
  static base::Result<Stream> adopt(Loop& loop, base::Fd socket);

  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

  // Serves TLS from here on: what the kernel has belongs to the handshake, what the
  // caller has read before does not (LineReader::forget()), but for `first`: what came
  // behind a PROXY header, where nothing was said in the clear yet.
  //
  // Code::config: we cannot serve `setting`, nothing was sent.  Code::permanent: the
  // handshake failed, in OpenSSL's words, and the stream is as it was before.  A peer
  // that is gone, or not done in time, throws.
  asio::awaitable<base::Result<TlsFacts>> accept_tls(TlsKeys& keys, TlsSetting setting,
                                                     TlsForName for_name, Span timeout,
                                                     std::string first = {});

  // Asks for TLS from here on, as accept_tls() serves it.  A certificate that must be
  // verified and is not makes the handshake fail.
  asio::awaitable<base::Result<TlsFacts>> connect_tls(TlsClientSessions& sessions,
                                                      TlsTarget target, Span timeout);

  // At least one byte, unless the peer has closed: that is eof, thrown.  So is an
  // end that TLS did not announce: whoever cut the connection may have cut a message.
  asio::awaitable<std::size_t> read_some(std::span<char> into, Span timeout);
  // All of `bytes`, which must stay until it returns.
  asio::awaitable<void> write(std::string_view bytes, Span timeout);
  // As many of `bytes` as the socket takes without a wait; none if it is broken, which
  // the next wait will tell.
  std::size_t write_now(std::string_view bytes);

  // Bytes have arrived that were not read yet.
  bool input_waiting() const;
  // Nothing is left to read and the peer has closed or reset: nobody hears our answer.
  bool peer_gone() const;

  // The peer's packets carry IP options, such as a route (RFC 791 section 3.1).
  bool has_ip_options() const;

  const Endpoint& peer() const;
  const Endpoint& local() const;
  bool is_open() const;
  // Nobody will wait for a while: takes the deadline's timer off the loop, which could
  // not end before it otherwise.
  void rest();
  // Ends a wait of another task on this stream, too.  Under TLS it says goodbye.
  void close();

 private:
  friend class Listener;
  using Instant = std::chrono::steady_clock::time_point;
  struct State;
  explicit Stream(std::shared_ptr<State> state);
  template <class Address>
  static asio::awaitable<Stream> connect_to(std::shared_ptr<State> state, Address to,
                                            Span timeout);
  asio::awaitable<base::Result<TlsFacts>> shake_hands(std::unique_ptr<TlsChannel> tls,
                                                      Span timeout);
  asio::awaitable<std::size_t> read_encrypted(std::span<char> into, Instant deadline);
  asio::awaitable<void> write_encrypted(std::string_view bytes, Instant deadline);

  std::shared_ptr<State> state_;  // the deadline's timer refers to it weakly
};

}  // namespace net
