// SPDX-License-Identifier: Apache-2.0
#include "smtp/dialogue.h"

#include <utility>

namespace smtp {

Dialogue::Dialogue(Offer offer, std::string peer)
    : offer_(std::move(offer)), peer_(std::move(peer)) {}

// RFC 2920 section 3.1, and as Exim enforces it: QUIT and HELP are let through, and
// without PIPELINING everything has to wait for its answer.
bool Dialogue::must_be_last(Verb verb) const {
  switch (verb) {
    case Verb::helo:
    case Verb::ehlo:
    case Verb::data:
    case Verb::noop:
    case Verb::vrfy:
    case Verb::unknown:
      return true;
    case Verb::mail:
    case Verb::rcpt:
    case Verb::rset:
      return !pipelining_advertised();
    case Verb::quit:
    case Verb::help:
      return false;
  }
  std::unreachable();
}

std::optional<Reply> Dialogue::out_of_sync(Verb verb, bool more) {
  if (!more || !must_be_last(verb)) return std::nullopt;
  over_ = true;
  return standard(Standard::out_of_sync);
}

Reply Dialogue::counted(unsigned& errors, unsigned limit, Reply reply) {
  if (++errors <= limit) return reply;
  over_ = true;
  return standard(Standard::too_many_errors);
}

Reply Dialogue::misunderstood(Verb verb, const Reply& problem) {
  note_refusal(verb, problem);
  return problem.code == 500 ? counted(unknown_, offer_.unknown_limit, problem)
                             : counted_error(problem);
}

// Commands that were pipelined behind a refused one are no fault of the client's, who
// could not know.
void Dialogue::note_refusal(Verb verb, const Reply& reply) {
  if (verb == Verb::mail && !has_sender_) sender_refused_ = true;
  if (verb != Verb::rcpt || !has_sender_) return;
  if (recipient_refusal_ && *recipient_refusal_ != reply) refusals_differ_ = true;
  recipient_refusal_ = reply;
}

std::optional<Reply> Dialogue::refuses(const Command& command) {
  std::optional<Reply> refusal;
  if (const auto* mail = std::get_if<Mail>(&command))
    refusal = refuses_mail(*mail);
  else if (std::holds_alternative<Rcpt>(command))
    refusal = refuses_rcpt();
  else if (std::holds_alternative<Data>(command))
    refusal = refuses_data();
  if (refusal) note_refusal(verb_of(command), *refusal);
  return refusal;
}

std::optional<Reply> Dialogue::refuses_mail(const Mail& mail) {
  if (helo_name_.empty()) return counted_error(standard(Standard::need_hello));
  if (has_sender_) return counted_error(standard(Standard::have_sender));
  if (offer_.size_limit > 0 && mail.params.size.value_or(0) > offer_.size_limit)
    return standard(Standard::message_too_big);
  return std::nullopt;
}

std::optional<Reply> Dialogue::refuses_rcpt() {
  if (!has_sender_) {
    Reply reply = standard(Standard::need_sender);
    bool excused = sender_refused_ && pipelining_advertised();
    return excused ? reply : counted_error(std::move(reply));
  }
  if (offer_.recipient_limit > 0 &&
      transaction_.recipients.size() >= offer_.recipient_limit)
    return standard(Standard::too_many_recipients);
  return std::nullopt;
}

std::optional<Reply> Dialogue::refuses_data() {
  if (has_sender_ && !transaction_.recipients.empty()) return std::nullopt;
  Reply reply = has_sender_ ? all_refused() : standard(Standard::need_sender);
  bool excused = (sender_refused_ || recipient_refusal_) && pipelining_advertised();
  return excused ? reply : counted_error(std::move(reply));
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
  reply.text.append(name).append(" [").append(peer_).append("]");
  if (!extended) return reply;
  reply.text += "\nSIZE";
  if (offer_.size_limit > 0) reply.text += " " + std::to_string(offer_.size_limit);
  if (offer_.eight_bit_mime) reply.text += "\n8BITMIME";
  if (offer_.pipelining) reply.text += "\nPIPELINING";
  reply.text += "\nENHANCEDSTATUSCODES\nHELP";
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
    case Verb::rset:
    case Verb::noop:
      return standard(Standard::ok);
    case Verb::quit:
      return standard(Standard::closing);
    case Verb::vrfy:
      return standard(Standard::cannot_verify);
    case Verb::help:
      return standard(Standard::help);
    case Verb::unknown:
      break;  // no Command has it
  }
  std::unreachable();
}

void Dialogue::apply(const Command& command, const Reply& reply) {
  if (reply.code == 421) over_ = true;
  Verb verb = verb_of(command);
  if (!reply.positive()) return note_refusal(verb, reply);
  switch (verb) {
    case Verb::helo:
    case Verb::ehlo:
      forget_transaction();
      extended_ = verb == Verb::ehlo;
      helo_name_ =
          extended_ ? std::get<Ehlo>(command).name : std::get<Helo>(command).name;
      break;
    case Verb::mail:
      forget_transaction();
      has_sender_ = true;
      transaction_.sender = std::get<Mail>(command).sender;
      transaction_.params = std::get<Mail>(command).params;
      break;
    case Verb::rcpt:
      transaction_.recipients.push_back(std::get<Rcpt>(command).recipient);
      break;
    case Verb::data:
      awaits_message_ = true;
      break;
    case Verb::rset:
      forget_transaction();
      break;
    case Verb::quit:
      over_ = true;
      break;
    default:
      break;
  }
}

void Dialogue::message_over() {
  awaits_message_ = false;
  forget_transaction();
}

void Dialogue::forget_transaction() {
  transaction_ = {};
  has_sender_ = false;
  sender_refused_ = false;
  recipient_refusal_.reset();
  refusals_differ_ = false;
}

}  // namespace smtp
