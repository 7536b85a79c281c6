// SPDX-License-Identifier: Apache-2.0
//
// Items that find something or not, and give one of two texts: if, lookup, extract,
// listextract.
#include <optional>
#include <utility>

#include "policy/conditions.h"
#include "policy/evaluation.h"
#include "policy/expansion_items.h"
#include "policy/extract.h"
#include "policy/lookup.h"
#include "policy/path_template.h"
#include "policy/scope.h"
#include "policy/template_parser.h"

namespace policy {

namespace {

// The text for what was found (`value`) or not.
Outcome<void> expand_found(const Results& results, std::optional<std::string> value,
                           Evaluation& evaluation, std::string& out) {
  if (!value) {
    if (results.fail) return forced_failure();
    return results.no ? expand(*results.no, evaluation, out) : Outcome<void>();
  }
  if (!results.yes) {
    out += *value;
    return {};
  }
  ScopedText scope(evaluation.value, *std::move(value));
  return expand(*results.yes, evaluation, out);
}

// `value`: may what was found be a stranger's?
bool results_remote(const Results& results, const Provenance& provenance, bool value) {
  if (results.no && results.no->remote(provenance)) return true;
  return results.yes ? results.yes->remote(provenance.with_value(value)) : value;
}

class If final : public Expansion {
 public:
  If(ConditionPtr condition, Results results)
      : condition_(std::move(condition)), results_(std::move(results)) {}

  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    SavedCaptures captures(evaluation);
    SavedValue value(evaluation);
    if (TRY(condition_->holds(evaluation))) {
      if (results_.yes) return policy::expand(*results_.yes, evaluation, out);
      out += "true";
      return {};
    }
    if (results_.fail) return forced_failure();
    if (results_.no) return policy::expand(*results_.no, evaluation, out);
    return {};
  }

  bool remote(const Provenance& provenance) const override {
    Provenance inner = provenance;
    if (condition_->remote(provenance)) inner.value = inner.captures = true;
    return (results_.yes && results_.yes->remote(inner)) ||
           (results_.no && results_.no->remote(inner));
  }

  void results(std::vector<const Template*>& texts) const override {
    if (results_.yes) texts.push_back(&*results_.yes);
    if (results_.no) texts.push_back(&*results_.no);
  }

 private:
  ConditionPtr condition_;
  Results results_;
};

// Is what stands in the second braces a file?
bool is_file_lookup(const LookupSpec& spec) {
  return !spec.query && spec.kind != LookupType::spf;
}

class Lookup final : public Expansion {
 public:
  Lookup(LookupSpec spec, std::optional<Template> key, Template file, Results results)
      : spec_(std::move(spec)),
        key_(std::move(key)),
        file_(std::move(file)),
        results_(std::move(results)) {}

  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    SavedCaptures captures(evaluation);
    std::string key_buffer, file_buffer;
    std::string_view key;
    if (key_) key = TRY(expand_view(*key_, evaluation, key_buffer));
    std::string_view file = is_file_lookup(spec_)
                                ? TRY(expand_path_view(file_, evaluation, file_buffer))
                                : TRY(expand_view(file_, evaluation, file_buffer));
    TRY(take_step(evaluation));
    auto answer = TRY(look_up(spec_, file, key, evaluation));
    if (!answer) return expand_found(results_, {}, evaluation, out);
    if (answer->has_parts) {
      const std::string_view groups[] = {key, answer->wild, answer->fixed};
      evaluation.captures.assign(groups);
    }
    return expand_found(results_, std::move(answer->data), evaluation, out);
  }

  bool remote(const Provenance& provenance) const override {
    bool key = key_ && key_->remote(provenance);
    bool data = policy::remote(spec_) || (key && gives_key());
    return results_remote(results_,
                          provenance.with_captures(provenance.captures || key), data);
  }

 private:
  bool gives_key() const {
    for (const std::string& option : spec_.options)
      if (option == "ret=key") return true;
    return false;
  }

  LookupSpec spec_;
  std::optional<Template> key_;
  Template file_;
  Results results_;
};

class ExtractKeyed final : public Expansion {
 public:
  ExtractKeyed(std::string key, Template data, Results results)
      : key_(std::move(key)), data_(std::move(data)), results_(std::move(results)) {}
  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    SavedCaptures captures(evaluation);
    std::string buffer;
    std::string_view data = TRY(expand_view(data_, evaluation, buffer));
    return expand_found(results_, extract_keyed(key_, data), evaluation, out);
  }
  bool remote(const Provenance& provenance) const override {
    return results_remote(results_, provenance, data_.remote(provenance));
  }

 private:
  std::string key_;
  Template data_;
  Results results_;
};

