// SPDX-License-Identifier: Apache-2.0
#include "policy/references.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <utility>

#include "base/text.h"
#include "base/version.h"
#include "policy/context.h"
#include "policy/evaluation.h"
#include "policy/mime_words.h"
#include "policy/operators.h"
#include "policy/policy.h"
#include "policy/template_parser.h"
#include "policy/variable_table.h"

namespace policy {

namespace {

using ExpansionPtr = std::unique_ptr<const Expansion>;

class Capture final : public Expansion {
 public:
  explicit Capture(std::size_t number) : number_(number) {}
  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    out += evaluation.captures[number_];
    return {};
  }
  bool remote(const Provenance& provenance) const override {
    return provenance.captures;
  }

 private:
  std::size_t number_;
};

// $value and $item.
class Scoped final : public Expansion {
 public:
  explicit Scoped(bool item) : item_(item) {}
  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    const auto& text = item_ ? evaluation.item : evaluation.value;
    if (text) out += *text;
    return {};
  }
  bool remote(const Provenance& provenance) const override {
    return item_ ? provenance.item : provenance.value;
  }

 private:
  bool item_;
};

class AclArgument final : public Expansion {
 public:
  explicit AclArgument(std::size_t number) : number_(number) {}
  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    if (number_ <= evaluation.acl_arguments.size())
      out += evaluation.acl_arguments[number_ - 1];
    return {};
  }
  bool remote(const Provenance& provenance) const override {
    return !provenance.acl_argument || provenance.acl_argument(number_);
  }

 private:
  std::size_t number_;  // from 1
};

// acl_c..., acl_m..., r_...
class Named final : public Expansion {
 public:
  explicit Named(std::string_view name) : name_(name) {}
  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    if (const std::string* value = evaluation.context.named_variable(name_))
      out += *value;
    else if (name_.starts_with("acl_") &&
             evaluation.policy.main.boolean("strict_acl_vars", false))
      return cannot("$" + name_ + " is not set");
    return {};
  }
  bool remote(const Provenance& provenance) const override {
    return !provenance.acl_variable || provenance.acl_variable(name_);
  }

 private:
  std::string name_;
};

// Whatever the program's context knows.
class FromContext final : public Expansion {
 public:
  explicit FromContext(VariableId id) : id_(id) {}
  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    out += TRY(evaluation.context.variable(id_));
    return {};
  }
  bool remote(const Provenance&) const override {
    return variables()[id_].origins == Origins::remote;
  }

 private:
  VariableId id_;
};

// What needs nobody but the policy, the process or the clock.
class OwnVariable final : public Expansion {
 public:
  using Tell = void (*)(Evaluation& evaluation, std::string& out);
  explicit OwnVariable(Tell tell) : tell_(tell) {}
  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    tell_(evaluation, out);
    return {};
  }
  bool remote(const Provenance&) const override { return false; }

 private:
  Tell tell_;
};

void append_time(Evaluation& evaluation, const char* format, bool utc,
                 std::string& out) {
  std::time_t now = std::chrono::system_clock::to_time_t(evaluation.context.now());
  std::tm parts{};
  if (utc)
    gmtime_r(&now, &parts);
  else
    localtime_r(&now, &parts);
  std::array<char, 64> text{};
  out.append(text.data(), std::strftime(text.data(), text.size(), format, &parts));
}

void append_epoch(Evaluation& evaluation, bool microseconds, std::string& out) {
  using namespace std::chrono;
  auto since = evaluation.context.now().time_since_epoch();
  out += microseconds
             ? std::to_string(duration_cast<std::chrono::microseconds>(since).count())
             : std::to_string(duration_cast<seconds>(since).count());
}

