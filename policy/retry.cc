// SPDX-License-Identifier: Apache-2.0
#include "policy/retry.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/text.h"
#include "policy/option_value.h"
#include "policy/policy.h"

namespace policy {
namespace {

using Kind = RetryError::Kind;

struct ErrorWord {
  std::string_view word;
  RetryError error;
};

// All but those with a number in them.  The old timeout_DNS means any time-out.
const std::array<ErrorWord, 16>& error_words() {
  static const std::array<ErrorWord, 16> words{{
      {"*", {Kind::any, "", "", false, {}}},
      {"auth_failed", {Kind::auth_failed, "", "", false, {}}},
      {"lookup", {Kind::lookup, "", "", false, {}}},
      {"lost_connection", {Kind::lost_connection, "", "", false, {}}},
      {"quota", {Kind::quota, "", "", false, {}}},
      {"refused", {Kind::refused, "", "", false, {}}},
      {"refused_A", {Kind::refused, "", "A", false, {}}},
      {"refused_MX", {Kind::refused, "", "MX", false, {}}},
      {"timeout", {Kind::timeout, "", "", false, {}}},
      {"timeout_A", {Kind::timeout, "", "A", false, {}}},
      {"timeout_MX", {Kind::timeout, "", "MX", false, {}}},
      {"timeout_connect", {Kind::timeout, "", "", true, {}}},
      {"timeout_connect_A", {Kind::timeout, "", "A", true, {}}},
      {"timeout_connect_MX", {Kind::timeout, "", "MX", true, {}}},
      {"timeout_DNS", {Kind::timeout, "", "", false, {}}},
      {"tls_required", {Kind::tls_required, "", "", false, {}}},
  }};
  return words;
}

// "4xx", "45x", "452" in any case.
bool is_code(std::string_view code) {
  return code.size() == 3 && code[0] == '4' &&
         ((base::is_digit(code[1]) && (base::is_digit(code[2]) || code[2] == 'x')) ||
          code.substr(1) == "xx");
}

bool code_covers(std::string_view rule, std::string_view happened) {
  return std::ranges::equal(rule, happened,
                            [](char r, char h) { return r == 'x' || r == h; });
}

std::string format_span(std::chrono::seconds span) {
  auto left = span.count();
  std::string out;
  struct Unit {
    long seconds;
    char letter;
  };
  for (auto [seconds, letter] : {Unit{604800, 'w'}, Unit{86400, 'd'}, Unit{3600, 'h'},
                                 Unit{60, 'm'}, Unit{1, 's'}}) {
    if (left < seconds) continue;
    out += std::to_string(left / seconds) + letter;
    left %= seconds;
  }
  return out.empty() ? "0s" : out;
}

// One line of the section, read from the left.
class RuleReader {
 public:
  RuleReader(const SourceText& line, Parsing& parsing)
      : line_(line), bytes_(line.bytes()), parsing_(parsing) {}

  std::optional<RetryRule> read() {
    RetryRule rule;
    rule.origin = line_.origin();
    auto pattern = word("pattern");
    if (!pattern) return std::nullopt;
    rule.pattern_text = pattern->bytes();
    if (rule.pattern_text.starts_with('+') || rule.pattern_text.starts_with("!+"))
      return complain(pattern->origin(),
                      "a named list cannot be the pattern of a "
                      "retry rule: write one item of it");
    rule.pattern = parse_list(ListKind::address, as_one_item(*pattern), parsing_);
    if (!read_error(rule.error) || !read_senders(rule)) return std::nullopt;
    while (at_ < bytes_.size()) {
      auto parameter = read_parameter();
      if (!parameter) return std::nullopt;
      rule.parameters.push_back(*parameter);
    }
    return rule;
  }

 private:
  std::nullopt_t complain(Origin origin, std::string text) {
    parsing_.error(origin, std::move(text));
    return std::nullopt;
  }

  void skip_blanks() {
    while (at_ < bytes_.size() && is_blank(bytes_[at_])) ++at_;
  }

