// SPDX-License-Identifier: Apache-2.0
//
// Conditions about facts: addresses, files, passwords, rewritten senders, what an ACL
// says, and how far the delivery is.
#include <sys/stat.h>

#include <chrono>
#include <string>
#include <utility>

#include "policy/acl_call.h"
#include "policy/condition_table.h"
#include "policy/context.h"
#include "policy/digests.h"
#include "policy/evaluation.h"
#include "policy/ip.h"
#include "policy/path_template.h"
#include "policy/srs.h"
#include "policy/template_parser.h"

namespace policy {

namespace {

class IsIp final : public Condition {
 public:
  IsIp(std::string_view name, Template text)
      : v4_(!name.ends_with('6')), v6_(!name.ends_with('4')), text_(std::move(text)) {}
  Outcome<bool> holds(Evaluation& evaluation) const override {
    std::string buffer;
    auto ip = parse_ip(TRY(expand_view(text_, evaluation, buffer)));
    return ip && (ip->v6 ? v6_ : v4_);
  }
  bool remote(const Provenance& provenance) const override {
    return text_.remote(provenance);
  }

 private:
  bool v4_, v6_;
  Template text_;
};

class Exists final : public Condition {
 public:
  explicit Exists(Template path) : path_(std::move(path)) {}
  Outcome<bool> holds(Evaluation& evaluation) const override {
    std::string path = TRY(expand_path(path_, evaluation));
    if (!path.starts_with('/'))
      return cannot("condition 'exists': " + quote(path) + " is not an absolute path");
    struct stat status{};
    return ::stat(path.c_str(), &status) == 0;
  }
  bool remote(const Provenance& provenance) const override {
    return path_.remote(provenance);
  }

 private:
  Template path_;
};

class CryptEq final : public Condition {
 public:
  CryptEq(Template plain, Template hash)
      : plain_(std::move(plain)), hash_(std::move(hash)) {}
  Outcome<bool> holds(Evaluation& evaluation) const override {
    std::string plain_buffer, hash_buffer;
    std::string_view plain = TRY(expand_view(plain_, evaluation, plain_buffer));
    std::string_view hash = TRY(expand_view(hash_, evaluation, hash_buffer));
    return outcome(matches_hash(plain, hash));
  }
  bool remote(const Provenance& provenance) const override {
    return plain_.remote(provenance) || hash_.remote(provenance);
  }

 private:
  Template plain_, hash_;
};

class InboundSrsCondition final : public Condition {
 public:
  InboundSrsCondition(Template local_part, Template secret)
      : local_part_(std::move(local_part)), secret_(std::move(secret)) {}
  Outcome<bool> holds(Evaluation& evaluation) const override {
    std::string local_part_buffer, secret_buffer;
    std::string_view local_part =
        TRY(expand_view(local_part_, evaluation, local_part_buffer));
    std::string_view secret = TRY(expand_view(secret_, evaluation, secret_buffer));
    InboundSrs srs =
        TRY(outcome(inbound_srs(local_part, secret, today(evaluation.context))));
    if (!srs.recipient.empty())
      evaluation.context.set_variable(*find_variable("srs_recipient"),
                                      std::move(srs.recipient));
    return srs.valid;
  }
  bool remote(const Provenance& provenance) const override {
    return local_part_.remote(provenance);
  }

 private:
  Template local_part_, secret_;
};

class IfAcl final : public Condition {
 public:
  explicit IfAcl(std::unique_ptr<const CalledAcl> call) : call_(std::move(call)) {}
  Outcome<bool> holds(Evaluation& evaluation) const override {
    CalledAcl::Answer answer = TRY(call_->run(evaluation));
    evaluation.value = std::move(answer.message);
    return answer.accepted;
  }
  // Its message may be made of anything.
  bool remote(const Provenance&) const override { return true; }

 private:
  std::unique_ptr<const CalledAcl> call_;
};

class DeliveryState final : public Condition {
 public:
  explicit DeliveryState(bool (Context::*ask)()) : ask_(ask) {}
  Outcome<bool> holds(Evaluation& evaluation) const override {
    return (evaluation.context.*ask_)();
  }
  bool remote(const Provenance&) const override { return false; }

 private:
  bool (Context::*ask_)();
};

}  // namespace

ConditionPtr parse_is_ip(TemplateParser& parser, const ConditionInfo& info) {
  auto text = parser.take_argument(owner_of(info));
  if (!text) return nullptr;
  return std::make_unique<IsIp>(info.name, *std::move(text));
}

ConditionPtr parse_exists(TemplateParser& parser, const ConditionInfo& info) {
  parser.skip_blanks();
  const Origin origin = parser.here();
  auto path = parser.take_argument(owner_of(info));
  if (!path) return nullptr;
  const std::string* literal = path->literal();
  if (literal && !literal->starts_with('/'))
    parser.complain_of_constant(
        origin, owner_of(info) + ": " + quote(*literal) + " is not an absolute path");
  return std::make_unique<Exists>(*std::move(path));
}

ConditionPtr parse_crypteq(TemplateParser& parser, const ConditionInfo& info) {
  auto plain = parser.take_argument(owner_of(info));
  if (!plain) return nullptr;
  auto hash = parser.take_argument(owner_of(info));
  if (!hash) return nullptr;
  return std::make_unique<CryptEq>(*std::move(plain), *std::move(hash));
}

ConditionPtr parse_inbound_srs(TemplateParser& parser, const ConditionInfo& info) {
  auto local_part = parser.take_argument(owner_of(info));
  if (!local_part) return nullptr;
  auto secret = parser.take_argument(owner_of(info));
  if (!secret) return nullptr;
  return std::make_unique<InboundSrsCondition>(*std::move(local_part),
                                               *std::move(secret));
}

ConditionPtr parse_if_acl(TemplateParser& parser, const ConditionInfo& info) {
  parser.skip_blanks();
  if (!parser.expect('{', owner_of(info))) return nullptr;
  auto call = take_acl_call(parser);
  if (!call) return nullptr;
  parser.skip_blanks();
  if (!parser.expect('}', owner_of(info))) return nullptr;
  return std::make_unique<IfAcl>(std::move(call));
}

ConditionPtr parse_delivery_state(TemplateParser&, const ConditionInfo& info) {
  return std::make_unique<DeliveryState>(info.name == "queue_running"
                                             ? &Context::queue_running
                                             : &Context::first_delivery);
}

}  // namespace policy
