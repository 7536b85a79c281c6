// SPDX-License-Identifier: Apache-2.0
//
// Steps of lists of addresses (spec/policy.md 9.4).
#include <algorithm>

#include "base/text.h"
#include "policy/list_steps.h"
#include "policy/plain_list.h"
#include "policy/regex_cache.h"

namespace policy {

namespace {

constexpr unsigned kLongestChain = 50;

class AddressStep final : public Step {
 public:
  AddressStep(std::optional<Words> local, std::unique_ptr<const Elements> domain,
              bool caseful)
      : local_(std::move(local)), domain_(std::move(domain)), caseful_(caseful) {}

  Outcome<Fit> test(Question& question) const override {
    if (question.at == std::string::npos) return Fit::open;
    std::string local;
    if (local_) {
      local = TRY(expand(local_->text, question.evaluation));
      std::string wanted = caseful_ ? local : base::lower(local);
      std::string_view subject = question.local(caseful_);
      if (local_->ending ? !subject.ends_with(wanted) : subject != wanted)
        return Fit::open;
      if (local_->ending) local.insert(0, "*");
    }
    ListSubject subject;
    subject.text = question.domain();
    Question at_domain(ListKind::domain, subject, question.evaluation);
    at_domain.capture = false;
    at_domain.depth = question.depth;
    Judgement judgement = TRY(judge(*domain_, at_domain));
    if (!judgement.decided || !judgement.yes) return Fit::open;
    question.data = std::move(at_domain.data);
    if (local_) question.data = local + "@" + question.data.value_or("");
    return Fit::fits;
  }
  bool remote(const Provenance& provenance) const override {
    if (local_ && local_->text.remote(provenance)) return true;
    return std::any_of(
        domain_->steps.begin(), domain_->steps.end(),
        [&](const auto& stepped) { return stepped.step->remote(provenance); });
  }
  void add_named(std::vector<NamedListUse>& uses) const override {
    for (const auto& stepped : domain_->steps) stepped.step->add_named(uses);
  }

 private:
  std::optional<Words> local_;
  std::unique_ptr<const Elements> domain_;
  bool caseful_;
};

class LocalPartsStep final : public Step {
 public:
  LocalPartsStep(LookupSpec spec, Template file, bool caseful)
      : spec_(std::move(spec)), file_(std::move(file)), caseful_(caseful) {}

  Outcome<Fit> test(Question& question) const override {
    if (question.at == std::string::npos) return Fit::open;
    std::string key(question.domain());
    for (unsigned links = 0; links < kLongestChain; ++links) {
      auto found = TRY(look_up_element(spec_, file_, key, question));
      if (!found) return Fit::open;
      auto next = TRY(search(found->data, question));
      if (!next.key) return next.fits ? Fit::fits : Fit::open;
      key = base::lower(*next.key);
    }
    return defer("a chain of more than " + std::to_string(kLongestChain) +
                 " domains starts at " + quote(question.domain()) + " in an @@ lookup");
  }
  bool remote(const Provenance& provenance) const override {
    return policy::remote(spec_) || file_.remote(provenance);
  }

 private:
  struct Found {
    bool fits = false;
    std::optional<std::string> key;  // ">key": look there
  };

  Outcome<Found> search(std::string_view data, Question& question) const {
    ListReader items(data);
    for (std::string_view item; items.next(item);) {
      TRY(take_step(question.evaluation));
      if (item.starts_with('>'))
        return Found{false, std::string(trimmed(item.substr(1)))};
      bool negated = item.starts_with('!');
      if (negated) item = trimmed(item.substr(1));
      if (!TRY(fits(item, question))) continue;
      question.data = item;
      return Found{!negated, {}};
    }
    return Found{};
  }

  Outcome<bool> fits(std::string_view item, const Question& question) const {
    using Case = base::Regex::Case;
    std::string_view local = question.local(caseful_);
    if (item.starts_with('^')) {
      auto regex = TRY(compiled(item, caseful_ ? Case::sensitive : Case::insensitive));
      return TRY(outcome(regex->match(local, {}))) > 0;
    }
    std::string wanted = caseful_ ? std::string(item) : base::lower(item);
    if (wanted.starts_with('*')) return local.ends_with(wanted.substr(1));
    return local == wanted;
  }

  LookupSpec spec_;
  Template file_;
  bool caseful_;
};

}  // namespace

StepPtr make_address_step(std::optional<Words> local,
                          std::unique_ptr<const Elements> domain, bool caseful) {
  return std::make_unique<AddressStep>(std::move(local), std::move(domain), caseful);
}
StepPtr make_local_parts_step(LookupSpec spec, Template file, bool caseful) {
  return std::make_unique<LocalPartsStep>(std::move(spec), std::move(file), caseful);
}

}  // namespace policy
