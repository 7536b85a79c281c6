// SPDX-License-Identifier: Apache-2.0
//
// Steps of all kinds of lists, and those of domains.
#include "policy/list_steps.h"

#include <array>
#include <list>
#include <map>
#include <mutex>

#include "base/text.h"
#include "policy/context.h"
#include "policy/list_reader.h"
#include "policy/path_template.h"
#include "policy/policy.h"
#include "policy/regex_cache.h"

namespace policy {

namespace {

constexpr unsigned kDeepest = 50;

Fit fit(bool fits) {
  return fits ? Fit::fits : Fit::open;
}

class PatternStep final : public Step {
 public:
  explicit PatternStep(ListPattern pattern) : pattern_(std::move(pattern)) {}
  Outcome<Fit> test(Question& question) const override {
    // Addresses are in lower case already; other subjects are as they were given, so
    // that a pattern can ask for the case.
    std::string_view subject = question.kind == ListKind::address
                                   ? question.subject(pattern_.caseful)
                                   : question.text;
    return fit(TRY(pattern_.matches(subject, question)));
  }
  bool remote(const Provenance& provenance) const override {
    return pattern_.text.remote(provenance);
  }

 private:
  ListPattern pattern_;
};

class WordsStep final : public Step {
 public:
  WordsStep(Words words, bool caseful) : words_(std::move(words)), caseful_(caseful) {}
  Outcome<Fit> test(Question& question) const override {
    std::string text = TRY(expand(words_.text, question.evaluation));
    std::string wanted = caseful_ ? text : base::lower(text);
    std::string_view subject = question.subject(caseful_);
    if (words_.ending ? !subject.ends_with(wanted) : subject != wanted)
      return Fit::open;
    question.data = words_.ending ? "*" + text : text;
    const std::string_view groups[] = {
        subject, subject.substr(0, subject.size() - wanted.size())};
    question.set_captures(std::span(groups).first(words_.ending ? 2 : 1));
    return Fit::fits;
  }
  bool remote(const Provenance& provenance) const override {
    return words_.text.remote(provenance);
  }

 private:
  Words words_;
  bool caseful_;
};

class NamedStep final : public Step {
 public:
  NamedStep(ListKind kind, Id id, Origin origin) : use_{kind, id, origin} {}
  Outcome<Fit> test(Question& question) const override {
    if (question.depth >= kDeepest)
      return cannot("named lists are nested more than " + std::to_string(kDeepest) +
                    " deep");
    const auto& lists =
        question.evaluation.policy.lists[static_cast<std::size_t>(use_.kind)];
    ++question.depth;
    auto judgement = judge(elements_of(*lists[use_.id].list), question);
    --question.depth;
    if (!judgement) return std::unexpected(std::move(judgement).error());
    bool yes = answer(*judgement, question);
    question.end_negated.reset();
    if (!yes) question.data.reset();
    // What it denies is only not in it; the list outside goes on.
    return fit(yes);
  }
  void add_named(std::vector<NamedListUse>& uses) const override {
    uses.push_back(use_);
  }

 private:
  NamedListUse use_;
};

template <ListKind kind, bool caseful>
base::Result<std::shared_ptr<const Elements>> parse_lines(std::string text) {
  Switches switches;
  switches.caseful = caseful;
  return read_list_file(kind, std::move(text), switches);
}

class FileStep final : public Step {
 public:
  FileStep(ListKind kind, Template path, const Switches& switches)
      : path_(std::move(path)), form_(forms()[static_cast<std::size_t>(kind)]) {
    if (switches.caseful) form_ = caseful_form(kind, form_);
  }
  Outcome<Fit> test(Question& question) const override {
    std::string buffer;
    std::string_view path = TRY(expand_path_view(path_, question.evaluation, buffer));
    auto lines =
        question.evaluation.context.files().parsed(form_.name, path, form_.parse);
    if (!lines) return defer(std::move(lines).error().text);
    Judgement judgement = TRY(judge(**lines, question));
    if (!judgement.decided) return Fit::open;  // its last line counts if it is the last
    return judgement.yes ? Fit::fits : Fit::against;
  }
  bool remote(const Provenance& provenance) const override {
    return path_.remote(provenance);
  }

