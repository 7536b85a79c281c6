// SPDX-License-Identifier: Apache-2.0
//
// Steps of lists of hosts (spec/policy.md 9.5).
#include <algorithm>

#include "base/text.h"
#include "policy/context.h"
#include "policy/list_steps.h"
#include "policy/policy.h"

namespace policy {

namespace {

// A step that needs the DNS: what comes of it when that does not know, or not now.
class ResolvingStep : public Step {
 public:
  explicit ResolvingStep(const Switches& switches)
      : unknown_(switches.unknown), deferred_(switches.deferred) {}

  Outcome<Fit> test(Question& question) const final {
    if (!question.has_host()) return Fit::open;
    auto fit = ask(question);
    if (fit || fit.error().kind != Failure::Kind::defer || !deferred_) return fit;
    return *deferred_;
  }

 protected:
  virtual Outcome<Fit> ask(Question& question) const = 0;
  Fit unknown() const { return unknown_; }

 private:
  Fit unknown_;
  std::optional<Fit> deferred_;
};

// Addresses of a name, and whether the host has one of them.
Outcome<std::optional<bool>> has_address_of(std::string_view name, Question& question) {
  auto addresses = TRY(question.evaluation.context.addresses_of(name));
  if (addresses.empty()) return std::nullopt;
  for (const std::string& address : addresses)
    if (auto ip = parse_ip(address); ip && question.ip && unmapped(*ip) == *question.ip)
      return true;
  return false;
}

class HostNameStep final : public ResolvingStep {
 public:
  HostNameStep(std::string name, const Switches& switches)
      : ResolvingStep(switches), name_(std::move(name)) {}

 private:
  Outcome<Fit> ask(Question& question) const override {
    if (question.kind == ListKind::ip) return unknown();
    const std::string& ours = question.evaluation.policy.primary_hostname;
    auto has = TRY(has_address_of(name_.empty() ? ours : name_, question));
    if (!has) return unknown();
    return *has ? Fit::fits : Fit::open;
  }
  std::string name_;
};

// An address or a name, which one shows when it is made; or a network.
class HostTextStep final : public ResolvingStep {
 public:
  HostTextStep(Template text, bool network, const Switches& switches)
      : ResolvingStep(switches), text_(std::move(text)), network_(network) {}
  bool remote(const Provenance& provenance) const override {
    return text_.remote(provenance);
  }

 private:
  Outcome<Fit> ask(Question& question) const override {
    std::string text = TRY(expand(text_, question.evaluation));
    bool fits = false;
    if (network_) {
      auto network = parse_network(text);
      if (!network) return cannot(network.error().text);
      fits = question.ip && masked(*question.ip, network->bits) ==
                                masked(network->address, network->bits);
    } else if (auto ip = parse_ip(text)) {
      fits = question.ip == ip;
    } else if (question.kind == ListKind::ip || text.empty()) {
      return unknown();
    } else {
      auto has = TRY(has_address_of(text, question));
      if (!has) return unknown();
      fits = *has;
    }
    if (!fits) return Fit::open;
    question.data = std::move(text);
    return Fit::fits;
  }
  Template text_;
  bool network_;
};

class LocalAddressStep final : public Step {
 public:
  Outcome<Fit> test(Question& question) const override {
    bool ours =
        question.ip && is_local_address(*question.ip, question.evaluation.context);
    return ours ? Fit::fits : Fit::open;
  }
};

// What looks at the names of the host, the first that fits.
class NamesStep : public ResolvingStep {
 public:
  using ResolvingStep::ResolvingStep;

 protected:
  virtual Outcome<bool> fits(const std::string& name, Question& question) const = 0;

 private:
  Outcome<Fit> ask(Question& question) const final {
    if (question.kind == ListKind::ip) return unknown();
    std::vector<std::string> asked;
    const std::vector<std::string>* names = question.host.names;
    if (names == nullptr) {
      asked = TRY(question.evaluation.context.host_names());
      names = &asked;
    }
    if (names->empty()) return unknown();
    for (const std::string& name : *names)
      if (TRY(fits(name, question))) return Fit::fits;
    return Fit::open;
  }
};

class NamePatternStep final : public NamesStep {
 public:
  NamePatternStep(ListPattern pattern, const Switches& switches)
      : NamesStep(switches), pattern_(std::move(pattern)) {}
  bool remote(const Provenance& provenance) const override {
    return pattern_.text.remote(provenance);
  }

