// SPDX-License-Identifier: Apache-2.0
//
// verify = item/option: what needs only the headers and the names of the client is
// answered here, the rest by the context (spec/policy.md 10.6).
#include "policy/verify.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.h"
#include "policy/acl_clauses.h"
#include "policy/header_changes.h"
#include "policy/ip.h"
#include "policy/mail_address.h"
#include "policy/option_value.h"
#include "policy/variable_table.h"
#include "policy/written_text.h"

namespace policy {
namespace {

constexpr auto kItem = AclWord::Kind::verify;
constexpr std::string_view kAddressOptions =
    "callout|callout=|defer_ok|no_details|success_on_redirect";

constexpr auto kItems = std::to_array<AclWord>({
    {kItem, "arc", points::kEnd, Feature::arc, "STATES",
     "the ARC chain is in one of the states, none:pass if there are none given"},
    {kItem, "certificate", points::kSmtp, Feature::tls, "",
     "the client's certificate was verified"},
    {kItem, "csa", points::kSmtp, Feature::resolver, "",
     "client SMTP authorization allows the client"},
    {kItem, "header_names_ascii", points::kEndOrLocal, Feature::none, "",
     "header names are ASCII"},
    {kItem, "header_sender", points::kEndOrLocal, Feature::verify,
     "callout|callout=|defer_ok|no_details|success_on_redirect",
     "Sender:, Reply-To: or From: has an address that verifies"},
    {kItem, "header_syntax", points::kEndOrLocal, Feature::none, "",
     "headers with addresses are well formed"},
    {kItem, "helo", points::kSmtp, Feature::resolver, "",
     "the client's HELO name is its own"},
    {kItem, "not_blind", points::kEndOrLocal, Feature::none, "case_insensitive",
     "each recipient is in a header"},
    {kItem, "recipient", points::kRcpt, Feature::verify, kAddressOptions,
     "the recipient can be routed"},
    {kItem, "reverse_host_lookup", points::kSmtp, Feature::resolver, "defer_ok",
     "the client's address has a name, and the name the address"},
    {kItem, "sender", points::kSenders, Feature::verify, kAddressOptions,
     "the sender, or 'sender=ADDRESS', can be routed"},
});

struct Verification {
  const AclWord* word = nullptr;
  VerifyRequest request;
  bool defer_ok = false;
};

using Taken = std::expected<Verification, std::string>;

bool is_one_of(std::string_view word, std::string_view words) {
  while (!words.empty()) {
    std::string_view each = words.substr(0, words.find('|'));
    if (word == each) return true;
    words.remove_prefix(std::min(each.size() + 1, words.size()));
  }
  return false;
}

// callout=30s,defer_ok,mailfrom=a@b.  Empty, or what is wrong.
std::string check_callout(std::string_view text, std::string_view item) {
  constexpr std::string_view kWords =
      "defer_ok|no_cache|hold|random|use_sender|use_postmaster|postmaster|"
      "fullpostmaster";
  bool use_sender = false, use_postmaster = false;
  while (!text.empty()) {
    std::string_view each = text.substr(0, text.find(','));
    text.remove_prefix(std::min(each.size() + 1, text.size()));
    std::string_view option = trimmed(each);
    std::string_view value =
        option.substr(std::min(option.find('=') + 1, option.size()));
    bool timed = option.starts_with("connect=") || option.starts_with("maxwait=");
    bool from = option.starts_with("postmaster_mailfrom=") ||
                (option.starts_with("mailfrom=") && item == "header_sender");
    use_sender = use_sender || option == "use_sender";
    use_postmaster = use_postmaster || option == "use_postmaster";
    if (timed && !parse_time(value))
      return "'callout' needs a time after '=': " + quote(option);
    if (!timed && !from && !is_one_of(option, kWords) && !parse_time(option))
      return "'callout' knows no option " + quote(option) +
             ": write a time, 'connect=TIME', 'maxwait=TIME', 'defer_ok', 'no_cache', "
             "'hold', 'random', 'use_sender', 'use_postmaster', 'postmaster', "
             "'fullpostmaster' or 'postmaster_mailfrom=ADDRESS'";
  }
  if (use_sender && use_postmaster)
    return "'use_sender' and 'use_postmaster' exclude each other";
  if ((use_sender || use_postmaster) && item != "recipient")
    return "'use_sender' and 'use_postmaster' go with 'recipient' only";
  return {};
}

Taken take_item(const WrittenPart& first) {
  Verification out;
  std::string_view item = first.text;
  bool addressed = first.starts_with("sender=");
  if (addressed) {
    out.request.address = trimmed(item.substr(7));
    item = item.substr(0, 6);
  }
  if (first.starts_with(item)) out.word = find_word(kItems, item);
  if (!out.word)
    return std::unexpected("unknown verify item " + quote(item) +
                           did_you_mean(item, names_of(kItems)));
  out.request.item = out.word->name;
  return out;
}

Taken take_verification(const std::vector<WrittenPart>& parts) {
  auto out = take_item(parts.front());
  if (!out) return out;
  std::string_view known = out->word->argument;
  for (const WrittenPart& option : std::span(parts).subspan(1)) {
    bool callout = option.starts_with("callout=");
    bool fits =
        known == "STATES" || is_one_of(callout ? "callout=" : option.text, known);
    if (!fits || (option.written == 0 && known != "STATES"))
      return std::unexpected(
          describe(*out->word) + " knows no option " + quote(option.text) +
          (known.empty() ? ": it has none" : ": it has " + std::string(known)));
    if (callout)
      if (auto wrong =
              check_callout(std::string_view(option.text).substr(8), out->request.item);
          !wrong.empty())
        return std::unexpected(std::move(wrong));
    out->defer_ok = out->defer_ok || option.text == "defer_ok";
    out->request.options.push_back(option.text);
  }
  return out;
}

bool asks_callout(const VerifyRequest& request) {
  return std::ranges::any_of(request.options, [](const std::string& option) {
    return option.starts_with("callout");
  });
}

CheckResult no_because(std::string log_message) {
  return {.answer = Answer::no,
          .word = "",
          .user_message = "",
          .log_message = std::move(log_message)};
}
CheckResult yes() {
  return {.answer = Answer::yes, .word = "", .user_message = "", .log_message = ""};
}

std::string_view value_of(const HeaderLine& header) {
  return header.text.substr(std::min(header.text.find(':') + 1, header.text.size()));
}

bool holds_addresses(std::string_view name) {
  static constexpr auto kNames = std::to_array<std::string_view>(
      {"from", "to", "cc", "bcc", "sender", "reply-to"});
  return std::ranges::any_of(
      kNames, [&](std::string_view each) { return base::equal_nocase(each, name); });
}

// Cuts the value of a header into what should be addresses, names of groups left out.
std::vector<std::string_view> cut_addresses(std::string_view value) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  unsigned comments = 0;
  bool quoted = false, angle = false;
  for (std::size_t at = 0; at < value.size(); ++at) {
    char c = value[at];
    if (c == '\\') ++at;
    if (c == '"' && comments == 0) quoted = !quoted;
    if (quoted) continue;
    if (c == '(') ++comments;
    if (c == ')' && comments > 0) --comments;
    if (comments > 0) continue;
    if (c == '<') angle = true;
    if (c == '>') angle = false;
    if (c == ':' && !angle) begin = at + 1;
    if ((c != ',' && c != ';') || angle) continue;
    out.push_back(value.substr(begin, at - begin));
    begin = at + 1;
  }
  out.push_back(value.substr(std::min(begin, value.size())));
  return out;
}

CheckResult verify_header_syntax(Context& context) {
  for (const HeaderLine& header : context.headers()) {
    if (!holds_addresses(header.name)) continue;
    for (std::string_view text : cut_addresses(value_of(header))) {
      if (text.find_first_not_of(" \t\n") == text.npos) continue;
      if (auto address = parse_mail_address(text); !address)
        return no_because(address.error().text + ": failing address in \"" +
                          std::string(header.name) +
                          ":\" header is: " + base::printable(trimmed(text)));
    }
  }
  return yes();
}

CheckResult verify_header_names(Context& context) {
  for (const HeaderLine& header : context.headers())
    if (!std::ranges::all_of(header.name, [](char c) { return c > 32 && c < 127; }))
      return no_because("Invalid character in header name: " +
                        base::printable(header.name));
  return yes();
}

// recipients are a comma-separated variable.
Outcome<CheckResult> verify_not_blind(const VerifyRequest& request, Context& context) {
  bool caseless = !request.options.empty();
  auto same = [&](std::string_view a, std::string_view b) {
    return caseless ? base::equal_nocase(a, b) : a == b;
  };
  std::vector<MailAddress> shown;
  for (const HeaderLine& header : context.headers())
    if (base::equal_nocase(header.name, "to") || base::equal_nocase(header.name, "cc"))
      for (MailAddress& address : parse_mail_addresses(value_of(header)))
        shown.push_back(std::move(address));
  auto recipients = context.variable(variable_id("recipients"));
  if (!recipients) return std::unexpected(std::move(recipients).error());
  std::string_view rest = *recipients;
  while (!rest.empty()) {
    std::string_view each = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(each.size() + 1, rest.size()));
    each = trimmed(each);
    std::size_t at = std::min(each.rfind('@'), each.size());
    bool found = std::ranges::any_of(shown, [&](const MailAddress& address) {
      return same(address.local_part, each.substr(0, at)) &&
             base::equal_nocase(address.domain,
                                each.substr(std::min(at + 1, each.size())));
    });
    if (!found) return no_because("bcc recipient detected");
  }
  return yes();
}

