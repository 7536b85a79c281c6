// SPDX-License-Identifier: Apache-2.0
//
// One line of a client, as a typed command: RFC 5321 section 4.1.1.
//
// Each reader in command.cc stands below its ABNF.  A line that is no command is
// answered, not thrown: the error of parse_command is the reply the peer gets, 500 for
// a verb we do not know and 501 or 555 for one that is used wrongly.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <variant>

#include "smtp/params.h"
#include "smtp/path.h"
#include "smtp/reply.h"

namespace smtp {

enum class Verb { helo, ehlo, mail, rcpt, data, rset, noop, quit, vrfy, help, unknown };

struct Helo {
  static constexpr Verb verb = Verb::helo;
  std::string name;  // a domain or an address literal
};
struct Ehlo {
  static constexpr Verb verb = Verb::ehlo;
  std::string name;
};
struct Mail {
  static constexpr Verb verb = Verb::mail;
  ReversePath sender;
  MailParams params;
};
struct Rcpt {
  static constexpr Verb verb = Verb::rcpt;
  ForwardPath recipient;
  RcptParams params;
};
struct Data {
  static constexpr Verb verb = Verb::data;
};
struct Rset {
  static constexpr Verb verb = Verb::rset;
};
struct Noop {
  static constexpr Verb verb = Verb::noop;
};
struct Quit {
  static constexpr Verb verb = Verb::quit;
};
struct Vrfy {
  static constexpr Verb verb = Verb::vrfy;
  std::string text;
};
struct Help {
  static constexpr Verb verb = Verb::help;
  std::string topic;  // may be empty
};

using Command =
    std::variant<Helo, Ehlo, Mail, Rcpt, Data, Rset, Noop, Quit, Vrfy, Help>;

Verb verb_of(const Command& command);

// The longest command line we read, without its end; RFC 5321 asks for 510.
inline constexpr std::size_t kLongestCommand = 4096;

// The verb at the start of a line, for those lines too that do not parse.
Verb verb_of(std::string_view line);

// `line` has no line end.  Trailing blanks are ignored, as every server does.
std::expected<Command, Reply> parse_command(std::string_view line);

}  // namespace smtp