OwnVariable::Tell own_variable(VariableId id) {
  using E = Evaluation;
  using S = std::string;
  switch (id) {
    case variable_id("primary_hostname"):
      return [](E& e, S& out) { out += e.policy.primary_hostname; };
    case variable_id("qualify_domain"):
      return [](E& e, S& out) { out += e.policy.qualify_domain; };
    case variable_id("qualify_recipient"):
      return [](E& e, S& out) { out += e.policy.qualify_recipient; };
    case variable_id("spool_directory"):
      return [](E& e, S& out) {
        out += e.policy.main.text("spool_directory", "/var/spool/bobbin");
      };
    case variable_id("version_number"):
      return [](E&, S& out) { out += base::kVersion; };
    case variable_id("pid"):
      return [](E&, S& out) { out += std::to_string(getpid()); };
    case variable_id("acl_narg"):
      return [](E& e, S& out) { out += std::to_string(e.acl_arguments.size()); };
    case variable_id("tod_bsdinbox"):
      return [](E& e, S& out) { append_time(e, "%a %b %d %H:%M:%S %Y", false, out); };
    case variable_id("tod_full"):
      return [](E& e, S& out) { append_time(e, "%a, %d %b %Y %T %z", false, out); };
    case variable_id("tod_log"):
      return [](E& e, S& out) { append_time(e, "%F %T", false, out); };
    case variable_id("tod_logfile"):
      return [](E& e, S& out) { append_time(e, "%Y%m%d", false, out); };
    case variable_id("tod_zone"):
      return [](E& e, S& out) { append_time(e, "%z", false, out); };
    case variable_id("tod_zulu"):
      return [](E& e, S& out) { append_time(e, "%Y%m%d%H%M%SZ", true, out); };
    case variable_id("tod_epoch"):
      return [](E& e, S& out) { append_epoch(e, false, out); };
    case variable_id("tod_epoch_l"):
      return [](E& e, S& out) { append_epoch(e, true, out); };
    default:
      return nullptr;
  }
}

// "acl_c0", "acl_m_name": 'c' and 'm' need a digit or an underscore behind them.
bool is_acl_variable(std::string_view name) {
  return name.starts_with("acl_c") || name.starts_with("acl_m");
}

ExpansionPtr unknown_variable(std::string_view name, Origin origin, Parsing& parsing) {
  std::vector<std::string_view> known;
  for (const VariableInfo& variable : variables()) known.push_back(variable.name);
  std::string header = perhaps_a_header(name);
  parsing.error(origin, "unknown variable '$" + base::printable(name) + "'" +
                            (header.empty() ? did_you_mean(name, known) : header));
  return nullptr;
}

// ---- headers

bool is_address_header(std::string_view name) {
  if (name.size() > 7 && base::equal_nocase(name.substr(0, 7), "resent-"))
    name.remove_prefix(7);
  return std::ranges::any_of(
      std::to_array<std::string_view>(
          {"from", "sender", "reply-to", "to", "cc", "bcc"}),
      [&](std::string_view known) { return base::equal_nocase(name, known); });
}

constexpr std::string_view kSpace = " \t\n\r\v\f";

std::string_view stripped(std::string_view text) {
  std::size_t first = text.find_first_not_of(kSpace);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
}

void append_doubled(std::string& out, std::string_view text) {
  for (char c : text) out.append(c == ':' ? 2 : 1, c);
}

void cut(std::string& headers, Evaluation& evaluation) {
  auto most = evaluation.policy.main.integer("header_maxsize", 65536);
  if (most > 0 && headers.size() > static_cast<std::size_t>(most))
    headers.resize(static_cast<std::size_t>(most));
}

class Header final : public Expansion {
 public:
  Header(HeaderKind kind, std::string name)
      : kind_(kind), name_(std::move(name)), addresses_(is_address_header(name_)) {}

  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    std::string all;
    bool first = true;
    for (const HeaderLine& header : evaluation.context.headers()) {
      if (!base::equal_nocase(header.name, name_)) continue;
      add(header.text.substr(std::min(header.text.find(':') + 1, header.text.size())),
          std::exchange(first, false), all);
    }
    cut(all, evaluation);
    if (kind_ == HeaderKind::decoded || kind_ == HeaderKind::charset_kept) {
      const TextSettings& settings = evaluation.policy.text;
      all = decode_mime_words(
          all, kind_ == HeaderKind::decoded ? settings.headers_charset : std::string(),
          !settings.check_rfc2047_length);
    }
    out += all;
    return {};
  }
  bool remote(const Provenance&) const override { return true; }

 private:
  void add(std::string_view text, bool first, std::string& all) const {
    switch (kind_) {
      case HeaderKind::raw:
        all += text;
        return;
      case HeaderKind::list:
        while (text.ends_with('\n')) text.remove_suffix(1);
        if (!first) all += ':';
        append_doubled(all, text);
        return;
      case HeaderKind::decoded:
      case HeaderKind::charset_kept:
        if (!first) all += addresses_ ? ",\n" : "\n";
        all += stripped(text);
        return;
    }
  }

  HeaderKind kind_;
  std::string name_;
  bool addresses_;
};