CheckResult deferred(const Failure& failure) {
  return {.answer = Answer::defer,
          .word = "",
          .user_message = "",
          .log_message = failure.text};
}

CheckResult verify_reverse(Context& context) {
  auto names = context.host_names();
  if (!names) return deferred(names.error());
  if (!names->empty()) return yes();
  return no_because("host lookup failed: the client's address has no name");
}

std::optional<Ip> usual_ip(std::string_view address) {
  auto ip = parse_ip(address);
  return ip ? unmapped(*ip) : ip;
}

// "[192.0.2.1]", "[IPv6:2001:db8::1]"; nothing if it is no literal.
std::optional<Ip> parse_literal(std::string_view text) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  for (std::string_view tag : {"IPv6:", "IPv4:"})
    if (base::equal_nocase(text.substr(0, tag.size()), tag)) {
      text.remove_prefix(tag.size());
      break;
    }
  return usual_ip(text);
}

Outcome<CheckResult> ask(const VerifyRequest& request, Context& context) {
  if (request.item == "header_syntax") return verify_header_syntax(context);
  if (request.item == "header_names_ascii") return verify_header_names(context);
  if (request.item == "not_blind") return verify_not_blind(request, context);
  if (request.item == "reverse_host_lookup") return verify_reverse(context);
  if (request.item == "helo") {
    CheckResult verified = verify_helo(context);
    bool good = verified.answer == Answer::yes;
    context.set_variable(variable_id("sender_helo_verified"), good ? "yes" : "");
    return verified;
  }
  return context.verify(request);
}

