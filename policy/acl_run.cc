// SPDX-License-Identifier: Apache-2.0
//
// Running ACLs: from the results of clauses to a verdict and its texts.
#include <algorithm>
#include <utility>

#include "policy/acl.h"
#include "policy/acl_choice.h"
#include "policy/acl_clauses.h"
#include "policy/acl_trace.h"
#include "policy/header_changes.h"
#include "policy/policy.h"
#include "policy/replies.h"
#include "policy/variable_table.h"
#include "policy/written_text.h"

namespace policy {
namespace {

using Verb = Statement::Verb;
using Verdict = AclResult::Verdict;

// What an ACL sees of its caller is its arguments: captures and values are its own.
class Scope {
 public:
  Scope(Evaluation& evaluation, std::span<const std::string> arguments)
      : evaluation_(evaluation),
        captures_(std::exchange(evaluation.captures, {})),
        value_(std::exchange(evaluation.value, {})),
        item_(std::exchange(evaluation.item, {})),
        arguments_(std::exchange(evaluation.acl_arguments, arguments)) {
    --evaluation_.budget.acl_depth;
  }
  ~Scope() {
    evaluation_.captures = std::move(captures_);
    evaluation_.value = std::move(value_);
    evaluation_.item = std::move(item_);
    evaluation_.acl_arguments = arguments_;
    ++evaluation_.budget.acl_depth;
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  Evaluation& evaluation_;
  Captures captures_;
  std::optional<std::string> value_, item_;
  std::span<const std::string> arguments_;
};

// A nested list that drops has failed like any other.
ClauseResult negated(ClauseResult result) {
  if (result == ClauseResult::ok) return ClauseResult::fail;
  bool failed = result == ClauseResult::fail || result == ClauseResult::drop;
  return failed ? ClauseResult::ok : result;
}

ClauseResult run_clause(const Clause& clause, AclFrame& frame) {
  Evaluation& evaluation = frame.evaluation;
  if (!clause.word.where.contains(evaluation.phase)) {
    frame.log_text = describe(clause.word) + " cannot be used in " +
                     std::string(phase_name(evaluation.phase));
    return ClauseResult::error;
  }
  if (!evaluation.step()) {
    frame.log_text = "the ACL takes too many steps";
    return ClauseResult::error;
  }
  auto result = clause.run(frame);
  if (result) {
    bool may_discard = frame.verb == Verb::accept || frame.verb == Verb::discard;
    if (*result == ClauseResult::discard && !may_discard) {
      frame.log_text = "nested ACL returned \"discard\" for \"" +
                       std::string(verb_name(frame.verb)) +
                       "\" command (only allowed with \"accept\" or \"discard\")";
      return ClauseResult::error;
    }
    return clause.negated ? negated(*result) : *result;
  }
  // The author said that this clause is not to count.
  if (result.error().kind == Failure::Kind::forced) return ClauseResult::ok;
  frame.log_text = std::move(result.error().text);
  return result.error().kind == Failure::Kind::defer ? ClauseResult::defer
                                                     : ClauseResult::error;
}

// Do `message` and `log_message` speak of this result?
bool messages_count(Verb verb, ClauseResult result) {
  bool failed = result == ClauseResult::fail || result == ClauseResult::drop;
  if (verb == Verb::require) return failed;
  if (result == ClauseResult::ok) return true;
  return failed && (verb == Verb::accept || verb == Verb::discard);
}

// A modifier's text; nothing if it comes to nothing.
std::optional<std::string> message_text(const LinedText& text, std::string_view instead,
                                        const std::optional<std::string>& reason,
                                        Evaluation& evaluation) {
  constexpr VariableId variable = variable_id("acl_verify_message");
  Context& context = evaluation.context;
  if (reason) context.set_variable(variable, *reason);
  auto value = text.expand(evaluation, instead);
  if (reason) context.set_variable(variable, "");
  if (value && !value->empty()) return std::move(*value);
  if (!value && value.error().kind != Failure::Kind::forced)
    context.log("main", "failed to expand ACL message: " + value.error().text);
  return std::nullopt;
}

// Puts the texts of the statement together with those of its conditions.
void settle_texts(AclFrame& frame, ClauseResult result) {
  bool passed = result == ClauseResult::ok;
  if (frame.endpass && passed) frame.message = nullptr;
  if (!messages_count(frame.verb, result)) return;
  std::optional<std::string> user_reason = frame.user_text;
  std::optional<std::string> log_reason = frame.log_text ? frame.log_text : user_reason;
  // What conditions said on the way to a success is of no interest.
  bool success = frame.verb == Verb::accept || frame.verb == Verb::discard;
  if (frame.verb == Verb::warn || (passed && success)) {
    frame.user_text.reset();
    frame.log_text.reset();
  }
  if (frame.message)
    if (auto text = message_text(*frame.message, " ", user_reason, frame.evaluation))
      frame.user_text = std::move(text);
  if (frame.log_message)
    if (auto text =
            message_text(*frame.log_message, "\n", log_reason, frame.evaluation))
      frame.log_text = frame.log_text ? *text + ": " + *frame.log_text : *text;
  // What `warn` says to the log is for log_message alone to say.
  if (!frame.log_text && frame.verb != Verb::warn) frame.log_text = frame.user_text;
}

std::optional<Verdict> refusal(ClauseResult result) {
  return result == ClauseResult::drop ? Verdict::drop : Verdict::refuse;
}

// Nothing: the next statement decides.
std::optional<Verdict> verdict(const AclFrame& frame, ClauseResult result) {
  bool passed = result == ClauseResult::ok;
  if (result == ClauseResult::error) return Verdict::error;
  if (result == ClauseResult::defer && frame.verb != Verb::warn) return Verdict::defer;
  if (result == ClauseResult::discard) return Verdict::discard;
  switch (frame.verb) {
    case Verb::accept:
    case Verb::discard:
      if (passed)
        return frame.verb == Verb::accept ? Verdict::accept : Verdict::discard;
      if (frame.endpass) return refusal(result);
      break;
    case Verb::deny:
      if (passed) return Verdict::refuse;
      break;
    case Verb::drop:
      if (passed) return Verdict::drop;
      break;
    case Verb::defer:
      if (passed) return Verdict::defer;
      break;
    case Verb::require:
      if (!passed) return refusal(result);
      break;
    case Verb::warn:
      break;
  }
  return std::nullopt;
}

void warn(AclFrame& frame, ClauseResult result) {
  Context& context = frame.evaluation.context;
  // Named with the client, as all that warns.
  if (result == ClauseResult::defer)
    context.log("warn", "ACL \"warn\" statement skipped: condition test deferred" +
                            (frame.log_text ? ": " + *frame.log_text : std::string()));
  if (result != ClauseResult::ok) return;
  if (frame.log_text) context.log("warn", *frame.log_text);
  if (frame.user_text && points::kMessageAcls.contains(frame.evaluation.phase))
    add_header_lines(*frame.user_text, context);
}

std::string in_words(ClauseResult result, const AclFrame& frame) {
  std::string why = frame.log_text ? ": " + *frame.log_text : "";
  switch (result) {
    case ClauseResult::ok:
      return "yes";
    case ClauseResult::fail:
      return "no";
    case ClauseResult::drop:
      return "drop";
    case ClauseResult::discard:
      return "discard";
    case ClauseResult::defer:
      return "deferred" + why;
    case ClauseResult::error:
      break;
  }
  return "error" + why;
}

std::string in_words(Verdict verdict) {
  constexpr std::string_view kWords[] = {"accepted",  "refused",  "refused, hanging up",
                                         "discarded", "deferred", "error"};
  return std::string(kWords[static_cast<std::size_t>(verdict)]);
}

// What a condition on a list found.
std::string found_by(const Clause& clause, Context& context) {
  constexpr std::pair<std::string_view, VariableId> kData[] = {
      {"domains", variable_id("domain_data")},
      {"hosts", variable_id("host_data")},
      {"local_parts", variable_id("local_part_data")},
      {"recipients", variable_id("recipient_data")},
      {"senders", variable_id("sender_data")}};
  for (auto [name, variable] : kData)
    if (clause.word.name == name)
      if (auto data = context.variable(variable); data && !data->empty())
        return " (" + std::string(*data) + ")";
  return "";
}

void trace_clause(AclTracer& tracer, const Clause& clause, ClauseResult result,
                  const AclFrame& frame) {
  bool condition = clause.word.kind == AclWord::Kind::condition;
  std::string text = std::string(verb_name(frame.verb)) +
                     (clause.negated ? " !" : " ") + std::string(clause.word.name);
  if (!clause.written.empty()) text += " = " + clause.written;
  if (condition || result != ClauseResult::ok) text += ": " + in_words(result, frame);
  if (condition && !clause.negated && result == ClauseResult::ok)
    text += found_by(clause, frame.evaluation.context);
  tracer.trace(clause.origin, std::move(text));
}

std::optional<AclResult> run_statement(const Statement& statement,
                                       Evaluation& evaluation, AclTracer* tracer) {
  AclFrame frame{evaluation, statement.verb};
  evaluation.captures.clear();
  ClauseResult result = ClauseResult::ok;
  for (const auto& clause : statement.clauses) {
    result = run_clause(*clause, frame);
    if (tracer) trace_clause(*tracer, *clause, result, frame);
    if (result != ClauseResult::ok) break;
  }
  settle_texts(frame, result);
  if (statement.verb == Verb::warn) warn(frame, result);
  auto decided = verdict(frame, result);
  if (!decided) return std::nullopt;
  if (tracer)
    tracer->trace(statement.origin,
                  std::string(verb_name(statement.verb)) + ": " + in_words(*decided));
  AclResult out;
  out.verdict = *decided;
  out.message = std::move(frame.user_text);
  out.log_message = std::move(frame.log_text).value_or("");
  out.reject_logs = std::move(frame.reject_logs);
  // What `defer` says is meant for the client; what went wrong by itself is not.
  out.may_tell =
      frame.may_tell || (statement.verb == Verb::defer && result == ClauseResult::ok);
  return out;
}

AclResult error_result(std::string log_message) {
  AclResult result;
  result.verdict = Verdict::error;
  result.log_message = std::move(log_message);
  return result;
}

AclResult failure_result(const Failure& failure) {
  AclResult result = error_result(failure.text);
  if (failure.kind == Failure::Kind::defer) result.verdict = Verdict::defer;
  if (failure.kind == Failure::Kind::forced) result.verdict = Verdict::accept;
  return result;
}

bool denies_if_unset(Phase phase) {
  return phase == Phase::rcpt || phase == Phase::vrfy || phase == Phase::expn ||
         phase == Phase::etrn;
}

// The digit that the code of a message must begin with.
char first_digit(Phase phase, const AclResult& result) {
  if (result.verdict == Verdict::defer) return '4';
  bool accepts =
      result.verdict == Verdict::accept || result.verdict == Verdict::discard;
  // A refusal of VRFY may be put as one likes: 252 is a refusal, too.
  if (!accepts && phase == Phase::vrfy) return result.message->front();
  return accepts ? acceptance_code(phase)[0] : refusal_code(phase)[0];
}

// Takes the code off the message and makes the text for the log agree with it.
void settle_code(Phase phase, AclResult& result, Context& context) {
  if (result.verdict == Verdict::error) result.message.reset();
  if (result.verdict == Verdict::defer && !result.may_tell) result.message.reset();
  if (!result.message) return;
  char digit = first_digit(phase, result);
  CodedText coded = take_code(*result.message, digit);
  if (coded.wrong_class) {
    context.log("main", "configured error code starts with incorrect digit (expected " +
                            std::string(1, digit) + ") in " +
                            in_quotes(*result.message));
    AclResult plain;
    plain.verdict = result.verdict;
    if (result.log_message == *result.message)
      result.log_message = reply_to(phase, plain).code + " " + coded.text;
  }
  result.code = std::move(coded.code);
  result.enhanced = std::move(coded.enhanced);
  result.message = std::move(coded.text);
}

}  // namespace

AclResult run_acl(const Acl& acl, std::span<const std::string> arguments,
                  Evaluation& evaluation) {
  if (evaluation.budget.acl_depth == 0)
    return error_result("ACL nested too deep: possible loop");
  Scope scope(evaluation, arguments);
  auto* tracer = dynamic_cast<AclTracer*>(&evaluation.context);
  for (const Statement& statement : acl.statements)
    if (auto result = run_statement(statement, evaluation, tracer))
      return std::move(*result);
  if (tracer)
    tracer->trace(acl.origin, "the end of ACL " + quote(acl.name) + ": refused");
  return {};  // the end of the list denies
}

AclResult run_acl(Id acl, std::span<const std::string> arguments,
                  Evaluation& evaluation) {
  return run_acl(evaluation.policy.acls[acl], arguments, evaluation);
}

AclResult run_acl(const Policy& policy, Phase phase, Context& context) {
  AclResult result;
  const AclChoice* choice = policy.main.acl(acl_option(phase));
  if (!choice) {
    if (!denies_if_unset(phase)) result.verdict = Verdict::accept;
    return result;
  }
  Evaluation evaluation{policy, context, phase};
  auto acl = choice->resolve(evaluation);
  result = acl ? run_acl(**acl, {}, evaluation) : failure_result(acl.error());
  settle_code(phase, result, context);
  return result;
}

}  // namespace policy
