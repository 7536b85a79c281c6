// SPDX-License-Identifier: Apache-2.0
#include "qrunner/settlement.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace qrunner {

namespace {

using Kind = smtp::Breakdown::Kind;

constexpr int kServiceClosing = 421;

hints::EnhancedCode enhanced_of(const smtp::Reply& reply) {
  return hints::parse_enhanced_code(reply.enhanced);
}

int number_of(const smtp::Breakdown& breakdown) {
  switch (breakdown.kind) {
    case Kind::unreachable:
    case Kind::failed:
      return breakdown.system_error;
    case Kind::timeout:
      return ETIMEDOUT;
    case Kind::closed:
      return hints::kClosed;
    case Kind::malformed:
      return hints::kMalformed;
    case Kind::tls_required:
      return hints::kTlsRequired;
    case Kind::tls_failed:
      return hints::kTlsFailed;
    case Kind::auth_failed:
      return hints::kAuthFailed;
    case Kind::refused:
      return 0;
    case Kind::local:
      break;
  }
  return hints::kNoReason;
}

// Which of Exim's numbers a 4xx to that command has.
int number_of_stage(std::string_view stage) {
  if (stage.starts_with("pipelined ")) stage.remove_prefix(10);
  if (stage.starts_with("MAIL")) return hints::kMailReply;
  if (stage.starts_with("RCPT")) return hints::kRcptReply;
  return hints::kDataReply;
}

Verdict refused(const smtp::Reply& reply, const std::string& stage, bool by_mx) {
  Verdict verdict;
  int number = number_of_stage(stage);
  bool later = reply.code < 500;
  verdict.kind = later ? Verdict::Kind::deferred : Verdict::Kind::failed;
  verdict.trouble = {number, "",
                     "SMTP error from remote mail server after " + stage + ": " +
                         smtp::reply_for_log(reply)};
  verdict.item = number == hints::kRcptReply ? RetryItem::address : RetryItem::message;
  if (reply.code == kServiceClosing) verdict.item = RetryItem::host;
  verdict.failure.error = number;
  verdict.failure.route = by_mx ? 'M' : 'A';
  verdict.failure.code = reply.code;
  verdict.failure.enhanced = enhanced_of(reply);
  verdict.failure.text = verdict.trouble.text;
  verdict.reply = reply;
  return verdict;
}

Verdict lost(const smtp::Breakdown& why, bool by_mx) {
  Verdict verdict;
  verdict.trouble = trouble_of(why);
  verdict.item = RetryItem::host;
  verdict.failure = failure_of(why, by_mx);
  verdict.reply = why.reply;
  return verdict;
}

}  // namespace

Trouble trouble_of(const smtp::Breakdown& breakdown) {
  Trouble trouble;
  trouble.number = number_of(breakdown);
  bool silent_connect = breakdown.kind == Kind::unreachable;
  if (silent_connect || breakdown.kind == Kind::failed ||
      breakdown.kind == Kind::timeout)
    trouble.system_text = std::strerror(trouble.number);
  if (!silent_connect) trouble.text = breakdown.text();
  return trouble;
}

hints::Failure failure_of(const smtp::Breakdown& breakdown, bool by_mx) {
  hints::Failure failure;
  failure.error = number_of(breakdown);
  failure.route = by_mx ? 'M' : 'A';
  failure.connecting =
      breakdown.kind == Kind::unreachable && breakdown.system_error == ETIMEDOUT;
  if (breakdown.reply) {
    failure.code = breakdown.reply->code;
    failure.enhanced = enhanced_of(*breakdown.reply);
  }
  Trouble trouble = trouble_of(breakdown);
  failure.text = trouble.text.empty() ? trouble.system_text : trouble.text;
  return failure;
}

Settlement settle(const smtp::Envelope& envelope, const smtp::Outcome& outcome,
                  bool by_mx) {
  Settlement settlement;
  settlement.connection_lost = outcome.lost.has_value();
  settlement.unknown_outcome =
      outcome.dot_sent && outcome.ends.empty() && outcome.lost.has_value();
  for (std::size_t i = 0; i < envelope.recipients.size(); ++i) {
    Verdict verdict;
    if (outcome.delivered(i)) {
      verdict.kind = Verdict::Kind::delivered;
      verdict.confirmation = smtp::reply_for_log(*outcome.verdict(i));
    } else if (outcome.postponed(i)) {
      verdict.kind = Verdict::Kind::untried;
    } else if (const smtp::Reply* reply = outcome.verdict(i)) {
      verdict = refused(*reply, outcome.stage(envelope, i), by_mx);
    } else if (outcome.lost) {
      verdict = lost(*outcome.lost, by_mx);
      if (settlement.unknown_outcome) verdict.item = RetryItem::message;
    }
    settlement.verdicts.push_back(std::move(verdict));
  }
  return settlement;
}

bool put_off_here(const Settlement& settlement) {
  return std::ranges::any_of(settlement.verdicts, [](const Verdict& verdict) {
    return verdict.kind == Verdict::Kind::deferred;
  });
}

void send_elsewhere(Settlement& settlement) {
  for (Verdict& verdict : settlement.verdicts)
    if (verdict.kind == Verdict::Kind::deferred)
      verdict.kind = Verdict::Kind::elsewhere;
}

Settlement refuse_all(std::size_t recipients, const smtp::Reply& why) {
  Verdict verdict;
  verdict.kind = Verdict::Kind::failed;
  verdict.trouble = {-1, "", smtp::reply_for_log(why)};
  verdict.reply = why;
  verdict.status = why.enhanced;
  Settlement settlement;
  settlement.verdicts.assign(recipients, verdict);
  return settlement;
}

Settlement defer_all(std::size_t recipients, const smtp::Breakdown& why, bool by_mx) {
  Verdict verdict = lost(why, by_mx);
  // The server's own no to everybody is for good, if there is no other host.
  if (why.code() == base::Code::permanent && why.kind == Kind::refused)
    verdict.kind = Verdict::Kind::failed;
  Settlement settlement;
  settlement.connection_lost = true;
  settlement.verdicts.assign(recipients, verdict);
  return settlement;
}

Settlement put_off_all(std::size_t recipients, const std::string& why) {
  Verdict verdict;
  verdict.trouble.text = why;
  verdict.failure.text = why;
  Settlement settlement;
  settlement.verdicts.assign(recipients, verdict);
  return settlement;
}

Settlement fail_all(std::size_t recipients, const std::string& why,
                    const std::string& status) {
  Verdict verdict;
  verdict.kind = Verdict::Kind::failed;
  verdict.trouble.text = why;
  verdict.status = status;
  Settlement settlement;
  settlement.verdicts.assign(recipients, verdict);
  return settlement;
}

Settlement give_up_all(std::size_t recipients, const std::string& domain) {
  return fail_all(
      recipients,
      "all hosts for '" + domain +
          "' have been failing for a long time (and retry time not reached)",
      "5.4.7");  // delivery time expired
}

}  // namespace qrunner