class ExtractNumbered final : public Expansion {
 public:
  ExtractNumbered(std::int64_t number, Template separators, Template data,
                  Results results)
      : number_(number),
        separators_(std::move(separators)),
        data_(std::move(data)),
        results_(std::move(results)) {}
  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    SavedCaptures captures(evaluation);
    std::string separators_buffer, buffer;
    std::string_view separators =
        TRY(expand_view(separators_, evaluation, separators_buffer));
    std::string_view data = TRY(expand_view(data_, evaluation, buffer));
    return expand_found(results_, extract_field(number_, separators, data), evaluation,
                        out);
  }
  bool remote(const Provenance& provenance) const override {
    return results_remote(results_, provenance, data_.remote(provenance));
  }

 private:
  std::int64_t number_;
  Template separators_, data_;
  Results results_;
};

// The first argument is not known before it is evaluated, and with it the meaning of
// the others.
class ExtractComputed final : public Expansion {
 public:
  ExtractComputed(Template key, std::vector<Template> others, bool fail)
      : key_(std::move(key)), others_(std::move(others)), fail_(fail) {}

  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    SavedCaptures captures(evaluation);
    std::string text = TRY(policy::expand(key_, evaluation));
    ExtractKey key = TRY(outcome(parse_extract_key(text)));
    const std::size_t data_at = key.number ? 1 : 0;
    const std::size_t results = others_.size() - std::min(data_at + 1, others_.size());
    if (others_.size() <= data_at || results > 2 || (fail_ && results != 1))
      return cannot("'extract' with the key " + quote(key.text) + " takes " +
                    (key.number ? "separators, data" : "data") +
                    " and two results; there are " + std::to_string(others_.size()) +
                    " arguments behind it");
    std::string separators;
    if (key.number) separators = TRY(policy::expand(others_[0], evaluation));
    std::string data = TRY(policy::expand(others_[data_at], evaluation));
    auto value = key.number ? extract_field(*key.number, separators, data)
                            : extract_keyed(key.text, data);
    return give(results, data_at, std::move(value), evaluation, out);
  }
  bool remote(const Provenance& provenance) const override {
    Provenance inner = provenance.with_value(true);
    for (const Template& other : others_)
      if (other.remote(inner)) return true;
    return false;
  }

 private:
  Outcome<void> give(std::size_t results, std::size_t data_at,
                     std::optional<std::string> value, Evaluation& evaluation,
                     std::string& out) const {
    if (value && results > 0) {
      ScopedText scope(evaluation.value, *std::move(value));
      return policy::expand(others_[data_at + 1], evaluation, out);
    }
    if (value) {
      out += *value;
      return {};
    }
    if (fail_) return forced_failure();
    if (results == 2) return policy::expand(others_[data_at + 2], evaluation, out);
    return {};
  }

  Template key_;
  std::vector<Template> others_;
  bool fail_;
};

class ExtractJson final : public Expansion {
 public:
  ExtractJson(JsonText form, Template key, Template data, Results results)
      : form_(form),
        key_(std::move(key)),
        data_(std::move(data)),
        results_(std::move(results)) {}
  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    SavedCaptures captures(evaluation);
    std::string key_buffer, data_buffer;
    std::string_view key = TRY(expand_view(key_, evaluation, key_buffer));
    std::string_view data = TRY(expand_view(data_, evaluation, data_buffer));
    auto value = TRY(outcome(extract_json(trimmed(key), data, form_)));
    return expand_found(results_, std::move(value), evaluation, out);
  }
  bool remote(const Provenance& provenance) const override {
    return results_remote(results_, provenance, data_.remote(provenance));
  }

 private:
  JsonText form_;
  Template key_, data_;
  Results results_;
};

class ListExtract final : public Expansion {
 public:
  ListExtract(Template number, Template list, Results results)
      : number_(std::move(number)),
        list_(std::move(list)),
        results_(std::move(results)) {}
  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    SavedCaptures captures(evaluation);
    std::string number_buffer, list_buffer;
    std::string_view number = TRY(expand_view(number_, evaluation, number_buffer));
    std::string_view list = TRY(expand_view(list_, evaluation, list_buffer));
    auto value = TRY(outcome(extract_element(number, list)));
    return expand_found(results_, std::move(value), evaluation, out);
  }
  bool remote(const Provenance& provenance) const override {
    return results_remote(results_, provenance, list_.remote(provenance));
  }

 private:
  Template number_, list_;
  Results results_;
};

ExpansionPtr parse_extract_json(TemplateParser& parser) {
  const Origin origin = parser.here();
  std::string_view word = parser.take_name();
  if (word != "json" && word != "jsons") {
    parser.parsing().error(
        origin, "'extract' may be followed by 'json' or 'jsons', not " + quote(word));
    return nullptr;
  }
  auto key = parser.take_argument("item 'extract'");
  if (!key) return nullptr;
  auto data = parser.take_argument("item 'extract'");
  if (!data) return nullptr;
  auto results = parser.take_results("item 'extract'");
  if (!results) return nullptr;
  return std::make_unique<ExtractJson>(
      word == "json" ? JsonText::raw : JsonText::unquoted, *std::move(key),
      *std::move(data), *std::move(results));
}