// $message_headers and $message_headers_raw: all of them, as $bh_ and $rh_ have one.
class AllHeaders final : public Expansion {
 public:
  explicit AllHeaders(bool raw) : raw_(raw) {}

  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    std::string all;
    for (const HeaderLine& header : evaluation.context.headers()) {
      std::string_view text = header.text;
      if (!raw_) {
        if (!all.empty()) all += '\n';
        text = text.substr(0, text.find_last_not_of(kSpace) + 1);
      }
      all += text;
    }
    cut(all, evaluation);
    // As $bh_, into no other charset.
    if (!raw_)
      all = decode_mime_words(all, "", !evaluation.policy.text.check_rfc2047_length);
    out += all;
    return {};
  }
  bool remote(const Provenance&) const override { return true; }

 private:
  bool raw_;
};

// ---- operators

class Applied final : public Expansion {
 public:
  Applied(Operator call, Template text) : call_(call), text_(std::move(text)) {}
  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    std::string buffer;
    std::string_view text = TRY(expand_view(text_, evaluation, buffer));
    auto result = apply_operator(call_, text, evaluation.policy.text);
    if (!result) return cannot(std::move(result.error().text));
    out += *result;
    return {};
  }
  bool remote(const Provenance& provenance) const override {
    return text_.remote(provenance);
  }

 private:
  Operator call_;
  Template text_;
};

class ListNamed final : public Expansion {
 public:
  ListNamed(std::optional<ListKind> kind, Template name)
      : kind_(kind), name_(std::move(name)) {}

  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    std::string buffer;
    std::string_view name = TRY(expand_view(name_, evaluation, buffer));
    name = trimmed(name);
    if (name.starts_with('+')) name.remove_prefix(1);
    for (std::size_t kind = 0; kind < kNamedListKinds; ++kind) {
      if (kind_ && kind != static_cast<std::size_t>(*kind_)) continue;
      for (const NamedList& named : evaluation.policy.lists[kind])
        if (named.name == name) {
          out += listnamed(*named.list, evaluation.policy);
          return {};
        }
    }
    return cannot(quote(name) + " is not the name of a " +
                  (kind_ ? std::string(list_kind_name(*kind_)) : "list"));
  }
  bool remote(const Provenance&) const override { return false; }

 private:
  std::optional<ListKind> kind_;
  Template name_;
};

ExpansionPtr make_listnamed(std::string_view suffix, Template text, Origin origin,
                            Parsing& parsing) {
  constexpr std::string_view kLetters = "dhal";  // in the order of ListKind
  std::optional<ListKind> kind;
  if (!suffix.empty()) {
    std::size_t at = suffix.size() == 2 ? kLetters.find(suffix[1]) : kLetters.npos;
    if (at == kLetters.npos) {
      parsing.error(origin,
                    "operator 'listnamed' has the forms listnamed, listnamed_d, "
                    "listnamed_h, listnamed_a and listnamed_l, not " +
                        quote("listnamed" + std::string(suffix)));
      return nullptr;
    }
    kind = static_cast<ListKind>(at);
  }
  if (const std::string* literal = text.literal()) {
    std::string_view name = trimmed(*literal);
    if (name.starts_with('+')) name.remove_prefix(1);
    bool known = false;
    for (std::size_t i = 0; i < kNamedListKinds; ++i)
      if (!kind || i == static_cast<std::size_t>(*kind))
        known = known || parsing.symbols.lists[i].contains(name);
    if (!known) {
      parsing.error(origin, quote(name) + " is not the name of a " +
                                (kind ? std::string(list_kind_name(*kind))
                                      : "domainlist, hostlist, addresslist or "
                                        "localpartlist"));
      return nullptr;
    }
  }
  return std::make_unique<ListNamed>(kind, std::move(text));
}

}  // namespace

