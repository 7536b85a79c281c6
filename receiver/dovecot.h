// SPDX-License-Identifier: Apache-2.0
//
// Dovecot's authenticator asked over its auth-client protocol, major version 1
// (spec/smtp-features.md 4.1; Dovecot manual, "Authentication Protocol").
//
// Lines of fields parted by TABs.  What they mean is plain functions; Dovecot is the
// one connection that all sessions of a loop share, each request with an id of its own,
// so that one client's wrong password, which the server answers late, is not another's
// wait.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "net/endpoint.h"
#include "net/stream.h"

namespace receiver {

namespace asio = boost::asio;

// A line as fields, TABs undone; the first one is the command.
std::vector<std::string> parse_dovecot_line(std::string_view line);
// A field as it goes into a line: NUL, 0x01, TAB, CR and LF escaped.
std::string dovecot_field(std::string_view value);

// One client's wish to log in.
struct DovecotRequest {
  std::string mechanism;                // "PLAIN"
  std::optional<std::string> response;  // of AUTH's own line, base64; "" is one, too
  net::Endpoint remote, local;
  std::string local_name;  // what TLS was asked for; "": nothing
  bool secured = false;    // nobody can listen between the client and us
  bool valid_certificate = false;
};
// Code::syntax: the mechanism or the response is not what it must be, so nothing of it
// may reach the server.  The line's end is there.
base::Result<std::string> format_dovecot_auth(std::uint32_t id,
                                              const DovecotRequest& request);
base::Result<std::string> format_dovecot_cont(std::uint32_t id,
                                              std::string_view response);

// The server about one request.
struct DovecotAnswer {
  enum class Kind : std::uint8_t { challenge, ok, fail } kind = Kind::fail;
  std::uint32_t id = 0;
  std::string challenge;  // base64
  std::string user;
  std::string code;    // why it fails: "temp_fail", "user_disabled"; may be empty
  std::string reason;  // the same in words for the user; may be empty
};
// Nothing: the line is about something else.  Code::temporary: the server talks
// nonsense.
base::Result<std::optional<DovecotAnswer>> parse_dovecot_answer(std::string_view line);

// What the server is, before its DONE.
class DovecotGreeting {
 public:
  // Takes the next line; true after the last.  Code::temporary: not one we can use.
  base::Result<bool> take(std::string_view line);

  struct Mechanism {
    std::string name;
    bool plaintext = false;  // shows the password to whoever listens
  };
  const std::vector<Mechanism>& mechanisms() const { return mechanisms_; }

 private:
  std::vector<Mechanism> mechanisms_;
  bool versioned_ = false;
};

class Dovecot {
 public:
  struct Options {
    // "/path" of a unix socket, or "host port" in clear text: keep that on loopback.
    std::string socket;
    net::Span connect_timeout = std::chrono::seconds(5);
    net::Span greeting_timeout = std::chrono::seconds(5);
    net::Span answer_timeout = std::chrono::seconds(60);
    // How long not to try again what could not be reached, doubled with each failure.
    net::Span first_pause = std::chrono::seconds(1);
    net::Span longest_pause = std::chrono::seconds(30);
  };

  // Looks the host's name up, so it may block: for a program's start.  Connects when it
  // is first needed.  `loop` must outlive it, and it all who ask.
  static base::Result<std::unique_ptr<Dovecot>> create(net::Loop& loop,
                                                       Options options);
  ~Dovecot();
  Dovecot(const Dovecot&) = delete;
  Dovecot& operator=(const Dovecot&) = delete;

  // What the server offers.  Code::temporary: it cannot be reached, or is not one.
  asio::awaitable<base::Result<std::vector<DovecotGreeting::Mechanism>>> mechanisms();

  // Asks, and says what the server answered first.  Code::syntax as above; everything
  // else that is wrong is Code::temporary.  Cancellation is the only exception.
  asio::awaitable<base::Result<DovecotAnswer>> ask(DovecotRequest request);
  // The client's response to a challenge of request `id`.
  asio::awaitable<base::Result<DovecotAnswer>> go_on(std::uint32_t id,
                                                     std::string response);
  // The client will not respond.  The server hears of it with the next line, or at once
  // if the socket takes it.
  void cancel(std::uint32_t id);

 private:
  struct State;
  explicit Dovecot(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace receiver
