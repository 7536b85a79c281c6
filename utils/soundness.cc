// SPDX-License-Identifier: Apache-2.0
#include "utils/soundness.h"

#include <algorithm>

#include "base/text.h"
#include "spoolfmt/d_file.h"

namespace utils {

namespace {

using spoolfmt::Damage;
using spoolfmt::MessageId;

std::size_t count_lines(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// The line of the number of recipients: behind four fixed lines, the options, whose
// values may hold lines, and the tree.
std::size_t count_line(const spoolfmt::HFileView& file) {
  std::size_t lines = 4 + std::max<std::size_t>(1, file.delivered.nodes.size());
  for (const auto& option : file.options) {
    bool counted = option.name.starts_with("acl") && option.name.contains(' ');
    lines += 1 + (counted ? 1 + count_lines(option.value) : 0);
  }
  return lines + 1;
}

// The first line in which the two differ.
std::size_t differing_line(std::string_view a, std::string_view b) {
  auto [at, other] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return 1 + count_lines({a.begin(), at});
}

bool is_letter_or_digit(char c) {
  return base::is_digit(c) || (base::to_lower(c) >= 'a' && base::to_lower(c) <= 'z');
}

bool is_subdirectory(std::string_view name) {
  return name.size() == 1 && is_letter_or_digit(name[0]);
}

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), base::is_digit);
}

// Splits "<id><rest>"; false if no id stands at the start.
bool split_id(std::string_view name, MessageId& id, std::string_view& rest) {
  // The longer first: the start of a long id is never a short one and "-".
  for (std::size_t length : {MessageId::kLongLength, MessageId::kOldLength}) {
    if (name.size() < length) continue;
    auto found = MessageId::parse(name.substr(0, length));
    if (!found) continue;
    id = *found;
    rest = name.substr(length);
    return true;
  }
  return false;
}

}  // namespace

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return "ok";
    case Verdict::envelope:
      return "envelope";
    case Verdict::headers:
      return "headers";
    case Verdict::data:
      return "data";
    case Verdict::orphan:
      return "orphan";
    case Verdict::misplaced:
      return "misplaced";
    case Verdict::debris:
      return "debris";
    case Verdict::not_canonical:
      break;
  }
  return "not-canonical";
}

Judgement judge_h(std::string_view text, std::string_view leaf) {
  spoolfmt::ParsedH parsed;
  read_h_file(text, leaf, parsed);
  if (parsed.damage == Damage::envelope)
    return {Verdict::envelope, parsed.line, parsed.what};
  if (parsed.file.recipients.size() > spoolfmt::kMostRecipientsForExim)
    return {Verdict::envelope, count_line(parsed.file),
            std::to_string(parsed.file.recipients.size()) +
                " recipients: Exim reads no more than " +
                std::to_string(spoolfmt::kMostRecipientsForExim)};
  if (parsed.damage == Damage::headers)
    return {Verdict::headers, parsed.line, parsed.what};
  std::string written = format_h_file(parsed.file);
  if (written != text)
    return {Verdict::not_canonical, differing_line(text, written),
            "readable, but Exim writes this in another way"};
  return {};
}

Judgement judge_d(std::string_view start, const MessageId& id) {
  if (spoolfmt::d_first_line_matches(start, id)) return {};
  if (start.size() < id.first_line_length())
    return {Verdict::data, 1, "shorter than its first line"};
  return {Verdict::data, 1, "the first line is not the file's own name"};
}

Name read_name(std::string_view name) {
  if (is_subdirectory(name)) return {NameKind::directory, {}};
  Name result;
  if (name.starts_with("hdr.")) {
    std::string_view stem = name.substr(4);
    auto id = MessageId::parse(stem);
    if (id) return {NameKind::new_h, *id};
    if (is_number(stem)) return {NameKind::new_h, {}};
  }
  std::string_view rest;
  if (split_id(name, result.id, rest)) {
    if (rest == "-H") result.kind = NameKind::h;
    if (rest == "-D") result.kind = NameKind::d;
    if (rest == "-J") result.kind = NameKind::j;
    if (rest.size() > 3 && rest.starts_with('-') && rest.ends_with("-K") &&
        is_number(rest.substr(1, rest.size() - 3)))
      result.kind = NameKind::dkim;
    return result;
  }
  bool listed = name.ends_with("-H") && (name.size() == MessageId::kOldLength + 2 ||
                                         name.size() == MessageId::kLongLength + 2);
  if (listed) result.kind = NameKind::false_h;
  return result;
}

LogName read_log_name(std::string_view name) {
  if (is_subdirectory(name)) return {LogKind::directory, {}};
  LogName result;
  std::string_view rest;
  if (!split_id(name, result.id, rest)) return result;
  if (rest.empty()) result.kind = LogKind::log;
  std::size_t second = rest.find('-', 1);
  if (rest.starts_with('-') && second != rest.npos &&
      is_number(rest.substr(1, second - 1)) && is_number(rest.substr(second + 1)))
    result.kind = LogKind::output;
  return result;
}

bool is_finished(const spoolfmt::HFileView& file,
                 const std::vector<std::string_view>& journal) {
  auto done = [&](std::string_view name) {
    return file.delivered.contains(name) ||
           std::find(journal.begin(), journal.end(), name) != journal.end();
  };
  return std::all_of(file.recipients.begin(), file.recipients.end(),
                     [&](const spoolfmt::RecipientView& recipient) {
                       return done(recipient.address) ||
                              done(spoolfmt::unique_form(recipient.address));
                     });
}

}  // namespace utils