ExpansionPtr make_capture(std::string_view digits) {
  auto number = base::to_number(digits);
  return std::make_unique<Capture>(
      number ? std::min<std::size_t>(*number, Captures::kMost) : Captures::kMost);
}

ExpansionPtr make_variable(std::string_view name, Origin origin, Parsing& parsing) {
  if (is_acl_variable(name)) {
    if (name.size() > 5 && (base::is_digit(name[5]) || name[5] == '_')) {
      parsing.acl_variables.push_back({std::string(name), nullptr, origin});
      return std::make_unique<Named>(name);
    }
    parsing.error(origin, "unknown variable '$" + base::printable(name) +
                              "': a digit or an underscore must follow '" +
                              std::string(name.substr(0, 5)) + "'");
    return nullptr;
  }
  if (name.starts_with("r_") && name.size() > 2) return std::make_unique<Named>(name);
  auto id = find_variable(name);
  if (!id) return unknown_variable(name, origin, parsing);

  const VariableInfo& info = variables()[*id];
  const std::string shown = "variable '$" + std::string(name) + "'";
  parsing.need(info.feature, shown, origin);
  if (!(info.phases == Phases::all())) parsing.use(shown, info.phases, origin, true);
  // Looked up when it is asked for.
  if (id == variable_id("sender_host_name")) parsing.may_wait();
  if (name == "value" || name == "item")
    return std::make_unique<Scoped>(name == "item");
  if (name.starts_with("acl_arg"))
    return std::make_unique<AclArgument>(static_cast<std::size_t>(name.back() - '0'));
  if (id == variable_id("message_headers") || id == variable_id("message_headers_raw"))
    return std::make_unique<AllHeaders>(id != variable_id("message_headers"));
  if (OwnVariable::Tell tell = own_variable(*id))
    return std::make_unique<OwnVariable>(tell);
  return std::make_unique<FromContext>(*id);
}

std::optional<HeaderForm> header_form(std::string_view name) {
  static constexpr auto kForms = std::to_array<HeaderForm>({
      {"h_", HeaderKind::decoded},
      {"header_", HeaderKind::decoded},
      {"rh_", HeaderKind::raw},
      {"rheader_", HeaderKind::raw},
      {"bh_", HeaderKind::charset_kept},
      {"bheader_", HeaderKind::charset_kept},
      {"lh_", HeaderKind::list},
      {"lheader_", HeaderKind::list},
  });
  for (const HeaderForm& form : kForms)
    if (name.starts_with(form.prefix)) return form;
  return {};
}

std::string perhaps_a_header(std::string_view name) {
  auto form = header_form(name);
  if (!form) return {};
  return "; if a header is meant, write '$" + std::string(form->prefix) +
         "NAME:' without braces";
}

ExpansionPtr make_header(HeaderKind kind, std::string name) {
  return std::make_unique<Header>(kind, std::move(name));
}

bool has_header(std::string_view name, Evaluation& evaluation) {
  return std::ranges::any_of(evaluation.context.headers(), [&](const HeaderLine& line) {
    return base::equal_nocase(line.name, name);
  });
}

ExpansionPtr make_operator(std::string_view name, Template text, Origin origin,
                           TemplateParser& parser) {
  constexpr std::string_view kListNamed = "listnamed";
  std::string_view word = name.substr(0, name.find('_'));
  if (word == kListNamed)
    return make_listnamed(name.substr(word.size()), std::move(text), origin,
                          parser.parsing());
  auto call = parse_operator(name);
  if (!call) {
    std::string complaint = std::move(call.error().text);
    if (auto header = perhaps_a_header(name); !header.empty())
      complaint = complaint.substr(0, complaint.find(';')) + header;
    parser.parsing().error(origin, std::move(complaint));
    return nullptr;
  }
  if (const std::string* literal = text.literal())
    if (auto tried = apply_operator(*call, *literal, TextSettings()); !tried)
      parser.complain_of_constant(
          origin, "operator '" + std::string(name) + "': " + tried.error().text);
  return std::make_unique<Applied>(*call, std::move(text));
}

}  // namespace policy
