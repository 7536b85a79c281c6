// SPDX-License-Identifier: Apache-2.0
#include "receiver/acl_context.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "base/failures.h"
#include "base/text.h"
#include "net/endpoint.h"
#include "net/resolver.h"
#include "policy/evaluation.h"
#include "policy/list.h"
#include "policy/log_selector.h"
#include "policy/mail_address.h"
#include "policy/variable_table.h"
#include "policy/verify.h"
#include "receiver/host_check.h"
#include "receiver/rate_store.h"
#include "receiver/received_header.h"

namespace receiver {

namespace {

using policy::Answer;
using policy::CheckResult;
using policy::variable_id;
using policy::VariableId;

constexpr std::size_t kHistory = 20;  // of $smtp_command_history, as in Exim

// What conditions say for longer than a command, and for longer than a message.
constexpr auto kOfMessage = std::to_array<VariableId>(
    {variable_id("dnslist_domain"), variable_id("dnslist_matched"),
     variable_id("dnslist_text"), variable_id("dnslist_value"),
     variable_id("sender_address_data"), variable_id("sender_rate"),
     variable_id("sender_rate_limit"), variable_id("sender_rate_period"),
     variable_id("sender_verify_failure")});
constexpr auto kOfConnection = std::to_array<VariableId>({variable_id("host_data")});

template <std::size_t n>
bool is_one_of(VariableId id, const std::array<VariableId, n>& ids) {
  return std::ranges::find(ids, id) != ids.end();
}

CheckResult result(Answer answer, std::string user = {}, std::string log = {}) {
  return {.answer = answer,
          .word = {},
          .user_message = std::move(user),
          .log_message = std::move(log)};
}

engine::Ask asks(net::Resolver& resolver) {
  return [&resolver](std::string_view type, std::string_view name) {
    return resolver.ask(type, name);
  };
}

// ---- controls

using Options = std::span<const std::string>;

bool has(Options options, std::string_view word) {
  return std::ranges::find(options, word) != options.end();
}

// The value of "name=value".
std::optional<std::string> value_of(Options options, std::string_view name) {
  for (const std::string& option : options)
    if (option.starts_with(name)) return option.substr(name.size());
  return std::nullopt;
}

void fake(Wishes& wishes, int code, Options options, std::string_view usual) {
  wishes.fake_code = code;
  wishes.fake_text = options.empty() ? std::string(usual) : options.front();
}

// What each control does beside those of the recipient's letters.
struct Control {
  std::string_view name;
  void (*act)(Wishes& message, SessionWishes& session, Options options);
};
using W = Wishes;
using S = SessionWishes;
constexpr Control kControls[] = {
    {"allow_auth_unadvertised",
     [](W&, S& session, Options) { session.allow_auth_unadvertised = true; }},
    {"enforce_sync", [](W&, S& session, Options) { session.enforce_sync = true; }},
    {"fakedefer",
     [](W& message, S&, Options options) {
       fake(message, 450, options,
            "your message was kept to be looked at; please try again later");
     }},
    {"fakereject",
     [](W& message, S&, Options options) {
       fake(message, 550, options,
            "your message is refused, but kept to be looked at: it may yet be "
            "delivered");
     }},
    {"freeze",
     [](W& message, S&, Options options) {
       message.freeze = true;
       message.freeze_tell = !has(options, "no_tell");
     }},
    {"no_delay_flush", [](W&, S& session, Options) { session.no_delay_flush = true; }},
    {"no_enforce_sync", [](W&, S& session, Options) { session.enforce_sync = false; }},
    {"no_multiline_responses",
     [](W&, S& session, Options) { session.no_multiline_responses = true; }},
    {"no_pipelining", [](W&, S& session, Options) { session.no_pipelining = true; }},
    {"queue",
     [](W& message, S&, Options options) {
       bool routed = has(options, "first_pass_route");
       message.first_pass_route = message.first_pass_route || routed;
       message.queue_only = message.queue_only || !routed || has(options, "only");
     }},
    {"requiretls", [](W& message, S&, Options) { message.requiretls = true; }},
    {"submission",
     [](W& message, S&, Options options) {
       message.submission = {.sender_retain = has(options, "sender_retain"),
                             .domain = value_of(options, "domain="),
                             .name = value_of(options, "name=").value_or("")};
     }},
    {"suppress_local_fixups",
     [](W& message, S&, Options) { message.suppress_local_fixups = true; }},
    {"utf8_downconvert",
     [](W& message, S&, Options options) {
       int value = 1;
       if (!options.empty())
         std::from_chars(options.front().data(),
                         options.front().data() + options.front().size(), value);
       message.utf8_downconvert = value;
     }},
};

}  // namespace

AclContext::AclContext(const World& world, Client& client)
    : world_(world),
      client_(client),
      show_port_(world.shown.has(policy::LogItem::incoming_port)) {}

AclContext::~AclContext() = default;

std::chrono::seconds AclContext::take_delay() {
  return std::exchange(delay_, {});
}

void AclContext::end_command() {
  if (!command.empty()) history_.push_back(command.substr(0, command.find(' ')));
  if (history_.size() > kHistory) history_.pop_front();
  command.clear();
  argument.clear();
  caseful_ = false;
  memory_.end_command();
  std::erase_if(set_, [](const auto& each) {
    return !is_one_of(each.first, kOfMessage) && !is_one_of(each.first, kOfConnection);
  });
}

void AclContext::end_message() {
  wishes = {};
  changes = {};
  remembered_.clear();
  sender_checks_.clear();
  warned_.clear();
  memory_.end_message();
  std::erase_if(variables,
                [](const auto& each) { return each.first.starts_with("acl_m"); });
  std::erase_if(set_,
                [](const auto& each) { return !is_one_of(each.first, kOfConnection); });
}

const HostNames& AclContext::look_up_client() {
  if (client_.host.state == HostNames::State::unasked)
    client_.host = find_host_names(client_.peer.address, asks(world_.resolver));
  return client_.host;
}

std::string AclContext::who() const {
  return "H=" + client_name(client_, show_port_);
}

const AclContext::RecipientParts& AclContext::recipient_parts() {
  RecipientParts& parts = recipient_parts_;
  if (parts.of == recipient) return parts;
  parts = {.of = recipient, .local_part = {}, .lower_local_part = {}, .domain = {}};
  auto [local_part, domain] = policy::take_apart(recipient);
  parts.local_part = std::move(local_part);
  parts.lower_local_part = base::lower(parts.local_part);
  if (domain.empty()) domain = world_.policy->qualify_recipient;
  parts.domain = std::move(domain);
  return parts;
}

const std::string* AclContext::named_variable(std::string_view name) {
  const AclVariables& from = name.starts_with("acl_") ? variables : remembered_;
  auto found = from.find(name);
  return found == from.end() ? nullptr : &found->second;
}

void AclContext::set_named_variable(std::string_view name, std::string value) {
  AclVariables& to = name.starts_with("acl_") ? variables : remembered_;
  to.insert_or_assign(std::string(name), std::move(value));
}

void AclContext::set_variable(VariableId id, std::string value) {
  if (id == variable_id("queue_name"))
    wishes.queue_name = std::move(value);
  else if (id == variable_id("sender_helo_verified"))
    client_.helo_verified = value == "yes";
  else if (value.empty())
    set_.erase(id);  // and the fact shows again
  else
    set_.insert_or_assign(id, std::move(value));
}

std::span<const policy::HeaderLine> AclContext::headers() {
  header_lines_.clear();
  if (!message || !message->headers) return header_lines_;
  for (const spoolfmt::Header& header : *message->headers)
    if (header.type != '*')
      header_lines_.push_back({policy::header_name(header.text), header.text});
  return header_lines_;
}

policy::HostSubject AclContext::host() {
  return {client_.peer.address, client_.peer.port};
}

policy::Outcome<std::vector<std::string>> AclContext::host_names() {
  const HostNames& host = look_up_client();
  if (host.state == HostNames::State::deferred)
    return policy::defer("the DNS did not say what the name of " +
                         client_.peer.address + " is");
  return host.names;
}

policy::Outcome<std::vector<std::string>> AclContext::addresses_of(
    std::string_view name) {
  return policy::outcome(engine::addresses_of(name, asks(world_.resolver)));
}

policy::Outcome<policy::DnsAnswer> AclContext::dns(std::string_view type,
                                                   std::string_view name) {
  return engine::answer(*world_.policy, *this, asks(world_.resolver), type, name);
}

std::span<const std::string> AclContext::local_addresses() {
  static const std::vector<std::string> addresses = net::interface_addresses();
  return addresses;
}

// Routing shows itself the addresses on its way: afterwards the recipient is back.
CheckResult AclContext::route(const std::string& address, policy::RoutePurpose purpose,
                              bool redirected) {
  bool of_sender = purpose == policy::RoutePurpose::verify_sender;
  VariableId data =
      of_sender ? variable_id("sender_address_data") : variable_id("address_data");
  auto before = set_;
  mode_ = of_sender ? "S" : "R";
  CheckResult verified =
      policy::verify_address(*world_.policy, address, purpose, redirected, *this);
  mode_ = {};
  auto told = set_.find(data);
  std::string value = told == set_.end() ? std::string() : std::move(told->second);
  set_ = std::move(before);
  set_variable(data, std::move(value));
  set_variable(of_sender ? variable_id("sender_verify_failure")
                         : variable_id("recipient_verify_failure"),
               verified.answer == Answer::no ? "route" : "");
  return verified;
}

CheckResult AclContext::verify_sender(const std::string& address, bool redirected,
                                      bool details) {
  if (address.empty()) return result(Answer::yes);
  std::string key = address + (redirected ? "/redirected" : "/");
  auto known = sender_checks_.find(key);
  if (known == sender_checks_.end()) {
    CheckResult verified =
        route(address, policy::RoutePurpose::verify_sender, redirected);
    if (verified.answer != Answer::yes)
      log("main", who() + " sender verify " +
                      (verified.answer == Answer::no ? "fail" : "defer") + " for <" +
                      address + ">: " + verified.log_message);
    known = sender_checks_.emplace(std::move(key), std::move(verified)).first;
  }
  const CheckResult& verified = known->second;
  if (verified.answer == Answer::yes) return verified;
  std::string text = verified.answer == Answer::no ? "Sender verify failed"
                                                   : "Could not complete sender verify";
  std::string user = text;
  if (details && verified.answer == Answer::no && !verified.user_message.empty())
    user = "Verification failed for <" + address + ">\n" + verified.user_message +
           "\n" + text;
  return result(verified.answer, std::move(user), std::move(text));
}

// One address in one of the three headers is enough.
CheckResult AclContext::verify_header_sender(bool redirected) {
  std::vector<std::string> addresses;
  for (std::string_view name : {"sender", "reply-to", "from"})
    for (const policy::HeaderLine& header : headers())
      if (base::equal_nocase(header.name, name))
        for (const policy::MailAddress& each : policy::parse_mail_addresses(
                 header.text.substr(header.text.find(':') + 1)))
          addresses.push_back(each.text());
  CheckResult worst =
      result(Answer::no, {}, "there is no valid sender in any header line");
  for (const std::string& address : addresses) {
    if (address.empty()) continue;
    CheckResult verified = verify_sender(address, redirected, false);
    if (verified.answer == Answer::yes) return verified;
    if (verified.answer == Answer::defer) worst = std::move(verified);
  }
  return worst;
}

policy::Outcome<CheckResult> AclContext::verify(const policy::VerifyRequest& request) {
  bool redirected = has(request.options, "success_on_redirect");
  bool called = std::ranges::any_of(request.options, [](const std::string& option) {
    return option.starts_with("callout");
  });
  if (called) return policy::cannot("callouts are not made by this program");
  if (request.item == "recipient")
    return route(recipient, policy::RoutePurpose::verify_recipient, redirected);
  if (request.item == "sender") {
    std::string address = request.address;
    if (address.empty() && envelope) address = envelope->sender;
    return verify_sender(address, redirected, !has(request.options, "no_details"));
  }
  if (request.item == "header_sender") return verify_header_sender(redirected);
  if (request.item == "certificate")
    return client_.tls && client_.tls->verified
               ? result(Answer::yes)
               : result(Answer::no, {}, "no verified certificate");
  // Nobody looks for client SMTP authorization any more, we neither.
  if (request.item == "csa")
    return result(Answer::no, {}, "client SMTP authorization is not looked for");
  return policy::cannot("'verify = " + request.item +
                        "' is not available in this program");
}

policy::Outcome<CheckResult> AclContext::check(std::string_view what,
                                               std::string_view) {
  return policy::cannot(std::string(what) + " is not available in this program");
}

policy::Outcome<void> AclContext::rate(
    std::string_view key,
    const std::function<bool(std::optional<policy::RateEntry>&)>& update) {
  auto done = world_.rates.update(key, update);
  if (!done) return policy::defer(std::move(done).error().text);
  return {};
}

void AclContext::add_header(policy::HeaderPlace place, std::string text) {
  changes.add(place, std::move(text));
}

void AclContext::remove_header(std::string name_or_pattern) {
  changes.remove(std::move(name_or_pattern));
}

void AclContext::control(std::string_view name, std::span<const std::string> options) {
  if (name == "caseful_local_part" || name == "caselower_local_part")
    caseful_ = name == "caseful_local_part";
  auto found = std::ranges::find(kControls, name, &Control::name);
  if (found != std::end(kControls)) found->act(wishes, session, options);
}

void AclContext::write(base::MainLog& log, std::string_view text) const {
  auto written = log.write(message ? message->id : "", text);
  if (!written) base::complain(written.error().text);
}

void AclContext::log(std::string_view logs, std::string_view text) {
  if (logs == "warn") {
    std::string line = who() + " Warning: " + std::string(text);
    if (warned_.insert(line).second) write(world_.main_log, line);
    return;
  }
  while (!logs.empty()) {
    std::string_view name = logs.substr(0, logs.find(','));
    logs.remove_prefix(std::min(name.size() + 1, logs.size()));
    if (name == "main") write(world_.main_log, text);
    if (name == "panic") write(world_.panic_log, text);
    if (name == "reject" && world_.policy->main.boolean("write_rejectlog", true))
      write(world_.reject_log, text);
  }
}

void AclContext::delay(std::chrono::seconds time) {
  delay_ += time;
}

std::chrono::system_clock::time_point AclContext::now() {
  return world_.clock.now();
}

}  // namespace receiver
