// SPDX-License-Identifier: Apache-2.0
#include "receiver/session.h"

#include <utility>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include "base/failures.h"
#include "base/text.h"
#include "policy/replies.h"
#include "receiver/received_header.h"
#include "smtp/command.h"

namespace receiver {

namespace {

using boost::system::system_error;
using policy::AclResult;
using policy::LogItem;
using smtp::Standard;

// How much of an ill-behaved client's input is shown in the log, and how much of it is
// read before we close, so that our last words are not lost in a reset.
constexpr std::size_t kShownInput = 150;
constexpr std::size_t kSwallowedInput = std::size_t{1} << 20;

// A client that does not read what we say is waited for no longer than this.
constexpr net::Span kLongestWrite = std::chrono::seconds(60);

bool is_temporary(const AclResult& result) {
  return result.verdict == AclResult::Verdict::defer ||
         result.verdict == AclResult::Verdict::error;
}

// AUTH without the initial response, which may be a password.
std::string without_secret(const std::string& line) {
  if (smtp::verb_of(line) != smtp::Verb::auth) return line;
  std::size_t mechanism = line.find_first_not_of(' ', std::string_view("AUTH").size());
  return line.substr(0, line.find(' ', std::min(mechanism, line.size())));
}

// The policy's words where it has some; our enhanced code where it has none of its own.
smtp::Reply spoken(const policy::AclReply& reply, const smtp::Reply& usual) {
  if (reply.text.empty()) return usual;
  int code = std::atoi(reply.code.c_str());
  std::string enhanced = reply.enhanced;
  if (enhanced.empty() && code / 100 == usual.code / 100) enhanced = usual.enhanced;
  if (enhanced.empty() && code >= 400) enhanced = code < 500 ? "4.7.1" : "5.7.1";
  return {code, std::move(enhanced), reply.text};
}

}  // namespace

Session::Session(net::Stream stream, std::shared_ptr<const Service> service,
                 Neighbours neighbours, Opening opening, Seats::Seat seat)
    : service_(std::move(service)),
      neighbours_(std::move(neighbours)),
      stream_(std::move(stream)),
      lines_(stream_, smtp::kLongestCommand),
      context_(service_->world, client_),
      asked_(service_->policy(), service_->settings, context_),
      authentication_(neighbours_.authenticators, context_, client_, &service_->pool),
      dialogue_(service_->settings.offer, stream_.peer().address),
      opening_(opening),
      seat_(std::move(seat)) {
  context_.sessions_at_start = seat_.number();
  client_.socket_peer = client_.peer = stream_.peer();
  client_.local = stream_.local();
}

Session::~Session() = default;

asio::awaitable<void> Session::run() {
  boost::system::error_code how;
  try {
    co_await converse();
  } catch (const system_error& gone) {
    how = gone.code();
  }
  if (how == asio::error::operation_aborted) co_return last_words();
  if (how) co_await end_of_client(how);
  co_await note_end();
}

asio::awaitable<void> Session::converse() {
  bool met = co_await meet();
  while (met && !over()) {
    if (dismissed_ && !dialogue_.in_transaction()) {
      say(smtp::standard(Standard::shutting_down));
      hang_up("signal-exit");
      break;
    }
    net::LineReader::Line line = co_await next_line();
    std::string text(line.text);
    smtp::Reply reply = co_await answer(text, line.too_long);
    if (dialogue_.over()) note_errors(text, reply);
    say(reply);
    if (dialogue_.awaits_message()) {
      reply = co_await receive_message();
      say(reply);
    }
    if (message_done_) co_await let_go();
    if (std::exchange(tls_due_, false)) co_await finish_starttls();
  }
  co_await leave();
}

asio::awaitable<net::LineReader::Line> Session::next_line() {
  if (lines_.has_line())
    pipelined_ = true;
  else
    co_await flush();
  idle_ = !dialogue_.in_transaction();
  net::LineReader::Line line = co_await lines_.next(service_->settings.timeout);
  idle_ = false;
  co_return line;
}

asio::awaitable<smtp::Reply> Session::answer(std::string line, bool too_long) {
  smtp::Verb verb = smtp::verb_of(line);
  bool more = dialogue_.must_be_last(verb) && lines_.has_input();
  if (auto refusal = dialogue_.out_of_sync(verb, more)) {
    co_await lost_synchronisation(line);
    co_return *refusal;
  }
  if (too_long)
    co_return dialogue_.misunderstood(verb, smtp::standard(Standard::line_too_long));
  auto command = smtp::parse_command(line);
  if (!command) {
    if (logs(LogItem::smtp_syntax_error))
      log("SMTP syntax error in \"" + base::printable(without_secret(line)) +
          "\" H=" + client_name(client_) + " " + command.error().text);
    co_return dialogue_.misunderstood(verb, command.error());
  }
  context_.command = without_secret(line);
  context_.argument = smtp::command_argument(context_.command);
  auto refusal = dialogue_.refuses(*command);
  if (const auto* chunk = std::get_if<smtp::Bdat>(&*command)) {
    smtp::Bdat bdat = *chunk;
    smtp::Reply reply = co_await take_chunk(bdat, std::move(refusal));
    context_.end_command();
    co_return reply;
  }
  if (refusal) co_return *refusal;
  smtp::Reply reply = co_await perform(*command);
  dialogue_.apply(*command, reply);  // moves on only if the reply is 2xx or 3xx
  if (std::holds_alternative<smtp::Xclient>(*command) && reply.completed())
    dialogue_.identity_changed(client_.peer.address, client_.login.has_value());
  if (!dialogue_.awaits_message()) context_.end_command();
  co_return reply;
}

asio::awaitable<smtp::Reply> Session::perform(const smtp::Command& command) {
  switch (smtp::verb_of(command)) {
    case smtp::Verb::helo:
    case smtp::Verb::ehlo:
      return hello(command);
    case smtp::Verb::mail:
      return mail(std::get<smtp::Mail>(command));
    case smtp::Verb::rcpt:
      return rcpt(std::get<smtp::Rcpt>(command));
    case smtp::Verb::data:
      return data(std::get<smtp::Data>(command));
    case smtp::Verb::vrfy:
      return vrfy(std::get<smtp::Vrfy>(command));
    case smtp::Verb::expn:
      return expn(std::get<smtp::Expn>(command));
    case smtp::Verb::etrn:
      return etrn(std::get<smtp::Etrn>(command));
    case smtp::Verb::starttls:
      return starttls(std::get<smtp::StartTls>(command));
    case smtp::Verb::auth:
      return auth(std::get<smtp::Auth>(command));
    case smtp::Verb::xclient:
      return xclient(std::get<smtp::Xclient>(command));
    case smtp::Verb::quit:
      return quit(std::get<smtp::Quit>(command));
    default:
      return plain(command);
  }
}

// RSET, NOOP and HELP need nobody's opinion.
asio::awaitable<smtp::Reply> Session::plain(const smtp::Command& command) {
  if (std::holds_alternative<smtp::Rset>(command)) forget_message();
  co_return dialogue_.usual_answer(command);
}

asio::awaitable<void> Session::evaluate(Phase phase, std::function<void()> job) {
  if (!service_->waits[static_cast<std::size_t>(phase)]) co_return job();
  auto waiting = [&job] { job(); };
  co_await service_->pool.run(waiting);
}

asio::awaitable<AclResult> Session::run_acl(Phase phase) {
  AclResult result;
  auto run = [&] { result = policy::run_acl(service_->policy(), phase, context_); };
  co_await evaluate(phase, run);
  co_return result;
}

asio::awaitable<Session::Judgement> Session::judge(Phase phase, const std::string& what,
                                                   const smtp::Reply& usual) {
  Judgement judgement;
  judgement.result = co_await run_acl(phase);
  co_await wait_as_told();
  const AclResult& result = judgement.result;
  policy::AclReply reply = policy::reply_to(phase, result);
  if (judgement.accepted() || judgement.discarded()) {
    judgement.reply = spoken(reply, usual);
  } else {
    log_refusal(what, result);
    smtp::Reply ours = smtp::standard(is_temporary(result) ? Standard::refused_for_now
                                                           : Standard::refused);
    judgement.reply = spoken(reply, ours);
  }
  if (context_.session.no_multiline_responses)
    judgement.reply.text.resize(
        std::min(judgement.reply.text.find('\n'), judgement.reply.text.size()));
  if (reply.close) hang_up("acl-drop");
  co_return judgement;
}

void Session::log_refusal(std::string_view what, const AclResult& result) {
  bool knows_sender = context_.envelope && !what.starts_with("MAIL");
  std::string line = context_.who();
  if (client_.tls) line += describe_tls(client_, service_->settings.log);
  if (client_.login)
    line += " A=" + client_.login->authenticator + ":" + client_.login->id;
  if (knows_sender) line += " F=<" + envelope_.sender + ">";
  line.append(is_temporary(result) ? " temporarily rejected " : " rejected ")
      .append(what);
  if (!result.log_message.empty())
    line += ": " + result.log_message.substr(0, result.log_message.find('\n'));
  context_.log(result.reject_logs, line);
}

asio::awaitable<void> Session::wait_as_told() {
  std::chrono::seconds told = context_.take_delay();
  if (told.count() == 0) co_return;
  if (!context_.session.no_delay_flush) co_await flush();
  co_await pause(told);
}

// Ends early when the client goes away.
asio::awaitable<void> Session::pause(std::chrono::milliseconds span) {
  constexpr std::chrono::milliseconds kLook(500);
  while (span.count() > 0) {
    if (stream_.peer_gone()) throw system_error(asio::error::eof);
    std::chrono::milliseconds part = std::min(span, kLook);
    co_await net::sleep_for(part);
    span -= part;
  }
}

// With what the client sent too soon, as far as it is here.
asio::awaitable<void> Session::lost_synchronisation(const std::string& line) {
  std::string_view input = co_await lines_.some(service_->settings.timeout);
  log("SMTP protocol synchronization error (next input sent too soon): rejected \"" +
      base::printable(line) + "\" H=" + client_name(client_) + " next input=\"" +
      base::printable(input.substr(0, kShownInput)) + "\"");
}

// Whoever is dropped for his commands is not told much; the log is.
void Session::note_errors(const std::string& line, const smtp::Reply& reply) {
  const std::string_view reason = dialogue_.notquit_reason();
  const bool unknown = reason == "bad-commands";
  if (!unknown && reason != "bad-command-synprot") return;
  std::string why = reply.text;
  if (reply == smtp::standard(Standard::too_many_errors))
    why = unknown ? "too many unrecognized commands"
                  : "too many syntax or protocol errors";
  context_.log("main,reject", "SMTP call from " + client_name(client_) +
                                  " dropped: " + why + " (last command was \"" +
                                  base::printable(without_secret(line)) + "\")");
}

// The client is gone or silent, or we were told to go.
asio::awaitable<void> Session::end_of_client(boost::system::error_code how) {
  bool silent = how == asio::error::timed_out;
  bool in_message = arriving_ && !arriving_->kept;
  std::string name = client_name(client_);
  if (in_message)
    log((silent ? "SMTP data timeout (message abandoned) on connection from "
                : "SMTP connection lost (message abandoned) from ") +
        name + " F=<" + envelope_.sender + ">");
  else if (silent)
    log("SMTP command timeout on connection from " + name);
  else if (logs(LogItem::lost_incoming_connection))
    log("unexpected disconnection while reading SMTP command from " + name);
  arriving_.reset();
  hang_up(!silent      ? "connection-lost"
          : in_message ? "data-timeout"
                       : "command-timeout");
  if (!silent) co_return;
  say(smtp::standard(in_message ? Standard::data_timeout : Standard::command_timeout));
  try {
    co_await leave();
  } catch (const system_error&) {
    stream_.close();
  }
}

// What is to be done when the connection is over, however it ended.
asio::awaitable<void> Session::note_end() {
  std::string name = client_name(client_);
  if (said_quit_) {
    if (logs(LogItem::smtp_connection))
      log("SMTP connection from " + name + " closed by QUIT");
    co_return;
  }
  if (logs(LogItem::smtp_connection)) log("SMTP connection from " + name + " closed");
  if (!service_->policy().main.acl("acl_smtp_notquit")) co_return;
  std::string_view reason = dialogue_.notquit_reason();
  context_.notquit_reason = reason.empty() ? notquit_reason_ : std::string(reason);
  AclResult result = co_await run_acl(Phase::notquit);
  if (result.verdict != AclResult::Verdict::accept)
    log("ACL for not-QUIT did not accept: " + result.log_message);
}

void Session::hang_up(std::string_view reason) {
  hung_up_ = true;
  if (notquit_reason_.empty()) notquit_reason_ = reason;
}

asio::awaitable<void> Session::dismiss() {
  dismissed_ = true;
  if (!idle_) co_return;
  say(smtp::standard(Standard::shutting_down));
  hang_up("signal-exit");
  co_await flush();
  stream_.close();  // run() is reading from it, and ends
}

asio::awaitable<void> Session::leave() {
  co_await flush();
  std::size_t swallowed = 0;
  while (swallowed < kSwallowedInput && lines_.has_input()) {
    std::string_view input = co_await lines_.some(service_->settings.timeout);
    swallowed += input.size();
    lines_.consume(input.size());
  }
  stream_.close();
}

void Session::say(const smtp::Reply& reply) {
  neighbours_.tally.told(reply);
  // No other code can follow lines of a 250.
  if (std::exchange(kept_alive_, false) && reply.code != 250)
    return hang_up("local-scan-error");
  smtp::append_reply(unsent_, reply);
}

asio::awaitable<void> Session::flush() {
  std::string bytes = std::exchange(unsent_, {});
  if (bytes.empty()) co_return;
  try {
    co_await stream_.write(bytes, std::min(service_->settings.timeout, kLongestWrite));
  } catch (const system_error& how) {
    if (how.code() == asio::error::operation_aborted) unsent_.insert(0, bytes);
    throw;
  }
}

// We were told to stop, or have left the client: nothing is waited for, but the answer
// to what was committed still goes out if it can.
void Session::last_words() {
  if (!stream_.is_open()) return;
  say(smtp::standard(Standard::shutting_down));
  stream_.write_now(unsent_);
}

void Session::log(std::string_view text) const {
  std::string id = arriving_ ? arriving_->file.id().str() : std::string();
  auto written = service_->world.main_log.write(id, text);
  if (!written) base::complain(written.error().text);
}

}  // namespace receiver
