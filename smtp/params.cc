// SPDX-License-Identifier: Apache-2.0
#include "smtp/params.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "base/text.h"
#include "smtp/path.h"

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

// RFC 6531 section 3.3 adds UTF-8.
bool is_value(std::string_view text) {
  if (text.empty()) return false;
  while (!text.empty()) {
    std::size_t length = utf8_sequence(text);
    if (length == 0 && (text[0] < 33 || text[0] > 126 || text[0] == '=')) return false;
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return true;
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

// body-value = "7BIT" / "8BITMIME" / "BINARYMIME"
std::optional<BodyType> parse_body_type(std::string_view text) {
  if (base::equal_nocase(text, "7BIT")) return BodyType::seven_bit;
  if (base::equal_nocase(text, "8BITMIME")) return BodyType::eight_bit_mime;
  if (base::equal_nocase(text, "BINARYMIME")) return BodyType::binary_mime;
  return std::nullopt;
}

// ret-value = "FULL" / "HDRS"
std::optional<DsnReturn> parse_ret(std::string_view text) {
  if (base::equal_nocase(text, "FULL")) return DsnReturn::full;
  if (base::equal_nocase(text, "HDRS")) return DsnReturn::headers;
  return std::nullopt;
}

// notify-esmtp-value = "NEVER" / notify-list-element *( "," notify-list-element )
// A name that comes twice says no more than once.
std::optional<unsigned> parse_notify(std::string_view text) {
  if (base::equal_nocase(text, "NEVER")) return notify::kNever;
  unsigned flags = 0;
  while (true) {
    std::string_view name = text.substr(0, text.find(','));
    if (base::equal_nocase(name, "SUCCESS"))
      flags |= notify::kSuccess;
    else if (base::equal_nocase(name, "FAILURE"))
      flags |= notify::kFailure;
    else if (base::equal_nocase(name, "DELAY"))
      flags |= notify::kDelay;
    else
      return std::nullopt;
    if (name.size() == text.size()) return flags;
    text.remove_prefix(name.size() + 1);
  }
}

// original-recipient-address = addr-type ";" xtext
// With addr-type "utf-8" (RFC 6533 section 3) bytes beyond ASCII may stand there too.
bool is_orcpt(std::string_view text) {
  std::size_t semicolon = text.find(';');
  if (text.size() > kLongestOrcpt || semicolon == 0 || semicolon == text.npos)
    return false;
  std::string_view type = text.substr(0, semicolon);
  std::string_view address = text.substr(semicolon + 1);
  if (!is_keyword(type) || address.empty()) return false;
  if (base::equal_nocase(type, "utf-8") && !is_ascii(address)) return true;
  return decode_xtext(address).has_value();
}

int hex_digit(char c) {
  if (base::is_digit(c)) return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// AUTH= takes an address in xtext, or <>.  What it says is believed of few and checked
// by nobody, so all we ask is that it prints.
std::optional<std::string> parse_auth(std::string_view text) {
  if (text == "<>") return "";
  auto decoded = decode_xtext(text);
  if (!decoded || decoded->empty()) return std::nullopt;
  bool prints = std::ranges::none_of(
      *decoded, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; });
  return prints ? decoded : std::nullopt;
}

// Reads one parameter into `params`: false if its value is wrong or it came before.
// Nothing for a parameter that nobody offers.
std::optional<bool> take(const Param& param, MailParams& params) {
  auto is = [&](std::string_view keyword) {
    return base::equal_nocase(param.keyword, keyword);
  };
  const std::string_view value = param.value.value_or("");
  if (is("SIZE")) {
    auto size = parse_declared_size(value);
    return size && !std::exchange(params.size, size);
  }
  if (is("BODY")) {
    auto body = parse_body_type(value);
    return body && std::exchange(params.body, *body) == BodyType::unsaid;
  }
  if (is("RET")) {
    auto ret = parse_ret(value);
    return ret && std::exchange(params.ret, *ret) == DsnReturn::unsaid;
  }
  if (is("ENVID"))
    return value.size() <= kLongestEnvid && !decode_xtext(value).value_or("").empty() &&
           std::exchange(params.envid, value).empty();
  if (is("AUTH")) {
    auto auth = parse_auth(value);
    return auth && !std::exchange(params.auth, auth);
  }
  if (is("SMTPUTF8")) return !param.value && !std::exchange(params.smtputf8, true);
  if (is("REQUIRETLS")) return !param.value && !std::exchange(params.requiretls, true);
  return std::nullopt;
}

std::optional<bool> take(const Param& param, RcptParams& params) {
  const std::string_view value = param.value.value_or("");
  if (base::equal_nocase(param.keyword, "NOTIFY")) {
    auto flags = parse_notify(value);
    return flags && std::exchange(params.notify, *flags) == 0;
  }
  if (base::equal_nocase(param.keyword, "ORCPT"))
    return is_orcpt(value) && std::exchange(params.orcpt, value).empty();
  return std::nullopt;
}

template <class Params>
std::expected<Params, Reply> parse_params(std::string_view text) {
  Params params;
  while (true) {
    auto param = TRY(next_param(text));
    if (!param) return params;
    auto taken = take(*param, params);
    if (!taken) return std::unexpected(standard(Standard::unknown_parameter));
    if (!*taken) return std::unexpected(standard(Standard::bad_parameter));
  }
}

}  // namespace

// xtext = *( xchar / hexchar ), xchar = %x21-2A / %x2C-3C / %x3E-7E,
// hexchar = "+" 2(%x30-39 / %x41-46)
std::optional<std::string> decode_xtext(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c < 33 || c > 126 || c == '=') return std::nullopt;
    if (c == '+') {
      int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      int low = high < 0 ? -1 : hex_digit(text[i + 2]);
      if (low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    decoded += c;
  }
  return decoded;
}

std::expected<MailParams, Reply> parse_mail_params(std::string_view text) {
  return parse_params<MailParams>(text);
}

std::expected<RcptParams, Reply> parse_rcpt_params(std::string_view text) {
  return parse_params<RcptParams>(text);
}

}  // namespace smtp
