// SPDX-License-Identifier: Apache-2.0
//
// A message: its content as it comes, by DATA or BDAT, and what becomes of it.
#include <fcntl.h>

#include <algorithm>
#include <ranges>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include "base/fd.h"
#include "base/text.h"
#include "policy/header_changes.h"
#include "policy/mime_words.h"
#include "receiver/fixups.h"
#include "receiver/received_header.h"
#include "receiver/session.h"

namespace receiver {

namespace {

using boost::system::system_error;
using policy::LogItem;
using smtp::Standard;

// Body bytes go to the disk in pieces of about this size.
constexpr std::size_t kBlock = 65536;

// A refused chunk is read to its end, so that nothing of it is taken for a command; but
// not for ever.
constexpr std::uint64_t kMostThrownAway = std::uint64_t{256} << 20;

std::string subject_of(const std::vector<spoolfmt::Header>& headers) {
  auto header = std::ranges::find_if(headers, [](const spoolfmt::Header& each) {
    return each.type != '*' &&
           base::equal_nocase(policy::header_name(each.text), "subject");
  });
  if (header == headers.end()) return {};
  std::string_view value = header->text;
  value.remove_prefix(value.find(':') + 1);
  value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
  value = value.substr(0, value.find_last_not_of(" \t\n") + 1);
  return policy::decode_mime_words(value, "UTF-8");
}

std::string all_text(const std::vector<spoolfmt::Header>& headers) {
  std::string text;
  for (const spoolfmt::Header& header : headers)
    if (header.type != '*') text += header.text;
  return text;
}

// What scripts may know of the client while they run.
class SessionWatch final : public ClientWatch {
 public:
  SessionWatch(net::Stream& stream, net::LineReader& lines, net::Span timeout)
      : stream_(stream),
        lines_(lines),
        timeout_(timeout),
        same_flight_(lines.has_input()) {}

  bool peer_gone() override { return !lines_.has_input() && stream_.peer_gone(); }
  bool spoke() override { return !same_flight_ && lines_.has_input(); }
  asio::awaitable<void> keep_alive(std::string_view line) override {
    co_await stream_.write(line, timeout_);
  }