class VerifyClause : public Clause {
 public:
  VerifyClause(const ClauseHead& head, const SourceText& argument, Parsing& parsing)
      : Clause(head, argument), parts_(argument, "/", parsing) {
    const std::string* start = parts_.literal_start();
    if (!start) {  // known when it runs
      parsing.may_wait();
      return;
    }
    Origin place = argument.empty() ? head.origin : argument.origin();
    auto taken = parts_.literal() ? take_verification(parts_.literal_parts())
                                  : take_item({*start, start->size()});
    if (!taken) {
      parsing.error(place, taken.error());
      return;
    }
    use_word(*taken->word, place, parsing);
    if (asks_callout(taken->request))
      parsing.need(Feature::callout, "option 'callout' of 'verify'", place);
    if (parts_.literal()) verification_ = std::move(*taken);
  }

  Outcome<ClauseResult> run(AclFrame& frame) const override {
    if (verification_) return run(*verification_, frame);
    auto parts = parts_.expand(frame.evaluation);
    if (!parts) return std::unexpected(std::move(parts).error());
    auto taken = take_verification(*parts);
    if (!taken) return cannot(taken.error());
    return run(*taken, frame);
  }

 private:
  static Outcome<ClauseResult> run(const Verification& verification, AclFrame& frame) {
    Evaluation& evaluation = frame.evaluation;
    if (!verification.word->where.contains(evaluation.phase))
      return cannot(describe(*verification.word) + " cannot be used in " +
                    std::string(phase_name(evaluation.phase)));
    auto result = ask(verification.request, evaluation.context);
    if (!result) return std::unexpected(std::move(result).error());
    frame.user_text.reset();
    frame.log_text.reset();
    if (!result->user_message.empty()) frame.user_text = result->user_message;
    if (!result->log_message.empty()) frame.log_text = result->log_message;
    if (result->answer == Answer::yes) return ClauseResult::ok;
    if (result->answer == Answer::no) return ClauseResult::fail;
    if (verification.defer_ok) return ClauseResult::ok;
    frame.may_tell = frame.user_text.has_value();
    return ClauseResult::defer;
  }

