// SPDX-License-Identifier: Apache-2.0
#include "policy/replies.h"

#include <algorithm>

#include "base/text.h"

namespace policy {
namespace {

constexpr std::size_t kLongestLine = 75;
constexpr std::size_t kShortestLine = 36;  // unless there is no choice

bool is_digit_at(std::string_view text, std::size_t at) {
  return at < text.size() && base::is_digit(text[at]);
}

// d.ddd.ddd and a blank: the length of what stands before the blank, or 0.
std::size_t enhanced_length(std::string_view text) {
  if (!is_digit_at(text, 0)) return 0;
  std::size_t at = 1;
  for (int part = 0; part < 2; ++part) {
    if (at >= text.size() || text[at] != '.') return 0;
    std::size_t digits = 0;
    for (++at; is_digit_at(text, at); ++at) ++digits;
    if (digits < 1 || digits > 3) return 0;
  }
  return at < text.size() && text[at] == ' ' ? at : 0;
}

// Where a line of `text` that is too long ends: at a blank.
std::size_t break_of(std::string_view text) {
  std::size_t best = text.npos;
  for (std::size_t at = kLongestLine + 1; at-- > kShortestLine;) {
    if (at >= text.size() || text[at] != ' ') continue;
    if (text[at - 1] == ':') return at;
    if (best == text.npos) best = at;
  }
  return best == text.npos ? text.find(' ', kLongestLine) : best;
}

}  // namespace

CodedText take_code(std::string_view message, char first_digit) {
  CodedText out;
  bool coded = message.size() > 3 && message[3] == ' ' && is_digit_at(message, 0) &&
               is_digit_at(message, 1) && is_digit_at(message, 2);
  if (coded) {
    out.wrong_class = message[0] != first_digit;
    if (!out.wrong_class) out.code = message.substr(0, 3);
    message.remove_prefix(4);
    // An enhanced code goes the way of the code it belongs to.
    bool follows = out.wrong_class || message.starts_with(first_digit);
    std::size_t length = follows ? enhanced_length(message) : 0;
    if (length > 0) {
      if (!out.wrong_class) out.enhanced = message.substr(0, length);
      message.remove_prefix(length + 1);
    }
  }
  out.text = message;
  return out;
}

std::string wrap_reply(std::string_view text) {
  std::string out;
  while (true) {
    std::size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    while (line.size() > kLongestLine) {
      std::size_t end = break_of(line);
      if (end == line.npos) break;
      out.append(line.substr(0, end)).append("\n");
      line.remove_prefix(end + 1);
    }
    out += line;
    if (newline == text.npos) return out;
    text.remove_prefix(newline);
    text.remove_prefix(std::min(text.find_first_not_of(" \t\n"), text.size()));
    if (text.empty()) return out;
    out += '\n';
  }
}

std::string_view acceptance_code(Phase phase) {
  switch (phase) {
    case Phase::connect:
    case Phase::starttls:
      return "220";
    case Phase::predata:
      return "354";
    case Phase::quit:
      return "221";
    case Phase::vrfy:
      return "252";
    default:
      return "250";
  }
}

std::string_view refusal_code(Phase phase) {
  switch (phase) {
    case Phase::auth:
      return "503";
    case Phase::vrfy:
      return "252";
    case Phase::etrn:
      return "458";
    default:
      return "550";
  }
}

AclReply reply_to(Phase phase, const AclResult& result) {
  using Verdict = AclResult::Verdict;
  AclReply reply{result.code, result.enhanced, wrap_reply(result.message.value_or("")),
                 result.verdict == Verdict::drop};
  std::string_view code, text;
  switch (result.verdict) {
    case Verdict::accept:
    case Verdict::discard:
      code = acceptance_code(phase);
      break;
    case Verdict::refuse:
    case Verdict::drop:
      code = refusal_code(phase);
      text = "Administrative prohibition";
      break;
    case Verdict::defer:
    case Verdict::error:
      code = "451";
      text = "Temporary local problem - please try later";
      break;
  }
  if (reply.code.empty()) reply.code = code;
  if (reply.text.empty()) reply.text = text;
  return reply;
}

}  // namespace policy
