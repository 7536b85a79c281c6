// SPDX-License-Identifier: Apache-2.0
#include "smtp/dialogue.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace smtp {

namespace {

// Exim's words for $smtp_notquit_reason.
constexpr std::string_view kOutOfSync = "synchronization-error";
constexpr std::string_view kBadCommands = "bad-commands";
constexpr std::string_view kSyntaxOrProtocol = "bad-command-synprot";
constexpr std::string_view kDropped = "acl-drop";

// A refused chunk is read to its end, so that what follows is a command again; a client
// that announces more than this loses the connection.
constexpr std::uint64_t kLargestSwallowedChunk = std::uint64_t{64} << 20;

bool may_come_early(Verb verb) {
  switch (verb) {
    case Verb::ehlo:
    case Verb::mail:
    case Verb::rcpt:
    case Verb::data:
    case Verb::bdat:
    case Verb::auth:
    case Verb::starttls:
      return true;
    default:
      return false;
  }
}

}  // namespace

Dialogue::Dialogue(Offer offer, std::string peer)
    : offer_(std::move(offer)), peer_(std::move(peer)) {}

// RFC 2920 section 3.1, and as Exim enforces it: QUIT and HELP are let through, AUTH
// and BDAT too, and without PIPELINING everything has to wait for its answer.
bool Dialogue::must_be_last(Verb verb) const {
  switch (verb) {
    case Verb::ehlo:
      return !early_;
    case Verb::helo:
    case Verb::data:
    case Verb::noop:
    case Verb::vrfy:
    case Verb::expn:
    case Verb::etrn:
    case Verb::starttls:
    case Verb::xclient:
    case Verb::unknown:
      return true;
    case Verb::mail:
    case Verb::rcpt:
      return !pipelining_advertised() && !early_;
    case Verb::rset:
      return !pipelining_advertised();
    case Verb::auth:
      return early_;
    case Verb::bdat:
    case Verb::quit:
    case Verb::help:
      return false;
  }
  std::unreachable();
}

std::optional<Reply> Dialogue::out_of_sync(Verb verb, bool more) {
  // What a stranger put behind STARTTLS must never look as if it came through TLS.
  if (!offer_.enforce_sync && verb != Verb::starttls) return std::nullopt;
  bool too_soon = more && must_be_last(verb);
  if (!too_soon && (!early_ || may_come_early(verb))) return std::nullopt;
  end(kOutOfSync);
  return standard(Standard::out_of_sync);
}

std::optional<Reply> Dialogue::early_input() {
  if (!offer_.enforce_sync) return std::nullopt;
  early_ = offer_.pipe_connect && offer_.pipelining;
  if (early_) return std::nullopt;
  end(kOutOfSync);
  return standard(Standard::out_of_sync);
}

void Dialogue::end(std::string_view reason) {
  over_ = true;
  if (notquit_reason_.empty()) notquit_reason_ = reason;
}

Reply Dialogue::counted(unsigned& errors, unsigned limit, std::string_view reason,
                        Reply reply) {
  if (++errors <= limit) return reply;
  end(reason);
  return standard(Standard::too_many_errors);
}

Reply Dialogue::counted_error(Reply reply) {
  return counted(errors_, offer_.error_limit, kSyntaxOrProtocol, std::move(reply));
}

Reply Dialogue::misunderstood(Verb verb, const Reply& problem) {
  if (only_quit_) return counted_error(*only_quit_);
  if (verb == Verb::rcpt && has_sender_) ++transaction_.rcpt_count;
  note_refusal(verb, problem);
  if (in_chunks()) chunks_ = Chunks::broken;
  Reply reply = problem.code == 500
                    ? counted(unknown_, offer_.unknown_limit, kBadCommands, problem)
                    : counted_error(problem);
  // Nobody knows how many of the next octets are no commands.
  if (verb == Verb::bdat) end(kSyntaxOrProtocol);
  return reply;
}