  // What stands in quotes, or up to the next blank.
  std::optional<SourceText> word(std::string_view what) {
    skip_blanks();
    std::size_t begin = at_;
    if (begin == bytes_.size())
      return complain(line_.origin(begin), "the retry rule has no " +
                                               std::string(what) +
                                               ": write 'pattern error parameters'");
    if (bytes_[begin] != '"') {
      while (at_ < bytes_.size() && !is_blank(bytes_[at_])) ++at_;
      return line_.part(begin, at_ - begin);
    }
    for (++at_; at_ < bytes_.size() && bytes_[at_] != '"'; ++at_)
      if (bytes_[at_] == '\\' && at_ + 1 < bytes_.size()) ++at_;
    if (at_ < bytes_.size()) ++at_;
    auto text = parse_quoted(line_.part(begin, at_ - begin));
    if (!text) return complain(text.error().origin, text.error().text);
    return *std::move(text);
  }

  bool read_error(RetryError& error) {
    auto text = word("error");
    if (!text) return false;
    auto known = parse_retry_error(text->bytes());
    if (known) {
      error = *std::move(known);
      return true;
    }
    std::vector<std::string_view> words = {"data_4xx", "mail_4xx", "rcpt_4xx"};
    for (const ErrorWord& each : error_words()) words.push_back(each.word);
    parsing_.error(text->origin(), "there is no retry error " + quote(text->bytes()) +
                                       ": write '*' or one of those in the manual" +
                                       did_you_mean(text->bytes(), words));
    return false;
  }

  bool read_senders(RetryRule& rule) {
    skip_blanks();
    if (!base::equal_nocase(bytes_.substr(at_, 7), "senders")) return true;
    at_ += 7;
    skip_blanks();
    if (at_ == bytes_.size() || bytes_[at_] != '=') {
      complain(line_.origin(at_), "'=' is missing after 'senders'");
      return false;
    }
    ++at_;
    auto list = word("list of senders");
    if (!list) return false;
    rule.senders = parse_list(ListKind::address, *list, parsing_);
    skip_blanks();
    return true;
  }

  // "F,1h,10m" and the semicolon after it.
  std::optional<RetryParameter> read_parameter() {
    std::size_t begin = at_;
    std::size_t end = std::min(bytes_.find(';', at_), bytes_.size());
    std::string_view text = trimmed(bytes_.substr(begin, end - begin));
    at_ = std::min(end + 1, bytes_.size());
    skip_blanks();
    Origin origin = line_.origin(begin);
    std::vector<std::string_view> parts;
    for (std::string_view rest = text;;) {
      std::size_t comma = std::min(rest.find(','), rest.size());
      parts.push_back(trimmed(rest.substr(0, comma)));
      if (comma == rest.size()) break;
      rest.remove_prefix(comma + 1);
    }
    RetryParameter parameter;
    parameter.kind =
        parts[0].size() == 1 ? static_cast<char>(parts[0][0] & ~0x20) : '?';
    if (parameter.kind != 'F' && parameter.kind != 'G' && parameter.kind != 'H')
      return complain(origin, quote(parts[0]) +
                                  " is no kind of retry: write "
                                  "F,CUTOFF,INTERVAL or "
                                  "G,CUTOFF,INTERVAL,FACTOR");
    bool grows = parameter.kind != 'F';
    if (parts.size() != (grows ? 4U : 3U))
      return complain(origin, quote(text) + " has the wrong number of parts: write " +
                                  (grows ? std::string(1, parameter.kind) +
                                               ",CUTOFF,INTERVAL,FACTOR"
                                         : "F,CUTOFF,INTERVAL"));
    auto cutoff = parse_time(parts[1]), interval = parse_time(parts[2]);
    if (!cutoff) return complain(origin, cutoff.error().text);
    if (!interval) return complain(origin, interval.error().text);
    if (cutoff->count() <= 0 || interval->count() <= 0)
      return complain(origin, quote(text) + ": times must be above zero");
    parameter.cutoff = *cutoff;
    parameter.interval = *interval;
    if (!grows) return parameter;
    auto factor = parse_fixed(parts[3]);
    if (!factor) return complain(origin, factor.error().text);
    if (*factor < 1) return complain(origin, quote(text) + ": the factor is below 1");
    parameter.factor = *factor;
    return parameter;
  }

