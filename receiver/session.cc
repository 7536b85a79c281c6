// SPDX-License-Identifier: Apache-2.0
#include "receiver/session.h"

#include <utility>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include "base/failures.h"
#include "base/text.h"
#include "base/version.h"
#include "receiver/h_lines.h"

namespace receiver {

namespace {

using boost::system::system_error;
using smtp::Standard;

// Body bytes go to the disk in pieces of about this size.
constexpr std::size_t kBlock = 65536;

// How much of an ill-behaved client's input is shown in the log, and how much of it is
// read before we close, so that our last words are not lost in a reset.
constexpr std::size_t kShownInput = 150;
constexpr std::size_t kSwallowedInput = std::size_t{1} << 20;

}  // namespace

Session::Session(net::Stream stream, const Service& service)
    : service_(service),
      stream_(std::move(stream)),
      lines_(stream_, smtp::kLongestCommand),
      dialogue_(service.offer, stream_.peer().address) {}

asio::awaitable<void> Session::run() {
  boost::system::error_code how;
  try {
    co_await converse();
  } catch (const system_error& gone) {
    how = gone.code();
  }
  if (how) co_await end_of_client(how);
}

asio::awaitable<void> Session::converse() {
  std::string program = "bobbin " + std::string(base::kVersion) + " " +
                        format_mail_date(service_.clock.now());
  if (lines_.has_input()) {
    co_await lost_synchronisation("connection");
    say(smtp::standard(Standard::out_of_sync));
    co_return co_await leave();
  }
  say(smtp::greeting(service_.offer.hostname, program));
  while (!dialogue_.over()) {
    if (dismissed_ && !dialogue_.in_transaction()) {
      say(smtp::standard(Standard::shutting_down));
      break;
    }
    net::LineReader::Line line = co_await next_line();
    smtp::Reply reply = co_await answer(line);
    say(reply);
    if (dialogue_.awaits_message()) co_await receive_message();
  }
  co_await leave();
}

asio::awaitable<net::LineReader::Line> Session::next_line() {
  if (!lines_.has_line()) co_await flush();
  idle_ = !dialogue_.in_transaction();
  net::LineReader::Line line = co_await lines_.next(service_.timeout);
  idle_ = false;
  co_return line;
}

asio::awaitable<smtp::Reply> Session::answer(net::LineReader::Line line) {
  smtp::Verb verb = smtp::verb_of(line.text);
  bool more = dialogue_.must_be_last(verb) && lines_.has_input();
  if (auto refusal = dialogue_.out_of_sync(verb, more)) {
    co_await lost_synchronisation(std::string(line.text));
    co_return *refusal;
  }
  if (line.too_long)
    co_return dialogue_.misunderstood(verb, smtp::standard(Standard::line_too_long));
  auto command = smtp::parse_command(line.text);
  if (!command) co_return dialogue_.misunderstood(verb, command.error());
  if (auto refusal = dialogue_.refuses(*command)) co_return *refusal;
  smtp::Reply reply = co_await judge(*command);
  dialogue_.apply(*command, reply);  // moves on only if the reply is 2xx or 3xx
  co_return reply;
}

// Everybody who may talk to us may send what he likes.
asio::awaitable<smtp::Reply> Session::judge(const smtp::Command& command) {
  if (std::holds_alternative<smtp::Data>(command))
    incoming_.emplace(service_.spooler.begin());
  co_return dialogue_.usual_answer(command);
}

asio::awaitable<void> Session::receive_message() {
  co_await flush();
  Content content(service_.offer.size_limit);
  std::optional<base::Error> trouble = co_await read_content(content);
  smtp::Reply verdict;
  if (trouble)
    verdict = report(*trouble);
  else if (auto refusal = content.refusal())
    verdict = refuse(content, *refusal);
  else
    verdict = co_await accept(content);
  // A client that hears "no" finds nothing left behind; one that hears "yes" has heard
  // it before anybody else can touch the message.
  if (verdict.completed())
    incoming_->keep();
  else
    incoming_.reset();
  dialogue_.message_over();
  say(verdict);
  co_await flush();
  incoming_.reset();
}

// To the dot, whatever happens: a client does not listen before.
asio::awaitable<std::optional<base::Error>> Session::read_content(Content& content) {
  std::optional<base::Error> trouble;
  while (!content.done()) {
    std::string_view wire = co_await lines_.some(service_.timeout);
    lines_.consume(content.feed(wire));
    if (content.done() || content.body().size() < kBlock) continue;
    auto written = co_await service_.spooler.write(*incoming_, content.body());
    content.body_taken();
    if (written) continue;
    trouble = written.error();
    content.discard();
  }
  co_return trouble;
}

asio::awaitable<smtp::Reply> Session::accept(const Content& content) {
  Client from = client();
  Envelope to = envelope();
  spoolfmt::HFile file =
      make_h_file(incoming_->id(), service_.offer.hostname, from, to, content,
                  incoming_->started(), service_.clock.now());
  std::uint64_t size =
      logged_size(file, incoming_->body_size() + content.body().size());
  std::string line =
      arrival(from, to, size, incoming_->queue(), message_id_of(file.headers));
  LogLines lines{"<= " + line,
                 service_.message_logs ? "Received from " + line : std::string()};
  auto done = co_await service_.spooler.commit(*incoming_, std::move(file),
                                               content.body(), std::move(lines));
  if (!done) co_return report(done.error());
  // Nobody hears us: then nobody will think that it was taken.  Commands behind the dot
  // say that the client only waits for our answers.
  if (!lines_.has_input() && stream_.peer_gone()) throw system_error(asio::error::eof);
  smtp::Reply reply = smtp::standard(Standard::accepted);
  reply.text += " id=" + incoming_->id().str();
  co_return reply;
}

smtp::Reply Session::refuse(const Content& content, const smtp::Reply& why) {
  log("H=" + client_name(client()) + " F=<" + envelope().sender +
      "> rejected after DATA: " + why.text +
      " (size=" + std::to_string(content.size()) + ")");
  return why;
}

smtp::Reply Session::report(const base::Error& error) {
  log("cannot accept a message from " + client_name(client()) + ": " + error.text);
  return smtp::standard(error.code == base::Code::no_space ? Standard::no_space
                                                           : Standard::local_trouble);
}

// With what the client sent too soon, as far as it is here.
asio::awaitable<void> Session::lost_synchronisation(std::string line) {
  std::string_view input = co_await lines_.some(service_.timeout);
  log("SMTP protocol synchronization error (next input sent too soon): rejected \"" +
      base::printable(line) + "\" H=" + client_name(client()) + " next input=\"" +
      base::printable(input.substr(0, kShownInput)) + "\"");
}

// The client is gone or silent, or we were told to go.
asio::awaitable<void> Session::end_of_client(boost::system::error_code how) {
  if (how == asio::error::operation_aborted) co_return;
  bool silent = how == asio::error::timed_out;
  std::string name = client_name(client());
  if (incoming_)
    log((silent ? "SMTP data timeout (message abandoned) on connection from "
                : "SMTP connection lost (message abandoned) from ") +
        name + " F=<" + envelope().sender + ">");
  else if (silent)
    log("SMTP command timeout on connection from " + name);
  else
    log("unexpected disconnection while reading SMTP command from " + name);
  incoming_.reset();
  if (!silent) co_return;
  say(smtp::standard(Standard::command_timeout));
  co_await leave();
}

asio::awaitable<void> Session::dismiss() {
  dismissed_ = true;
  if (!idle_) co_return;
  say(smtp::standard(Standard::shutting_down));
  co_await flush();
  stream_.close();  // run() is reading from it, and ends
}

asio::awaitable<void> Session::leave() {
  co_await flush();
  std::size_t swallowed = 0;
  while (swallowed < kSwallowedInput && lines_.has_input()) {
    std::string_view input = co_await lines_.some(service_.timeout);
    swallowed += input.size();
    lines_.consume(input.size());
  }
  stream_.close();
}

asio::awaitable<void> Session::flush() {
  std::string bytes = std::exchange(unsent_, {});
  if (!bytes.empty()) co_await stream_.write(bytes, service_.timeout);
}

Client Session::client() const {
  return {stream_.peer(), stream_.local(), dialogue_.helo_name(),
          dialogue_.extended() ? "esmtp" : "smtp"};
}

// The one address without a domain that a client may use is ours.
Envelope Session::envelope() const {
  const smtp::Transaction& transaction = dialogue_.transaction();
  Envelope envelope{transaction.sender.text(), {}};
  for (const auto& [path, params] : transaction.recipients)
    envelope.recipients.push_back(path.is_postmaster()
                                      ? path.text() + "@" + service_.offer.hostname
                                      : path.text());
  return envelope;
}

void Session::log(std::string_view text) const {
  std::string id = incoming_ ? incoming_->id().str() : std::string();
  auto written = service_.log.write(id, text);
  if (!written) base::complain(written.error().text);
}

}  // namespace receiver