// Commands that were pipelined behind a refused one are no fault of the client's, who
// could not know.
void Dialogue::note_refusal(Verb verb, const Reply& reply) {
  if (verb == Verb::mail && !has_sender_) sender_refused_ = true;
  if (verb == Verb::data && !transaction_.recipients.empty()) data_refused_ = true;
  if (verb != Verb::rcpt || !has_sender_) return;
  ++(reply.temporary() ? transaction_.rcpt_defer_count : transaction_.rcpt_fail_count);
  if (recipient_refusal_ && *recipient_refusal_ != reply) refusals_differ_ = true;
  recipient_refusal_ = reply;
}

std::optional<Reply> Dialogue::refuses(const Command& command) {
  chunk_.reset();
  const auto* bdat = std::get_if<Bdat>(&command);
  if (std::holds_alternative<Rcpt>(command) && has_sender_) ++transaction_.rcpt_count;
  std::optional<Reply> refusal = refusal_of(command);
  if (bdat) chunk_ = Chunk{bdat->size, bdat->last, !refusal};
  if (!refusal) return refusal;
  note_refusal(verb_of(command), *refusal);
  if (bdat && bdat->size > kLargestSwallowedChunk) {
    chunk_->size = 0;
    end(kSyntaxOrProtocol);
  }
  return refusal;
}

std::optional<Reply> Dialogue::refusal_of(const Command& command) {
  const Verb verb = verb_of(command);
  if (auto refusal = refuses_now(verb)) return refusal;
  if (auto refusal = refuses_nonmail(verb)) return refusal;
  switch (verb) {
    case Verb::helo:
      return refuses_hello(std::get<Helo>(command).name);
    case Verb::ehlo:
      return refuses_hello(std::get<Ehlo>(command).name);
    case Verb::mail:
      return refuses_mail(std::get<Mail>(command));
    case Verb::rcpt:
      return refuses_rcpt(std::get<Rcpt>(command));
    case Verb::data:
      return refuses_data();
    case Verb::bdat:
      return refuses_bdat(std::get<Bdat>(command));
    case Verb::starttls:
      return refuses_starttls();
    case Verb::auth:
      return refuses_auth(std::get<Auth>(command));
    case Verb::xclient:
      return refuses_xclient();
    default:
      return std::nullopt;
  }
}

// What does not depend on the command's argument: a session that is over but for QUIT,
// and a message that comes in chunks.
std::optional<Reply> Dialogue::refuses_now(Verb verb) {
  if (verb == Verb::quit) return std::nullopt;
  if (only_quit_) return counted_error(*only_quit_);
  if (chunks_ == Chunks::none || verb == Verb::rset) return std::nullopt;
  if (chunks_ == Chunks::broken) {
    bool excused = verb == Verb::bdat && pipelining_advertised();
    return excused ? standard(Standard::need_reset)
                   : counted_error(Standard::need_reset);
  }
  if (verb == Verb::bdat || verb == Verb::noop) return std::nullopt;
  chunks_ = Chunks::broken;
  return counted_error(Standard::need_bdat);
}

std::optional<Reply> Dialogue::refuses_nonmail(Verb verb) {
  bool none = false;
  bool* free = &none;
  switch (verb) {
    case Verb::helo:
    case Verb::ehlo:
      free = &free_hello_;
      break;
    case Verb::rset:
      free = &free_rset_;
      break;
    case Verb::starttls:
      free = &free_starttls_;
      break;
    case Verb::auth:
      free = &free_auth_;
      break;
    case Verb::noop:
    case Verb::vrfy:
    case Verb::expn:
    case Verb::etrn:
    case Verb::help:
      break;
    default:
      return std::nullopt;
  }
  if (std::exchange(*free, false)) return std::nullopt;
  if (offer_.nonmail_limit == 0 || ++nonmail_ <= offer_.nonmail_limit)
    return std::nullopt;
  end(kBadCommands);
  return standard(Standard::too_many_nonmail);
}

std::optional<Reply> Dialogue::refuses_hello(std::string_view name) {
  if (offer_.helo_accept_junk || is_hello_name(name, offer_.helo_allow_chars))
    return std::nullopt;
  return counted_error(Standard::bad_hello);
}

