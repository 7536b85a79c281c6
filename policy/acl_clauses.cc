// SPDX-License-Identifier: Apache-2.0
#include "policy/acl_clauses.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/regex.h"
#include "base/text.h"
#include "policy/context.h"
#include "policy/header_changes.h"
#include "policy/list.h"
#include "policy/option_value.h"
#include "policy/template.h"
#include "policy/variable_table.h"
#include "policy/written_text.h"

namespace policy {
namespace {

using Result = Outcome<ClauseResult>;

ClauseResult ok_if(bool holds) {
  return holds ? ClauseResult::ok : ClauseResult::fail;
}

// The truth of an ACL condition is stricter than elsewhere: nothing where a word is
// neither yes nor no.
std::optional<bool> strict_truth(std::string_view text) {
  if (text.empty()) return false;
  std::string_view digits = text.substr(text[0] == '-' ? 1 : 0);
  if (std::ranges::all_of(digits, base::is_digit))
    return digits.find_first_not_of('0') != digits.npos;
  if (base::equal_nocase(text, "yes") || base::equal_nocase(text, "true")) return true;
  if (base::equal_nocase(text, "no") || base::equal_nocase(text, "false")) return false;
  return std::nullopt;
}

class ConditionClause : public Clause {
 public:
  ConditionClause(const ClauseHead& head, const SourceText& argument, Parsing& parsing)
      : Clause(head, argument), text_(parse_template(argument, parsing)) {
    const std::string* literal = text_.literal();
    if (literal && !strict_truth(*literal))
      parsing.error(argument.origin(),
                    "'condition' is never true or false: " + quote(*literal) +
                        " is no truth value; write yes, no, true, false or a number");
    warn_of_fail(argument, parsing);
  }
  Result run(AclFrame& frame) const override {
    auto value = expand(text_, frame.evaluation);
    if (!value) return std::unexpected(std::move(value).error());
    if (auto truth = strict_truth(*value)) return ok_if(*truth);
    return defer("invalid \"condition\" value " + in_quotes(*value));
  }

 private:
  // "{x} fail}" makes the condition true, and hardly anybody means that.
  static void warn_of_fail(const SourceText& argument, Parsing& parsing) {
    std::string_view text = argument.bytes();
    for (std::size_t at = 0; (at = text.find("fail", at)) != text.npos; at += 4) {
      if (!trimmed(text.substr(0, at)).ends_with('}')) continue;
      if (!trimmed(text.substr(at + 4)).starts_with('}')) continue;
      parsing.warning(argument.origin(at),
                      "'fail' in an ACL condition skips it, as if it were true: write "
                      "'{no}' if it should be false");
    }
  }

  Template text_;
};

// A list of patterns, and what is looked for in it.
class ListClause : public Clause {
 public:
  ListClause(const ClauseHead& head, const SourceText& argument, ListKind kind,
             Parsing& parsing)
      : Clause(head, argument), list_(parse_list(kind, argument, parsing)) {}

 protected:
  Result search(const ListSubject& subject, AclFrame& frame,
                std::optional<VariableId> data = std::nullopt,
                bool of_lookups_only = false) const {
    if (!list_) return cannot("the list could not be read");  // not of a sound policy
    auto found = match(*list_, subject, frame.evaluation);
    if (!found) return std::unexpected(std::move(found).error());
    // A list that does not match takes back what another one said.
    if (data) {
      bool told = found->matched && (found->looked_up || !of_lookups_only);
      frame.evaluation.context.set_variable(
          *data, told ? std::move(found->data) : std::string());
    }
    return ok_if(found->matched);
  }

 private:
  ListPtr list_;
};

class HostsClause : public ListClause {
 public:
  HostsClause(const ClauseHead& head, const SourceText& argument, Parsing& parsing)
      : ListClause(head, argument, ListKind::host, parsing) {}
  // Only lookups give $host_data: a network that the client is in says nothing new.
  Result run(AclFrame& frame) const override {
    return search({{}, frame.evaluation.context.host()}, frame,
                  variable_id("host_data"), true);
  }
};

// What is looked for is a variable's value.
class VariableListClause : public ListClause {
 public:
  struct Subject {
    ListKind kind;
    VariableId variable;
    std::optional<VariableId> data;
    bool never_if_empty = false;
  };
  VariableListClause(const ClauseHead& head, const SourceText& argument,
                     const Subject& subject, Parsing& parsing)
      : ListClause(head, argument, subject.kind, parsing), subject_(subject) {}
  Result run(AclFrame& frame) const override {
    auto value = frame.evaluation.context.variable(subject_.variable);
    if (!value) return std::unexpected(std::move(value).error());
    if (subject_.never_if_empty && value->empty()) return ClauseResult::fail;
    std::string text(*value);  // the view may not live through the search
    return search({text, {}}, frame, subject_.data);
  }

