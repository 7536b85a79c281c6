// SPDX-License-Identifier: Apache-2.0
#include "smtp/params.h"

#include <algorithm>
#include <limits>
#include <string>

#include "base/text.h"

namespace smtp {

namespace {

struct Param {
  std::string_view keyword;
  std::optional<std::string_view> value;
};

constexpr std::string_view kBlanks = " \t";

bool is_keyword(std::string_view text) {
  auto fits = [&](char c) {
    char l = base::to_lower(c);
    return base::is_digit(c) || (l >= 'a' && l <= 'z') || c == '-';
  };
  return !text.empty() && text.front() != '-' && std::ranges::all_of(text, fits);
}

bool is_value(std::string_view text) {
  auto fits = [](char c) { return c >= 33 && c <= 126 && c != '='; };
  return !text.empty() && std::ranges::all_of(text, fits);
}

// Takes the next parameter off `text`; nothing at its end.
//
//   Mail-parameters = esmtp-param *(SP esmtp-param)
//   esmtp-param     = esmtp-keyword ["=" esmtp-value]
//   esmtp-keyword   = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
//   esmtp-value     = 1*(%d33-60 / %d62-126)
std::expected<std::optional<Param>, Reply> next_param(std::string_view& text) {
  std::size_t start = text.find_first_not_of(kBlanks);
  if (start == text.npos) return std::nullopt;
  if (start == 0) return std::unexpected(standard(Standard::bad_syntax));
  text.remove_prefix(start);
  std::size_t end = std::min(text.find_first_of(kBlanks), text.size());
  std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  std::size_t equals = word.find('=');
  Param param{word.substr(0, equals), std::nullopt};
  if (equals != word.npos) param.value = word.substr(equals + 1);
  if (!is_keyword(param.keyword) || (param.value && !is_value(*param.value)))
    return std::unexpected(standard(Standard::bad_parameter));
  return param;
}

// size-value = 1*20DIGIT (RFC 1870); more than 64 bits hold is only "too big".
std::optional<std::uint64_t> parse_declared_size(std::string_view text) {
  if (text.empty() || text.size() > 20 || !std::ranges::all_of(text, base::is_digit))
    return std::nullopt;
  return base::to_number(text).value_or(std::numeric_limits<std::uint64_t>::max());
}

// body-value = "7BIT" / "8BITMIME"
std::optional<BodyType> parse_body_type(std::string_view text) {
  if (base::equal_nocase(text, "7BIT")) return BodyType::seven_bit;
  if (base::equal_nocase(text, "8BITMIME")) return BodyType::eight_bit_mime;
  return std::nullopt;
}

}  // namespace

std::expected<MailParams, Reply> parse_mail_params(std::string_view text) {
  auto bad = [] { return std::unexpected(standard(Standard::bad_parameter)); };
  MailParams params;
  while (true) {
    auto param = next_param(text);
    if (!param) return std::unexpected(param.error());
    if (!*param) return params;
    const auto& [keyword, value] = **param;
    if (base::equal_nocase(keyword, "SIZE")) {
      auto size = parse_declared_size(value.value_or(""));
      if (!size || params.size) return bad();
      params.size = size;
    } else if (base::equal_nocase(keyword, "BODY")) {
      auto body = parse_body_type(value.value_or(""));
      if (!body || params.body != BodyType::unsaid) return bad();
      params.body = *body;
    } else {
      return std::unexpected(standard(Standard::unknown_parameter));
    }
  }
}

std::expected<RcptParams, Reply> parse_rcpt_params(std::string_view text) {
  auto param = next_param(text);
  if (!param) return std::unexpected(param.error());
  if (*param) return std::unexpected(standard(Standard::unknown_parameter));
  return RcptParams{};
}

}  // namespace smtp
