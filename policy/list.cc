// SPDX-License-Identifier: Apache-2.0
#include "policy/list.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "policy/list_elements.h"
#include "policy/list_reader.h"
#include "policy/plain_list.h"
#include "policy/policy.h"

namespace policy {

class List {
 public:
  List(std::string text, std::unique_ptr<const Elements> inside)
      : source(std::move(text)), elements(std::move(inside)) {}

  std::string source;  // as it is written
  std::unique_ptr<const Elements> elements;
};

void ListDeleter::operator()(const List* list) const {
  delete list;
}

namespace {

// The policy's own text.
class LoadSurroundings final : public Surroundings {
 public:
  LoadSurroundings(ListKind kind, Parsing& parsing) : kind_(kind), parsing_(parsing) {}

  void error(Origin origin, std::string text) override {
    parsing_.error(origin, std::move(text));
  }
  void warning(Origin origin, std::string text) override {
    parsing_.warning(origin, std::move(text));
  }
  bool full() const override { return parsing_.diagnostics.full(); }

  std::optional<Id> find_list(ListKind kind, std::string_view name,
                              Origin origin) override {
    const Names& names = parsing_.symbols.lists[static_cast<std::size_t>(kind)];
    auto found = names.find(name);
    if (found != names.end()) {
      parsing_.may_wait(NamedListId{static_cast<std::size_t>(kind), found->second});
      return found->second;
    }
    std::string text =
        "unknown " + std::string(list_kind_name(kind)) + " " + quote(name);
    for (std::size_t other = 0; other < kNamedListKinds; ++other)
      if (parsing_.symbols.lists[other].contains(name))
        text += "; there is a " +
                std::string(list_kind_name(static_cast<ListKind>(other))) +
                " of that name";
    std::vector<std::string_view> known;
    for (const auto& [other, id] : names) known.push_back(other);
    error(origin, text + did_you_mean(name, known));
    return std::nullopt;
  }

  void found_splice(Splice& splice, Origin origin) override {
    parsing_.splices.push_back({&splice.text, &splice.splice, origin});
    // Any item may come of it: names of hosts, "@mx_any".
    if (kind_ != ListKind::local_part && kind_ != ListKind::text &&
        kind_ != ListKind::ip)
      may_wait();
  }
  void found_file(std::string_view path, Origin origin) override {
    LookupSpec lines;
    lines.type = "a list";
    check_lookup_file(lines, path, origin, parsing_);
    if (kind_ == ListKind::host) may_wait();  // its lines may be names
  }
  void found_lookup(const LookupSpec& spec, const Template& file,
                    Origin origin) override {
    if (spec.kind == LookupType::dnsdb)
      need(Feature::dnsdb, "lookup type 'dnsdb'", origin);
    if (spec.kind == LookupType::spf) need(Feature::spf, "lookup type 'spf'", origin);
    const std::string* path = file.literal();
    if (path && !spec.query && spec.kind != LookupType::spf)
      check_lookup_file(spec, *path, origin, parsing_);
  }
  void need(Feature feature, std::string_view what, Origin origin) override {
    parsing_.need(feature, what, origin);
  }
  void may_wait() override { parsing_.may_wait(); }

 private:
  ListKind kind_;
  Parsing& parsing_;
};

// What stands in a literal list as if it would be expanded: "$" and a name or "{".
void check_dollars(ListKind kind, std::string_view text, Origin origin,
                   Parsing& parsing) {
  for (std::size_t at = text.find('$'); at != text.npos; at = text.find('$', at + 1)) {
    std::string_view behind = text.substr(at + 1);
    std::size_t length = name_length(behind);
    bool braces = behind.starts_with('{');
    if (braces) length = 1 + name_length(behind.substr(1));
    if (length == 0 || base::is_digit(behind[0])) continue;
    std::string_view condition = kind == ListKind::domain       ? "match_domain"
                                 : kind == ListKind::address    ? "match_address"
                                 : kind == ListKind::local_part ? "match_local_part"
                                                                : "match_ip";
    parsing.error(origin,
                  "nothing is expanded in the list of " + std::string(condition) +
                      ", so " + quote(text.substr(at, length + 1)) +
                      " would stand for itself; compare with eqi, or use inlist");
    return;
  }
}

// $domain is the subject while a list of domains is asked, if no domain is current.
class CurrentDomain {
 public:
  CurrentDomain(const Elements& elements, const ListSubject& subject, Context& context)
      : context_(context) {
    static const auto domain = find_variable("domain");
    if (elements.kind != ListKind::domain || !elements.expands || !domain) return;
    auto current = context_.variable(*domain);
    if (!current || !current->empty()) return;
    context_.set_variable(*domain, std::string(subject.text));
    set_ = domain;
  }
  ~CurrentDomain() {
    if (set_) context_.set_variable(*set_, "");
  }
  CurrentDomain(const CurrentDomain&) = delete;
  CurrentDomain& operator=(const CurrentDomain&) = delete;

