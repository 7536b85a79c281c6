// SPDX-License-Identifier: Apache-2.0
#include "smtp/command.h"

#include <algorithm>

#include "base/text.h"

namespace smtp {

namespace {

using Parsed = std::expected<Command, Reply>;

constexpr std::string_view kBlanks = " \t";

std::unexpected<Reply> refuse(Standard what) {
  return std::unexpected(standard(what));
}

std::string_view trim_front(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text;
}

std::string_view trim_back(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

bool is_control(char c) {
  return (c >= 0 && c < ' ') || c == 0x7f;
}

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return result;
}

// helo = "HELO" SP Domain CRLF
// ehlo = "EHLO" SP ( Domain / address-literal ) CRLF
//
// Anything that prints: some hosts are forgiven their names, which is for the Dialogue
// to say.
template <class Hello>
Parsed parse_hello(std::string_view argument) {
  argument = trim_front(argument);
  if (argument.empty() || argument.size() > kLongestDomain ||
      std::ranges::any_of(argument, is_control))
    return refuse(Standard::bad_hello);
  return Hello{std::string(argument)};
}

// What follows "FROM:" or "TO:", cut behind the path.  Blanks after the colon are not
// in the grammar but common; elsewhere Exim takes none either.
struct Split {
  std::string_view path;
  std::string_view params;
};
std::optional<Split> split_path(std::string_view argument, std::string_view word) {
  if (!base::equal_nocase(argument.substr(0, word.size()), word)) return std::nullopt;
  argument = trim_front(argument.substr(word.size()));
  auto end = path_end(argument);
  if (!end) return std::nullopt;
  return Split{argument.substr(0, *end), argument.substr(*end)};
}

// mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF
Parsed parse_mail(std::string_view argument) {
  auto split = split_path(argument, "FROM:");
  if (!split) return refuse(Standard::bad_syntax);
  auto sender = ReversePath::parse(split->path, Utf8::yes);
  if (!sender) return refuse(Standard::bad_sender);
  auto params = parse_mail_params(split->params);
  if (!params) return std::unexpected(params.error());
  return Mail{std::move(*sender), std::move(*params)};
}

// rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path )
//        [SP Rcpt-parameters] CRLF
Parsed parse_rcpt(std::string_view argument) {
  auto split = split_path(argument, "TO:");
  if (!split) return refuse(Standard::bad_syntax);
  auto recipient = ForwardPath::parse(split->path, Utf8::yes);
  if (!recipient) return refuse(Standard::bad_recipient);
  auto params = parse_rcpt_params(split->params);
  if (!params) return std::unexpected(params.error());
  return Rcpt{std::move(*recipient), std::move(*params)};
}

// data = "DATA" CRLF, rset = "RSET" CRLF, quit = "QUIT" CRLF, "STARTTLS" CRLF
template <class Bare>
Parsed parse_bare(std::string_view argument) {
  if (!argument.empty()) return refuse(Standard::bad_syntax);
  return Bare{};
}

// bdat-cmd = "BDAT" SP chunk-size [ SP "LAST" ] CRLF, chunk-size = 1*DIGIT
//
// To the letter, and 64 bits wide: who reads another number than the client meant takes
// content for commands.
Parsed parse_bdat(std::string_view argument) {
  std::string_view digits = argument.substr(0, argument.find(' '));
  auto size = base::to_number(digits);
  std::string_view rest = argument.substr(digits.size());
  bool last = base::equal_nocase(rest, " LAST");
  if (!size || !(rest.empty() || last)) return refuse(Standard::bad_parameter);
  return Bdat{*size, last};
}

// noop = "NOOP" [ SP String ] CRLF; the string means nothing.
Parsed parse_noop(std::string_view) {
  return Noop{};
}

// vrfy = "VRFY" SP String CRLF, expn = "EXPN" SP String CRLF, etrn = "ETRN" SP node
// CRLF
template <class Query>
Parsed parse_query(std::string_view argument) {
  argument = trim_front(argument);
  if (argument.empty()) return refuse(Standard::bad_syntax);
  return Query{std::string(argument)};
}

// auth-command     = "AUTH" SP sasl-mech [SP initial-response] CRLF
// sasl-mech        = 1*20( %x41-5A / DIGIT / "-" / "_" ), in any case here
// initial-response = base64 / "="
Parsed parse_auth(std::string_view argument) {
  auto fits = [](char c) {
    return base::is_digit(c) || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  };
  argument = trim_front(argument);
  std::string_view word = argument.substr(0, argument.find(' '));
  std::string mechanism = upper(word);
  if (word.empty() || word.size() > 20 || !std::ranges::all_of(mechanism, fits))
    return refuse(Standard::bad_syntax);
  Auth auth{std::move(mechanism), std::nullopt};
  if (word.size() == argument.size()) return auth;
  std::string_view initial = trim_front(argument.substr(word.size()));
  if (initial.find_first_of(kBlanks) != initial.npos)
    return refuse(Standard::bad_syntax);
  auth.initial = initial == "=" ? "" : std::string(initial);
  return auth;
}

Parsed parse_xclient_command(std::string_view argument) {
  return Xclient{TRY(parse_xclient(argument))};
}

// help = "HELP" [ SP String ] CRLF
Parsed parse_help(std::string_view argument) {
  return Help{std::string(argument)};
}

// RFC 5321 section 4.5.3.1.4, and what the parameters add to it: RFC 1870, 6152, 3461
// (RET and ENVID, NOTIFY and ORCPT), 6531, 4954 and 8689.
constexpr std::size_t kUsual = 510;
constexpr std::size_t kMail = kUsual + 26 + 17 + 9 + 107 + 10 + 500 + 11;
constexpr std::size_t kRcpt = kUsual + 29 + 507;

struct Row {
  std::string_view word;
  Verb verb;
  std::size_t longest;  // line, without its end
  Parsed (*parse)(std::string_view argument);
};

constexpr Row kVerbs[] = {
    {"MAIL", Verb::mail, kMail, parse_mail},
    {"RCPT", Verb::rcpt, kRcpt, parse_rcpt},
    {"DATA", Verb::data, kUsual, parse_bare<Data>},
    {"BDAT", Verb::bdat, kUsual, parse_bdat},
    {"EHLO", Verb::ehlo, kUsual, parse_hello<Ehlo>},
    {"HELO", Verb::helo, kUsual, parse_hello<Helo>},
    {"RSET", Verb::rset, kUsual, parse_bare<Rset>},
    {"NOOP", Verb::noop, kUsual, parse_noop},
    {"QUIT", Verb::quit, kUsual, parse_bare<Quit>},
    {"VRFY", Verb::vrfy, kUsual, parse_query<Vrfy>},
    {"EXPN", Verb::expn, kUsual, parse_query<Expn>},
    {"ETRN", Verb::etrn, kUsual, parse_query<Etrn>},
    {"HELP", Verb::help, kUsual, parse_help},
    {"STARTTLS", Verb::starttls, kUsual, parse_bare<StartTls>},
    {"AUTH", Verb::auth, kLongestCommand, parse_auth},
    {"XCLIENT", Verb::xclient, kUsual, parse_xclient_command},
};

std::string_view first_word(std::string_view line) {
  return line.substr(0, line.find_first_of(kBlanks));
}

const Row* find_verb(std::string_view line) {
  std::string_view word = first_word(line);
  for (const Row& row : kVerbs)
    if (base::equal_nocase(word, row.word)) return &row;
  return nullptr;
}

}  // namespace

Verb verb_of(const Command& command) {
  return std::visit([](const auto& c) { return c.verb; }, command);
}

Verb verb_of(std::string_view line) {
  const Row* row = find_verb(line);
  return row ? row->verb : Verb::unknown;
}

std::expected<Command, Reply> parse_command(std::string_view line) {
  if (line.contains('\0')) return refuse(Standard::bad_syntax);
  const Row* row = find_verb(trim_back(line));
  if (line.size() > (row ? row->longest : kUsual))
    return refuse(Standard::line_too_long);
  if (!row) return refuse(Standard::unknown_command);
  line = trim_back(line);
  line.remove_prefix(row->word.size());
  if (!line.empty()) line.remove_prefix(1);  // the blank
  return row->parse(line);
}

// As Exim, we take any letters, digits, dots and hyphens for a domain: many honest
// clients do not know their name.
bool is_hello_name(std::string_view name, std::string_view allowed_chars) {
  auto fits = [&](char c) {
    char l = base::to_lower(c);
    return base::is_digit(c) || (l >= 'a' && l <= 'z') || c == '.' || c == '-' ||
           allowed_chars.contains(c);
  };
  if (name.empty() || name.size() > kLongestDomain) return false;
  return is_address_literal(name) || std::ranges::all_of(name, fits);
}

std::string_view command_argument(std::string_view line) {
  line = trim_front(trim_back(line));
  std::string_view verb = line.substr(0, line.find_first_of(kBlanks));
  std::string_view rest = trim_front(line.substr(verb.size()));
  bool mail = base::equal_nocase(verb, "MAIL");
  if (!mail && !base::equal_nocase(verb, "RCPT")) return rest;
  std::string_view word = mail ? "FROM:" : "TO:";
  if (!base::equal_nocase(rest.substr(0, word.size()), word)) return rest;
  return trim_front(rest.substr(word.size()));
}

}  // namespace smtp