 private:
  Subject subject_;
};

// The recipient's local part in the letters it came in, which +caseful looks at.
Outcome<std::string_view> local_part(Context& context) {
  auto original = context.variable(variable_id("original_local_part"));
  if (!original || !original->empty()) return original;
  return context.variable(variable_id("local_part"));
}

class LocalPartsClause : public ListClause {
 public:
  LocalPartsClause(const ClauseHead& head, const SourceText& argument, Parsing& parsing)
      : ListClause(head, argument, ListKind::local_part, parsing) {}
  Result run(AclFrame& frame) const override {
    auto value = local_part(frame.evaluation.context);
    if (!value) return std::unexpected(std::move(value).error());
    std::string text(*value);
    return search({text, {}}, frame, variable_id("local_part_data"));
  }
};

class RecipientsClause : public ListClause {
 public:
  RecipientsClause(const ClauseHead& head, const SourceText& argument, Parsing& parsing)
      : ListClause(head, argument, ListKind::address, parsing) {}
  Result run(AclFrame& frame) const override {
    Context& context = frame.evaluation.context;
    auto local = local_part(context);
    if (!local) return std::unexpected(std::move(local).error());
    std::string address(*local);
    auto domain = context.variable(variable_id("domain"));
    if (!domain) return std::unexpected(std::move(domain).error());
    address.append("@").append(*domain);
    return search({address, {}}, frame, variable_id("recipient_data"));
  }
};

// The answer of an engine, looked for in a list of words.
class CheckClause : public ListClause {
 public:
  CheckClause(const ClauseHead& head, const SourceText& argument, Parsing& parsing)
      : ListClause(head, argument, ListKind::text, parsing) {}
  Result run(AclFrame& frame) const override {
    // The engine goes by the name before "_status".
    auto answer =
        frame.evaluation.context.check(word.name.substr(0, word.name.find('_')), "");
    if (!answer) return std::unexpected(std::move(answer).error());
    if (answer->answer == Answer::defer) return defer(answer->log_message);
    return search({answer->word, {}}, frame);
  }
};

// SPF has a list of its own, in which each element is asked and "!word" says yes to
// every other word.
class SpfClause : public Clause {
 public:
  SpfClause(const ClauseHead& head, const SourceText& argument, Parsing& parsing)
      : Clause(head, argument), words_(argument, ":", parsing) {
    if (!words_.literal()) return;
    for (const WrittenPart& part : words_.literal_parts()) {
      std::string_view name = part.text;
      if (name.starts_with('!')) name = trimmed(name.substr(1));
      if (name.empty() || std::ranges::find(kWords, name) != kWords.end()) continue;
      parsing.error(argument.origin(),
                    describe(head.word) + " knows no result " + quote(name) +
                        did_you_mean(name, {kWords.begin(), kWords.end()}));
    }
  }
  Result run(AclFrame& frame) const override {
    auto answer = frame.evaluation.context.check(word.name, "");
    if (!answer) return std::unexpected(std::move(answer).error());
    if (answer->answer == Answer::defer) return defer(answer->log_message);
    auto words = words_.expand(frame.evaluation);
    if (!words) return std::unexpected(std::move(words).error());
    for (const WrittenPart& part : *words) {
      std::string_view name = part.text;
      bool other = part.starts_with("!");
      if (other) name = trimmed(name.substr(1));
      if (!name.empty() && base::equal_nocase(name, answer->word) != other)
        return ClauseResult::ok;
    }
    return ClauseResult::fail;
  }

 private:
  static constexpr auto kWords = std::to_array<std::string_view>(
      {"fail", "neutral", "none", "pass", "permerror", "softfail", "temperror"});

