// SPDX-License-Identifier: Apache-2.0
#include "policy/conditions.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "policy/condition_table.h"
#include "policy/evaluation.h"
#include "policy/pattern.h"
#include "policy/references.h"
#include "policy/template_parser.h"

namespace policy {

namespace {

// ---- comparisons: numbers and texts

class Compare final : public Condition {
 public:
  Compare(Comparison comparison, Template left, Template right)
      : comparison_(comparison), left_(std::move(left)), right_(std::move(right)) {}
  Outcome<bool> holds(Evaluation& evaluation) const override {
    std::string left_buffer, right_buffer;
    std::string_view left = TRY(expand_view(left_, evaluation, left_buffer));
    std::string_view right = TRY(expand_view(right_, evaluation, right_buffer));
    return outcome(compare(comparison_, left, right));
  }
  bool remote(const Provenance& provenance) const override {
    return left_.remote(provenance) || right_.remote(provenance);
  }

 private:
  Comparison comparison_;
  Template left_, right_;
};

ConditionPtr parse_compare(TemplateParser& parser, const ConditionInfo& info) {
  parser.skip_blanks();
  const Origin origin = parser.here();
  auto left = parser.take_argument(owner_of(info));
  if (!left) return nullptr;
  auto right = parser.take_argument(owner_of(info));
  if (!right) return nullptr;
  const Comparison comparison = *find_comparison(info.name);
  for (const std::string* literal : {left->literal(), right->literal()})
    if (literal)
      if (auto tried = compare(comparison, *literal, *literal); !tried)
        parser.complain_of_constant(origin, std::move(tried.error().text));
  return std::make_unique<Compare>(comparison, *std::move(left), *std::move(right));
}

// ---- truth of a text

class Truth final : public Condition {
 public:
  Truth(bool lax, Template text) : lax_(lax), text_(std::move(text)) {}
  Outcome<bool> holds(Evaluation& evaluation) const override {
    std::string buffer;
    std::string_view text = TRY(expand_view(text_, evaluation, buffer));
    if (lax_) return lax_truth(text);
    return outcome(strict_truth(text));
  }
  bool remote(const Provenance& provenance) const override {
    return text_.remote(provenance);
  }

 private:
  bool lax_;
  Template text_;
};

ConditionPtr parse_truth(TemplateParser& parser, const ConditionInfo& info) {
  parser.skip_blanks();
  const Origin origin = parser.here();
  auto text = parser.take_argument(owner_of(info));
  if (!text) return nullptr;
  const bool lax = info.name == "bool_lax";
  // Exim complains even where it would not evaluate.
  if (const std::string* literal = text->literal(); literal && !lax)
    if (auto tried = strict_truth(*literal); !tried)
      parser.parsing().error(origin, std::move(tried.error().text));
  return std::make_unique<Truth>(lax, *std::move(text));
}

// ---- and, or

class Combined final : public Condition {
 public:
  Combined(bool all, std::vector<ConditionPtr> members)
      : all_(all), members_(std::move(members)) {}
  Outcome<bool> holds(Evaluation& evaluation) const override {
    for (const ConditionPtr& member : members_) {
      TRY(take_step(evaluation));
      if (TRY(member->holds(evaluation)) != all_) return !all_;
    }
    return all_;
  }
  bool remote(const Provenance& provenance) const override {
    return std::ranges::any_of(members_, [&](const ConditionPtr& member) {
      return member->remote(provenance);
    });
  }

 private:
  bool all_;
  std::vector<ConditionPtr> members_;
};

ConditionPtr parse_combined(TemplateParser& parser, const ConditionInfo& info) {
  const std::string owner = owner_of(info);
  const Origin origin = parser.here();
  parser.skip_blanks();
  if (!parser.expect('{', owner)) return nullptr;
  std::vector<ConditionPtr> members;
  for (;;) {
    parser.skip_blanks();
    if (parser.accept('}')) break;
    std::optional<TemplateParser::Perhaps> perhaps;
    if (!members.empty()) perhaps.emplace(parser);
    ConditionPtr member = parser.take_braced_condition(owner);
    if (!member) return nullptr;
    members.push_back(std::move(member));
  }
  if (members.empty())
    parser.parsing().warning(origin, owner + " has no members: it is always " +
                                         (info.name == "and" ? "true" : "false"));
  return std::make_unique<Combined>(info.name == "and", std::move(members));
}

// ---- def

class HeaderDefined final : public Condition {
 public:
  explicit HeaderDefined(std::string name) : name_(std::move(name)) {}
  Outcome<bool> holds(Evaluation& evaluation) const override {
    return has_header(name_, evaluation);
  }
  bool remote(const Provenance&) const override { return true; }