 private:
  net::Stream& stream_;
  net::LineReader& lines_;
  net::Span timeout_;
  bool same_flight_;  // what is waiting came together with the dot
};

}  // namespace

asio::awaitable<smtp::Reply> Session::data(const smtp::Data&) {
  smtp::Reply go = smtp::standard(Standard::start_content);
  const std::string what = "DATA";
  auto judgement = co_await judge(Phase::predata, what, go);
  if (!judgement.accepted()) co_return judgement.reply;
  // Judging takes time, and a client that does not wait for 354 shows now.
  if (auto refusal = dialogue_.out_of_sync(smtp::Verb::data, lines_.has_input())) {
    co_await lost_synchronisation(what);
    co_return *refusal;
  }
  const Settings& settings = service_->settings;
  begin_message(Content(settings.content_limits(), settings.line_endings));
  co_return judgement.reply;
}

asio::awaitable<smtp::Reply> Session::receive_message() {
  co_await flush();
  co_await read_content();
  smtp::Reply reply = co_await verdict();
  context_.end_command();
  dialogue_.message_over();
  message_done_ = true;
  if (arriving_->content.lenient_end()) {
    // Whoever ended the message like this may not be who wrote what follows.
    lines_.forget();
    hang_up("synchronization-error");
  }
  co_return reply;
}

// A client that hears "no" finds nothing left behind; one that hears "yes" has heard it
// before anybody else can touch the message.
asio::awaitable<void> Session::let_go() {
  message_done_ = false;
  if (!arriving_->kept) arriving_.reset();
  co_await flush();
  forget_message();
}

asio::awaitable<smtp::Reply> Session::take_chunk(smtp::Bdat command,
                                                 std::optional<smtp::Reply> refusal) {
  smtp::Dialogue::Chunk chunk = *dialogue_.chunk();
  if (!chunk.kept || refusal) {
    co_await throw_away(chunk.size);
    smtp::Reply reply = refusal.value_or(smtp::standard(Standard::need_recipient));
    dialogue_.apply(command, reply);
    if (!dialogue_.in_chunks()) arriving_.reset();
    co_return reply;
  }
  if (!arriving_) {
    const Settings& settings = service_->settings;
    auto storing = settings.wire_format ? smtp::Storing::wire : smtp::Storing::lf;
    bool binary = envelope_.params.body == smtp::BodyType::binary_mime;
    begin_message(
        Content(settings.content_limits(), settings.line_endings, storing, binary));
  }
  co_await read_chunk(chunk.size);
  smtp::Reply reply = smtp::chunk_received(chunk.size);
  if (!chunk.last) {
    dialogue_.apply(command, reply);
    co_return reply;
  }
  arriving_->content.finish();
  reply = co_await verdict();
  dialogue_.apply(command, reply);
  dialogue_.message_over();
  message_done_ = true;
  co_return reply;
}

void Session::begin_message(Content content) {
  Incoming file = service_->spooler.begin(
      context_.wishes.queue_name.empty()
          ? std::nullopt
          : std::optional<std::string>(context_.wishes.queue_name));
  arriving_.emplace(Arriving{std::move(file),
                             std::move(content),
                             Pace(std::chrono::steady_clock::now()),
                             {},
                             {},
                             {},
                             {},
                             false});
  MessageAtHand& facts = arriving_->facts;
  facts.id = arriving_->file.id().str();
  facts.received = arriving_->file.started();
  facts.size = envelope_.params.size.value_or(0);
  context_.message = &facts;
}

// To the dot, whatever happens: a client does not listen before.
asio::awaitable<void> Session::read_content() {
  Content& content = arriving_->content;
  while (!content.done()) {
    std::string_view wire = co_await more_content(arriving_->pace);
    lines_.consume(content.feed(wire));
    if (!content.done()) co_await spool_body();
  }
}

asio::awaitable<void> Session::read_chunk(std::uint64_t size) {
  Content& content = arriving_->content;
  while (size > 0) {
    std::string_view wire = co_await more_content(arriving_->pace);
    wire = wire.substr(
        0, static_cast<std::size_t>(std::min<std::uint64_t>(size, wire.size())));
    content.feed(wire);
    size -= wire.size();
    lines_.consume(wire.size());
    co_await spool_body();
  }
}

asio::awaitable<void> Session::throw_away(std::uint64_t size) {
  if (size > kMostThrownAway) {
    size = 0;
    hang_up("bad-commands");
  }
  Pace pace(std::chrono::steady_clock::now());
  while (size > 0) {
    std::string_view wire = co_await more_content(pace);
    std::size_t count =
        static_cast<std::size_t>(std::min<std::uint64_t>(size, wire.size()));
    lines_.consume(count);
    size -= count;
  }
}

// Waits no longer than the client's pace allows.  Where a window ends in silence what
// came before counts.
asio::awaitable<std::string_view> Session::more_content(Pace& pace) {
  const auto silent_until =
      std::chrono::steady_clock::now() + service_->settings.timeout;
  while (true) {
    const auto until = std::min<Pace::Time>(silent_until, pace.deadline());
    std::string_view wire;
    try {
      wire = co_await lines_.some(until - std::chrono::steady_clock::now());
    } catch (const system_error& how) {
      bool may_wait = how.code() == asio::error::timed_out && until < silent_until;
      if (!may_wait) throw;
    }
    if (!pace.came(wire.size(), std::chrono::steady_clock::now())) {
      log("client sends too slowly: " + client_name(client_));
      throw system_error(asio::error::timed_out);
    }
    if (!wire.empty()) co_return wire;
  }
}

// What a session holds of a body in memory is a block.
asio::awaitable<void> Session::spool_body() {
  Content& content = arriving_->content;
  if (content.body().size() < kBlock) co_return;
  auto written = co_await service_->spooler.write(arriving_->file, content.body());
  content.body_taken();
  if (written) co_return;
  arriving_->trouble = written.error();
  content.discard();
}

asio::awaitable<smtp::Reply> Session::verdict() {
  if (arriving_->trouble) co_return report(*arriving_->trouble);
  if (auto refusal = arriving_->content.refusal()) co_return refuse(*refusal);
  arriving_->complete = service_->world.clock.now();
  auto build = [this] { build_headers(); };
  co_await evaluate(Phase::other, build);
  bool wanted = !envelope_.recipients.empty();
  smtp::Reply reply = smtp::standard(Standard::accepted);
  std::string discarded_by = envelope_.discarded ? "MAIL" : "RCPT";
  if (wanted && service_->policy().main.acl("acl_smtp_data")) {
    describe_message();
    const std::string what = "after DATA";
    auto judgement = co_await judge(Phase::data, what, reply);
    if (!judgement.accepted() && !judgement.discarded()) co_return judgement.reply;
    reply = judgement.reply;
    if (judgement.discarded()) {
      envelope_.recipients.clear();
      discarded_by = "DATA";
    }
    context_.changes.apply(arriving_->headers, spoolfmt::header_type);
  }
  if (envelope_.recipients.empty()) co_return discard(std::move(reply), discarded_by);
  if (service_->scripts) {
    auto refusal = co_await ask_scripts();
    if (refusal) co_return *refusal;
  }
  smtp::Reply done = co_await commit(std::move(reply));
  co_return done;
}

// The Received: header comes first, then what ACLs have changed so far.
void Session::build_headers() {
  auto& headers = arriving_->headers;
  const policy::Policy& policy = service_->policy();
  const Wishes& wishes = context_.wishes;
  headers = arriving_->content.headers();
  base::Time now = arriving_->complete;
  if (wishes.submission && !wishes.suppress_local_fixups) {
    std::string domain =
        asked_.text("message_id_header_domain", service_->settings.hostname);
    std::string text = asked_.text("message_id_header_text");
    std::string user = client_.login ? client_.login->id : std::string();
    mend_submission(headers, envelope_.sender,
                    {*wishes.submission, user, policy.qualify_domain, domain,
                     text.empty() ? text : "." + text, arriving_->file.id(), now});
  }
  headers.insert(headers.begin(), our_received(now));
  context_.changes.apply(headers, spoolfmt::header_type);
}

// An empty received_header_text means that there is one, but nobody gets to see it.
spoolfmt::Header Session::our_received(base::Time now) {
  const Settings& settings = service_->settings;
  if (service_->policy().main.has("received_header_text")) {
    describe_message();
    std::string text = asked_.text("received_header_text");
    bool hidden = text.empty();
    return {hidden ? '*' : 'P', received_header(hidden ? "Received: " : text, now)};
  }
  return {'P', received_header(dialogue_.offer().hostname, client_, envelope_,
                               arriving_->file.id(), now, settings.log)};
}

// For the ACL: what is known of the message now.
void Session::describe_message() {
  const Content& content = arriving_->content;
  MessageAtHand& facts = arriving_->facts;
  facts.headers = &arriving_->headers;
  facts.body = content.body();
  if (auto path = arriving_->file.body_path()) facts.d_file = *path;
  facts.body_size = arriving_->file.body_size() + content.body().size();
  facts.body_lines = content.body_lines();
  facts.body_nuls = content.body_nuls();
  facts.longest_line = content.longest_line();
  facts.size = facts.body_size + all_text(arriving_->headers).size();
}

// After the dot and before the commit; nothing: they do not stand in the way.
asio::awaitable<std::optional<smtp::Reply>> Session::ask_scripts() {
  auto list = service_->scripts->current();
  if (list->config.scripts.empty()) co_return std::nullopt;
  auto stored =
      co_await service_->spooler.store(arriving_->file, arriving_->content.body());
  if (!stored) co_return report(stored.error());
  arriving_->content.body_taken();
  describe_message();
  auto body = base::open_file(arriving_->facts.d_file, O_RDONLY);
  if (!body) co_return report(body.error());

  ScriptMessage message = script_message(body->get());
  std::vector<std::string> troubles;
  auto ask = [&] { message.unwanted = list->conditions.unwanted(context_, troubles); };
  co_await service_->pool.run(ask);
  for (const std::string& trouble : troubles) log(trouble);

  SessionWatch watch(stream_, lines_, service_->settings.timeout);
  co_await flush();
  ScriptResult result =
      co_await run_scripts(*service_->scripts, list, std::move(message), watch);
  const ScriptOutcome& outcome = result.outcome;
  for (const std::string& line : outcome.log) log(line);
  if (result.event) neighbours_.tasks.spawn(run_script_event(std::move(*result.event)));
  kept_alive_ = outcome.kept_alive;
  if (!outcome.may_commit()) {
    if (outcome.client_gone) throw system_error(asio::error::eof);
    co_return outcome.reply;
  }
  arriving_->unheard = outcome.client_gone;  // on_client_gone = finish
  for (const std::string& added : outcome.headers_add | std::views::reverse)
    arriving_->headers.insert(
        arriving_->headers.begin() + 1,
        {spoolfmt::header_type(policy::header_name(added)), added + "\n"});
  for (const auto& [name, value] : outcome.vars)
    context_.variables.insert_or_assign(name, value);
  co_return std::nullopt;
}

ScriptMessage Session::script_message(int body) const {
  const MessageAtHand& facts = arriving_->facts;
  const Content& content = arriving_->content;
  ScriptMessage message;
  message.id = facts.id;
  message.received = facts.received;
  message.hostname = service_->settings.hostname;
  message.client = client_;
  message.envelope = envelope_;
  message.headers = all_text(arriving_->headers);
  message.header_count = static_cast<std::uint64_t>(std::ranges::count_if(
      arriving_->headers, [](const auto& header) { return header.type != '*'; }));
  message.message_id = message_id_of(arriving_->headers);
  message.size = facts.size;
  message.lines = content.body_lines();
  message.longest = content.longest_line();
  message.nuls = content.body_nuls();
  message.eight_bit = envelope_.params.body == smtp::BodyType::eight_bit_mime;
  message.chunked = content.chunked();
  message.transaction = client_.messages;
  message.d_file = body;
  message.body_at = facts.id.size() + std::string_view("-D\n").size();
  message.wire_format = content.wire_format();
  return message;
}

smtp::Reply Session::discard(smtp::Reply reply, const std::string& by) {
  std::string sender = envelope_.sender.empty() ? "<>" : envelope_.sender;
  log("<= " + sender + " H=" + client_name(client_) +
      " P=" + client_.protocol(envelope_.params) +
      " S=" + std::to_string(arriving_->content.size()));
  log("=> blackhole (" + by + " ACL discarded recipients)");
  log("Completed");
  neighbours_.tally.took(arriving_->content.size());
  return with_id(std::move(reply));
}

// "OK id=...", unless the policy has words of its own.
smtp::Reply Session::with_id(smtp::Reply reply) const {
  if (reply == smtp::standard(Standard::accepted))
    reply.text += " id=" + arriving_->file.id().str();
  return reply;
}

asio::awaitable<smtp::Reply> Session::commit(smtp::Reply reply) {
  const Settings& settings = service_->settings;
  const Wishes& wishes = context_.wishes;
  Content& content = arriving_->content;
  Received received;
  received.id = arriving_->file.id();
  received.started = arriving_->file.started();
  received.complete = arriving_->complete;
  received.body_lines = content.body_lines();
  received.body_nuls = content.body_nuls();
  received.longest_line = content.longest_line();
  received.wire_format = content.wire_format();
  if (dialogue_.offer().hostname != settings.hostname)
    received.active_hostname = dialogue_.offer().hostname;
  spoolfmt::HFile file = make_h_file(service_->owner, received, client_, envelope_,
                                     wishes, context_.variables);
  file.headers = std::move(arriving_->headers);

  ArrivalDetails details;
  details.size = logged_size(file, arriving_->file.body_size() + content.body().size());
  details.queue = arriving_->file.queue();
  std::string message_id = message_id_of(file.headers);
  details.message_id = message_id;
  std::string subject =
      logs(LogItem::subject) ? subject_of(file.headers) : std::string();
  details.subject = subject;
  details.chunked = content.chunked();
  if (dialogue_.pipelining_advertised()) details.pipelining = pipelined_ ? "L" : "L-";
  details.reception = received.complete - received.started;
  std::string text = describe_arrival(client_, envelope_, details, settings.log);

  // A mark of its own for what was taken though the client hears otherwise.
  LogLines lines{(wishes.fake_code != 0 ? "(= " : "<= ") + text,
                 service_->settings.message_logs ? "Received from " + text : ""};
  auto done = co_await service_->spooler.commit(arriving_->file, std::move(file),
                                                content.body(), std::move(lines));
  if (!done) co_return report(done.error());
  // Nobody hears us: then nobody will think that it was taken.  Commands behind the dot
  // say that the client only waits for our answers.
  if (!arriving_->unheard && !lines_.has_input() && stream_.peer_gone())
    throw system_error(asio::error::eof);
  arriving_->file.keep();
  arriving_->kept = true;
  neighbours_.tally.took(details.size);
  if (wishes.freeze) log("frozen by ACL");
  if (wishes.queue_only) log("no immediate delivery: queued by ACL");
  if (wishes.fake_code != 0)
    co_return smtp::Reply{wishes.fake_code, wishes.fake_code >= 500 ? "5.7.1" : "4.7.1",
                          wishes.fake_text};
  reply = with_id(std::move(reply));
  co_return reply;
}

smtp::Reply Session::refuse(const smtp::Reply& why) {
  if (logs(LogItem::size_reject))
    log("H=" + client_name(client_) + " F=<" + envelope_.sender +
        "> rejected after DATA: " + why.text +
        " (size=" + std::to_string(arriving_->content.size()) + ")");
  return why;
}

smtp::Reply Session::report(const base::Error& error) {
  log("cannot accept a message from " + client_name(client_) + ": " + error.text);
  return smtp::standard(error.code == base::Code::no_space ? Standard::no_space
                                                           : Standard::local_trouble);
}

}  // namespace receiver
