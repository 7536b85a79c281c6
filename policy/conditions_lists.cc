// SPDX-License-Identifier: Apache-2.0
//
// Conditions over lists: match_domain and its kind, inlist, forany and forall.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "policy/condition_table.h"
#include "policy/evaluation.h"
#include "policy/extract.h"
#include "policy/list.h"
#include "policy/plain_list.h"
#include "policy/scope.h"
#include "policy/template_parser.h"

namespace policy {

namespace {

// match_domain and its kind: a list of patterns that stands in the policy.
class MatchList final : public Condition {
 public:
  MatchList(Template subject, ListPtr list)
      : subject_(std::move(subject)), list_(std::move(list)) {}
  Outcome<bool> holds(Evaluation& evaluation) const override {
    std::string buffer;
    std::string_view subject = TRY(expand_view(subject_, evaluation, buffer));
    ListMatch found = TRY(match(*list_, ListSubject{subject, {}}, evaluation));
    if (found.matched) evaluation.value = std::move(found.data);
    return found.matched;
  }
  bool remote(const Provenance& provenance) const override {
    return subject_.remote(provenance) || policy::remote(*list_, provenance);
  }

 private:
  Template subject_;
  ListPtr list_;
};

// The same for addresses, whose lists clear the captures elsewhere.
class MatchAddress final : public Condition {
 public:
  explicit MatchAddress(std::unique_ptr<const MatchList> match)
      : match_(std::move(match)) {}
  Outcome<bool> holds(Evaluation& evaluation) const override {
    SavedCaptures captures(evaluation);
    return match_->holds(evaluation);
  }
  bool remote(const Provenance& provenance) const override {
    return match_->remote(provenance);
  }

 private:
  std::unique_ptr<const MatchList> match_;
};

class InList final : public Condition {
 public:
  InList(Comparison equal, Template subject, Template list)
      : equal_(equal), subject_(std::move(subject)), list_(std::move(list)) {}
  Outcome<bool> holds(Evaluation& evaluation) const override {
    std::string subject_buffer, list_buffer;
    std::string_view subject = TRY(expand_view(subject_, evaluation, subject_buffer));
    ListReader reader(TRY(expand_view(list_, evaluation, list_buffer)));
    for (std::string_view element; reader.next(element);) {
      TRY(take_step(evaluation));
      if (!TRY(outcome(compare(equal_, subject, element)))) continue;
      evaluation.value.emplace(element);
      return true;
    }
    return false;
  }
  bool remote(const Provenance& provenance) const override {
    return subject_.remote(provenance) || list_.remote(provenance);
  }

 private:
  Comparison equal_;
  Template subject_, list_;
};

// forany and forall: stops at the first element that decides.  Nothing holds of an
// empty list, not even forall.
class ForEach final : public Condition {
 public:
  ForEach(bool all, std::optional<JsonText> json, Template list, ConditionPtr condition)
      : all_(all),
        json_(json),
        list_(std::move(list)),
        condition_(std::move(condition)) {}

  Outcome<bool> holds(Evaluation& evaluation) const override {
    std::string buffer;
    std::string_view list = TRY(expand_view(list_, evaluation, buffer));
    ScopedText item(evaluation.item, "");
    SavedValue value(evaluation);
    bool any = false;
    auto decides = [&](std::string_view element) -> Outcome<bool> {
      any = true;
      TRY(take_step(evaluation));
      evaluation.item->assign(element);
      return TRY(condition_->holds(evaluation)) != all_;
    };
    if (json_) {
      for (const std::string& element : TRY(outcome(json_elements(list, *json_))))
        if (TRY(decides(element))) return !all_;
    } else {
      ListReader reader(list);
      for (std::string_view element; reader.next(element);)
        if (TRY(decides(element))) return !all_;
    }
    return any && all_;
  }
  bool remote(const Provenance& provenance) const override {
    bool list = list_.remote(provenance);
    return list || condition_->remote(provenance.with_item(list));
  }

 private:
  bool all_;
  std::optional<JsonText> json_;
  Template list_;
  ConditionPtr condition_;
};

ListKind kind_of(std::string_view condition) {
  if (condition == "match_domain") return ListKind::domain;
  if (condition == "match_address") return ListKind::address;
  if (condition == "match_ip") return ListKind::ip;
  return ListKind::local_part;
}

}  // namespace

ConditionPtr parse_match_list(TemplateParser& parser, const ConditionInfo& info) {
  auto subject = parser.take_argument(owner_of(info));
  if (!subject) return nullptr;
  auto text = parser.take_raw_argument(owner_of(info));
  if (!text) return nullptr;
  ListKind kind = kind_of(info.name);
  ListPtr list = parse_literal_list(kind, *text, parser.parsing());
  if (!list) return nullptr;
  auto match = std::make_unique<const MatchList>(*std::move(subject), std::move(list));
  if (kind != ListKind::address) return match;
  return std::make_unique<MatchAddress>(std::move(match));
}

ConditionPtr parse_inlist(TemplateParser& parser, const ConditionInfo& info) {
  auto subject = parser.take_argument(owner_of(info));
  if (!subject) return nullptr;
  auto list = parser.take_argument(owner_of(info));
  if (!list) return nullptr;
  Comparison equal = *find_comparison(info.name == "inlist" ? "eq" : "eqi");
  return std::make_unique<InList>(equal, *std::move(subject), *std::move(list));
}

ConditionPtr parse_for_each(TemplateParser& parser, const ConditionInfo& info) {
  auto list = parser.take_argument(owner_of(info));
  if (!list) return nullptr;
  TemplateParser::Perhaps perhaps(parser);
  ConditionPtr condition = parser.take_braced_condition(owner_of(info));
  if (!condition) return nullptr;
  std::optional<JsonText> json;
  if (info.name.ends_with("_json")) json = JsonText::raw;
  if (info.name.ends_with("_jsons")) json = JsonText::unquoted;
  return std::make_unique<ForEach>(info.name.starts_with("forall"), json,
                                   *std::move(list), std::move(condition));
}

}  // namespace policy
