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

// helo = "HELO" SP Domain CRLF
// ehlo = "EHLO" SP ( Domain / address-literal ) CRLF
//
// As Exim, we take any letters, digits, dots and hyphens for a domain: many honest
// clients do not know their name.
bool is_hello_name(std::string_view text) {
  auto fits = [](char c) {
    char l = base::to_lower(c);
    return base::is_digit(c) || (l >= 'a' && l <= 'z') || c == '.' || c == '-';
  };
  if (text.empty() || text.size() > kLongestDomain) return false;
  return is_address_literal(text) || std::ranges::all_of(text, fits);
}

template <class Hello>
Parsed parse_hello(std::string_view argument) {
  argument = trim_front(argument);
  if (!is_hello_name(argument)) return refuse(Standard::bad_hello);
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
  auto sender = ReversePath::parse(split->path);
  if (!sender) return refuse(Standard::bad_sender);
  auto params = parse_mail_params(split->params);
  if (!params) return std::unexpected(params.error());
  return Mail{std::move(*sender), *params};
}

// rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path )
//        [SP Rcpt-parameters] CRLF
Parsed parse_rcpt(std::string_view argument) {
  auto split = split_path(argument, "TO:");
  if (!split) return refuse(Standard::bad_syntax);
  auto recipient = ForwardPath::parse(split->path);
  if (!recipient) return refuse(Standard::bad_recipient);
  auto params = parse_rcpt_params(split->params);
  if (!params) return std::unexpected(params.error());
  return Rcpt{std::move(*recipient), *params};
}

// data = "DATA" CRLF, rset = "RSET" CRLF, quit = "QUIT" CRLF
template <class Bare>
Parsed parse_bare(std::string_view argument) {
  if (!argument.empty()) return refuse(Standard::bad_syntax);
  return Bare{};
}

// noop = "NOOP" [ SP String ] CRLF; the string means nothing.
Parsed parse_noop(std::string_view) {
  return Noop{};
}

// vrfy = "VRFY" SP String CRLF
Parsed parse_vrfy(std::string_view argument) {
  argument = trim_front(argument);
  if (argument.empty()) return refuse(Standard::bad_syntax);
  return Vrfy{std::string(argument)};
}

// help = "HELP" [ SP String ] CRLF
Parsed parse_help(std::string_view argument) {
  return Help{std::string(argument)};
}

struct Row {
  std::string_view word;
  Verb verb;
  Parsed (*parse)(std::string_view argument);
};

constexpr Row kVerbs[] = {
    {"MAIL", Verb::mail, parse_mail},        {"RCPT", Verb::rcpt, parse_rcpt},
    {"DATA", Verb::data, parse_bare<Data>},  {"EHLO", Verb::ehlo, parse_hello<Ehlo>},
    {"HELO", Verb::helo, parse_hello<Helo>}, {"RSET", Verb::rset, parse_bare<Rset>},
    {"NOOP", Verb::noop, parse_noop},        {"QUIT", Verb::quit, parse_bare<Quit>},
    {"VRFY", Verb::vrfy, parse_vrfy},        {"HELP", Verb::help, parse_help},
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
  if (line.size() > kLongestCommand) return refuse(Standard::line_too_long);
  line = trim_back(line);
  const Row* row = find_verb(line);
  if (!row) return refuse(Standard::unknown_command);
  line.remove_prefix(row->word.size());
  if (!line.empty()) line.remove_prefix(1);  // the blank
  return row->parse(line);
}

}  // namespace smtp
