// SPDX-License-Identifier: Apache-2.0
#include "utils/sink_session.h"

#include <algorithm>

#include "base/failures.h"
#include "base/text.h"
#include "net/line_reader.h"
#include "policy/text_codes.h"
#include "smtp/body.h"
#include "smtp/dialogue.h"

namespace utils {

namespace {

namespace asio = net::asio;
using namespace std::chrono_literals;
using smtp::Standard;
using std::chrono::milliseconds;

constexpr net::Span kTimeout = 5min;

std::string_view stage_of(smtp::Verb verb) {
  switch (verb) {
    case smtp::Verb::helo:
      return "helo";
    case smtp::Verb::ehlo:
      return "ehlo";
    case smtp::Verb::starttls:
      return "starttls";
    case smtp::Verb::auth:
      return "auth";
    case smtp::Verb::mail:
      return "mail";
    case smtp::Verb::rcpt:
      return "rcpt";
    case smtp::Verb::data:
      return "data";
    default:
      return "";
  }
}

class Session {
 public:
  Session(Sink& sink, net::Stream stream)
      : sink_(sink),
        stream_(std::move(stream)),
        lines_(stream_, smtp::kLongestCommand),
        dialogue_(sink.offer.offer(), stream_.peer().address) {
    SinkCounts& counts = sink_.tally.counts;
    connection_ = ++counts.connections;
    counts.most_at_once = std::max(counts.most_at_once, ++sink_.sessions);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  asio::awaitable<void> run();

 private:
  struct Answer {  // to the end of a message, of which the client hears later
    unsigned message;
    int code;
  };

  asio::awaitable<bool> greet();
  asio::awaitable<void> catch_up();
  asio::awaitable<void> flush();
  void say(smtp::Reply reply);
  void event(std::string_view name, const std::function<void(base::Json&)>& details);
  void dropped(std::string_view stage);

  // Each of these: false, hang up at once.
  asio::awaitable<bool> take_line(std::string line);
  asio::awaitable<bool> take_command(smtp::Command command);
  asio::awaitable<bool> take_chunk(smtp::Bdat bdat);
  asio::awaitable<bool> take_content();
  asio::awaitable<bool> finish_message(bool malformed);
  asio::awaitable<bool> start_tls();
  asio::awaitable<smtp::Reply> log_in(smtp::Auth auth);
  asio::awaitable<std::string> ask(std::string challenge);

  std::optional<std::string> respell(std::string line) const;
  SinkFault fault_at(std::string_view stage, const smtp::Command* command = nullptr);
  void note(const smtp::Command& command, int code);
  std::vector<std::string> recipients() const;
  asio::awaitable<std::string_view> content();
  asio::awaitable<void> used(std::size_t count);
  smtp::Reply verdict(const std::vector<std::string>& recipients,
                      const SinkFault& fault);

  Sink& sink_;
  net::Stream stream_;
  net::LineReader lines_;
  smtp::Dialogue dialogue_;
  std::uint64_t connection_ = 0;
  unsigned mails_ = 0;  // MAIL commands
  std::uint64_t taken_ = 0;
  std::string replies_;  // not sent yet
  std::vector<Answer> answers_;
  std::string message_;
  std::optional<smtp::ChunkReader> chunks_;
};

Session::~Session() {
  --sink_.sessions;
  SinkCounts& counts = sink_.tally.counts;
  counts.most_per_connection = std::max(counts.most_per_connection, taken_);
  event("close", [&](base::Json& json) { json.member("messages", taken_); });
  sink_.events.flush();
}

void Session::event(std::string_view name,
                    const std::function<void(base::Json&)>& details) {
  sink_.events.add(connection_, name, details);
}

void Session::dropped(std::string_view stage) {
  ++sink_.tally.counts.dropped;
  event("drop", [&](base::Json& json) { json.member("stage", stage); });
}

void Session::say(smtp::Reply reply) {
  if (sink_.offer.hides("ENHANCEDSTATUSCODES")) reply.enhanced.clear();
  smtp::append_reply(replies_, reply);
}

asio::awaitable<void> Session::flush() {
  if (replies_.empty()) co_return;
  sink_.events.flush();
  if (sink_.manner.delay > 0) co_await net::sleep_for(milliseconds(sink_.manner.delay));
  co_await stream_.write(replies_, kTimeout);
  replies_.clear();
  for (const Answer& answer : answers_)
    event("answered", [&](base::Json& json) {
      json.member("message", answer.message).member("code", answer.code);
    });
  answers_.clear();
  sink_.events.flush();
}

// Replies leave when the client has nothing more to say for the moment: what it sent
// behind a message, while we were slow to answer that, is seen before the answer goes.
asio::awaitable<void> Session::catch_up() {
  if (lines_.has_line()) co_return;
  if (lines_.has_input() && !replies_.empty()) {
    co_await lines_.some(kTimeout);
    if (lines_.has_line()) co_return;
  }
  co_await flush();
}

asio::awaitable<void> Session::run() {
  bool welcome = co_await greet();
  while (welcome && !dialogue_.over()) {
    co_await catch_up();
    net::LineReader::Line line = co_await lines_.next(kTimeout);
    welcome = co_await take_line(std::string(line.text));
    if (!welcome) co_return;
  }
  co_await flush();
}

asio::awaitable<bool> Session::greet() {
  const unsigned limit = sink_.manner.max_connections;
  const bool crowded = limit > 0 && sink_.sessions > limit;
  event("connect", [&](base::Json& json) {
    json.member("peer", net::format_endpoint(stream_.peer()));
    json.member("open", sink_.sessions).member("refused", crowded);
  });
  if (crowded) {
    ++sink_.tally.counts.refused_connections;
    say(smtp::standard(Standard::too_many_connections));
    co_return false;
  }
  SinkFault fault = fault_at("connect");
  if (fault.wait.count() > 0) co_await net::sleep_for(fault.wait);
  if (fault.drop) {
    dropped("connect");
    co_return false;
  }
  say(fault.reply.value_or(
      smtp::greeting(sink_.offer.offer().hostname, "bobbin-sink")));
  co_return !fault.reply || fault.reply->positive();
}

// LMTP's greeting is EHLO under another name, and it has no other.
std::optional<std::string> Session::respell(std::string line) const {
  if (!sink_.manner.lmtp) return line;
  std::string word = base::lower(std::string_view(line).substr(0, 4));
  if (word == "ehlo" || word == "helo") return std::nullopt;
  if (word == "lhlo") line.replace(0, 4, "EHLO");
  return line;
}

asio::awaitable<bool> Session::take_line(std::string line) {
  auto spelt = respell(std::move(line));
  if (!spelt) {
    say(dialogue_.misunderstood(smtp::Verb::unknown,
                                smtp::standard(Standard::unknown_command)));
    co_return true;
  }
  smtp::Verb verb = smtp::verb_of(*spelt);
  bool more = dialogue_.must_be_last(verb) && lines_.has_input();
  if (auto lost = dialogue_.out_of_sync(verb, more)) {
    say(*lost);
    co_return true;
  }
  auto command = smtp::parse_command(*spelt);
  if (!command) {
    say(dialogue_.misunderstood(verb, command.error()));
    co_return true;
  }
  bool going_on = co_await take_command(std::move(*command));
  co_return going_on;
}

SinkFault Session::fault_at(std::string_view stage, const smtp::Command* command) {
  std::vector<std::string> who;
  if (const auto* rcpt = command ? std::get_if<smtp::Rcpt>(command) : nullptr)
    who = {rcpt->recipient.text()};
  else
    who = recipients();
  return stage.empty() ? SinkFault() : sink_.faults.at(stage, who);
}

std::vector<std::string> Session::recipients() const {
  std::vector<std::string> all;
  for (const smtp::Rcpt& rcpt : dialogue_.transaction().recipients)
    all.push_back(rcpt.recipient.text());
  return all;
}

asio::awaitable<bool> Session::take_command(smtp::Command command) {
  auto refusal = dialogue_.refuses(command);
  if (const auto* bdat = std::get_if<smtp::Bdat>(&command)) {
    if (refusal) say(*refusal);
    smtp::Bdat chunk = *bdat;
    bool going_on = co_await take_chunk(chunk);
    co_return going_on;
  }
  if (!refusal) refusal = sink_.offer.refuses(command, dialogue_);
  const smtp::Verb verb = smtp::verb_of(command);
  SinkFault fault = refusal ? SinkFault() : fault_at(stage_of(verb), &command);
  smtp::Reply reply = refusal       ? *refusal
                      : fault.reply ? *fault.reply
                                    : dialogue_.usual_answer(command);
  if (!refusal && !fault.reply && verb == smtp::Verb::ehlo) sink_.offer.edit(reply);
  note(command, fault.drop ? 0 : reply.code);
  if (fault.wait.count() > 0) {
    co_await flush();
    co_await net::sleep_for(fault.wait);
  }
  if (fault.drop) {
    dropped(stage_of(verb));
    co_return false;
  }
  if (const auto* auth = std::get_if<smtp::Auth>(&command); auth && reply.positive()) {
    smtp::Auth asked = *auth;
    reply = co_await log_in(std::move(asked));
  }
  dialogue_.apply(command, reply);
  say(reply);
  bool going_on = true;
  if (verb == smtp::Verb::starttls && reply.completed())
    going_on = co_await start_tls();
  if (dialogue_.awaits_message()) going_on = co_await take_content();
  co_return going_on;
}

void Session::note(const smtp::Command& command, int code) {
  if (const auto* mail = std::get_if<smtp::Mail>(&command)) {
    ++mails_;
    event("mail", [&](base::Json& json) {
      json.member("message", mails_).member("sender", mail->sender.text());
      json.member("code", code);
    });
  } else if (const auto* rcpt = std::get_if<smtp::Rcpt>(&command)) {
    if (code >= 400) ++sink_.tally.counts.refused_recipients;
    event("rcpt", [&](base::Json& json) {
      json.member("message", mails_).member("recipient", rcpt->recipient.text());
      json.member("code", code);
    });
  } else if (smtp::verb_of(command) == smtp::Verb::data) {
    event("data", [&](base::Json& json) {
      json.member("message", mails_).member("code", code);
    });
  }
}

asio::awaitable<std::string_view> Session::content() {
  std::string_view bytes = co_await lines_.some(kTimeout);
  const std::uint64_t rate = sink_.manner.read_rate;
  if (rate > 0) bytes = bytes.substr(0, static_cast<std::size_t>(rate / 20 + 1));
  co_return bytes;
}

asio::awaitable<void> Session::used(std::size_t count) {
  lines_.consume(count);
  const std::uint64_t rate = sink_.manner.read_rate;
  if (rate > 0) co_await net::sleep_for(1'000'000'000ns * count / rate);
}

asio::awaitable<bool> Session::take_content() {
  co_await flush();
  message_.clear();
  smtp::DotReader reader;
  const bool cut = fault_at("body").drop;
  while (!reader.done()) {
    std::string_view bytes = co_await content();
    std::size_t count = reader.feed(bytes, message_);
    co_await used(count);
    if (!cut) continue;
    dropped("body");
    co_return false;
  }
  bool going_on = co_await finish_message(reader.bare_line_end());
  co_return going_on;
}

// RFC 3030: what stands behind a BDAT is no command, even if it is refused.
asio::awaitable<bool> Session::take_chunk(smtp::Bdat bdat) {
  smtp::Dialogue::Chunk chunk = *dialogue_.chunk();
  SinkFault fault;
  bool cut = false;
  bool first = chunk.kept && !dialogue_.in_chunks();
  if (first) {
    fault = fault_at("data");
    cut = fault_at("body").drop;
    message_.clear();
    chunks_.emplace(smtp::LineEndings::reject, smtp::Storing::lf);
    note(smtp::Data(), fault.drop ? 0 : fault.reply ? fault.reply->code : 250);
  }
  std::uint64_t left = chunk.size;
  while (left > 0) {
    std::string_view bytes = co_await content();
    bytes = bytes.substr(
        0, static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left)));
    if (chunk.kept) chunks_->feed(bytes, message_);
    left -= bytes.size();
    co_await used(bytes.size());
    if (cut || fault.drop) break;
  }
  if (cut || fault.drop) {
    dropped(fault.drop ? "data" : "body");
    co_return false;
  }
  smtp::Command command = bdat;
  if (!chunk.kept) {
    dialogue_.apply(command, smtp::standard(Standard::need_recipient));
    co_return true;
  }
  if (fault.wait.count() > 0) co_await net::sleep_for(fault.wait);
  if (fault.reply && !fault.reply->completed()) {
    dialogue_.apply(command, *fault.reply);
    say(*fault.reply);
    co_return true;
  }
  if (!chunk.last) {
    dialogue_.apply(command, smtp::chunk_received(chunk.size));
    say(smtp::chunk_received(chunk.size));
    co_return true;
  }
  chunks_->finish(message_);
  dialogue_.apply(command, smtp::standard(Standard::accepted));
  bool going_on = co_await finish_message(chunks_->bare_line_end());
  co_return going_on;
}

// One answer for all recipients, or in LMTP one for each (RFC 2033 section 4.2).
asio::awaitable<bool> Session::finish_message(bool malformed) {
  event("dot", [&](base::Json& json) {
    json.member("message", mails_).member("size", message_.size());
    json.member("message_id", find_message_id(message_));
  });
  std::vector<std::vector<std::string>> answered{recipients()};
  if (sink_.manner.lmtp) {
    answered.clear();
    for (const std::string& recipient : recipients()) answered.push_back({recipient});
  }
  SinkFault last;
  std::vector<smtp::Reply> replies;
  for (const auto& group : answered) {
    last = sink_.faults.at("dot", group);
    if (malformed) last.reply = smtp::standard(Standard::bad_line_endings);
    replies.push_back(verdict(group, last));
    if (last.wait.count() > 0) co_await net::sleep_for(last.wait);
    if (last.drop) break;
  }
  dialogue_.message_over();
  if (last.drop) {
    dropped("dot");
    co_return false;
  }
  if (sink_.manner.delay_dot > 0)
    co_await net::sleep_for(milliseconds(sink_.manner.delay_dot));
  while (sink_.manner.flush_input && lines_.has_input()) {
    std::string_view lost = co_await lines_.some(kTimeout);
    lines_.consume(lost.size());
  }
  bool closing = false;
  for (const smtp::Reply& reply : replies) {
    say(reply);
    answers_.push_back({mails_, reply.code});
    closing = closing || reply.code == 421;
  }
  if (!closing) co_return true;
  co_await flush();
  co_return false;
}

// A message whose answer gets lost was taken all the same.
smtp::Reply Session::verdict(const std::vector<std::string>& recipients,
                             const SinkFault& fault) {
  const std::uint64_t limit = sink_.offer.offer().size_limit;
  if (limit > 0 && message_.size() > limit)
    return smtp::standard(Standard::message_too_big);
  if (fault.reply && !fault.reply->completed()) return *fault.reply;
  auto kept = sink_.tally.keep({stream_.peer().address, dialogue_.helo_name(),
                                dialogue_.transaction().sender.text(), recipients},
                               message_);
  if (!kept) {
    base::complain(kept.error().text);
    return smtp::standard(Standard::local_trouble);
  }
  ++taken_;
  if (sink_.tally.counts.messages == sink_.manner.max_messages) sink_.on_enough();
  return fault.reply.value_or(smtp::standard(Standard::accepted));
}

asio::awaitable<bool> Session::start_tls() {
  co_await flush();
  lines_.forget();
  const std::string& fault = sink_.manner.tls_fault;
  if (!fault.empty()) {
    event("starttls", [](base::Json& json) { json.member("failed", true); });
    while (fault != "drop") {  // until the client has had enough
      std::string_view hello = co_await lines_.some(kTimeout);
      lines_.consume(hello.size());
      if (fault == "garbage")
        co_await stream_.write("this is no handshake\r\n", kTimeout);
    }
    co_return false;
  }
  net::TlsForName no_names;
  auto facts =
      co_await stream_.accept_tls(sink_.tls, sink_.manner.tls, no_names, kTimeout);
  event("starttls", [&](base::Json& json) {
    json.member("failed", !facts);
    if (facts) json.member("cipher", facts->cipher).member("sni", facts->sni);
  });
  if (!facts) co_return false;
  ++sink_.tally.counts.encrypted;
  dialogue_.tls_started();
  co_return true;
}

asio::awaitable<std::string> Session::ask(std::string challenge) {
  say({334, "", std::move(challenge)});
  co_await flush();
  net::LineReader::Line line = co_await lines_.next(kTimeout);
  co_return std::string(line.text);
}

// PLAIN (RFC 4616) and LOGIN, one user.
asio::awaitable<smtp::Reply> Session::log_in(smtp::Auth auth) {
  std::string response, password;
  if (auth.initial)
    response = *auth.initial;
  else
    response = co_await ask(auth.mechanism == "LOGIN" ? "VXNlcm5hbWU6" : "");
  if (auth.mechanism == "LOGIN") password = co_await ask("UGFzc3dvcmQ6");
  const std::string& login = sink_.manner.login;
  const std::size_t colon = std::min(login.find(':'), login.size());
  const std::string user = login.substr(0, colon);
  const std::string secret = login.substr(std::min(colon + 1, login.size()));
  const std::string tail = '\0' + user + '\0' + secret;
  bool right =
      auth.mechanism == "LOGIN"
          ? response == policy::to_base64(user) && password == policy::to_base64(secret)
          : response == policy::to_base64(tail) ||
                response == policy::to_base64(user + tail);
  event("auth", [&](base::Json& json) { json.member("right", right); });
  if (right) ++sink_.tally.counts.authenticated;
  co_return smtp::standard(right ? Standard::authenticated : Standard::bad_credentials);
}

}  // namespace

asio::awaitable<void> serve_sink(Sink& sink, net::Stream stream) {
  Session session(sink, std::move(stream));
  co_await session.run();
}

}  // namespace utils
