// SPDX-License-Identifier: Apache-2.0
//
// Items that walk over a list: map, filter, reduce, sort.
#include <utility>
#include <vector>

#include "policy/comparison.h"
#include "policy/conditions.h"
#include "policy/evaluation.h"
#include "policy/expansion_items.h"
#include "policy/plain_list.h"
#include "policy/scope.h"
#include "policy/template_parser.h"

namespace policy {

namespace {

Outcome<void> check_size(const std::string& out, const Evaluation& evaluation) {
  if (out.size() <= evaluation.budget.output) return {};
  return over_limit("a list grows longer than allowed");
}

class Map final : public Expansion {
 public:
  Map(Template list, Template body) : list_(std::move(list)), body_(std::move(body)) {}

  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    std::string buffer;
    ListReader reader(TRY(expand_view(list_, evaluation, buffer)));
    ListWriter writer(out, reader.separator());
    ScopedText scope(evaluation.item, "");
    std::string result;
    for (std::string_view element; reader.next(element);) {
      TRY(take_step(evaluation));
      evaluation.item->assign(element);
      result.clear();
      TRY(policy::expand(body_, evaluation, result));
      writer.add(result);
      TRY(check_size(out, evaluation));
    }
    return {};
  }
  bool remote(const Provenance& provenance) const override {
    return list_.remote(provenance) ||  // at least what separates
           body_.remote(provenance.with_item(false));
  }

 private:
  Template list_, body_;
};

class Filter final : public Expansion {
 public:
  Filter(Template list, ConditionPtr condition)
      : list_(std::move(list)), condition_(std::move(condition)) {}

  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    std::string buffer;
    ListReader reader(TRY(expand_view(list_, evaluation, buffer)));
    ListWriter writer(out, reader.separator());
    ScopedText scope(evaluation.item, "");
    SavedValue value(evaluation);
    for (std::string_view element; reader.next(element);) {
      TRY(take_step(evaluation));
      evaluation.item->assign(element);
      if (TRY(condition_->holds(evaluation))) writer.add(element);
    }
    return {};
  }
  bool remote(const Provenance& provenance) const override {
    return list_.remote(provenance);
  }

 private:
  Template list_;
  ConditionPtr condition_;
};

class Reduce final : public Expansion {
 public:
  Reduce(Template list, Template start, Template body)
      : list_(std::move(list)), start_(std::move(start)), body_(std::move(body)) {}

  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    std::string buffer, result;
    std::string_view list = TRY(expand_view(list_, evaluation, buffer));
    {
      ScopedText no_item(evaluation.item, "");
      result = TRY(policy::expand(start_, evaluation));
    }
    ScopedText item(evaluation.item, "");
    ScopedText value(evaluation.value, "");
    ListReader reader(list);
    for (std::string_view element; reader.next(element);) {
      TRY(take_step(evaluation));
      evaluation.item->assign(element);
      evaluation.value->swap(result);
      result.clear();
      TRY(policy::expand(body_, evaluation, result));
    }
    out += result;
    return {};
  }
  bool remote(const Provenance& provenance) const override {
    bool start = start_.remote(provenance.with_item(false));
    Provenance inner = provenance.with_value(start);
    inner.item = list_.remote(provenance);
    return start || body_.remote(inner);
  }

 private:
  Template list_, start_, body_;
};

class Sort final : public Expansion {
 public:
  Sort(Template list, Comparison comparison, Template key)
      : list_(std::move(list)), comparison_(comparison), key_(std::move(key)) {}

  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    std::string buffer;
    PlainList list = split_list(TRY(expand_view(list_, evaluation, buffer)));
    TRY(take_step(evaluation, list.elements.size()));
    std::vector<std::string> keys;
    keys.reserve(list.elements.size());
    {
      ScopedText scope(evaluation.item, "");
      for (const std::string& element : list.elements) {
        evaluation.item->assign(element);
        keys.push_back(TRY(policy::expand(key_, evaluation)));
      }
    }
    auto order = TRY(outcome(sorted_order(comparison_, keys)));
    ListWriter writer(out, list.separator);
    for (std::size_t index : order) writer.add(list.elements[index]);
    return check_size(out, evaluation);
  }
  bool remote(const Provenance& provenance) const override {
    return list_.remote(provenance);
  }

 private:
  Template list_;
  Comparison comparison_;
  Template key_;
};

}  // namespace

ExpansionPtr parse_map(TemplateParser& parser, const ItemInfo&, Origin) {
  auto list = parser.take_argument("item 'map'");
  if (!list) return nullptr;
  TemplateParser::Perhaps perhaps(parser);
  auto body = parser.take_argument("item 'map'");
  if (!body) return nullptr;
  return std::make_unique<Map>(*std::move(list), *std::move(body));
}

ExpansionPtr parse_filter(TemplateParser& parser, const ItemInfo&, Origin) {
  auto list = parser.take_argument("item 'filter'");
  if (!list) return nullptr;
  TemplateParser::Perhaps perhaps(parser);
  ConditionPtr condition = parser.take_braced_condition("item 'filter'");
  if (!condition) return nullptr;
  return std::make_unique<Filter>(*std::move(list), std::move(condition));
}

ExpansionPtr parse_reduce(TemplateParser& parser, const ItemInfo&, Origin) {
  auto list = parser.take_argument("item 'reduce'");
  if (!list) return nullptr;
  auto start = parser.take_argument("item 'reduce'");
  if (!start) return nullptr;
  TemplateParser::Perhaps perhaps(parser);
  auto body = parser.take_argument("item 'reduce'");
  if (!body) return nullptr;
  return std::make_unique<Reduce>(*std::move(list), *std::move(start),
                                  *std::move(body));
}

ExpansionPtr parse_sort(TemplateParser& parser, const ItemInfo&, Origin) {
  auto list = parser.take_argument("item 'sort'");
  if (!list) return nullptr;
  parser.skip_blanks();
  const Origin origin = parser.here();
  auto name = parser.take_argument("item 'sort'");
  if (!name) return nullptr;
  const std::string* literal = name->literal();
  auto comparison = literal ? find_comparison(trimmed(*literal)) : std::nullopt;
  if (!comparison || comparison->order == Comparison::Order::equal) {
    parser.parsing().error(
        origin,
        "item 'sort' needs a comparator here: one of < <= > >= lt lti le lei gt gti ge "
        "gei, as it stands");
    return nullptr;
  }
  TemplateParser::Perhaps perhaps(parser);
  auto key = parser.take_argument("item 'sort'");
  if (!key) return nullptr;
  return std::make_unique<Sort>(*std::move(list), *comparison, *std::move(key));
}

}  // namespace policy