  const SourceText& line_;
  std::string_view bytes_;
  Parsing& parsing_;
  std::size_t at_ = 0;
};

bool in_list(const List& list, std::string_view address, Evaluation& evaluation) {
  ListSubject subject;
  subject.text = address;
  auto matched = match(list, subject, evaluation);
  return matched && matched->matched;
}

// A domain alone stands for any address in it.
std::string as_address(std::string_view key) {
  return key.find('@') == key.npos ? "*@" + std::string(key) : std::string(key);
}

}  // namespace

std::optional<RetryError> parse_retry_error(std::string_view word) {
  for (const ErrorWord& known : error_words())
    if (base::equal_nocase(known.word, word)) return known.error;
  std::size_t dash = std::min(word.find('_'), word.size());
  std::string first = base::lower(word.substr(0, dash));
  std::string rest = base::lower(word.substr(std::min(dash + 1, word.size())));
  RetryError error;
  if (first == "quota" && !rest.empty()) {
    auto time = parse_time(rest);
    if (!time) return std::nullopt;
    error.kind = Kind::quota;
    error.unread = *time;
    return error;
  }
  if (!is_code(rest)) return std::nullopt;
  if (first == "data")
    error.kind = Kind::data;
  else if (first == "mail")
    error.kind = Kind::mail;
  else if (first == "rcpt")
    error.kind = Kind::rcpt;
  else
    return std::nullopt;
  error.code = rest;
  return error;
}

std::string format_retry_error(const RetryError& error) {
  switch (error.kind) {
    case Kind::any:
      return "*";
    case Kind::auth_failed:
      return "auth_failed";
    case Kind::data:
      return "data_" + error.code;
    case Kind::lookup:
      return "lookup";
    case Kind::lost_connection:
      return "lost_connection";
    case Kind::mail:
      return "mail_" + error.code;
    case Kind::quota:
      return error.unread.count() > 0 ? "quota_" + format_span(error.unread) : "quota";
    case Kind::rcpt:
      return "rcpt_" + error.code;
    case Kind::refused:
      return error.route.empty() ? "refused" : "refused_" + error.route;
    case Kind::timeout:
      return std::string("timeout") + (error.connect ? "_connect" : "") +
             (error.route.empty() ? "" : "_" + error.route);
    case Kind::tls_required:
      return "tls_required";
  }
  return "*";
}

bool covers(const RetryError& rule, const RetryError& happened) {
  if (rule.kind == Kind::any) return true;
  return rule.kind == happened.kind && rule.unread <= happened.unread &&
         (rule.route.empty() || rule.route == happened.route) &&
         (!rule.connect || happened.connect) &&
         (rule.code.empty() || code_covers(rule.code, happened.code));
}

std::string format_retry_rule(const RetryRule& rule) {
  std::string out = rule.pattern_text + "  " + format_retry_error(rule.error) + "  ";
  for (const RetryParameter& parameter : rule.parameters) {
    out += std::string(1, parameter.kind) + "," + format_span(parameter.cutoff) + "," +
           format_span(parameter.interval);
    if (parameter.kind != 'F') {
      std::array<char, 32> factor{};
      std::snprintf(factor.data(), factor.size(), ",%.3f", parameter.factor);
      std::string text = factor.data();
      while (text.ends_with('0') && !text.ends_with(".0")) text.pop_back();
      out += text;
    }
    out += "; ";
  }
  return out;
}

void parse_retry_section(std::span<const SourceText> lines,
                         std::vector<RetryRule>& rules, Parsing& parsing) {
  for (const SourceText& line : lines)
    if (auto rule = RuleReader(line, parsing).read()) rules.push_back(*std::move(rule));
}

const RetryRule* find_retry_rule(const Policy& policy, const RetryQuestion& question,
                                 Context& context) {
  std::string address = as_address(question.address);
  std::string host = question.host.empty() ? "" : as_address(question.host);
  for (const RetryRule& rule : policy.retry) {
    Evaluation evaluation{.policy = policy, .context = context, .phase = Phase::retry};
    if (!covers(rule.error, question.error)) continue;
    if (rule.senders &&
        (!question.sender || !in_list(*rule.senders, *question.sender, evaluation)))
      continue;
    if (!rule.pattern) continue;
    if (!host.empty() && in_list(*rule.pattern, host, evaluation)) return &rule;
    if (in_list(*rule.pattern, address, evaluation)) return &rule;
  }
  return nullptr;
}

}  // namespace policy
