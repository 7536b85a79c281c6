// SPDX-License-Identifier: Apache-2.0
#include "policy/scripted_context.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace policy {

namespace {

// $message_body and $message_body_end: newlines as blanks, NULs too.
std::string as_one_line(std::string_view body) {
  std::string line(body);
  std::ranges::replace_if(line, [](char c) { return c == '\n' || c == '\0'; }, ' ');
  return line;
}

std::size_t count(std::string_view text, char c) {
  return static_cast<std::size_t>(std::ranges::count(text, c));
}

constexpr std::size_t kVisibleBody = 500;  // message_body_visible

const CheckResult* result_of(
    const std::map<std::string, CheckResult, std::less<>>& results,
    std::string_view what, std::string_view argument) {
  auto found = results.find(std::string(what) + "=" + std::string(argument));
  if (argument.empty() || found == results.end()) found = results.find(what);
  return found == results.end() ? nullptr : &found->second;
}

}  // namespace

void ScriptedContext::add_message_header(std::string text) {
  if (!text.ends_with('\n')) text += '\n';
  const std::string& kept = header_texts_.emplace_back(std::move(text));
  std::string_view line = kept;
  header_lines_.push_back({trimmed(line.substr(0, line.find(':'))), line});
}

void ScriptedContext::clear_message() {
  header_lines_.clear();
  header_texts_.clear();
}

void ScriptedContext::set_message(std::string_view text) {
  clear_message();
  const std::string_view whole = text;
  while (!text.empty() && text.front() != '\n' && !text.starts_with("\r\n")) {
    std::size_t end = 0;
    do {  // a line and those that continue it
      std::size_t newline = text.find('\n', end);
      end = newline == std::string_view::npos ? text.size() : newline + 1;
    } while (end < text.size() && (text[end] == ' ' || text[end] == '\t'));
    add_message_header(std::string(text.substr(0, end)));
    text.remove_prefix(end);
  }
  if (text.starts_with("\r\n")) text.remove_prefix(1);
  if (text.starts_with('\n')) text.remove_prefix(1);

  std::size_t received = 0;
  std::string from, reply_to;
  for (const HeaderLine& header : header_lines_) {
    std::string_view value = trimmed(header.text.substr(header.text.find(':') + 1));
    if (value.ends_with('\n')) value.remove_suffix(1);
    if (base::equal_nocase(header.name, "received")) ++received;
    if (base::equal_nocase(header.name, "from")) from = trimmed(value);
    if (base::equal_nocase(header.name, "reply-to")) reply_to = trimmed(value);
  }
  variables["reply_address"] = reply_to.empty() ? from : reply_to;
  variables["message_body"] = as_one_line(text.substr(0, kVisibleBody));
  variables["message_body_end"] =
      as_one_line(text.substr(text.size() - std::min(text.size(), kVisibleBody)));
  variables["message_body_size"] = std::to_string(text.size());
  variables["body_linecount"] = std::to_string(count(text, '\n'));
  variables["body_zerocount"] = std::to_string(count(text, '\0'));
  variables["message_linecount"] = std::to_string(count(whole, '\n'));
  variables["message_size"] = std::to_string(whole.size());
  variables["received_count"] = std::to_string(received);
}

Outcome<std::string_view> ScriptedContext::variable(VariableId id) {
  auto found = variables.find(policy::variables()[id].name);
  if (found == variables.end()) return std::string_view();
  return found->second;
}

void ScriptedContext::set_variable(VariableId id, std::string value) {
  variables.insert_or_assign(std::string(policy::variables()[id].name),
                             std::move(value));
}

const std::string* ScriptedContext::named_variable(std::string_view name) {
  auto found = named.find(name);
  return found == named.end() ? nullptr : &found->second;
}

void ScriptedContext::set_named_variable(std::string_view name, std::string value) {
  auto found = named.find(name);
  if (found != named.end())
    found->second = std::move(value);
  else
    named.emplace(name, std::move(value));
}

Outcome<std::vector<std::string>> ScriptedContext::addresses_of(std::string_view name) {
  auto found = addresses.find(name);
  if (found == addresses.end()) return std::vector<std::string>();
  return found->second;
}

Outcome<DnsAnswer> ScriptedContext::dns(std::string_view type, std::string_view name) {
  auto found = records.find(std::string(type) + " " + base::lower(name));
  if (found == records.end()) return DnsAnswer();
  return found->second;
}

Outcome<CheckResult> ScriptedContext::verify(const VerifyRequest& request) {
  const CheckResult* result = result_of(verifications, request.item, request.address);
  return result ? *result : CheckResult();
}

Outcome<CheckResult> ScriptedContext::check(std::string_view what,
                                            std::string_view argument) {
  const CheckResult* result = result_of(checks, what, argument);
  return result ? *result : CheckResult();
}

Outcome<void> ScriptedContext::rate(
    std::string_view key,
    const std::function<bool(std::optional<RateEntry>&)>& update) {
  std::optional<RateEntry> entry;
  if (auto found = rates.find(key); found != rates.end()) entry = found->second;
  if (!update(entry)) return {};
  if (entry)
    rates.insert_or_assign(std::string(key), *std::move(entry));
  else
    rates.erase(std::string(key));
  return {};
}

void ScriptedContext::add_header(HeaderPlace place, std::string text) {
  effects.push_back({Effect::Kind::add_header, "", std::move(text), place});
}

void ScriptedContext::remove_header(std::string name_or_pattern) {
  effects.push_back({Effect::Kind::remove_header, "", std::move(name_or_pattern)});
}

void ScriptedContext::control(std::string_view name,
                              std::span<const std::string> options) {
  std::string text;
  for (const std::string& option : options) text += option + "\n";
  effects.push_back({Effect::Kind::control, std::string(name), std::move(text)});
}

void ScriptedContext::log(std::string_view logs, std::string_view text) {
  effects.push_back({Effect::Kind::log, std::string(logs), std::string(text)});
}

void ScriptedContext::delay(std::chrono::seconds time) {
  effects.push_back(
      {.kind = Effect::Kind::delay, .name = "", .text = "", .time = time});
}

}  // namespace policy