 private:
  struct Form {
    std::string_view name;
    base::Result<std::shared_ptr<const Elements>> (*parse)(std::string);
  };
  static const std::array<Form, 6>& forms() {
    static constexpr std::array<Form, 6> all = {{
        {"list of domains", parse_lines<ListKind::domain, false>},
        {"list of hosts", parse_lines<ListKind::host, false>},
        {"list of addresses", parse_lines<ListKind::address, false>},
        {"list of local parts", parse_lines<ListKind::local_part, false>},
        {"list of texts", parse_lines<ListKind::text, false>},
        {"list of IP addresses", parse_lines<ListKind::ip, false>},
    }};
    return all;
  }
  static Form caseful_form(ListKind kind, Form form) {
    if (kind == ListKind::address)
      return {"caseful list of addresses", parse_lines<ListKind::address, true>};
    if (kind == ListKind::local_part)
      return {"caseful list of local parts", parse_lines<ListKind::local_part, true>};
    return form;
  }

  Template path_;
  Form form_;
};

class LookupStep final : public Step {
 public:
  LookupStep(LookupSpec spec, Template file, bool caseful)
      : spec_(std::move(spec)), file_(std::move(file)), caseful_(caseful) {}
  Outcome<Fit> test(Question& question) const override {
    std::string_view key = question.subject(caseful_);
    auto answer = TRY(look_up_element(spec_, file_, key, question));
    if (!answer) return Fit::open;
    const std::string_view groups[] = {key, answer->wild, answer->fixed};
    question.set_captures(std::span(groups).first(answer->has_parts ? 3 : 1));
    question.data = std::move(answer->data);
    return Fit::fits;
  }
  bool remote(const Provenance& provenance) const override {
    return policy::remote(spec_) || file_.remote(provenance);
  }

 private:
  LookupSpec spec_;
  Template file_;
  bool caseful_;
};

// Hears of the first mistake in a text that is known only now.
class LateSurroundings final : public Surroundings {
 public:
  explicit LateSurroundings(const Policy& policy) : policy_(policy) {}
  std::string mistake;

  void error(Origin, std::string text) override {
    if (mistake.empty()) mistake = std::move(text);
  }
  void warning(Origin, std::string) override {}
  std::optional<Id> find_list(ListKind kind, std::string_view name, Origin) override {
    const auto& lists = policy_.lists[static_cast<std::size_t>(kind)];
    for (Id id = 0; id < lists.size(); ++id)
      if (lists[id].name == name) return id;
    error({}, "unknown " + std::string(list_kind_name(kind)) + " " + quote(name));
    return std::nullopt;
  }

 private:
  const Policy& policy_;
};

class SpliceStep final : public Splice {
 public:
  Outcome<Fit> test(Question& question) const override {
    std::string value = TRY(expand(text, question.evaluation));
    if (!splice) return literal(value, question);
    if (value.empty()) {  // nothing at the end is no element, elsewhere an empty one
      if (last) return Fit::open;
      value = separator;
    }
    auto elements = TRY(read(value, question.evaluation.policy));
    Judgement judgement = TRY(judge(*elements, question));
    if (!judgement.decided) return Fit::open;
    return judgement.yes ? Fit::fits : Fit::against;
  }
  bool remote(const Provenance& provenance) const override {
    return text.remote(provenance);
  }

 private:
  using Shared = std::shared_ptr<const Elements>;