 private:
  std::string name_;
};

class VariableDefined final : public Condition {
 public:
  explicit VariableDefined(std::unique_ptr<const Expansion> variable)
      : variable_(std::move(variable)) {}
  Outcome<bool> holds(Evaluation& evaluation) const override {
    std::string value;
    TRY(variable_->expand(evaluation, value));
    return !value.empty();
  }
  bool remote(const Provenance& provenance) const override {
    return variable_->remote(provenance);
  }

 private:
  std::unique_ptr<const Expansion> variable_;
};

ConditionPtr parse_def(TemplateParser& parser, const ConditionInfo& info) {
  if (!parser.expect(':', owner_of(info))) return nullptr;
  const Origin origin = parser.here();
  std::string_view name = parser.take_name();
  if (name.empty()) {
    parser.complain("the name of a variable must follow 'def:' at once");
    return nullptr;
  }
  if (auto form = header_form(name)) {
    auto more = parser.take_header_name();
    if (!more) return nullptr;
    return std::make_unique<HeaderDefined>(
        std::string(name.substr(form->prefix.size())) + *more);
  }
  auto variable = make_variable(name, origin, parser.parsing());
  if (!variable) return nullptr;
  return std::make_unique<VariableDefined>(std::move(variable));
}

// ---- match

class Match final : public Condition {
 public:
  Match(Template subject, Pattern pattern)
      : subject_(std::move(subject)), pattern_(std::move(pattern)) {}
  Outcome<bool> holds(Evaluation& evaluation) const override {
    std::string buffer;
    std::string_view subject = TRY(expand_view(subject_, evaluation, buffer));
    auto regex = TRY(pattern_.regex(evaluation));
    std::array<std::string_view, Captures::kMost> groups;
    auto matched = regex->match(subject, groups);
    if (!matched) return cannot(std::move(matched.error().text));
    if (*matched == 0) return false;
    evaluation.captures.assign(
        std::span(groups).first(std::min(*matched, groups.size())));
    return true;
  }
  bool remote(const Provenance& provenance) const override {
    return subject_.remote(provenance);
  }

