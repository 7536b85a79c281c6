// SPDX-License-Identifier: Apache-2.0
//
// AUTH: RFC 4954, with the authenticators of the policy (Exim manual, "SMTP
// authentication").
//
//   Authentication auth(authenticators, context, client);
//   offer = co_await auth.mechanisms();                    // for EHLO
//   AuthStep step = co_await auth.begin(name, initial);    // AUTH name [initial]
//   while (step.kind == AuthStep::Kind::challenge)         // say step.reply, read a
//   line
//     step = co_await auth.answer(line);                   // "*" cancels
//   if (step.kind == AuthStep::Kind::success) client.login = step.login;
//
// A mechanism that shows its password is not offered before TLS, unless the
// authenticator's own server_advertise_condition says so: what Exim's manual advises is
// the rule here.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "policy/context.h"
#include "policy/policy.h"
#include "receiver/dovecot.h"
#include "receiver/facts.h"
#include "smtp/reply.h"

namespace net {
class Pool;
}

namespace receiver {

struct AuthOne;  // an authenticator that serves

// The authenticators of one policy, on one loop.
class Authenticators {
 public:
  // Looks up the hosts of inet sockets, so it may block: for a program's start and its
  // reload.  Code::config.  `loop` must outlive it.
  static base::Result<std::shared_ptr<Authenticators>> create(
      net::Loop& loop, std::shared_ptr<const policy::Policy> policy);
  ~Authenticators();

  bool none() const;  // that serves: no need to ask at EHLO

 private:
  friend class Authentication;
  struct State;
  explicit Authenticators(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct AuthStep {
  enum class Kind : std::uint8_t { challenge, success, failure };
  Kind kind = Kind::failure;
  smtp::Reply reply;           // 334 with base64, 235, or the refusal
  std::optional<Login> login;  // of a success
  // Of a failure.
  bool rejected = false;      // it is the client's: 535
  std::string authenticator;  // the driver's name; empty: it got to none
  std::string claimed;        // who it said it was: $authenticated_fail_id
  std::string log;  // "535 Incorrect authentication data (set_id=kim)": never a secret
};

// AUTH in one session.
class Authentication {
 public:
  // All must outlive it but the first.  `context` hears $auth1 to $auth4.  Conditions
  // may take their time, as crypteq does: they are evaluated on `pool`, if there is
  // one.
  Authentication(std::shared_ptr<Authenticators> all, policy::Context& context,
                 const Client& client, net::Pool* pool = nullptr);
  ~Authentication();  // what is under way is cancelled
  Authentication(const Authentication&) = delete;
  Authentication& operator=(const Authentication&) = delete;

  // The public names to offer now; they are what begin() takes from now on.  What
  // failed on the way is told in `troubles`, for the log.
  asio::awaitable<std::vector<std::string>> mechanisms(
      std::vector<std::string>& troubles);
  // TLS has started: nothing is advertised any more.
  void forget();

  // `unadvertised`: take one that was not offered, too (control =
  // allow_auth_unadvertised).  But for cancellation nothing throws.
  asio::awaitable<AuthStep> begin(std::string mechanism,
                                  std::optional<std::string> initial,
                                  bool unadvertised = false);
  asio::awaitable<AuthStep> answer(std::string_view line);
  bool under_way() const;

  // Driver `tls`: who the client's certificate says it is, to be asked after each EHLO
  // under TLS.
  std::optional<Login> by_certificate();
  // server_mail_auth_condition: may this client name another sender (AUTH= of MAIL)?
  bool may_name_sender(const Login& login);

 private:
  struct Exchange;
  using Texts = std::vector<std::string>;

  asio::awaitable<bool> offers(const AuthOne& one, Texts& troubles);
  asio::awaitable<AuthStep> take(std::string data);
  asio::awaitable<AuthStep> ask_dovecot(std::optional<std::string> response);
  asio::awaitable<AuthStep> judge(DovecotAnswer answer);
  asio::awaitable<AuthStep> check();
  AuthStep decide(const AuthOne& one, const Texts& auth);
  AuthStep failure(smtp::Standard reply, std::string log);
  AuthStep challenge(std::string base64);
  policy::Outcome<std::string> expand(const policy::Template& text);

  std::shared_ptr<Authenticators> all_;
  policy::Context& context_;
  const Client& client_;
  net::Pool* pool_;
  std::set<std::string, std::less<>> advertised_;  // drivers, by their names
  std::unique_ptr<Exchange> exchange_;             // between begin() and its end
};

}  // namespace receiver