  PartedText parts_;
  std::optional<Verification> verification_;
};

}  // namespace

std::span<const AclWord> acl_verify_items() {
  return kItems;
}

std::unique_ptr<const Clause> read_verify(const ClauseHead& head,
                                          const SourceText& argument,
                                          Parsing& parsing) {
  return std::make_unique<VerifyClause>(head, argument, parsing);
}

CheckResult verify_address(const Policy& policy, std::string_view address,
                           RoutePurpose purpose, bool success_on_redirect,
                           Context& context) {
  std::vector<RoutedAddress> routed = route(policy, address, purpose, context);
  if (routed.size() != 1) return yes();
  const RoutedAddress& last = routed.front();
  context.set_variable(purpose == RoutePurpose::verify_sender
                           ? variable_id("sender_address_data")
                           : variable_id("address_data"),
                       last.address_data);
  if (success_on_redirect && !last.parent.empty()) return yes();
  bool failed = last.outcome == RoutedAddress::Outcome::fail;
  if (!failed && last.outcome != RoutedAddress::Outcome::defer) return yes();
  return {.answer = failed ? Answer::no : Answer::defer,
          .word = "",
          .user_message = last.message,
          .log_message = last.message};
}

CheckResult verify_helo(Context& context) {
  auto ip = usual_ip(context.host().address);
  if (!ip) return yes();  // the message is from this machine
  auto value = context.variable(variable_id("sender_helo_name"));
  std::string name(value.value_or(""));
  if (name.empty()) return no_because("no HELO name was given");
  if (name.front() == '[') {
    if (parse_literal(name) == ip) return yes();
    return no_because("the HELO literal is not the client's address");
  }
  if (name.ends_with('.')) name.pop_back();
  auto names = context.host_names();
  if (names && std::ranges::any_of(*names, [&](const std::string& each) {
        return base::equal_nocase(each, name);
      }))
    return yes();
  auto addresses = context.addresses_of(name);
  if (addresses && std::ranges::any_of(*addresses, [&](const std::string& each) {
        return usual_ip(each) == ip;
      }))
    return yes();
  if (!names || !addresses)
    return no_because("the HELO name " + quote(name) + " could not be looked up now");
  return no_because("the HELO name " + quote(name) + " is not the client's");
}

}  // namespace policy