 private:
  Outcome<bool> fits(const std::string& name, Question& question) const override {
    return pattern_.matches(name, question);
  }
  ListPattern pattern_;
};

class NameEndingStep final : public NamesStep {
 public:
  NameEndingStep(Template ending, const Switches& switches)
      : NamesStep(switches), ending_(std::move(ending)) {}
  bool remote(const Provenance& provenance) const override {
    return ending_.remote(provenance);
  }

 private:
  Outcome<bool> fits(const std::string& name, Question& question) const override {
    std::string ending = TRY(expand(ending_, question.evaluation));
    if (!base::lower(name).ends_with(base::lower(ending))) return false;
    question.data = "*" + ending;
    return true;
  }
  Template ending_;
};

class NameLookupStep final : public NamesStep {
 public:
  NameLookupStep(LookupSpec spec, Template file, const Switches& switches)
      : NamesStep(switches), spec_(std::move(spec)), file_(std::move(file)) {}
  bool remote(const Provenance& provenance) const override {
    return policy::remote(spec_) || file_.remote(provenance);
  }

 private:
  Outcome<bool> fits(const std::string& name, Question& question) const override {
    auto answer = TRY(look_up_element(spec_, file_, base::lower(name), question));
    if (!answer) return false;
    question.data = std::move(answer->data);
    question.looked_up = true;
    return true;
  }
  LookupSpec spec_;
  Template file_;
};

class NetworkLookupStep final : public Step {
 public:
  NetworkLookupStep(std::optional<unsigned> bits, LookupSpec spec, Template file)
      : bits_(bits), spec_(std::move(spec)), file_(std::move(file)) {}
  Outcome<Fit> test(Question& question) const override {
    if (!question.ip) return Fit::open;
    auto answer = TRY(look_up_element(spec_, file_, key(*question.ip), question));
    if (!answer) return Fit::open;
    question.data = std::move(answer->data);
    question.looked_up = true;
    return Fit::fits;
  }
  bool remote(const Provenance& provenance) const override {
    return policy::remote(spec_) || file_.remote(provenance);
  }

 private:
  // Colons would end a key of a file, so v6 addresses are written with dots there.
  std::string key(Ip ip) const {
    if (bits_) ip = masked(ip, *bits_);
    std::string text =
        spec_.kind == LookupType::iplsearch ? format_ip(ip) : format_ip_full(ip, '.');
    if (bits_) text += "/" + std::to_string(std::min(*bits_, ip.bits()));
    return text;
  }
  std::optional<unsigned> bits_;
  LookupSpec spec_;
  Template file_;
};

}  // namespace

StepPtr make_host_text_step(Template text, bool network, const Switches& switches) {
  return std::make_unique<HostTextStep>(std::move(text), network, switches);
}
StepPtr make_host_name_step(std::string name, const Switches& switches) {
  return std::make_unique<HostNameStep>(std::move(name), switches);
}
StepPtr make_local_address_step() {
  return std::make_unique<LocalAddressStep>();
}
StepPtr make_name_pattern_step(ListPattern pattern, const Switches& switches) {
  return std::make_unique<NamePatternStep>(std::move(pattern), switches);
}
StepPtr make_name_ending_step(Template ending, const Switches& switches) {
  return std::make_unique<NameEndingStep>(std::move(ending), switches);
}
StepPtr make_name_lookup_step(LookupSpec spec, Template file,
                              const Switches& switches) {
  return std::make_unique<NameLookupStep>(std::move(spec), std::move(file), switches);
}
StepPtr make_network_lookup_step(std::optional<unsigned> bits, LookupSpec spec,
                                 Template file) {
  return std::make_unique<NetworkLookupStep>(bits, std::move(spec), std::move(file));
}

}  // namespace policy