std::optional<Reply> Dialogue::refuses_mail(const Mail& mail) {
  if (offer_.require_helo && helo_name_.empty())
    return counted_error(Standard::need_hello);
  if (has_sender_) return counted_error(Standard::have_sender);
  if (offer_.messages_per_connection > 0 &&
      messages_ >= offer_.messages_per_connection) {
    end(kBadCommands);
    return standard(Standard::too_many_messages);
  }
  if (auto refusal = refuses_mail_params(mail)) return refusal;
  if (offer_.size_limit > 0 && mail.params.size.value_or(0) > offer_.size_limit)
    return standard(Standard::message_too_big);
  return std::nullopt;
}

// A parameter counts if EHLO listed its extension.
std::optional<Reply> Dialogue::refuses_mail_params(const Mail& mail) {
  const MailParams& params = mail.params;
  auto listed = [&](bool Offer::* extension) {
    return advertised_ && (*advertised_).*extension;
  };
  bool fits = (!params.size || advertised_) &&
              (params.body == BodyType::unsaid || listed(&Offer::eight_bit_mime)) &&
              (!params.smtputf8 ||
               (listed(&Offer::smtputf8) && listed(&Offer::eight_bit_mime))) &&
              ((params.ret == DsnReturn::unsaid && params.envid.empty()) ||
               listed(&Offer::dsn)) &&
              (!params.auth ||
               (advertised_ && (authenticated_ || !advertised_->auth.empty()))) &&
              (!params.requiretls || (in_tls_ && listed(&Offer::requiretls)));
  if (!fits) return counted_error(Standard::unknown_parameter);
  if (params.body == BodyType::binary_mime &&
      !(listed(&Offer::chunking) && listed(&Offer::binary_mime)))
    return counted_error(Standard::bad_parameter);
  if (!params.smtputf8 && !is_ascii(mail.sender.text()))
    return counted_error(Standard::need_smtputf8);
  return std::nullopt;
}

std::optional<Reply> Dialogue::refuses_rcpt(const Rcpt& rcpt) {
  if (!has_sender_) {
    bool excused = sender_refused_ && pipelining_advertised();
    return excused ? standard(Standard::need_sender)
                   : counted_error(Standard::need_sender);
  }
  const RcptParams& params = rcpt.params;
  if ((params.notify != 0 || !params.orcpt.empty()) &&
      !(advertised_ && advertised_->dsn))
    return counted_error(Standard::unknown_parameter);
  if (!transaction_.params.smtputf8 &&
      !(is_ascii(rcpt.recipient.text()) && is_ascii(params.orcpt)))
    return counted_error(Standard::need_smtputf8);
  if (offer_.recipient_limit == 0 ||
      transaction_.recipients.size() < offer_.recipient_limit)
    return std::nullopt;
  if (!offer_.recipients_max_reject) return standard(Standard::too_many_recipients);
  over_recipient_limit_ = true;
  return standard(Standard::recipient_limit);
}

// Content needs a sender and a recipient.
std::optional<Reply> Dialogue::refuses_content() {
  if (over_recipient_limit_) return standard(Standard::over_recipient_limit);
  if (has_sender_ && !transaction_.recipients.empty()) return std::nullopt;
  Reply reply = has_sender_ ? all_refused() : standard(Standard::need_sender);
  bool excused = (sender_refused_ || recipient_refusal_) && pipelining_advertised();
  return excused ? reply : counted_error(std::move(reply));
}

std::optional<Reply> Dialogue::refuses_data() {
  if (has_sender_ && transaction_.params.body == BodyType::binary_mime)
    return counted_error(Standard::need_bdat);
  return refuses_content();
}

// BDAT has no predata check, so a DATA that one refused must not come back as BDAT.
std::optional<Reply> Dialogue::refuses_bdat(const Bdat& bdat) {
  if (!advertised_ || !advertised_->chunking)
    return counted_error(Standard::not_offered);
  if (data_refused_) return counted_error(Standard::need_data);
  if (auto refusal = refuses_content()) return refusal;
  if (bdat.size == 0 && !bdat.last) return counted_error(Standard::empty_chunk);
  const std::uint64_t limit = offer_.size_limit;
  if (limit == 0 || (bdat.size <= limit && chunk_total_ <= limit - bdat.size))
    return std::nullopt;
  // No chunk but a trap, for servers that keep the lower 32 bits.
  if (bdat.size > std::numeric_limits<std::uint32_t>::max())
    return counted_error(Standard::bad_parameter);
  chunks_ = Chunks::broken;
  return standard(Standard::message_too_big);
}