 private:
  Context& context_;
  std::optional<VariableId> set_;
};

void append_merged(std::string& out, const List& list, const Policy& policy,
                   unsigned depth) {
  constexpr unsigned kDeepest = 50;
  const auto kind = static_cast<std::size_t>(list.elements->kind);
  ListReader reader(list.source);
  for (std::string_view element; reader.next(element);) {
    const List* inside = nullptr;
    if (element.starts_with('+') && depth < kDeepest && kind < kNamedListKinds)
      for (const auto& other : policy.lists[kind])
        if (other.name == element.substr(1)) inside = other.list.get();
    if (!out.empty()) out += " : ";
    if (inside) {
      append_merged(out, *inside, policy, depth + 1);
      continue;
    }
    for (char c : element) {
      out += c;
      if (c == ':') out += ':';
    }
  }
}

}  // namespace

const Elements& elements_of(const List& list) {
  return *list.elements;
}

Question::Question(ListKind wanted, const ListSubject& subject, Evaluation& state)
    : evaluation(state), kind(wanted), text(subject.text), host(subject.host) {
  if (kind == ListKind::host || kind == ListKind::ip) {
    if (host.address.empty() && kind == ListKind::ip) host.address = subject.text;
    if (auto address = parse_ip(host.address)) ip = unmapped(*address);
    return;
  }
  folded = base::lower(text);
  capture = kind == ListKind::domain || kind == ListKind::local_part;
  if (kind != ListKind::address) return;
  at = text.rfind('@');
  half = folded;
  if (at != std::string::npos) half.replace(0, at, text, 0, at);
}

std::string_view Question::domain() const {
  return std::string_view(folded).substr(at + 1);
}

std::string_view Question::local(bool caseful) const {
  return std::string_view(caseful ? half : folded).substr(0, at);
}

std::string_view Question::subject(bool caseful) const {
  if (!caseful) return folded;
  return kind == ListKind::address ? std::string_view(half) : text;
}

void Question::set_captures(std::span<const std::string_view> groups) {
  if (capture) evaluation.captures.assign(groups);
}

Place Elements::first_plain(const Question& question) const {
  if (kind == ListKind::host || kind == ListKind::ip) {
    Place first = any_host;
    if (!question.has_host()) return std::min(first, no_host);
    if (question.ip) first = std::min(first, networks.find(*question.ip));
    return first;
  }
  Place first = kNowhere;
  if (folded) first = folded->find(question.folded);
  if (caseful) first = std::min(first, caseful->find(question.subject(true)));
  if (domains && question.at != std::string::npos)
    first = std::min(first, domains->find(question.domain()));
  return first;
}

namespace {

// What a plain pattern says when it fits.
void tell(const Elements& elements, Place place, Question& question) {
  std::string_view pattern = elements.text(place);
  question.data = pattern;
  if (!question.capture) return;
  // Equal in lower case is enough; which of the two tables it came from shows no more.
  std::string_view subject = question.folded;
  std::size_t star =
      pattern.starts_with('*') ? subject.size() - (pattern.size() - 1) : 0;
  const std::string_view groups[] = {subject, subject.substr(0, star)};
  question.set_captures(std::span(groups).first(pattern.starts_with('*') ? 2 : 1));
}

}  // namespace

Outcome<Judgement> judge(const Elements& elements, Question& question) {
  const Place first = elements.first_plain(question);
  std::optional<bool> last_negated;
  question.end_negated.reset();
  for (const auto& [place, step] : elements.steps) {
    if (place > first) break;
    TRY(take_step(question.evaluation));
    question.end_negated.reset();
    const bool negated = elements.elements[place].negated;
    switch (TRY(step->test(question))) {
      case Fit::open:
        last_negated = question.end_negated;
        break;
      case Fit::fits:
        if (!question.data) question.data = elements.text(place);
        return Judgement{true, !negated, place};
      case Fit::against:
        return Judgement{true, negated, place};
      case Fit::stop_no:
        return Judgement{true, false, place};
      case Fit::stop_yes:
        return Judgement{true, true, place};
    }
  }
  if (first != kNowhere) {
    tell(elements, first, question);
    return Judgement{true, !elements.elements[first].negated, first};
  }
  question.end_negated.reset();
  if (elements.elements.empty()) return Judgement{};
  // A file or a splice at the end ends as its own last element does.
  const bool negated = elements.elements.back().negated;
  const bool step_is_last = !elements.steps.empty() &&
                            elements.steps.back().place + 1 == elements.elements.size();
  question.end_negated =
      step_is_last && last_negated ? *last_negated != negated : negated;
  return Judgement{};
}

ListPtr parse_list(ListKind kind, const SourceText& text, Parsing& parsing) {
  LoadSurroundings surroundings(kind, parsing);
  return ListPtr(
      new List(std::string(text.bytes()),
               read_list(kind, text, parse_template(text, parsing), surroundings)));
}

ListPtr parse_literal_list(ListKind kind, const SourceText& text, Parsing& parsing) {
  LoadSurroundings surroundings(kind, parsing);
  Unescaped escaped = unescape(text.bytes(), 0, text.bytes().size());
  const Origin origin = text.origin();
  check_dollars(kind, escaped.text, origin, parsing);
  if (escaped.text.contains('\0'))
    parsing.error(origin, "a NUL byte cannot be part of a list");
  auto elements = read_list_value(kind, escaped.text, ':', {}, surroundings, origin);
  return ListPtr(new List(std::string(text.bytes()), std::move(elements)));
}

Outcome<ListMatch> match(const List& list, const ListSubject& subject,
                         Evaluation& evaluation) {
  const Elements& elements = *list.elements;
  Question question(elements.kind, subject, evaluation);
  if (elements.kind == ListKind::ip && question.has_host() && !question.ip)
    return cannot(quote(question.host.address) + " is not an IP address");
  CurrentDomain current(elements, subject, evaluation.context);
  if (elements.kind == ListKind::address) evaluation.captures.clear();
  auto judgement = judge(elements, question);
  if (!judgement) {
    Failure failure = std::move(judgement).error();
    if (failure.kind == Failure::Kind::forced) return ListMatch{};
    if (failure.kind == Failure::Kind::error) failure.kind = Failure::Kind::defer;
    return std::unexpected(std::move(failure));
  }
  ListMatch result;
  result.matched = answer(*judgement, question);
  if (question.capture && !(result.matched && judgement->decided))
    evaluation.captures.clear();
  if (result.matched && question.data) result.data = *std::move(question.data);
  result.looked_up = result.matched && question.looked_up;
  if (judgement->decided && !elements.origins.empty())
    result.origin = elements.origins[judgement->place];
  return result;
}

bool remote(const List& list, const Provenance& provenance) {
  const auto& steps = list.elements->steps;
  return std::any_of(steps.begin(), steps.end(), [&](const auto& stepped) {
    return stepped.step->remote(provenance);
  });
}

std::string listnamed(const List& list, const Policy& policy) {
  std::string out;
  append_merged(out, list, policy, 0);
  return out;
}

std::vector<NamedListUse> named_lists(const List& list) {
  std::vector<NamedListUse> uses;
  for (const auto& stepped : list.elements->steps) stepped.step->add_named(uses);
  return uses;
}

}  // namespace policy
