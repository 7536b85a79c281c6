// SPDX-License-Identifier: Apache-2.0
#include "receiver/authenticator.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/text.h"
#include "net/pool.h"
#include "policy/comparison.h"
#include "policy/evaluation.h"
#include "policy/plain_list.h"
#include "policy/text_codes.h"
#include "policy/variable_table.h"

namespace receiver {

using policy::variable_id;
using smtp::Standard;

struct AuthOne {
  const policy::Driver& driver;
  std::string public_name;
  Dovecot* dovecot = nullptr;  // null: another driver

  std::string_view kind() const { return driver.driver; }
  bool has(std::string_view option) const { return driver.options.has(option); }
  const policy::Template* text(std::string_view option) const {
    return driver.options.expanded(option);
  }
  // Does its client send the password, so that anybody on the way can read it?
  bool shows_password() const {
    return kind() == "plaintext" || base::equal_nocase(public_name, "PLAIN") ||
           base::equal_nocase(public_name, "LOGIN");
  }
};

struct Authenticators::State {
  std::shared_ptr<const policy::Policy> policy;
  std::map<std::string, std::unique_ptr<Dovecot>, std::less<>> sockets;
  std::vector<AuthOne> all;
  std::map<std::string, std::string, std::less<>>
      told;  // of a driver: its last trouble
};

struct Authentication::Exchange {
  const AuthOne& one;
  std::vector<std::string> prompts;
  std::vector<std::string> data;         // what the client has sent, decoded
  std::optional<std::uint32_t> request;  // Dovecot's, waiting for the client
};

namespace {

constexpr std::array kAuth = {variable_id("auth1"), variable_id("auth2"),
                              variable_id("auth3"), variable_id("auth4")};
constexpr std::size_t kMostData = 20;  // strings that one exchange may bring

// Exim's rule: what an administrator did not write lets nobody in.
bool serves(const AuthOne& one) {
  if (one.kind() == "dovecot") return one.has("server_socket");
  if (one.kind() == "tls") return one.has("server_param1") || one.has("server_param");
  return one.has("server_condition");
}

base::Result<Dovecot*> dovecot_of(net::Loop& loop, const policy::Driver& driver,
                                  auto& sockets) {
  std::string socket(driver.options.text("server_socket"));
  auto known = sockets.find(socket);
  if (known == sockets.end()) {
    auto made = Dovecot::create(loop, {.socket = socket});
    if (!made)
      return base::fail(
          base::Code::config,
          "authenticator " + driver.name + ": server_socket: " + made.error().text);
    known = sockets.emplace(socket, std::move(*made)).first;
  }
  return known->second.get();
}

// RFC 4954 section 4: "=" would be an empty initial response; nothing but base64 else.
std::optional<std::string> decode(std::string_view text) {
  if (std::ranges::any_of(text, [](char c) { return c == ' ' || c == '\t'; }))
    return std::nullopt;
  auto decoded = policy::from_base64(text);
  if (!decoded) return std::nullopt;
  return std::move(*decoded);
}

// What Dovecot's code of a failure means to a client.
Standard reply_to(std::string_view code) {
  if (code == "temp_fail") return Standard::authentication_unavailable;
  if (code == "user_disabled") return Standard::user_disabled;
  if (code == "pass_expired") return Standard::password_expired;
  if (code == "invalid_base64") return Standard::bad_base64;
  return Standard::bad_credentials;
}

}  // namespace

Authenticators::Authenticators(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
Authenticators::~Authenticators() = default;

base::Result<std::shared_ptr<Authenticators>> Authenticators::create(
    net::Loop& loop, std::shared_ptr<const policy::Policy> policy) {
  auto state = std::make_unique<State>();
  for (const policy::Driver& driver : policy->authenticators) {
    AuthOne one{driver, std::string(driver.options.text("public_name", driver.name))};
    if (!serves(one)) continue;
    if (one.kind() == "dovecot")
      one.dovecot = TRY(dovecot_of(loop, driver, state->sockets));
    state->all.push_back(std::move(one));
  }
  state->policy = std::move(policy);
  return std::shared_ptr<Authenticators>(new Authenticators(std::move(state)));
}

bool Authenticators::none() const {
  return state_->all.empty();
}

Authentication::Authentication(std::shared_ptr<Authenticators> all,
                               policy::Context& context, const Client& client,
                               net::Pool* pool)
    : all_(std::move(all)), context_(context), client_(client), pool_(pool) {}

Authentication::~Authentication() {
  if (exchange_ && exchange_->request)
    exchange_->one.dovecot->cancel(*exchange_->request);
}

policy::Outcome<std::string> Authentication::expand(const policy::Template& text) {
  policy::Evaluation evaluation{.policy = *all_->state_->policy,
                                .context = context_,
                                .phase = policy::Phase::authenticator};
  return policy::expand(text, evaluation);
}

asio::awaitable<std::vector<std::string>> Authentication::mechanisms(Texts& troubles) {
  Texts names;
  advertised_.clear();
  for (const AuthOne& one : all_->state_->all) {
    if (one.kind() == "tls") continue;
    Texts new_troubles;
    bool offered = co_await offers(one, new_troubles);
    // The same trouble is told once, not to every client that says EHLO.
    std::string& told = all_->state_->told[one.driver.name];
    std::string trouble = new_troubles.empty() ? "" : new_troubles.front();
    if (!trouble.empty() && trouble != told) troubles.push_back(trouble);
    told = std::move(trouble);
    if (!offered) continue;
    advertised_.insert(one.driver.name);
    if (std::ranges::find(names, one.public_name) == names.end())
      names.push_back(one.public_name);
  }
  co_return names;
}

asio::awaitable<bool> Authentication::offers(const AuthOne& one, Texts& troubles) {
  const policy::Template* condition = one.text("server_advertise_condition");
  if (condition) {
    auto said = expand(*condition);
    if (!said && said.error().kind != policy::Failure::Kind::forced)
      troubles.push_back("authenticator " + one.driver.name +
                         ": server_advertise_condition: " + said.error().text);
    if (!said || !policy::lax_truth(*said)) co_return false;
  } else if (one.shows_password() && !client_.tls) {
    co_return false;
  }
  if (!one.dovecot) co_return true;
  auto offered = co_await one.dovecot->mechanisms();
  // A client that is told 454 comes again; one that sees no AUTH asks its user.
  if (!offered) {
    troubles.push_back("authenticator " + one.driver.name + ": " +
                       offered.error().text);
    co_return true;
  }
  auto same = [&](const DovecotGreeting::Mechanism& mechanism) {
    return base::equal_nocase(mechanism.name, one.public_name);
  };
  auto found = std::ranges::find_if(*offered, same);
  if (found == offered->end()) {
    troubles.push_back("authenticator " + one.driver.name +
                       ": dovecot does not offer " + one.public_name);
    co_return false;
  }
  co_return condition || !found->plaintext || client_.tls;
}

void Authentication::forget() {
  advertised_.clear();
}

bool Authentication::under_way() const {
  return exchange_ != nullptr;
}

asio::awaitable<AuthStep> Authentication::begin(std::string mechanism,
                                                std::optional<std::string> initial,
                                                bool unadvertised) {
  if (advertised_.empty() && !unadvertised)
    co_return failure(Standard::not_offered, "");
  auto fits = [&](const AuthOne& one) {
    return one.kind() != "tls" && base::equal_nocase(one.public_name, mechanism) &&
           (unadvertised || advertised_.contains(one.driver.name));
  };
  const auto& all = all_->state_->all;
  auto found = std::ranges::find_if(all, fits);
  if (found == all.end()) co_return failure(Standard::unknown_mechanism, "");
  exchange_.reset(new Exchange{*found, {}, {}, {}});
  if (initial && *initial == "=") initial->clear();
  if (initial && !decode(*initial)) co_return failure(Standard::bad_base64, "");
  if (found->dovecot) co_return co_await ask_dovecot(std::move(initial));
  if (const policy::Template* prompts = found->text("server_prompts")) {
    auto list = expand(*prompts);
    if (!list)
      co_return failure(Standard::authentication_unavailable,
                        "server_prompts: " + list.error().text);
    exchange_->prompts = policy::split_list(*list).elements;
  }
  // EXTERNAL and the like: the client says one thing, asked or not.
  if (found->kind() == "external") exchange_->prompts = {""};
  if (initial) co_return co_await take(*decode(*initial));
  if (exchange_->prompts.empty()) co_return co_await check();
  co_return challenge(policy::to_base64(exchange_->prompts.front()));
}

asio::awaitable<AuthStep> Authentication::answer(std::string_view line) {
  if (!exchange_) co_return failure(Standard::bad_syntax, "");
  if (line == "*") co_return failure(Standard::authentication_cancelled, "");
  auto decoded = decode(line);
  if (!decoded) co_return failure(Standard::bad_base64, "");
  if (exchange_->one.dovecot) co_return co_await ask_dovecot(std::string(line));
  co_return co_await take(std::move(*decoded));
}

// Exim manual, "The plaintext authenticator": strings parted by NULs, asked for until
// there is one for each prompt.
asio::awaitable<AuthStep> Authentication::take(std::string data) {
  Exchange& exchange = *exchange_;
  std::size_t begin = 0;
  do {
    std::size_t end = std::min(data.find('\0', begin), data.size());
    exchange.data.push_back(data.substr(begin, end - begin));
    begin = end + 1;
  } while (begin <= data.size() && exchange.data.size() < kMostData);
  if (exchange.data.size() < exchange.prompts.size())
    co_return challenge(policy::to_base64(exchange.prompts[exchange.data.size()]));
  co_return co_await check();
}

asio::awaitable<AuthStep> Authentication::ask_dovecot(
    std::optional<std::string> response) {
  Dovecot& dovecot = *exchange_->one.dovecot;
  base::Result<DovecotAnswer> answer;
  if (auto request = std::exchange(exchange_->request, std::nullopt)) {
    std::string text = std::move(*response);
    answer = co_await dovecot.go_on(*request, std::move(text));
  } else {
    DovecotRequest asked;
    asked.mechanism = exchange_->one.public_name;
    for (char& c : asked.mechanism)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    asked.response = std::move(response);
    asked.remote = client_.peer;
    asked.local = client_.local;
    // What a proxy heard from the client may have been said in the clear.
    bool direct = !client_.proxy && client_.peer == client_.socket_peer;
    asked.secured =
        direct && (client_.tls || client_.peer.address == client_.local.address);
    if (client_.tls) {
      asked.local_name = client_.tls->sni;
      asked.valid_certificate = direct && client_.tls->verified;
    }
    answer = co_await dovecot.ask(std::move(asked));
  }
  if (!answer && answer.error().code == base::Code::syntax)
    co_return failure(Standard::bad_base64, answer.error().text);
  if (!answer)
    co_return failure(Standard::authentication_unavailable, answer.error().text);
  co_return co_await judge(std::move(*answer));
}

asio::awaitable<AuthStep> Authentication::judge(DovecotAnswer answer) {
  switch (answer.kind) {
    case DovecotAnswer::Kind::challenge:
      exchange_->request = answer.id;
      co_return challenge(std::move(answer.challenge));
    case DovecotAnswer::Kind::ok:
      exchange_->data = {std::move(answer.user)};
      co_return co_await check();
    case DovecotAnswer::Kind::fail:
      break;
  }
  context_.set_variable(kAuth[0], answer.user);
  AuthStep step = failure(reply_to(answer.code), "");
  step.rejected = step.reply.code == 535;
  if (step.rejected) step.claimed = std::move(answer.user);
  step.log = std::to_string(step.reply.code) + " Incorrect authentication data";
  if (!step.claimed.empty()) step.log += " (set_id=" + step.claimed + ")";
  if (!answer.code.empty()) step.log += " code=" + answer.code;
  if (!answer.reason.empty()) step.log += " reason=" + answer.reason;
  co_return step;
}

asio::awaitable<AuthStep> Authentication::check() {
  const AuthOne& one = exchange_->one;
  Texts data = std::move(exchange_->data);
  AuthStep step;
  auto job = [&] { step = decide(one, data); };
  if (pool_)
    co_await pool_->run(job);
  else
    job();
  exchange_.reset();
  co_return step;
}

// Truth is Exim's of this one option: a word that is neither yes nor no lets nobody in,
// so that a lookup whose answer was not compared with anything does not.
AuthStep Authentication::decide(const AuthOne& one, const Texts& auth) {
  for (std::size_t i = 0; i < kAuth.size(); ++i)
    context_.set_variable(kAuth[i], i < auth.size() ? auth[i] : std::string());
  for (std::size_t i = 1; i < 3 && one.kind() == "external"; ++i)
    if (const auto* text = one.text(i == 1 ? "server_param2" : "server_param3"))
      if (auto said = expand(*text)) context_.set_variable(kAuth[i], *said);
  AuthStep step;
  step.authenticator = one.driver.name;
  std::string id;
  if (const policy::Template* text = one.text("server_set_id"))
    id = expand(*text).value_or("");
  policy::Outcome<std::string> said = "true";
  if (const policy::Template* condition = one.text("server_condition"))
    said = expand(*condition);
  if (!said && said.error().kind != policy::Failure::Kind::forced) {
    step.reply = smtp::standard(Standard::authentication_unavailable);
    step.log = "454 server_condition: " + said.error().text;
    return step;
  }
  auto is_one_of = [&](auto... words) {
    return said && (base::equal_nocase(*said, words) || ...);
  };
  if (is_one_of("1", "yes", "true")) {
    step.kind = AuthStep::Kind::success;
    step.reply = smtp::standard(Standard::authenticated);
    step.login = Login{one.driver.name, one.public_name, std::move(id)};
  } else if (!said || is_one_of("", "0", "no", "false")) {
    step.rejected = true;
    step.reply = smtp::standard(Standard::bad_credentials);
    step.log = "535 Incorrect authentication data";
    if (!id.empty()) step.log += " (set_id=" + id + ")";
    step.claimed = std::move(id);
  } else {
    step.reply = smtp::standard(Standard::authentication_unavailable);
    step.log = "454 server_condition is neither true nor false";
  }
  return step;
}

AuthStep Authentication::challenge(std::string base64) {
  AuthStep step;
  step.kind = AuthStep::Kind::challenge;
  step.reply = {334, "", std::move(base64)};
  return step;
}

// The end of the exchange, if there is one.
AuthStep Authentication::failure(Standard reply, std::string log) {
  AuthStep step;
  step.reply = smtp::standard(reply);
  if (!log.empty()) step.log = std::to_string(step.reply.code) + ' ' + log;
  if (exchange_) {
    step.authenticator = exchange_->one.driver.name;
    if (exchange_->request) exchange_->one.dovecot->cancel(*exchange_->request);
    exchange_.reset();
  }
  return step;
}

std::optional<Login> Authentication::by_certificate() {
  if (!client_.tls) return std::nullopt;
  for (const AuthOne& one : all_->state_->all) {
    if (one.kind() != "tls") continue;
    Texts data;
    for (const char* option : {"server_param1", "server_param2", "server_param3"}) {
      const policy::Template* text = one.text(option);
      if (!text && data.empty()) text = one.text("server_param");
      if (!text) break;
      auto said = expand(*text);
      if (!said) break;
      data.push_back(std::move(*said));
    }
    AuthStep step = data.empty() ? AuthStep() : decide(one, data);
    if (step.login) return step.login;
  }
  return std::nullopt;
}

bool Authentication::may_name_sender(const Login& login) {
  for (const AuthOne& one : all_->state_->all) {
    if (one.driver.name != login.authenticator) continue;
    const policy::Template* text = one.text("server_mail_auth_condition");
    if (!text) return true;
    auto said = expand(*text);
    return said && policy::lax_truth(*said);
  }
  return false;
}

}  // namespace receiver