std::optional<Reply> Dialogue::refuses_starttls() {
  if (in_tls_) return counted_error(Standard::tls_active);
  if (advertised_ && advertised_->starttls) return std::nullopt;
  return counted_error(Standard::not_offered);
}

std::optional<Reply> Dialogue::refuses_auth(const Auth& auth) {
  if (authenticated_) return counted_error(Standard::already_authenticated);
  if (has_sender_) return counted_error(Standard::in_transaction);
  const bool advertised = advertised_ && !advertised_->auth.empty();
  if (!advertised && !offer_.auth_unadvertised)
    return counted_error(Standard::not_offered);
  const auto& mechanisms = advertised ? advertised_->auth : offer_.auth;
  if (std::ranges::find(mechanisms, auth.mechanism) != mechanisms.end())
    return std::nullopt;
  return counted_error(Standard::unknown_mechanism);
}

// To whom it is offered is known from EHLO on.
std::optional<Reply> Dialogue::refuses_xclient() {
  if (offer_.require_helo && helo_name_.empty())
    return counted_error(Standard::need_hello);
  if (!offer_.xclient) return counted_error(Standard::xclient_refused);
  if (has_sender_) return counted_error(Standard::in_transaction);
  return std::nullopt;
}

// Where every recipient was refused in the same words, DATA is answered with them.
Reply Dialogue::all_refused() const {
  Reply reply = standard(Standard::need_recipient);
  if (!recipient_refusal_ || refusals_differ_) return reply;
  std::string words = format_reply(*recipient_refusal_);
  std::erase(words, '\r');
  reply.text.insert(0, "every recipient was refused:\n" + words);
  return reply;
}

Reply Dialogue::hello(std::string_view name, bool extended) const {
  Reply reply{250, "", offer_.hostname + " Hello "};
  reply.text.append(peer_name_.empty() ? name : peer_name_);
  reply.text.append(" [").append(peer_).append("]");
  if (extended) reply.text += keywords();
  return reply;
}

// In Exim's order; what it does not know stands where it belongs.
std::string Dialogue::keywords() const {
  std::string text = "\nSIZE";
  auto list = [&](bool offered, std::string_view keyword) {
    if (offered) text.append("\n").append(keyword);
  };
  auto number = [](std::string_view name, std::size_t limit) {
    return limit > 0 ? std::string(name) + std::to_string(limit) : std::string();
  };
  text += number(" ", offer_.size_limit);
  std::string limits = number(" MAILMAX=", offer_.messages_per_connection) +
                       number(" RCPTMAX=", offer_.recipient_limit);
  list(offer_.limits && !limits.empty(), "LIMITS" + limits);
  list(offer_.eight_bit_mime, "8BITMIME");
  list(offer_.dsn, "DSN");
  list(offer_.etrn, "ETRN");
  list(offer_.vrfy, "VRFY");
  list(offer_.expn, "EXPN");
  list(offer_.pipelining, "PIPELINING");
  list(offer_.pipelining && offer_.pipe_connect, "PIPECONNECT");
  list(!offer_.auth.empty(), "AUTH");
  for (const std::string& mechanism : offer_.auth) text.append(" ").append(mechanism);
  list(offer_.chunking, "CHUNKING");
  list(offer_.chunking && offer_.binary_mime, "BINARYMIME");
  list(offer_.starttls && !in_tls_, "STARTTLS");
  list(offer_.xclient, "XCLIENT " + std::string(kXclientAttributes));
  list(offer_.smtputf8 && offer_.eight_bit_mime, "SMTPUTF8");
  list(offer_.requiretls && in_tls_, "REQUIRETLS");
  return text += "\nENHANCEDSTATUSCODES\nHELP";
}

Reply Dialogue::help() const {
  Reply reply = standard(Standard::help);
  if (offer_.chunking) reply.text += " BDAT";
  if (offer_.starttls && !in_tls_) reply.text += " STARTTLS";
  if (!offer_.auth.empty()) reply.text += " AUTH";
  return reply;
}