ExpansionPtr parse_extract_computed(TemplateParser& parser, Template key) {
  TemplateParser::Perhaps perhaps(parser);
  std::vector<Template> others;
  bool fail = false;
  for (;;) {
    parser.skip_blanks();
    if (parser.peek() == '}' || parser.at_end()) break;
    if (parser.peek() != '{') {
      if (parser.take_name() == "fail" && others.size() > 1) {
        fail = true;
        break;
      }
      parser.complain("'{', 'fail' or '}' expected in item 'extract'");
      return nullptr;
    }
    auto other = parser.take_argument("item 'extract'");
    if (!other) return nullptr;
    others.push_back(*std::move(other));
    if (others.size() > 4) {
      parser.complain("item 'extract' has five arguments at most");
      return nullptr;
    }
  }
  if (others.empty()) {
    parser.complain("item 'extract' needs another argument in braces here");
    return nullptr;
  }
  return std::make_unique<ExtractComputed>(std::move(key), std::move(others), fail);
}

}  // namespace

ExpansionPtr parse_if(TemplateParser& parser, const ItemInfo&, Origin) {
  ConditionPtr condition = parser.take_condition();
  if (!condition) return nullptr;
  auto results = parser.take_results("item 'if'");
  if (!results) return nullptr;
  return std::make_unique<If>(std::move(condition), *std::move(results));
}

ExpansionPtr parse_lookup(TemplateParser& parser, const ItemInfo&, Origin origin) {
  std::optional<Template> key;
  parser.skip_blanks();
  if (parser.peek() == '{') {
    key = parser.take_argument("item 'lookup'");
    if (!key) return nullptr;
    parser.skip_blanks();
  }
  const Origin type_origin = parser.here();
  std::string_view type = parser.take_lookup_type();
  auto spec = parse_lookup_type(type);
  if (!spec) {
    parser.parsing().error(type_origin, std::move(spec.error().text));
    return nullptr;
  }
  if (spec->query == key.has_value()) {
    parser.parsing().error(
        origin, "lookup type " + quote(type) +
                    (spec->query ? " takes no key: write ${lookup "
                                 : " needs a key: write ${lookup{KEY}") +
                    std::string(type) + (spec->query ? "{QUERY}}" : "{FILE}}"));
    return nullptr;
  }
  if (spec->type == "dnsdb")
    parser.parsing().need(Feature::dnsdb, "lookup type 'dnsdb'", type_origin);
  if (spec->type == "spf")
    parser.parsing().need(Feature::spf, "lookup type 'spf'", type_origin);
  parser.skip_blanks();
  const Origin file_origin = parser.here();
  auto file = parser.take_argument("item 'lookup'");
  if (!file) return nullptr;
  if (const std::string* path = file->literal(); path && is_file_lookup(*spec))
    check_lookup_file(*spec, *path, file_origin, parser.parsing());
  auto results = parser.take_results("item 'lookup'");
  if (!results) return nullptr;
  return std::make_unique<Lookup>(*std::move(spec), std::move(key), *std::move(file),
                                  *std::move(results));
}

ExpansionPtr parse_extract(TemplateParser& parser, const ItemInfo&, Origin origin) {
  constexpr std::string_view kOwner = "item 'extract'";
  parser.skip_blanks();
  if (parser.peek() != '{') return parse_extract_json(parser);
  auto first = parser.take_argument(kOwner);
  if (!first) return nullptr;
  if (!first->literal()) return parse_extract_computed(parser, *std::move(first));
  auto key = parse_extract_key(*first->literal());
  if (!key) {
    parser.parsing().error(origin, std::move(key.error().text));
    return nullptr;
  }
  std::optional<Template> separators;
  if (key->number) {
    separators = parser.take_argument(kOwner);
    if (!separators) return nullptr;
  }
  auto data = parser.take_argument(kOwner);
  if (!data) return nullptr;
  auto results = parser.take_results(kOwner);
  if (!results) return nullptr;
  if (key->number)
    return std::make_unique<ExtractNumbered>(*key->number, *std::move(separators),
                                             *std::move(data), *std::move(results));
  return std::make_unique<ExtractKeyed>(std::move(key->text), *std::move(data),
                                        *std::move(results));
}

ExpansionPtr parse_listextract(TemplateParser& parser, const ItemInfo&, Origin origin) {
  constexpr std::string_view kOwner = "item 'listextract'";
  auto number = parser.take_argument(kOwner);
  if (!number) return nullptr;
  if (const std::string* literal = number->literal())
    if (auto tried = extract_element(*literal, ""); !tried)
      parser.parsing().error(origin, std::move(tried.error().text));
  auto list = parser.take_argument(kOwner);
  if (!list) return nullptr;
  auto results = parser.take_results(kOwner);
  if (!results) return nullptr;
  return std::make_unique<ListExtract>(*std::move(number), *std::move(list),
                                       *std::move(results));
}

}  // namespace policy