 private:
  Template subject_;
  Pattern pattern_;
};

ConditionPtr parse_match(TemplateParser& parser, const ConditionInfo& info) {
  auto subject = parser.take_argument(owner_of(info));
  if (!subject) return nullptr;
  auto pattern = take_pattern(parser, owner_of(info));
  if (!pattern) return nullptr;
  return std::make_unique<Match>(*std::move(subject), *std::move(pattern));
}

constexpr auto kConditions = std::to_array<ConditionInfo>({
    {"<", "<{A}{B}", parse_compare, "A is the smaller number"},
    {"<=", "<={A}{B}", parse_compare, "A is no greater number"},
    {"=", "={A}{B}", parse_compare, "the numbers are equal"},
    {"==", "=={A}{B}", parse_compare, "the numbers are equal"},
    {">", ">{A}{B}", parse_compare, "A is the greater number"},
    {">=", ">={A}{B}", parse_compare, "A is no smaller number"},
    {"acl", "acl{{NAME}{ARGUMENT}...}", parse_if_acl,
     "the ACL accepts; its message is in $value"},
    {"and", "and{{CONDITION}...}", parse_combined,
     "all hold; stops at the first that does not"},
    {"bool", "bool{TEXT}", parse_truth,
     "a truth value: true yes 1, false no 0, or nothing for false"},
    {"bool_lax", "bool_lax{TEXT}", parse_truth,
     "false for 0 no false and nothing, true for all else"},
    {"crypteq", "crypteq{PLAIN}{HASH}", parse_crypteq,
     "the text has this hash: {md5}, {sha1}, or crypt(3)"},
    {"def", "def:VARIABLE", parse_def,
     "the variable is not empty; the header is there"},
    {"eq", "eq{A}{B}", parse_compare, "the texts are equal"},
    {"eqi", "eqi{A}{B}", parse_compare, "the texts are equal but for case"},
    {"exists", "exists{FILE}", parse_exists, "there is such a file"},
    {"first_delivery", "first_delivery", parse_delivery_state,
     "the message has not been tried before"},
    {"forall", "forall{LIST}{CONDITION}", parse_for_each,
     "the condition holds for every $item; never of an empty list"},
    {"forall_json", "forall_json{ARRAY}{CONDITION}", parse_for_each,
     "the same for the values of a JSON array"},
    {"forall_jsons", "forall_jsons{ARRAY}{CONDITION}", parse_for_each,
     "the same for strings, without their quotes"},
    {"forany", "forany{LIST}{CONDITION}", parse_for_each,
     "the condition holds for one $item at least"},
    {"forany_json", "forany_json{ARRAY}{CONDITION}", parse_for_each,
     "the same for the values of a JSON array"},
    {"forany_jsons", "forany_jsons{ARRAY}{CONDITION}", parse_for_each,
     "the same for strings, without their quotes"},
    {"ge", "ge{A}{B}", parse_compare, "A is B or sorts behind it"},
    {"gei", "gei{A}{B}", parse_compare, "A is B or sorts behind it, without case"},
    {"gt", "gt{A}{B}", parse_compare, "A sorts behind B"},
    {"gti", "gti{A}{B}", parse_compare, "A sorts behind B, without case"},
    {"inbound_srs", "inbound_srs{LOCAL_PART}{SECRET}", parse_inbound_srs,
     "a valid SRS0 address of ours; sets $srs_recipient"},
    {"inlist", "inlist{TEXT}{LIST}", parse_inlist,
     "the text is an element, which is then in $value"},
    {"inlisti", "inlisti{TEXT}{LIST}", parse_inlist, "the same without case"},
    {"isip", "isip{TEXT}", parse_is_ip, "an IP address"},
    {"isip4", "isip4{TEXT}", parse_is_ip, "an IPv4 address"},
    {"isip6", "isip6{TEXT}", parse_is_ip, "an IPv6 address"},
    {"ldapauth", "", nullptr, "passwords are checked by an authenticator"},
    {"le", "le{A}{B}", parse_compare, "A is B or sorts before it"},
    {"lei", "lei{A}{B}", parse_compare, "A is B or sorts before it, without case"},
    {"lt", "lt{A}{B}", parse_compare, "A sorts before B"},
    {"lti", "lti{A}{B}", parse_compare, "A sorts before B, without case"},
    {"match", "match{SUBJECT}{REGEX}", parse_match,
     "a regular expression matches; sets $0, $1 ..."},
    {"match_address", "match_address{ADDRESS}{LIST}", parse_match_list,
     "the address is in the list of addresses"},
    {"match_domain", "match_domain{DOMAIN}{LIST}", parse_match_list,
     "the domain is in the list of domains"},
    {"match_ip", "match_ip{ADDRESS}{LIST}", parse_match_list,
     "the IP address is in the list of addresses and networks"},
    {"match_local_part", "match_local_part{TEXT}{LIST}", parse_match_list,
     "the local part is in the list"},
    {"or", "or{{CONDITION}...}", parse_combined, "one holds; stops at it"},
    {"pam", "", nullptr, "passwords are checked by an authenticator"},
    {"pwcheck", "", nullptr, "passwords are checked by an authenticator"},
    {"queue_running", "queue_running", parse_delivery_state, "a queue run is at work"},
    {"radius", "", nullptr, "passwords are checked by an authenticator"},
    {"saslauthd", "", nullptr, "passwords are checked by an authenticator"},
});
static_assert(std::ranges::is_sorted(kConditions, {}, &ConditionInfo::name));

}  // namespace

std::span<const ConditionInfo> conditions() {
  return kConditions;
}

const ConditionInfo* find_condition(std::string_view name) {
  auto found = std::ranges::lower_bound(kConditions, name, {}, &ConditionInfo::name);
  return found == kConditions.end() || found->name != name ? nullptr : &*found;
}

}  // namespace policy