  // One element that is nothing but its text.
  Outcome<Fit> literal(const std::string& value, Question& question) const {
    bool fits = false;
    if (value.empty() && last) {
      fits = false;
    } else if (kind == ListKind::host || kind == ListKind::ip) {
      return make_host_text_step(Template::of(value), false, switches)->test(question);
    } else {
      std::string folded = base::lower(value);
      if (kind != ListKind::address) {
        fits = switches.caseful ? question.text == value : question.folded == folded;
      } else if (std::size_t at = value.rfind('@'); at != value.npos) {
        if (switches.caseful) folded.replace(0, at, value, 0, at);
        fits = question.subject(switches.caseful) == folded;
      } else {
        fits = value.empty() ? question.text.empty()
                             : question.at != value.npos && question.domain() == folded;
      }
    }
    if (!fits) {
      question.end_negated = negated;
      return Fit::open;
    }
    question.data = value;
    const std::string_view groups[] = {question.subject(switches.caseful)};
    question.set_captures(groups);
    return negated ? Fit::against : Fit::fits;
  }

  // Read once for each text, as long as it is one of the last few.
  Outcome<Shared> read(const std::string& value, const Policy& policy) const {
    {
      std::lock_guard lock(mutex_);
      for (auto at = recent_.begin(); at != recent_.end(); ++at)
        if (at->first == value) {
          recent_.splice(recent_.begin(), recent_, at);
          return recent_.front().second;
        }
    }
    LateSurroundings late(policy);
    Shared elements =
        read_list_value(kind, negated ? "!" + value : value, separator, switches, late);
    if (!late.mistake.empty())
      return defer(quote(value) + " is no part of a list: " + late.mistake);
    std::lock_guard lock(mutex_);
    recent_.emplace_front(value, elements);
    if (recent_.size() > kMostRecent) recent_.pop_back();
    return elements;
  }

  static constexpr std::size_t kMostRecent = 16;
  mutable std::mutex mutex_;
  mutable std::list<std::pair<std::string, Shared>> recent_;
};

class PrimaryNameStep final : public Step {
 public:
  Outcome<Fit> test(Question& question) const override {
    const std::string& ours = question.evaluation.policy.primary_hostname;
    if (question.folded != base::lower(ours)) return Fit::open;
    question.data = ours;
    const std::string_view groups[] = {question.folded};
    question.set_captures(groups);
    return Fit::fits;
  }
};

class LocalLiteralStep final : public Step {
 public:
  Outcome<Fit> test(Question& question) const override {
    std::string_view text = question.folded;
    if (!text.starts_with('[') || !text.ends_with(']')) return Fit::open;
    text = text.substr(1, text.size() - 2);
    if (text.starts_with("ipv6:")) text.remove_prefix(5);
    auto ip = parse_ip(text);
    if (!ip || !is_local_address(*ip, question.evaluation.context)) return Fit::open;
    const std::string_view groups[] = {question.folded};
    question.set_captures(groups);
    return Fit::fits;
  }
};

class MxStep final : public Step {
 public:
  MxStep(Mx which, std::unique_ptr<const Elements> ignored)
      : which_(which), ignored_(std::move(ignored)) {}

  Outcome<Fit> test(Question& question) const override {
    Evaluation& evaluation = question.evaluation;
    DnsAnswer mx = TRY(evaluation.context.dns("mx", question.folded));
    if (mx.answer == Answer::defer)
      return defer("the MX records of " + quote(question.text) +
                   " cannot be found now");
    std::optional<std::uint64_t> lowest, ours;
    for (const auto& record : mx.records) {
      if (record.size() < 2) continue;
      auto preference = base::to_number(record[0]);
      if (!preference) continue;
      auto here = TRY(leads_here(record[1], evaluation));
      if (!here) continue;  // to be ignored
      if (!lowest || *preference < *lowest) lowest = preference;
      if (*here && (!ours || *preference < *ours)) ours = preference;
    }
    bool fits =
        ours && (which_ == Mx::any || (which_ == Mx::primary) == (ours == lowest));
    if (!fits) return Fit::open;
    const std::string_view groups[] = {question.folded};
    question.set_captures(groups);
    return Fit::fits;
  }
  void add_named(std::vector<NamedListUse>& uses) const override {
    if (!ignored_) return;
    for (const auto& stepped : ignored_->steps) stepped.step->add_named(uses);
  }

