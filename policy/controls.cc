// SPDX-License-Identifier: Apache-2.0
//
// control = name/option: what the policy asks of the server (spec/policy.md 10.5).
//
// The table says which there are and which options they have; doing them is the
// program's affair.
#include <algorithm>
#include <array>
#include <expected>
#include <optional>
#include <utility>

#include "policy/acl_clauses.h"
#include "policy/context.h"
#include "policy/written_text.h"

namespace policy {
namespace {

constexpr auto kControl = AclWord::Kind::control;
constexpr Phases kBeforeData =
    Phases{Phase::connect, Phase::helo, Phase::starttls, Phase::auth,
           Phase::mail,    Phase::rcpt, Phase::predata,  Phase::quit} |
    points::kNoAcl;

// Options are parted by '|'; "name=" has a value, "TEXT" is all that follows.
constexpr auto kControls = std::to_array<AclWord>({
    {kControl, "allow_auth_unadvertised",
     Phases{Phase::connect, Phase::helo} | points::kNoAcl, Feature::auth, "",
     "takes AUTH although it was not offered"},
    {kControl, "bmi_run", points::kMessageAcls, Feature::bmi, "",
     "asks Brightmail about the message"},
    {kControl, "caseful_local_part", points::kRcpt, Feature::none, "",
     "$local_part is as the client wrote it"},
    {kControl, "caselower_local_part", points::kRcpt, Feature::none, "",
     "$local_part is in small letters again"},
    {kControl, "cutthrough_delivery", points::kRcpt, Feature::cutthrough,
     "defer=pass|defer=spool", "delivers while the message comes in"},
    {kControl, "debug", points::kAnywhere, Feature::none, "",
     "'bobbin policy session' shows what an ACL does", true},
    {kControl, "dkim_disable_verify", kBeforeData, Feature::dkim, "",
     "verifies no DKIM signatures"},
    {kControl, "dmarc_disable_verify", kBeforeData, Feature::dmarc, "",
     "does not ask DMARC"},
    {kControl, "dmarc_enable_forensic", kBeforeData, Feature::dmarc, "",
     "sends forensic reports of DMARC"},
    {kControl, "dscp", points::kAnywhere, Feature::none, "",
     "routers in between decide about classes of traffic", true},
    {kControl, "enforce_sync", points::kSmtp, Feature::none, "",
     "ends sessions of clients that do not wait for replies"},
    {kControl, "fakedefer", points::kTransaction, Feature::none, "TEXT",
     "takes the message, but tells the client to come again"},
    {kControl, "fakereject", points::kTransaction, Feature::none, "TEXT",
     "takes the message, but tells the client that it is refused"},
    {kControl, "freeze", points::kMessageAcls, Feature::none, "no_tell",
     "the message is kept in the queue and not delivered"},
    {kControl, "no_callout_flush", points::kSmtp, Feature::none, "",
     "replies are not sent before a callout"},
    {kControl, "no_delay_flush", points::kSmtp, Feature::none, "",
     "replies are not sent before a delay"},
    {kControl, "no_enforce_sync", points::kSmtp, Feature::none, "",
     "lets clients send before they were answered"},
    {kControl, "no_mbox_unspool", points::kAnywhere, Feature::none, "",
     "content scanning belongs to the filters", true},
    {kControl, "no_multiline_responses", points::kSmtp, Feature::none, "",
     "replies have one line"},
    {kControl, "no_pipelining", points::kSmtp, Feature::none, "",
     "PIPELINING is not offered"},
    {kControl, "queue", points::kMessageAcls, Feature::none, "only|first_pass_route",
     "the message waits for a queue runner"},
    {kControl, "queue_only", points::kMessageAcls, Feature::none, "",
     "the same as 'queue/only'"},
    {kControl, "requiretls", points::kTransaction, Feature::requiretls, "",
     "the message goes over TLS or not at all"},
    {kControl, "submission", points::kEnvelope, Feature::none,
     "sender_retain|domain=|name=", "the client is a user's program, which is mended"},
    {kControl, "suppress_local_fixups",
     points::kEnvelope | Phases{Phase::not_smtp_start}, Feature::none, "",
     "leaves headers as they are"},
    {kControl, "utf8_downconvert", points::kRecipients, Feature::none, "1|0|-1",
     "the address is made ASCII on its way out"},
});

struct Control {
  const AclWord* word = nullptr;
  std::vector<std::string> options;
};

bool knows_option(std::string_view known, const WrittenPart& option) {
  while (!known.empty()) {
    std::string_view each = known.substr(0, known.find('|'));
    known.remove_prefix(std::min(each.size() + 1, known.size()));
    bool same = option.written > 0 && option.text == each;
    if (same || (each.ends_with('=') && option.starts_with(each))) return true;
  }
  return false;
}

std::expected<Control, std::string> take_control(
    const std::vector<WrittenPart>& parts) {
  Control control;
  const WrittenPart& name = parts.front();
  if (name.is(name.text)) control.word = find_word(kControls, name.text);
  if (!control.word)
    return std::unexpected("unknown control " + quote(name.text) +
                           did_you_mean(name.text, names_of(kControls)));
  std::span<const WrittenPart> options = std::span(parts).subspan(1);
  if (control.word->argument == "TEXT") {
    std::string text;
    for (const WrittenPart& part : options)
      text.append(text.empty() ? "" : "/").append(part.text);
    if (!text.empty()) control.options.push_back(std::move(text));
    return control;
  }
  for (const WrittenPart& option : options) {
    if (!knows_option(control.word->argument, option))
      return std::unexpected(describe(*control.word) + " knows no option " +
                             quote(option.text) +
                             (control.word->argument.empty()
                                  ? ": it has none"
                                  : ": it has " + std::string(control.word->argument)));
    control.options.push_back(option.text);
  }
  if (control.word->name == "queue_only") {
    control.word = find_word(kControls, "queue");
    control.options = {"only"};
  }
  return control;
}

class ControlClause : public Clause {
 public:
  ControlClause(const ClauseHead& head, const SourceText& argument, Parsing& parsing)
      : Clause(head, argument), parts_(argument, "/", parsing) {
    const std::string* start = parts_.literal_start();
    if (!start) return;  // known when it runs
    Origin place = argument.empty() ? head.origin : argument.origin();
    auto control = parts_.literal() ? take_control(parts_.literal_parts())
                                    : take_control({{*start, start->size()}});
    if (!control)
      parsing.error(place, control.error());
    else if (use_word(*control->word, place, parsing) && parts_.literal())
      control_ = std::move(*control);
  }

  Outcome<ClauseResult> run(AclFrame& frame) const override {
    if (control_) return run(*control_, frame);
    auto parts = parts_.expand(frame.evaluation);
    if (!parts) return std::unexpected(std::move(parts).error());
    auto control = take_control(*parts);
    if (!control) return cannot(control.error());
    return run(*control, frame);
  }

 private:
  static Outcome<ClauseResult> run(const Control& control, AclFrame& frame) {
    Evaluation& evaluation = frame.evaluation;
    if (control.word->left_out || !control.word->where.contains(evaluation.phase))
      return cannot(describe(*control.word) + " cannot be used in " +
                    std::string(phase_name(evaluation.phase)));
    evaluation.context.control(control.word->name, control.options);
    return ClauseResult::ok;
  }

  PartedText parts_;
  std::optional<Control> control_;
};

}  // namespace

std::span<const AclWord> acl_controls() {
  return kControls;
}

std::unique_ptr<const Clause> read_control(const ClauseHead& head,
                                           const SourceText& argument,
                                           Parsing& parsing) {
  return std::make_unique<ControlClause>(head, argument, parsing);
}

}  // namespace policy