  PartedText words_;
};

// dcc = */defer_ok
class DccClause : public Clause {
 public:
  DccClause(const ClauseHead& head, const SourceText& argument, Parsing& parsing)
      : Clause(head, argument), options_(argument, "/", parsing) {
    if (!options_.literal()) return;
    auto parts = options_.literal_parts();
    for (const WrittenPart& option : std::span(parts).subspan(1))
      if (!option.is("defer_ok"))
        parsing.error(argument.origin(), "condition 'dcc' knows no option " +
                                             quote(option.text) +
                                             ": only 'defer_ok' can follow the '/'");
  }
  Result run(AclFrame& frame) const override {
    auto options = options_.expand(frame.evaluation);
    if (!options) return std::unexpected(std::move(options).error());
    const std::string& what = options->front().text;
    if (what.empty() || what == "0" || base::equal_nocase(what, "false"))
      return ClauseResult::fail;
    auto answer = frame.evaluation.context.check("dcc", what);
    if (!answer) return std::unexpected(std::move(answer).error());
    if (!answer->user_message.empty()) frame.user_text = answer->user_message;
    if (answer->answer != Answer::defer) return ok_if(answer->answer == Answer::yes);
    for (const WrittenPart& option : std::span(*options).subspan(1))
      if (option.is("defer_ok")) return ClauseResult::fail;
    return defer(answer->log_message);
  }

 private:
  PartedText options_;
};

// A modifier whose argument is a template and whose doing is one line.
class TemplateClause : public Clause {
 public:
  using Act = void(AclFrame& frame, std::string value);
  TemplateClause(const ClauseHead& head, const SourceText& argument, Act* act,
                 Parsing& parsing)
      : Clause(head, argument), text_(parse_template(argument, parsing)), act_(act) {}
  Result run(AclFrame& frame) const override {
    auto value = expand(text_, frame.evaluation);
    if (!value) return std::unexpected(std::move(value).error());
    act_(frame, std::move(*value));
    return ClauseResult::ok;
  }

 private:
  Template text_;
  Act* act_;
};

class SetClause : public Clause {
 public:
  SetClause(const ClauseHead& head, std::string name, const SourceText& argument,
            Parsing& parsing)
      : Clause(head, argument),
        name_(std::move(name)),
        text_(parse_template(argument, parsing)) {
    parsing.acl_variables.push_back({name_, &text_, head.origin});
  }
  Result run(AclFrame& frame) const override {
    auto value = expand(text_, frame.evaluation);
    if (!value) return std::unexpected(std::move(value).error());
    frame.evaluation.context.set_named_variable(name_, std::move(*value));
    return ClauseResult::ok;
  }

 private:
  std::string name_;
  Template text_;
};

// message and log_message: what is said is known when all is over.
class MessageClause : public Clause {
 public:
  MessageClause(const ClauseHead& head, const SourceText& argument,
                const LinedText* AclFrame::* place, Parsing& parsing)
      : Clause(head, argument), text_(argument, parsing), place_(place) {}
  Result run(AclFrame& frame) const override {
    frame.*place_ = &text_;
    return ClauseResult::ok;
  }