Reply Dialogue::usual_answer(const Command& command) const {
  switch (verb_of(command)) {
    case Verb::helo:
      return hello(std::get<Helo>(command).name, false);
    case Verb::ehlo:
      return hello(std::get<Ehlo>(command).name, true);
    case Verb::mail:
      return standard(Standard::sender_ok);
    case Verb::rcpt:
      return standard(Standard::recipient_ok);
    case Verb::data:
      return standard(Standard::start_content);
    case Verb::bdat:
      return std::get<Bdat>(command).last
                 ? standard(Standard::accepted)
                 : chunk_received(std::get<Bdat>(command).size);
    case Verb::rset:
    case Verb::noop:
      return standard(Standard::ok);
    case Verb::quit:
      return standard(Standard::closing);
    case Verb::vrfy:
      return standard(Standard::cannot_verify);
    case Verb::expn:
      return standard(offer_.expn ? Standard::cannot_verify : Standard::cannot_expand);
    case Verb::etrn:
      return standard(offer_.etrn ? Standard::ok : Standard::etrn_refused);
    case Verb::help:
      return help();
    case Verb::starttls:
      return standard(Standard::start_tls);
    case Verb::auth:
      return standard(Standard::authenticated);
    case Verb::xclient:
      return standard(Standard::xclient_taken);
    case Verb::unknown:
      break;  // no Command has it
  }
  std::unreachable();
}

void Dialogue::apply(const Command& command, const Reply& reply) {
  if (reply.code == 421) end(kDropped);
  const Verb verb = verb_of(command);
  if (verb == Verb::bdat) return apply_bdat(std::get<Bdat>(command), reply);
  if (!reply.positive()) return note_refusal(verb, reply);
  switch (verb) {
    case Verb::helo:
      greeted(std::get<Helo>(command).name, false);
      break;
    case Verb::ehlo:
      greeted(std::get<Ehlo>(command).name, true);
      break;
    case Verb::mail: {
      forget_transaction();
      has_sender_ = true;
      transaction_.sender = std::get<Mail>(command).sender;
      MailParams& params = transaction_.params = std::get<Mail>(command).params;
      if (params.requiretls && params.ret == DsnReturn::full)
        params.ret = DsnReturn::headers;  // RFC 8689 section 5
      ++messages_;
      free_hello_ = free_rset_ = free_starttls_ = true;
      break;
    }
    case Verb::rcpt:
      transaction_.recipients.push_back(std::get<Rcpt>(command));
      break;
    case Verb::data:
      awaits_message_ = true;
      early_ = false;
      break;
    case Verb::rset:
    case Verb::starttls:
      forget_transaction();
      break;
    case Verb::auth:
      authenticated_ = true;
      break;
    case Verb::quit:
      over_ = true;
      break;
    default:
      break;
  }
}

void Dialogue::apply_bdat(const Bdat& bdat, const Reply& reply) {
  const bool kept = chunk_ && chunk_->kept;
  chunk_.reset();
  early_ = false;
  if (!kept) return;
  chunk_total_ += bdat.size;
  chunks_ = reply.positive() ? Chunks::open : Chunks::broken;
}

void Dialogue::greeted(std::string name, bool extended) {
  forget_transaction();
  helo_name_ = std::move(name);
  advertised_ = extended ? std::optional(offer_) : std::nullopt;
}

void Dialogue::message_over() {
  awaits_message_ = false;
  forget_transaction();
}

void Dialogue::tls_started() {
  in_tls_ = true;
  forget_greeting();
  free_auth_ = true;
}

void Dialogue::identity_changed(std::string peer, bool logged_in) {
  forget_greeting();
  peer_ = std::move(peer);
  peer_name_.clear();
  authenticated_ = logged_in;
}

void Dialogue::forget_greeting() {
  forget_transaction();
  helo_name_.clear();
  advertised_.reset();
  authenticated_ = false;
  early_ = false;
  free_hello_ = true;
}

void Dialogue::forget_transaction() {
  transaction_ = {};
  has_sender_ = false;
  sender_refused_ = false;
  recipient_refusal_.reset();
  refusals_differ_ = false;
  over_recipient_limit_ = false;
  data_refused_ = false;
  chunks_ = Chunks::none;
  chunk_total_ = 0;
}

}  // namespace smtp
