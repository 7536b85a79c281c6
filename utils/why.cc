// SPDX-License-Identifier: Apache-2.0
#include "utils/why.h"

#include <algorithm>
#include <map>

#include "base/json.h"
#include "base/text.h"
#include "hints/retry_key.h"
#include "utils/print.h"

namespace utils {

namespace {

using hints::RetryRecord;
using Kind = RecipientState::Kind;
using Lines = std::vector<std::string_view>;

Lines lines_of(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    auto end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// What stands behind the time of a line: "2026-11-21 10:43:00.680 +0000 text".
std::string_view text_of_line(std::string_view line) {
  constexpr std::size_t kDate = 11, kSecond = 19;  // "2026-11-21 ", "10:43:00"
  if (line.size() <= kSecond || line[kDate - 1] != ' ') return line;
  std::string_view rest = line.substr(std::min(line.find(' ', kSecond), line.size()));
  rest.remove_prefix(std::min<std::size_t>(1, rest.size()));
  bool zone = rest.size() > 6 && (rest[0] == '+' || rest[0] == '-') && rest[5] == ' ';
  return zone ? rest.substr(6) : rest;
}

// Is the text about that recipient: "address R=...", or "another <address> R=..."?
bool is_about(std::string_view text, std::string_view address) {
  std::string_view first = text.substr(0, text.find(' '));
  if (base::equal_nocase(first, address)) return true;
  std::string in_brackets = " <" + base::lower(address) + "> ";
  return base::lower(text).find(in_brackets) != std::string::npos &&
         text.find(" R=") != text.npos;
}

struct Host {
  std::string name, address;
};

// Those of "H=mx.example [192.0.2.1]".
void add_hosts(std::string_view text, std::vector<Host>& hosts) {
  auto at = text.starts_with("H=") ? 0 : text.find(" H=");
  auto open = at == text.npos ? at : text.find(" [", at);
  auto close = open == text.npos ? open : text.find(']', open);
  if (close == text.npos) return;
  std::string address(text.substr(open + 2, close - open - 2));
  if (std::ranges::find(hosts, address, &Host::address) != hosts.end()) return;
  std::size_t name = text.find('=', at) + 1;
  hosts.push_back({std::string(text.substr(name, open - name)), std::move(address)});
}

// A record of one message at a host: whose?  Empty: of the host for all.
std::string_view message_in(std::string_view key) {
  auto tail = key.substr(key.rfind(':') + 1);
  return spoolfmt::MessageId::parse(tail) ? tail : std::string_view();
}

// The hosts in question are in any of which we may find luck; all else holds by itself.
struct Times {
  std::optional<base::Time> own;
  std::map<std::string, base::Time> hosts;

  std::optional<base::Time> until() const {
    std::optional<base::Time> first;
    for (const auto& [host, next] : hosts) first = std::min(first.value_or(next), next);
    if (!first) return own;
    return std::max(own.value_or(*first), *first);
  }
};

bool concerns(std::string_view key, std::string_view address, std::string_view sender) {
  auto domain = address.substr(std::min(address.rfind('@'), address.size() - 1) + 1);
  for (const std::string& own : {hints::domain_key(domain), hints::address_key(address),
                                 hints::local_key(address), hints::local_key(domain),
                                 hints::recipient_key(address, sender)})
    if (key == own) return true;
  return false;
}

RecipientState state_of(const Evidence& evidence, std::string_view address,
                        const Lines& texts) {
  RecipientState state;
  state.address = address;
  if (evidence.queued.delivered(address)) {
    state.kind = Kind::done;
    return state;
  }
  std::vector<Host> hosts, hosts_of_all;
  for (std::string_view text : texts) {
    if (text.starts_with("H=")) add_hosts(text, hosts_of_all);
    if (!is_about(text, address)) continue;
    state.last_line = text;
    add_hosts(text, hosts);
  }
  // A host that did not answer has a line of its own.
  if (hosts.empty()) hosts = hosts_of_all;

  Times times;
  const auto& file = evidence.queued.h.file;
  for (const Remembered& one : evidence.records) {
    if (concerns(one.key, address, file.sender)) {
      times.own = std::max(times.own.value_or(one.record.next), one.record.next);
      state.because.push_back(&one);
      continue;
    }
    auto message = message_in(one.key);
    if (!one.key.starts_with("T:") ||
        (!message.empty() && message != evidence.queued.entry.stem()))
      continue;
    bool any = false;
    for (const Host& host : hosts) {
      if (!hints::concerns_host(one.key, host.name, host.address)) continue;
      auto [known, fresh] = times.hosts.try_emplace(host.address, one.record.next);
      known->second = std::max(known->second, one.record.next);
      any = true;
    }
    if (any) state.because.push_back(&one);
  }
  // A host that nothing is remembered of may be tried.
  for (const Host& host : hosts)
    if (!times.hosts.empty()) times.hosts.try_emplace(host.address, base::Time());
  state.until = times.until();
  if (state.until && *state.until > evidence.now)
    state.kind = Kind::waiting;
  else if (!state.last_line.empty() || !state.because.empty() ||
           !file.has("deliver_firsttime"))
    state.kind = Kind::due;
  return state;
}

// ---- words

std::string span_text(base::Time from, base::Time to) {
  auto seconds = std::chrono::floor<std::chrono::seconds>(to - from).count();
  if (seconds < 60) return std::to_string(std::max<std::int64_t>(0, seconds)) + "s";
  std::string text = spoolfmt::format_listing_age(seconds);
  return text.substr(text.find_first_not_of(' '));
}

std::string time_text(base::Time time) {
  return base::format_rfc3339(time).substr(0, 19) + "Z";
}

std::string ago(base::Time then, base::Time now) {
  return span_text(then, now) + " ago (" + time_text(then) + ")";
}

std::string reason_text(const RetryRecord& record) {
  if (!record.failure.text.empty()) return base::printable(record.failure.text);
  if (record.failure.error > 0)
    return base::system_error("", record.failure.error).text.substr(2);
  return "error " + std::to_string(record.failure.error);
}

std::string record_text(const Remembered& one, base::Time now) {
  const RetryRecord& record = one.record;
  std::string text = base::printable(one.key) + ": " + reason_text(record) + "; ";
  if (record.attempts > 0)
    text += std::to_string(record.attempts) +
            (record.attempts == 1 ? " attempt" : " attempts") + " since ";
  else
    text += "since ";
  text += ago(record.first, now) + ", the last " + ago(record.last, now);
  text += record.next > now ? ", the next at " + time_text(record.next) : "";
  if (record.expired) text += "; the rule's time is over, so that it fails for good";
  return text;
}

std::string recipient_text(const RecipientState& state, base::Time now) {
  std::string text = base::printable(state.address) + " ";
  switch (state.kind) {
    case Kind::done:
      return text + "is done.";
    case Kind::fresh:
      return text + "has never been tried: the next queue run does.";
    case Kind::due:
      text += "may be tried again: the next queue run does.";
      break;
    case Kind::waiting:
      text += "waits until " + time_text(*state.until) + ", for another " +
              span_text(now, *state.until) + ".";
      break;
  }
  for (const Remembered* one : state.because)
    text += "\n      " + record_text(*one, now);
  if (!state.last_line.empty())
    text += "\n      last in its log: " + base::printable(state.last_line);
  return text;
}

std::string_view kind_word(Kind kind) {
  switch (kind) {
    case Kind::done:
      return "done";
    case Kind::fresh:
      return "fresh";
    case Kind::waiting:
      return "waiting";
    case Kind::due:
      break;
  }
  return "due";
}

void append_time(base::Json& json, std::string_view name,
                 std::optional<base::Time> time) {
  json.key(name);
  if (time)
    json.value(base::format_rfc3339(*time));
  else
    json.null();
}

void append_recipient(base::Json& json, const RecipientState& state) {
  json.begin_object()
      .member("address", state.address)
      .member("state", kind_word(state.kind));
  append_time(json, "until", state.kind == Kind::waiting ? state.until : std::nullopt);
  json.key("because").begin_array();
  for (const Remembered* one : state.because) {
    const RetryRecord& record = one->record;
    json.begin_object()
        .member("key", one->key)
        .member("error", record.failure.error)
        .member("code", record.failure.code)
        .member("text", record.failure.text)
        .member("attempts", record.attempts);
    append_time(json, "first", record.first);
    append_time(json, "last", record.last);
    append_time(json, "next", record.next);
    json.member("expired", record.expired).end_object();
  }
  json.end_array().member("last_line", state.last_line).end_object();
}

}  // namespace

std::vector<RecipientState> recipient_states(const Evidence& evidence) {
  Lines texts;
  for (std::string_view line : lines_of(evidence.log))
    texts.push_back(text_of_line(line));
  std::vector<RecipientState> states;
  for (const auto& recipient : evidence.queued.h.file.recipients)
    states.push_back(state_of(evidence, recipient.address, texts));
  return states;
}

std::string explain(const Evidence& evidence, const base::Error* trouble) {
  const spoolfmt::Queued& queued = evidence.queued;
  const auto& file = queued.h.file;
  std::string out = base::printable(queued.entry.stem()) + "\n";
  auto say = [&](const std::string& sentence) { out += "  " + sentence + "\n"; };
  if (trouble) {
    say("It is damaged, and no queue run touches it: " +
        base::printable(trouble->text) + ".");
    say("bobbin check tells what can be done.");
    if (queued.h.damage == spoolfmt::Damage::envelope) return out;
  }
  auto states = recipient_states(evidence);
  auto left = states.size() - static_cast<std::size_t>(std::ranges::count(
                                  states, Kind::done, &RecipientState::kind));
  say((file.sender.empty() ? std::string("A bounce or another report, without a sender")
                           : "From <" + base::printable(file.sender) + ">") +
      ", received " + ago(file.received_time(), evidence.now) + "; " +
      std::to_string(left) + " of " + std::to_string(states.size()) +
      (states.size() == 1 ? " recipient is" : " recipients are") + " still to get it.");
  if (!queued.d_size)
    say("Its body is missing (no -D file): it cannot be delivered; bobbin check tells "
        "what can be done.");
  if (evidence.locked) say("Another process works on it at this moment.");
  if (auto since = file.frozen())
    say("It is frozen since " +
        ago(base::Time(std::chrono::seconds(*since)), evidence.now) +
        ": queue runs pass it by until it is thawed (bobbin thaw), it is forced "
        "(bobbin run -M or -qff) or auto_thaw has passed.");
  if (!queued.journal.empty())
    say("A delivery is under way or was cut short: its journal has names that -H does "
        "not know.");
  if (left == 0) say("Everybody is done: the next queue run removes it.");
  for (const RecipientState& state : states) say(recipient_text(state, evidence.now));
  return out;
}

std::string explain_json(const Evidence& evidence, const base::Error* trouble) {
  const spoolfmt::Queued& queued = evidence.queued;
  std::string out;
  base::Json json(out);
  json.begin_object().member("id", queued.entry.stem());
  if (queued.h.damage != spoolfmt::Damage::envelope) {
    json.member("sender", queued.h.file.sender)
        .member("received", base::format_rfc3339(queued.h.file.received_time()));
    append_frozen(json, queued.h.file);
    json.member("locked", evidence.locked)
        .member("body", queued.d_size.has_value())
        .key("recipients")
        .begin_array();
    for (const RecipientState& state : recipient_states(evidence))
      append_recipient(json, state);
    json.end_array();
  }
  if (trouble) append_trouble(json, queued, *trouble);
  json.end_object();
  return out + "\n";
}

}  // namespace utils