 private:
  LinedText text_;
  const LinedText* AclFrame::* place_;
};

class EndpassClause : public Clause {
 public:
  EndpassClause(const ClauseHead& head) : Clause(head, {}) {}
  Result run(AclFrame& frame) const override {
    frame.endpass = true;
    return ClauseResult::ok;
  }
};

// "main,reject" of names parted by commas or colons; a complaint for others.
std::string read_logs(const SourceText& text, char separator, Parsing& parsing) {
  std::string logs;
  std::string_view rest = text.bytes();
  while (!rest.empty()) {
    std::size_t end = std::min(rest.find(separator), rest.size());
    std::string_view name = trimmed(rest.substr(0, end));
    if (name == "main" || name == "reject" || name == "panic")
      logs.append(logs.empty() ? "" : ",").append(name);
    else if (!name.empty())
      parsing.error(text.origin(), "there is no log " + quote(name) +
                                       ": write 'main', 'reject' or 'panic'");
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return logs;
}

SourceText part_of(const SourceText& text, std::size_t offset, std::size_t count) {
  SourceText part;
  part.append(text, offset, count);
  part.trim();
  return part;
}

// logwrite = [:main,reject:] text
class LogwriteClause : public Clause {
 public:
  LogwriteClause(const ClauseHead& head, const SourceText& argument, Parsing& parsing)
      : Clause(head, argument) {
    std::string_view bytes = argument.bytes();
    std::size_t colon = bytes.starts_with(':') ? bytes.find(':', 1) : bytes.npos;
    if (colon == bytes.npos) {
      text_ = parse_template(argument, parsing);
      return;
    }
    logs_ = read_logs(part_of(argument, 1, colon - 1), ',', parsing);
    text_ =
        parse_template(part_of(argument, colon + 1, bytes.size() - colon - 1), parsing);
  }
  Result run(AclFrame& frame) const override {
    auto value = expand(text_, frame.evaluation);
    if (!value) return std::unexpected(std::move(value).error());
    frame.evaluation.context.log(logs_, *value);
    return ClauseResult::ok;
  }

 private:
  std::string logs_ = "main";
  Template text_;
};

class RejectTargetClause : public Clause {
 public:
  RejectTargetClause(const ClauseHead& head, const SourceText& argument,
                     Parsing& parsing)
      : Clause(head, argument), logs_(read_logs(argument, ':', parsing)) {}
  Result run(AclFrame& frame) const override {
    frame.reject_logs = logs_;
    return ClauseResult::ok;
  }

 private:
  std::string logs_;
};

class DelayClause : public Clause {
 public:
  DelayClause(const ClauseHead& head, const SourceText& argument, Parsing& parsing)
      : Clause(head, argument), text_(parse_template(argument, parsing)) {
    const std::string* literal = text_.literal();
    if (literal && !parse_time(trimmed(*literal)))
      parsing.error(argument.origin(), "'delay' needs a time: " + quote(*literal) +
                                           " is not one; write a number and a unit, "
                                           "as in '30s' or '1m30s'");
  }
  Result run(AclFrame& frame) const override {
    auto value = expand(text_, frame.evaluation);
    if (!value) return std::unexpected(std::move(value).error());
    auto time = parse_time(trimmed(*value));
    if (!time)
      return cannot("syntax error in argument for \"delay\" modifier: " +
                    in_quotes(*value) + " is not a time value");
    frame.evaluation.context.delay(*time);
    return ClauseResult::ok;
  }

 private:
  Template text_;
};

// add_header: lines that begin with a name, ":at_start:" and its kin before them.
class AddHeaderClause : public Clause {
 public:
  AddHeaderClause(const ClauseHead& head, const SourceText& argument, Parsing& parsing)
      : Clause(head, argument), text_(argument, parsing) {}
  Result run(AclFrame& frame) const override {
    auto text = text_.expand(frame.evaluation, "\n ");
    if (!text) return std::unexpected(std::move(text).error());
    add_header_lines(*text, frame.evaluation.context);
    return ClauseResult::ok;
  }

 private:
  LinedText text_;
};

// remove_header: names, or patterns that begin with '^', parted by colons.
class RemoveHeaderClause : public Clause {
 public:
  RemoveHeaderClause(const ClauseHead& head, const SourceText& argument,
                     Parsing& parsing)
      : Clause(head, argument), names_(argument, ":", parsing) {
    if (!names_.literal()) return;
    for (const std::string& name : joined(names_.literal_parts())) {
      if (!name.starts_with('^')) continue;
      if (auto regex = base::Regex::compile(name); !regex)
        parsing.error(argument.origin(),
                      "'remove_header' has a bad pattern: " + regex.error().text);
    }
  }
  Result run(AclFrame& frame) const override {
    auto parts = names_.expand(frame.evaluation);
    if (!parts) return std::unexpected(std::move(parts).error());
    for (std::string& name : joined(std::move(*parts)))
      if (!name.empty()) frame.evaluation.context.remove_header(std::move(name));
    return ClauseResult::ok;
  }

 private:
  // In a pattern colons were doubled, which made empty parts.  A name that a stranger
  // begins with '^' is no name of a header, and no pattern either.
  static std::vector<std::string> joined(std::vector<WrittenPart> parts) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      std::string name = std::move(parts[i].text);
      bool pattern = name.starts_with('^');
      if (pattern && parts[i].written == 0) continue;
      while (pattern && i + 2 < parts.size() && parts[i + 1].text.empty()) {
        name.append(":").append(parts[i + 2].text);
        i += 2;
      }
      names.push_back(std::move(name));
    }
    return names;
  }