 private:
  // Is one of its addresses ours?  Nothing: all of them are ignored.
  Outcome<std::optional<bool>> leads_here(const std::string& name,
                                          Evaluation& evaluation) const {
    auto addresses = TRY(evaluation.context.addresses_of(name));
    std::optional<bool> here;
    if (addresses.empty()) here = false;
    for (const std::string& address : addresses) {
      if (ignored_) {
        ListSubject subject;
        subject.host.address = address;
        Question question(ListKind::ip, subject, evaluation);
        if (answer(TRY(judge(*ignored_, question)), question)) continue;
      }
      auto ip = parse_ip(address);
      here = here.value_or(false) || (ip && is_local_address(*ip, evaluation.context));
    }
    return here;
  }

  Mx which_;
  std::unique_ptr<const Elements> ignored_;
};

}  // namespace

Outcome<bool> ListPattern::matches(std::string_view subject, Question& question) const {
  using Case = base::Regex::Case;
  std::string made;
  std::shared_ptr<const base::Regex> kept;
  const base::Regex* wanted = regex ? &*regex : nullptr;
  if (wanted == nullptr) {
    made = TRY(expand(text, question.evaluation));
    kept = TRY(compiled(made, caseful ? Case::sensitive : Case::insensitive));
    wanted = kept.get();
  }
  std::array<std::string_view, Captures::kMost> groups;
  std::span<std::string_view> wanted_groups;
  if (question.capture) wanted_groups = groups;
  auto count = wanted->match(subject, wanted_groups);
  if (!count) {
    const std::string* literal = text.literal();
    return cannot(quote(literal ? *literal : made) + ": " + count.error().text);
  }
  if (*count == 0) return false;
  if (!regex) question.data = std::move(made);
  groups[0] = subject;  // not only what the pattern fits
  question.set_captures(std::span(groups).first(std::min(*count, groups.size())));
  return true;
}

bool is_local_address(const Ip& ip, Context& context) {
  for (const std::string& ours : context.local_addresses())
    if (auto local = parse_ip(ours); local && unmapped(*local) == unmapped(ip))
      return true;
  return false;
}

Outcome<std::optional<LookupAnswer>> look_up_element(const LookupSpec& spec,
                                                     const Template& file,
                                                     std::string_view key,
                                                     Question& question) {
  Evaluation& evaluation = question.evaluation;
  bool is_file = !spec.query && spec.kind != LookupType::spf;
  std::string buffer;
  std::string_view place = is_file ? TRY(expand_path_view(file, evaluation, buffer))
                                   : TRY(expand_view(file, evaluation, buffer));
  return look_up(spec, place, key, evaluation);
}

StepPtr make_pattern_step(ListPattern pattern) {
  return std::make_unique<PatternStep>(std::move(pattern));
}
StepPtr make_words_step(Words words, bool caseful) {
  return std::make_unique<WordsStep>(std::move(words), caseful);
}
StepPtr make_named_step(ListKind kind, Id id, Origin origin) {
  return std::make_unique<NamedStep>(kind, id, origin);
}
StepPtr make_file_step(ListKind kind, Template path, const Switches& switches) {
  return std::make_unique<FileStep>(kind, std::move(path), switches);
}
StepPtr make_lookup_step(LookupSpec spec, Template file, bool caseful) {
  return std::make_unique<LookupStep>(std::move(spec), std::move(file), caseful);
}
std::unique_ptr<Splice> make_splice() {
  return std::make_unique<SpliceStep>();
}
StepPtr make_primary_name_step() {
  return std::make_unique<PrimaryNameStep>();
}
StepPtr make_local_literal_step() {
  return std::make_unique<LocalLiteralStep>();
}
StepPtr make_mx_step(Mx which, std::unique_ptr<const Elements> ignored) {
  return std::make_unique<MxStep>(which, std::move(ignored));
}

}  // namespace policy
