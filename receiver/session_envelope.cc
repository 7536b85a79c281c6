// SPDX-License-Identifier: Apache-2.0
//
// The envelope: HELO, MAIL and RCPT, and questions about addresses.
#include <sys/statvfs.h>

#include <utility>

#include "base/text.h"
#include "policy/replies.h"
#include "policy/routers.h"
#include "policy/verify.h"
#include "receiver/received_header.h"
#include "receiver/session.h"

namespace receiver {

namespace {

using smtp::Standard;

bool has_literal(const std::optional<smtp::Address>& address) {
  return address && address->domain().starts_with('[');
}

smtp::Reply no_literals(Standard which) {
  smtp::Reply reply = smtp::standard(which);
  reply.text = "domain literals are not taken";
  return reply;
}

}  // namespace

asio::awaitable<smtp::Reply> Session::hello(const smtp::Command& command) {
  bool extended = smtp::verb_of(command) == smtp::Verb::ehlo;
  std::string name = extended ? std::get<smtp::Ehlo>(command).name
                              : std::get<smtp::Helo>(command).name;
  // A greeting that is refused leaves everything as it was (RFC 5321 4.1.1.1).
  std::string former = std::exchange(client_.helo_name, name);
  bool was_extended = std::exchange(client_.extended, extended);
  bool was_verified = std::exchange(client_.helo_verified, false);
  auto judgement = co_await judge_hello(name);
  if (!judgement.accepted()) {
    client_.helo_name = std::move(former);
    client_.extended = was_extended;
    client_.helo_verified = was_verified;
    co_return judgement.reply;
  }
  client_.steps += extended ? 'e' : 'h';
  forget_message();
  if (extended && client_.tls && !client_.login) {
    client_.login = authentication_.by_certificate();
  }
  co_await renew_offer();
  dialogue_.peer_name(client_.host_name());
  // What the ACL has to say replaces the first line; the keywords stay.
  smtp::Reply reply = dialogue_.usual_answer(command);
  if (judgement.reply.text.empty()) co_return reply;
  std::size_t first = std::min(reply.text.find('\n'), reply.text.size());
  reply.text.replace(0, first, judgement.reply.text);
  co_return reply;
}

asio::awaitable<Session::Judgement> Session::judge_hello(const std::string& name) {
  bool must = false, verified = false;
  auto verify = [&] {
    if (asked_.looks_up(name)) context_.look_up_client();
    must = asked_.listed("helo_verify_hosts");
    if (!must && !asked_.listed("helo_try_verify_hosts")) return;
    verified = policy::verify_helo(context_).answer == policy::Answer::yes;
  };
  const policy::Options& main = service_->policy().main;
  bool may_wait = main.has("helo_verify_hosts") || main.has("helo_try_verify_hosts") ||
                  asked_.looks_up(name);
  if (may_wait) co_await service_->pool.run(verify);
  client_.helo_verified = verified;
  if (must && !verified) {
    Judgement judgement;
    judgement.reply = {550, "5.7.1", "HELO name does not lead to your address"};
    log("rejected \"" + base::printable(context_.command) + "\" from " +
        client_name(client_) + ": it does not lead to the address");
    co_return judgement;
  }
  std::string what = "EHLO or HELO " + name;
  smtp::Reply usual{250, "", ""};
  auto judgement = co_await judge(Phase::helo, what, usual);
  co_return judgement;
}

asio::awaitable<smtp::Reply> Session::mail(const smtp::Mail& command) {
  if (has_literal(command.sender.address()) &&
      !service_->policy().main.boolean("allow_domain_literals", false))
    co_return no_literals(Standard::bad_sender);
  co_await slow_down(service_->settings.slow_mail, dialogue_.messages() + 1);
  forget_message();
  envelope_.sender = command.sender.text();
  envelope_.params = command.params;
  // Nobody may see more of it in the clear than he must (RFC 8689 section 5).
  if (command.params.requiretls && command.params.ret == smtp::DsnReturn::full)
    envelope_.params.ret = smtp::DsnReturn::headers;
  context_.envelope = &envelope_;
  if (auto refusal = no_room(command.params.size.value_or(0))) {
    forget_message();
    co_return *refusal;
  }
  if (command.params.auth && !command.params.auth->empty()) {
    if (client_.login && authentication_.may_name_sender(*client_.login))
      envelope_.authenticated_sender = *command.params.auth;
    else
      log("ignoring AUTH=" + base::printable(*command.params.auth) + " from " +
          client_name(client_));
  }
  const std::string what = "MAIL <" + envelope_.sender + ">";
  const smtp::Reply usual = smtp::standard(Standard::sender_ok);
  auto judgement = co_await judge(Phase::mail, what, usual);
  if (judgement.discarded()) envelope_.discarded = judgement.result.log_message;
  if (judgement.accepted() || judgement.discarded())
    ++client_.messages;
  else
    forget_envelope();
  co_return judgement.reply;
}

asio::awaitable<smtp::Reply> Session::rcpt(const smtp::Rcpt& command) {
  if (has_literal(command.recipient.address()) &&
      !service_->policy().main.boolean("allow_domain_literals", false))
    co_return no_literals(Standard::bad_recipient);
  // The one address without a domain that a client may use is ours.
  std::string address = command.recipient.text();
  if (command.recipient.is_postmaster())
    address += "@" + service_->policy().qualify_recipient;
  const smtp::Transaction& transaction = dialogue_.transaction();
  co_await slow_down(service_->settings.slow_rcpt, transaction.rcpt_count);
  context_.recipient = address;
  context_.rcpt_count = transaction.rcpt_count;
  context_.rcpt_defer_count = transaction.rcpt_defer_count;
  context_.rcpt_fail_count = transaction.rcpt_fail_count;
  const std::string what = "RCPT <" + address + ">";
  const smtp::Reply usual = smtp::standard(Standard::recipient_ok);
  Judgement judgement;
  judgement.reply = usual;
  judgement.result.verdict = policy::AclResult::Verdict::discard;
  judgement.result.log_message = envelope_.discarded.value_or("");
  if (!envelope_.discarded) judgement = co_await judge(Phase::rcpt, what, usual);
  context_.recipient.clear();
  if (judgement.accepted()) {
    envelope_.recipients.push_back({std::move(address), command.params});
  } else if (judgement.discarded()) {
    std::string why = judgement.result.log_message;
    log("H=" + client_name(client_) + " F=<" + envelope_.sender + "> RCPT <" + address +
        ">: discarded by " + (envelope_.discarded ? "MAIL" : "RCPT") + " ACL" +
        (why.empty() ? "" : ": " + why));
  }
  co_return judgement.reply;
}

asio::awaitable<smtp::Reply> Session::vrfy(const smtp::Vrfy& command) {
  std::string text = command.text;
  if (text.starts_with('<') && text.ends_with('>'))
    text = text.substr(1, text.size() - 2);
  smtp::Reply usual = smtp::standard(Standard::cannot_verify);
  if (!service_->policy().main.acl("acl_smtp_vrfy")) co_return usual;
  context_.recipient = text;
  const std::string what = "VRFY " + text;
  auto judgement = co_await judge(Phase::vrfy, what, usual);
  policy::CheckResult found;
  if (judgement.accepted()) {
    auto verify = [&] {
      found = policy::verify_address(service_->policy(), text,
                                     policy::RoutePurpose::verify_recipient, false,
                                     context_);
    };
    co_await service_->pool.run(verify);
  }
  context_.recipient.clear();
  if (!judgement.accepted()) co_return judgement.reply;
  if (found.answer == policy::Answer::yes)
    co_return smtp::Reply{250, "2.1.5", "<" + text + "> is deliverable"};
  if (found.answer == policy::Answer::defer)
    co_return smtp::Reply{451, "4.4.3", "<" + text + "> cannot be resolved now"};
  co_return smtp::Reply{550, "5.1.1", "<" + text + "> " + found.user_message};
}

asio::awaitable<smtp::Reply> Session::expn(const smtp::Expn& command) {
  smtp::Reply usual = smtp::standard(Standard::cannot_expand);
  if (!service_->policy().main.acl("acl_smtp_expn")) co_return usual;
  context_.recipient = command.text;
  std::string what = "EXPN " + command.text;
  smtp::Reply agreed{250, "", ""};
  auto judgement = co_await judge(Phase::expn, what, agreed);
  std::vector<policy::RoutedAddress> routed;
  if (judgement.accepted()) {
    auto route = [&] {
      routed = policy::route(service_->policy(), command.text,
                             policy::RoutePurpose::expn, context_);
    };
    co_await service_->pool.run(route);
  }
  context_.recipient.clear();
  if (!judgement.accepted()) co_return judgement.reply;
  std::string text;
  for (const policy::RoutedAddress& each : routed) {
    bool failed = each.outcome == policy::RoutedAddress::Outcome::fail;
    text += (text.empty() ? "<" : "\n<") + each.address + ">";
    if (failed) text += each.message.empty() ? " is not known" : " " + each.message;
  }
  if (text.empty()) co_return usual;
  co_return smtp::Reply{250, "2.1.5", std::move(text)};
}

// Whoever may ask for a queue run is told that it is taken note of: the runner works by
// its own timetable.
asio::awaitable<smtp::Reply> Session::etrn(const smtp::Etrn& command) {
  if (logs(policy::LogItem::etrn))
    log("ETRN " + base::printable(command.text) + " received from " +
        client_name(client_));
  if (!service_->policy().main.acl("acl_smtp_etrn"))
    co_return smtp::standard(Standard::etrn_refused);
  const std::string what = "ETRN " + command.text;
  const smtp::Reply usual = smtp::standard(Standard::ok);
  auto judgement = co_await judge(Phase::etrn, what, usual);
  co_return judgement.reply;
}

asio::awaitable<smtp::Reply> Session::quit(const smtp::Quit&) {
  said_quit_ = true;
  smtp::Reply usual = smtp::standard(Standard::closing);
  if (!service_->policy().main.acl("acl_smtp_quit")) co_return usual;
  policy::AclResult result = co_await run_acl(Phase::quit);
  if (result.verdict != policy::AclResult::Verdict::accept) {
    log("ACL for QUIT did not accept: " + result.log_message);
    co_return usual;
  }
  policy::AclReply reply = policy::reply_to(Phase::quit, result);
  if (!reply.text.empty()) usual.text = reply.text;
  co_return usual;
}

// Clients in smtp_ratelimit_hosts wait the longer the more they send.
asio::awaitable<void> Session::slow_down(std::optional<Slowdown> slowdown,
                                         unsigned count) {
  if (!slowdown) co_return;
  std::chrono::milliseconds span = slowdown->delay(count);
  if (span.count() == 0) co_return;
  bool slowed = false;
  auto ask = [&] { slowed = asked_.listed("smtp_ratelimit_hosts"); };
  co_await evaluate(Phase::other, ask);
  if (!slowed) co_return;
  co_await flush();
  co_await pause(span);
}

// `declared`: bytes of the message, as far as the client has told.
std::optional<smtp::Reply> Session::no_room(std::uint64_t declared) const {
  // What a message takes beside its own bytes.
  constexpr std::uint64_t kBeside = 5000;
  const Settings& settings = service_->settings;
  bool looks = settings.spool_space > 0 || settings.spool_inodes > 0;
  if (!settings.check_size || !looks) return std::nullopt;
  struct statvfs space{};
  if (::statvfs(service_->world.spool.c_str(), &space) != 0) return std::nullopt;
  std::uint64_t bytes = std::uint64_t{space.f_bavail} * space.f_frsize;
  bool few_inodes = space.f_files > 0 && space.f_favail < settings.spool_inodes;
  if (bytes >= settings.spool_space + declared + kBeside && !few_inodes)
    return std::nullopt;
  log("no room for a message of " + std::to_string(declared) + " bytes from " +
      client_name(client_) + ": " + std::to_string(bytes) + " bytes and " +
      std::to_string(space.f_favail) + " inodes are free");
  return smtp::standard(Standard::no_space);
}

// What a refused MAIL leaves: nothing but the ACL variables it has set.
void Session::forget_envelope() {
  envelope_ = {};
  context_.envelope = nullptr;
}

void Session::forget_message() {
  arriving_.reset();
  forget_envelope();
  context_.message = nullptr;
  context_.rcpt_count = context_.rcpt_defer_count = context_.rcpt_fail_count = 0;
  context_.end_message();
}

}  // namespace receiver