  PartedText names_;
};

template <class T>
std::unique_ptr<const Clause> read(const ClauseHead& head, const SourceText& argument,
                                   Parsing& parsing) {
  return std::make_unique<T>(head, argument, parsing);
}

template <ListKind kind, VariableId variable, VariableId data, bool never_if_empty>
std::unique_ptr<const Clause> read_variable_list(const ClauseHead& head,
                                                 const SourceText& argument,
                                                 Parsing& parsing) {
  std::optional<VariableId> kept;
  if (data != variable) kept = data;
  return std::make_unique<VariableListClause>(
      head, argument, VariableListClause::Subject{kind, variable, kept, never_if_empty},
      parsing);
}

template <TemplateClause::Act act>
std::unique_ptr<const Clause> read_act(const ClauseHead& head,
                                       const SourceText& argument, Parsing& parsing) {
  return std::make_unique<TemplateClause>(head, argument, act, parsing);
}

template <const LinedText* AclFrame::* place>
std::unique_ptr<const Clause> read_message(const ClauseHead& head,
                                           const SourceText& argument,
                                           Parsing& parsing) {
  return std::make_unique<MessageClause>(head, argument, place, parsing);
}

void do_nothing(AclFrame&, std::string) {}
void queue_by_name(AclFrame& frame, std::string name) {
  frame.evaluation.context.set_variable(variable_id("queue_name"), std::move(name));
}
void opt_in(AclFrame& frame, std::string value) {
  frame.evaluation.context.control("bmi_optin", std::span(&value, 1));
}

constexpr std::string_view kScanning = "content scanning belongs to the filters";
constexpr auto kCondition = AclWord::Kind::condition;
constexpr auto kModifier = AclWord::Kind::modifier;

const auto kWords = std::to_array<AclWord>({
    {kCondition, "acl", points::kAnywhere, Feature::none, "NAME [ARGUMENT ...]",
     "another ACL accepts", false, read_nested_acl},
    {kModifier, "add_header", points::kMessageAcls, Feature::none, "TEMPLATE",
     "adds header lines to the message", false, read<AddHeaderClause>},
    {kCondition, "authenticated",
     ~(Phases{Phase::connect, Phase::helo} | points::kLocal), Feature::auth,
     "LIST of words", "the client has authenticated with one of these authenticators",
     false,
     read_variable_list<ListKind::text, variable_id("sender_host_authenticated"),
                        variable_id("sender_host_authenticated"), true>},
    {kModifier, "bmi_optin", points::kRcpt, Feature::bmi, "TEMPLATE",
     "which filters of Brightmail the recipient wants", false, read_act<opt_in>},
    {kCondition, "condition", points::kAnywhere, Feature::none, "TEMPLATE",
     "the text is yes, true or a number that is not 0", false, read<ConditionClause>},
    {kModifier, "continue", points::kAnywhere, Feature::none, "TEMPLATE",
     "evaluates the text for what it does on the way", false, read_act<do_nothing>},
    {kModifier, "control", points::kAnywhere, Feature::none, "CONTROL[/OPTION...]",
     "changes how the message or the session is handled", false, read_control},
    {kCondition, "dcc", points::kEndOrLocal, Feature::dcc, "*[/defer_ok]",
     "the checksum clearinghouse says accept", false, read<DccClause>},
    {kCondition, "decode", points::kAnywhere, Feature::none, "", kScanning, true},
    {kModifier, "delay", ~Phases{Phase::notquit}, Feature::none, "TIME",
     "waits before going on", false, read<DelayClause>},
    {kCondition, "dkim_signers", Phases{Phase::dkim} | points::kNoAcl, Feature::dkim,
     "LIST of words", "the domain or identity of the signature at hand", false,
     read_variable_list<ListKind::text, variable_id("dkim_cur_signer"),
                        variable_id("dkim_cur_signer"), true>},
    {kCondition, "dkim_status", Phases{Phase::dkim} | points::kEnd, Feature::dkim,
     "LIST of words", "what became of the signature at hand", false, read<CheckClause>},
    {kCondition, "dmarc_status", points::kEnd, Feature::dmarc, "LIST of words",
     "what DMARC says of the message", false, read<CheckClause>},
    {kCondition, "dnslists", points::kAnywhere, Feature::dnslists,
     "LIST of DOMAIN[=ADDRESSES][/KEYS]", "the client, or a key, is in a DNS list",
     false, read_dnslists},
    {kCondition, "domains", points::kRecipients, Feature::none, "LIST of domains",
     "the recipient's domain; sets $domain_data", false,
     read_variable_list<ListKind::domain, variable_id("domain"),
                        variable_id("domain_data"), false>},
    {kCondition, "encrypted", ~(Phases{Phase::helo} | points::kLocal), Feature::tls,
     "LIST of words", "the session is encrypted with one of these ciphers", false,
     read_variable_list<ListKind::text, variable_id("tls_in_cipher"),
                        variable_id("tls_in_cipher"), true>},
    {kCondition, "hosts", points::kSmtp, Feature::none, "LIST of hosts",
     "the client; sets $host_data", false, read<HostsClause>},
    {kCondition, "local_parts", points::kRecipients, Feature::none,
     "LIST of local parts", "the recipient's local part; sets $local_part_data", false,
     read<LocalPartsClause>},
    {kModifier, "log_message", points::kAnywhere, Feature::none, "TEMPLATE",
     "what the log says of the decision", false, read_message<&AclFrame::log_message>},
    {kModifier, "log_reject_target", points::kAnywhere, Feature::none,
     "[main][:reject][:panic]", "the logs that rejections are written to", false,
     read<RejectTargetClause>},
    {kModifier, "logwrite", points::kAnywhere, Feature::none,
     "[:main,reject,panic:] TEMPLATE", "writes to the log at once", false,
     read<LogwriteClause>},
    {kCondition, "malware", points::kAnywhere, Feature::none, "", kScanning, true},
    {kModifier, "message", points::kAnywhere, Feature::none, "TEMPLATE",
     "what the client hears of the decision", false, read_message<&AclFrame::message>},
    {kCondition, "mime_regex", points::kAnywhere, Feature::none, "", kScanning, true},
    {kModifier, "queue", points::kEnvelope, Feature::none, "NAME",
     "puts the message into a named queue", false, read_act<queue_by_name>},
    {kCondition, "ratelimit", points::kAnywhere, Feature::ratelimit,
     "LIMIT / PERIOD [/ OPTION ...] [/ KEY]",
     "something happens as often or more often", false, read_ratelimit},
    {kCondition, "recipients", points::kRcpt, Feature::none, "LIST of addresses",
     "the recipient; sets $recipient_data", false, read<RecipientsClause>},
    {kCondition, "regex", points::kAnywhere, Feature::none, "", kScanning, true},
    {kModifier, "remove_header", points::kMessageAcls, Feature::none,
     "NAME[:NAME...] or ^REGEX", "removes header lines of the message", false,
     read<RemoveHeaderClause>},
    {kCondition, "seen", points::kAnywhere, Feature::none, "",
     "use 'ratelimit' with a key", true},
    {kCondition, "sender_domains", points::kSenders, Feature::none, "LIST of domains",
     "the sender's domain, empty for a bounce", false,
     read_variable_list<ListKind::domain, variable_id("sender_address_domain"),
                        variable_id("sender_address_domain"), false>},
    {kCondition, "senders", points::kSenders, Feature::none, "LIST of addresses",
     "the envelope's sender; sets $sender_data", false,
     read_variable_list<ListKind::address, variable_id("sender_address"),
                        variable_id("sender_data"), false>},
    {kCondition, "spam", points::kAnywhere, Feature::none, "", kScanning, true},
    {kCondition, "spf", points::kTransaction, Feature::spf, "LIST of results",
     "what SPF says of the client and the sender", false, read<SpfClause>},
    {kCondition, "spf_guess", points::kTransaction, Feature::spf, "LIST of results",
     "the same, for a guessed record", false, read<SpfClause>},
    {kModifier, "udpsend", points::kAnywhere, Feature::none, "",
     "a policy opens no connections of its own", true},
    {kCondition, "verify", points::kAnywhere, Feature::none, "ITEM[/OPTION...]",
     "an address, a name or the headers are sound", false, read_verify},
});

// "name [blanks] = argument": where the '=' is, or npos.
std::size_t find_equals(std::string_view text, std::size_t from) {
  while (from < text.size() && is_blank(text[from])) ++from;
  return from < text.size() && text[from] == '=' ? from : text.npos;
}

std::unique_ptr<const Clause> parse_set(const ClauseHead& head, const SourceText& line,
                                        Parsing& parsing) {
  std::string_view bytes = line.bytes();
  std::size_t begin = 3;
  while (begin < bytes.size() && is_blank(bytes[begin])) ++begin;
  std::string name(bytes.substr(begin, name_length(bytes.substr(begin))));
  std::size_t equals = find_equals(bytes, begin + name.size());
  Origin origin = line.origin(begin);
  bool acl_variable = name.starts_with("acl_c") || name.starts_with("acl_m");
  if (!acl_variable) {
    parsing.error(origin, "'set' takes ACL variables only: " + quote(name) +
                              " does not begin with acl_c or acl_m");
    return nullptr;
  }
  if (name.size() == 5 || !(base::is_digit(name[5]) || name[5] == '_')) {
    parsing.error(origin, "there is no ACL variable " + quote(name) +
                              ": a digit or an underscore must follow acl_c or acl_m, "
                              "as in acl_m_" +
                              name.substr(5));
    return nullptr;
  }
  if (equals == bytes.npos) {
    parsing.error(origin, "'=' is missing after " + quote("set " + name));
    return nullptr;
  }
  return std::make_unique<SetClause>(
      head, std::move(name), part_of(line, equals + 1, bytes.size() - equals - 1),
      parsing);
}

constexpr AclWord kSet = {kModifier,
                          "set",
                          points::kAnywhere,
                          Feature::none,
                          "acl_c... = TEMPLATE or acl_m... = TEMPLATE",
                          "assigns to a variable of the connection or the message"};
constexpr AclWord kEndpass = {
    kModifier,     "endpass", points::kAnywhere,
    Feature::none, "",        "conditions that fail from here on refuse"};

const AclWord* find_clause(std::string_view name) {
  if (name == kSet.name) return &kSet;
  if (name == kEndpass.name) return &kEndpass;
  return find_word(acl_words(), name);
}

}  // namespace

