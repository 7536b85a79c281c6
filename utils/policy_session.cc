// SPDX-License-Identifier: Apache-2.0
#include "utils/policy_session.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "base/text.h"
#include "policy/comparison.h"
#include "policy/mail_address.h"
#include "policy/plain_list.h"
#include "policy/replies.h"
#include "policy/source.h"
#include "policy/text_codes.h"
#include "policy/variable_table.h"
#include "policy/verify.h"
#include "smtp/command.h"

namespace utils {

using policy::AclResult;
using policy::Phase;
using Verdict = AclResult::Verdict;

namespace {

constexpr std::string_view kUnrouteable = "Unrouteable address";

// The local part without the quotes it may have come in.
std::string unquoted(std::string_view local_part) {
  if (!local_part.starts_with('"') || local_part.size() < 2)
    return std::string(local_part);
  std::string out;
  for (std::size_t i = 1; i + 1 < local_part.size(); ++i) {
    if (local_part[i] == '\\' && i + 2 < local_part.size()) ++i;
    out += local_part[i];
  }
  return out;
}

std::pair<std::string, std::string> halves(std::string_view address) {
  std::size_t at = std::min(address.rfind('@'), address.size());
  return {unquoted(address.substr(0, at)),
          std::string(address.substr(std::min(at + 1, address.size())))};
}

// "Thu, 02 Jan 2025 10:00:00 +0000"
std::string mail_date(std::chrono::system_clock::time_point now) {
  std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S +0000", &parts);
  return text.data();
}

bool is_temporary(const AclResult& result) {
  return result.verdict == Verdict::defer || result.verdict == Verdict::error;
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string out;
  for (const std::string& word : words)
    out.append(out.empty() ? "" : separator).append(word);
  return out;
}

}  // namespace

PolicySession::PolicySession(std::shared_ptr<const policy::Policy> policy,
                             std::string client)
    : policy_(std::move(policy)), context_(*policy_), client_(std::move(client)) {
  host_ = policy_->primary_hostname;
  context_.host_address = client_;
  set("sender_host_address", client_);
  set("smtp_active_hostname", host_);
  set("received_protocol", "smtp");
  introduce("");
  count_recipients();
}

// The client says its name, or has none that was taken.
void PolicySession::introduce(std::string name) {
  helo_ = std::move(name);
  std::string shown = "[" + client_ + "]";
  set("sender_helo_name", helo_);
  set("sender_rcvhost", shown + (helo_.empty() ? "" : " (helo=" + helo_ + ")"));
  if (!helo_.empty()) shown.insert(0, "(" + helo_ + ") ");
  set("sender_fullhost", shown);
  context_.who = "H=" + shown;
}

void PolicySession::count_recipients() {
  set("rcpt_count", std::to_string(asked_));
  set("rcpt_fail_count", std::to_string(refused_));
  set("rcpt_defer_count", std::to_string(deferred_));
  set("recipients_count", std::to_string(recipients_.size()));
}

// By hosts_require_helo, as Exim and the receiver read it.
bool PolicySession::must_say_hello() {
  const policy::List* list = policy_->main.list("hosts_require_helo");
  if (!list) return true;
  policy::Evaluation evaluation{*policy_, context_};
  auto found = policy::match(*list, {.text = {}, .host = context_.host()}, evaluation);
  if (found) return found->matched;
  context_.log("main", "hosts_require_helo: " + found.error().text);
  return false;
}

std::string PolicySession::get(std::string_view variable) const {
  auto found = context_.variables.find(variable);
  return found == context_.variables.end() ? std::string() : found->second;
}

std::string PolicySession::expand(std::string_view option, std::string otherwise) {
  const policy::Template* text = policy_->main.expanded(option);
  if (!text) return otherwise;
  policy::Evaluation evaluation{*policy_, context_};
  auto value = policy::expand(*text, evaluation);
  if (value) return std::move(*value);
  context_.log("main", std::string(option) + ": " + value.error().text);
  return otherwise;
}

void PolicySession::say(std::string_view code, std::string_view text,
                        std::string_view enhanced) {
  while (true) {
    std::size_t end = text.find('\n');
    std::string line(code);
    line.append(end == text.npos ? " " : "-");
    if (!enhanced.empty()) line.append(enhanced).append(" ");
    replies_.push_back(line.append(base::printable(text.substr(0, end))));
    if (end == text.npos) return;
    text.remove_prefix(end + 1);
  }
}

void PolicySession::hang_up(std::string_view reason) {
  over_ = true;
  set("smtp_notquit_reason", std::string(reason));
  run(Phase::notquit);
}

void PolicySession::reset() {
  context_.forget_message();
  envelope_changes_ = {};
  has_sender_ = false;
  sender_.clear();
  recipients_.clear();
  last_refusal_.clear();
  refusals_differ_ = false;
  all_discarded_.reset();
  asked_ = discarded_ = refused_ = deferred_ = 0;
  count_recipients();
  content_.clear();
}

AclResult PolicySession::run(Phase phase) {
  AclResult result = policy::run_acl(*policy_, phase, context_);
  context_.memory.end_command();
  bool ends = phase == Phase::quit || phase == Phase::notquit;
  if (ends && result.verdict != Verdict::accept)
    context_.log("main", "ACL for " + std::string(policy::acl_option(phase)) +
                             " did not accept: " + result.log_message);
  return result;
}

void PolicySession::accept(Phase phase, const AclResult& result,
                           std::string_view usual) {
  policy::AclReply reply = policy::reply_to(phase, result);
  if (reply.text.empty())
    say(usual);
  else
    say(reply.code, reply.text, reply.enhanced);
}

void PolicySession::log_refusal(std::string_view what, const AclResult& result) {
  bool knows_sender = what.starts_with("RCPT") || what.starts_with("after DATA");
  std::string line = context_.who;
  if (knows_sender) line += " F=<" + sender_ + ">";
  line.append(is_temporary(result) ? " temporarily rejected " : " rejected ")
      .append(what);
  if (!result.log_message.empty())
    line += ": " + result.log_message.substr(0, result.log_message.find('\n'));
  context_.log(result.reject_logs, line);
}

void PolicySession::refuse(Phase phase, std::string_view what,
                           const AclResult& result) {
  log_refusal(what, result);
  policy::AclReply reply = policy::reply_to(phase, result);
  say(reply.code, reply.text, reply.enhanced);
  if (phase == Phase::rcpt) {
    ++(is_temporary(result) ? deferred_ : refused_);
    refusals_differ_ |= !last_refusal_.empty() && last_refusal_ != reply.text;
    last_refusal_ = reply.text;
  }
  if (reply.close || phase == Phase::connect) hang_up("acl-drop");
}

bool PolicySession::judge(Phase phase, std::string_view what, std::string_view usual) {
  AclResult result = run(phase);
  if (result.verdict == Verdict::accept) {
    accept(phase, result, usual);
    return true;
  }
  refuse(phase, what, result);
  return false;
}

void PolicySession::begin() {
  std::string banner =
      expand("smtp_banner", host_ + " ESMTP " + mail_date(context_.now()));
  judge(Phase::connect, "connection in \"connect\" ACL", "220 " + banner);
}

void PolicySession::end() {
  if (over_) return;
  say("421 " + host_ + " lost input connection");
  hang_up("connection-lost");
}

void PolicySession::take_line(std::string_view line) {
  if (over_) return;
  if (in_data_)
    content_line(line);
  else if (authenticator_)
    auth_response(line);
  else
    command(line);
}

void PolicySession::command(std::string_view line) {
  line = policy::trimmed(line);
  std::string_view verb = line.substr(0, line.find(' '));
  std::string_view argument = policy::trimmed(line.substr(verb.size()));
  set("smtp_command", std::string(line));
  set("smtp_command_argument", std::string(smtp::command_argument(line)));
  auto is = [&](std::string_view word) { return base::equal_nocase(verb, word); };
  if (is("HELO") || is("EHLO")) return hello(argument, is("EHLO"));
  if (is("MAIL")) return mail(line);
  if (is("RCPT")) return rcpt(line);
  if (is("DATA")) return data();
  if (is("VRFY")) return vrfy(argument);
  if (is("EXPN")) return expn_or_etrn(Phase::expn, argument);
  if (is("ETRN")) return expn_or_etrn(Phase::etrn, argument);
  if (is("AUTH")) return auth(argument);
  if (is("QUIT")) return quit();
  if (is("STARTTLS")) return say("503 STARTTLS command used when not advertised");
  if (is("NOOP")) return say("250 OK");
  if (is("HELP"))
    return say("214 Commands supported: AUTH HELO EHLO MAIL RCPT DATA QUIT");
  if (!is("RSET")) return say("500 unrecognized command");
  reset();
  say("250 Reset OK");
}

void PolicySession::hello(std::string_view name, bool extended) {
  std::string_view verb = extended ? "EHLO" : "HELO";
  if (!smtp::is_hello_name(name))
    return say("501", "Syntactically invalid " + std::string(verb) + " argument(s)");
  introduce(std::string(name));
  extended_ = extended;
  reset();
  std::string usual = "250 " + host_ + " Hello " + helo_ + " [" + client_ + "]";
  if (extended) {
    usual += "\n8BITMIME\nPIPELINING";
    if (!policy_->authenticators.empty()) {
      usual += "\nAUTH";
      for (const policy::Driver& driver : policy_->authenticators)
        usual.append(" ").append(driver.options.text("public_name"));
    }
    usual += "\nHELP";
  }
  if (judge(Phase::helo, "EHLO or HELO " + helo_, usual))
    set("received_protocol", extended ? "esmtp" : "smtp");
  else
    introduce("");
}

void PolicySession::mail(std::string_view line) {
  if (helo_.empty() && must_say_hello()) {
    context_.log("main", "rejected MAIL from " + context_.who.substr(2) +
                             ": no HELO/EHLO given");
    return say("503 HELO or EHLO required");
  }
  if (has_sender_) return say("503 sender already given");
  auto parsed = smtp::parse_command(line);
  if (!parsed) return say(std::to_string(parsed.error().code), parsed.error().text);
  reset();
  sender_ = std::get<smtp::Mail>(*parsed).sender.text();
  auto [local_part, domain] = halves(sender_);
  set("sender_address", sender_);
  set("sender_address_local_part", local_part);
  set("sender_address_domain", domain);
  set("return_path", sender_);
  AclResult result = run(Phase::mail);
  if (result.verdict == Verdict::discard) all_discarded_ = result.log_message;
  has_sender_ = result.verdict == Verdict::accept || all_discarded_;
  if (has_sender_) return accept(Phase::mail, result, "250 OK");
  refuse(Phase::mail, "MAIL <" + sender_ + ">", result);
  for (const char* name : {"sender_address", "sender_address_local_part",
                           "sender_address_domain", "return_path"})
    context_.variables.erase(name);
}

void PolicySession::rcpt(std::string_view line) {
  if (!has_sender_) return say("503 sender not yet given");
  auto parsed = smtp::parse_command(line);
  if (!parsed) return say(std::to_string(parsed.error().code), parsed.error().text);
  std::string address = std::get<smtp::Rcpt>(*parsed).recipient.text();
  if (address.find('@') == address.npos) address += "@" + policy_->qualify_recipient;
  auto [local_part, domain] = halves(address);
  set("original_local_part", local_part);
  set("local_part", base::lower(local_part));
  set("domain", base::lower(domain));
  ++asked_;
  count_recipients();
  context_.variables.erase("domain_data");
  context_.variables.erase("local_part_data");
  context_.variables.erase("recipient_data");
  context_.variables.erase("address_data");
  AclResult result;
  result.verdict = Verdict::discard;
  result.log_message = all_discarded_.value_or("");
  if (!all_discarded_) result = run(Phase::rcpt);
  std::string what = "RCPT <" + address + ">";
  if (result.verdict == Verdict::accept) {
    recipients_.push_back(address);
    accept(Phase::rcpt, result, "250 Accepted");
  } else if (result.verdict == Verdict::discard) {
    ++discarded_;
    accept(Phase::rcpt, result, "250 Accepted");
    context_.log("main", context_.who + " F=<" + sender_ + "> " + what +
                             ": discarded by " + (all_discarded_ ? "MAIL" : "RCPT") +
                             " ACL" + (result.log_message.empty() ? "" : ": ") +
                             result.log_message);
  } else {
    refuse(Phase::rcpt, what, result);
  }
  count_recipients();
  for (const char* name : {"local_part", "original_local_part", "domain"})
    context_.variables.erase(name);
}

void PolicySession::data() {
  if (recipients_.empty() && discarded_ == 0) {
    if (!last_refusal_.empty() && !refusals_differ_)
      return say("503", "All RCPT commands were rejected with this error:\n" +
                            last_refusal_ + "\nvalid RCPT command must precede DATA");
    return say("503 valid RCPT command must precede DATA");
  }
  in_data_ = judge(Phase::predata, "DATA",
                   "354 Enter message, ending with \".\" on a line by itself");
}

void PolicySession::vrfy(std::string_view argument) {
  std::string text(argument);
  if (text.starts_with('<') && text.ends_with('>'))
    text = text.substr(1, text.size() - 2);
  if (text.find('@') == text.npos)
    return say("501", text + ": recipient address must contain a domain");
  auto [local_part, domain] = halves(text);
  set("original_local_part", local_part);
  set("local_part", base::lower(local_part));
  set("domain", base::lower(domain));
  AclResult result = run(Phase::vrfy);
  if (result.verdict != Verdict::accept)
    return refuse(Phase::vrfy, "VRFY " + text, result);
  auto verified = policy::verify_address(
      *policy_, text, policy::RoutePurpose::verify_recipient, false, context_);
  if (verified.answer == policy::Answer::yes)
    return say("250", "<" + text + "> is deliverable");
  if (verified.answer == policy::Answer::defer)
    return say("451", "<" + text + "> Cannot be resolved at this time");
  context_.log("main", "VRFY failed for " + text + " " + context_.who);
  say("550", "<" + text + "> " + verified.user_message);
}

void PolicySession::expn_or_etrn(Phase phase, std::string_view argument) {
  bool etrn = phase == Phase::etrn;
  std::string what = (etrn ? "ETRN " : "EXPN ") + std::string(argument);
  if (etrn) context_.log("main", what + " received from " + context_.who.substr(2));
  AclResult result = run(phase);
  if (result.verdict != Verdict::accept) return refuse(phase, what, result);
  if (etrn) return say("250 OK");
  auto routed = policy::route(*policy_, argument, policy::RoutePurpose::expn, context_);
  std::vector<std::string> lines;
  for (const policy::RoutedAddress& each : routed)
    lines.push_back(
        "<" + each.address + ">" +
        (each.outcome == policy::RoutedAddress::Outcome::fail
             ? " " + (each.message.empty() ? std::string(kUnrouteable) : each.message)
             : ""));
  say("250", joined(lines, "\n"));
}

void PolicySession::auth(std::string_view argument) {
  if (!get("sender_host_authenticated").empty())
    return say("503 already authenticated");
  if (has_sender_) return say("503 not permitted in mail transaction");
  AclResult allowed = run(Phase::auth);
  std::string_view mechanism = argument.substr(0, argument.find(' '));
  if (allowed.verdict != Verdict::accept)
    return refuse(Phase::auth, "AUTH " + std::string(mechanism), allowed);
  auto found = std::ranges::find_if(policy_->authenticators, [&](const auto& driver) {
    return base::equal_nocase(driver.options.text("public_name"), mechanism);
  });
  if (found == policy_->authenticators.end())
    return say("504",
               std::string(mechanism) + " authentication mechanism not supported");
  authenticator_ = &*found;
  auth_data_.clear();
  std::string_view initial = policy::trimmed(argument.substr(mechanism.size()));
  auth_response(initial);
}

void PolicySession::auth_response(std::string_view line) {
  const policy::Driver& driver = *authenticator_;
  auto finish = [&](std::string_view reply) {
    authenticator_ = nullptr;
    say(reply);
  };
  if (line == "*") return finish("501 Authentication cancelled");
  policy::Evaluation evaluation{*policy_, context_, Phase::authenticator};
  auto value_of = [&](std::string_view option) -> std::string {
    const policy::Template* text = driver.options.expanded(option);
    if (!text) return {};
    return policy::expand(*text, evaluation).value_or("");
  };
  if (!line.empty()) {
    auto decoded =
        line == "=" ? base::Result<std::string>("") : policy::from_base64(line);
    if (!decoded) return finish("501 Invalid base64 data");
    std::string_view rest = *decoded;
    while (true) {
      std::size_t end = std::min(rest.find('\0'), rest.size());
      auth_data_.emplace_back(rest.substr(0, end));
      if (end == rest.size()) break;
      rest.remove_prefix(end + 1);
    }
  }
  auto prompts = policy::split_list(value_of("server_prompts")).elements;
  if (auth_data_.size() < prompts.size())
    return say("334", policy::to_base64(prompts[auth_data_.size()]));
  for (std::size_t i = 0; i < auth_data_.size() && i < 4; ++i)
    set("auth" + std::to_string(i + 1), auth_data_[i]);
  std::string condition = value_of("server_condition");
  std::string id = value_of("server_set_id");
  for (int i = 1; i <= 4; ++i) context_.variables.erase("auth" + std::to_string(i));
  if (condition.empty() || !policy::lax_truth(condition)) {
    context_.log("main", driver.name + " authenticator failed for " +
                             context_.who.substr(2) +
                             ": 535 Incorrect authentication data" +
                             (id.empty() ? "" : " (set_id=" + id + ")"));
    set("authentication_failed", "1");
    return finish("535 Incorrect authentication data");
  }
  set("sender_host_authenticated", driver.name);
  set("authenticated_id", id);
  set("received_protocol", extended_ ? "esmtpa" : "smtpa");
  finish("235 Authentication succeeded");
}

void PolicySession::quit() {
  over_ = true;
  const std::string usual = "221 " + host_ + " closing connection";
  AclResult result = run(Phase::quit);
  if (result.verdict == Verdict::accept) return accept(Phase::quit, result, usual);
  say(usual);
}

void PolicySession::content_line(std::string_view line) {
  if (line == ".") return end_of_data();
  if (line.starts_with('.')) line.remove_prefix(1);
  content_.append(line).append("\n");
}

std::vector<spoolfmt::Header> PolicySession::read_headers() {
  std::vector<spoolfmt::Header> headers;
  std::string received =
      expand("received_header_text",
             "Received: from " + get("sender_rcvhost") + "\n\tby " + host_ + " with " +
                 get("received_protocol") + "\n\tid " + get("message_exim_id"));
  if (!received.empty())
    headers.push_back({'P', received + ";\n\t" + mail_date(context_.now()) + "\n"});
  std::string_view rest = content_;
  while (!rest.empty() && !rest.starts_with('\n')) {
    std::size_t end = std::min(rest.find('\n') + 1, rest.size());
    while (end < rest.size() && (rest[end] == ' ' || rest[end] == '\t'))
      end = std::min(rest.find('\n', end) + 1, rest.size());
    std::string_view name = policy::header_name(rest.substr(0, end));
    if (name.empty()) break;
    headers.push_back({spoolfmt::header_type(name), std::string(rest.substr(0, end))});
    rest.remove_prefix(end);
  }
  if (rest.starts_with('\n')) rest.remove_prefix(1);
  content_.erase(0, content_.size() - rest.size());
  return headers;
}

void PolicySession::show_message(const std::vector<spoolfmt::Header>& headers) {
  std::string text;
  for (const spoolfmt::Header& header : headers)
    if (header.type != '*') text += header.text;
  context_.set_message(text + "\n" + content_);
}

void PolicySession::end_of_data() {
  in_data_ = false;
  std::string id = "1xPAPE-0000" + std::string(messages_.size() < 10 ? "0" : "") +
                   std::to_string(messages_.size() % 100) + "-00";
  set("message_exim_id", id);
  set("recipients", joined(recipients_, ", "));
  std::string list;
  policy::ListWriter writer(list, ':');
  for (const std::string& recipient : recipients_) writer.add(recipient);
  set("recipients_list", std::move(list));
  auto headers = read_headers();
  context_.changes.apply(headers, spoolfmt::header_type);
  show_message(headers);
  AclResult result;
  result.verdict = Verdict::accept;
  bool wanted = !recipients_.empty();
  if (wanted) result = run(Phase::data);
  if (result.verdict != Verdict::accept && result.verdict != Verdict::discard) {
    refuse(Phase::data, "after DATA", result);
    return reset();
  }
  if (result.verdict == Verdict::discard) recipients_.clear();
  context_.changes.apply(headers, spoolfmt::header_type);
  context_.log("main", id + " <= " + (sender_.empty() ? "<>" : sender_) + " " +
                           context_.who + " P=" + get("received_protocol") +
                           " S=" + get("message_size"));
  if (recipients_.empty())
    context_.log("main", id + " => blackhole (" +
                             (wanted           ? "DATA"
                              : all_discarded_ ? "MAIL"
                                               : "RCPT") +
                             " ACL discarded recipients)" +
                             (result.log_message.empty() ? "" : ": ") +
                             result.log_message);
  keep_message(std::move(headers));
  if (!context_.fake_code.empty())
    say(context_.fake_code, policy::wrap_reply(context_.fake_text));
  else
    accept(Phase::data, result, "250 OK id=" + id);
  reset();
}

void PolicySession::keep_message(std::vector<spoolfmt::Header> headers) {
  PaperMessage message;
  message.id = get("message_exim_id");
  message.sender = sender_;
  message.recipients = recipients_;
  for (const auto& [name, value] : context_.named)
    if (name.starts_with("acl_")) message.variables.emplace_back(name, value);
  message.headers = std::move(headers);
  message.frozen = context_.frozen;
  if (context_.frozen) context_.log("main", message.id + " frozen by ACL");
  if (context_.queue_only) {
    message.queue = "queued by ACL";
    context_.log("main", message.id + " no immediate delivery: queued by ACL");
  }
  messages_.push_back(std::move(message));
}

}  // namespace utils