std::span<const AclWord> acl_words() {
  return kWords;
}

std::string in_quotes(std::string_view text) {
  return "\"" + base::printable(text) + "\"";
}

std::unique_ptr<const Clause> parse_clause(const SourceText& line, Parsing& parsing) {
  std::string_view bytes = line.bytes();
  std::size_t begin = 0;
  bool negated = bytes.starts_with('!');
  if (negated) ++begin;
  while (begin < bytes.size() && is_blank(bytes[begin])) ++begin;
  Origin origin = line.origin(begin);
  std::string_view name = bytes.substr(begin, name_length(bytes.substr(begin)));
  const AclWord* word = find_clause(name);
  if (!word) {
    auto known = names_of(acl_words());
    known.insert(known.end(), {"set", "endpass", "accept", "defer", "deny", "discard",
                               "drop", "require", "warn"});
    std::string_view shown = name.empty() ? bytes.substr(begin, 20) : name;
    parsing.error(origin, "unknown ACL verb, condition or modifier " + quote(shown) +
                              did_you_mean(shown, known));
    return nullptr;
  }
  if (negated && word->kind == kModifier) {
    parsing.error(origin,
                  "modifier " + quote(name) + " cannot be negated: remove the '!'");
    return nullptr;
  }
  ClauseHead head{*word, negated, origin};
  std::size_t end = begin + name.size();
  if (word == &kEndpass) {
    if (end == bytes.size()) return std::make_unique<EndpassClause>(head);
    parsing.error(line.origin(end), "nothing can follow 'endpass' on its line");
    return nullptr;
  }
  if (word == &kSet)
    return parse_set(head, part_of(line, begin, bytes.size() - begin), parsing);
  if (!use_word(*word, origin, parsing)) return nullptr;
  std::size_t equals = find_equals(bytes, end);
  if (equals == bytes.npos) {
    parsing.error(origin, "'=' is missing after " + quote(name) + ": write " +
                              quote(std::string(name) + " = ..."));
    return nullptr;
  }
  return word->read(head, part_of(line, equals + 1, bytes.size() - equals - 1),
                    parsing);
}

}  // namespace policy
