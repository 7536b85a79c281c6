// SPDX-License-Identifier: Apache-2.0
//
// One line of a client, as a typed command: RFC 5321 section 4.1.1, and the verbs of
// STARTTLS (RFC 3207), AUTH (RFC 4954), CHUNKING (RFC 3030), ETRN (RFC 1985), XCLIENT.
//
// Each reader in command.cc stands below its ABNF.  A line that is no command is
// answered, not thrown: the error of parse_command is the reply the peer gets, 500 for
// a verb we do not know and 501 or 555 for one that is used wrongly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "smtp/params.h"
#include "smtp/path.h"
#include "smtp/reply.h"
#include "smtp/xclient.h"

namespace smtp {

enum class Verb : std::uint8_t {
  helo,
  ehlo,
  mail,
  rcpt,
  data,
  bdat,
  rset,
  noop,
  quit,
  vrfy,
  expn,
  etrn,
  help,
  starttls,
  auth,
  xclient,
  unknown
};

struct Helo {
  static constexpr Verb verb = Verb::helo;
  std::string name;  // printable; judge it with is_hello_name
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
// The next `size` octets behind the line are not commands, whatever is answered.
struct Bdat {
  static constexpr Verb verb = Verb::bdat;
  std::uint64_t size = 0;
  bool last = false;
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
struct Expn {
  static constexpr Verb verb = Verb::expn;
  std::string text;
};
struct Etrn {
  static constexpr Verb verb = Verb::etrn;
  std::string text;
};
struct Help {
  static constexpr Verb verb = Verb::help;
  std::string topic;  // may be empty
};

struct StartTls {
  static constexpr Verb verb = Verb::starttls;
};
struct Auth {
  static constexpr Verb verb = Verb::auth;
  std::string mechanism;               // in upper case
  std::optional<std::string> initial;  // base64, not looked at; "" was written "="
};
struct Xclient {
  static constexpr Verb verb = Verb::xclient;
  ClaimedClient client;
};

using Command = std::variant<Helo, Ehlo, Mail, Rcpt, Data, Bdat, Rset, Noop, Quit, Vrfy,
                             Expn, Etrn, Help, StartTls, Auth, Xclient>;

Verb verb_of(const Command& command);

// The longest command line there is, without its end: AUTH (RFC 4954 section 4), and
// the answer to a 334.  Of other commands parse_command takes 510 bytes (RFC 5321
// section 4.5.3.1.4) and what their parameters add.
inline constexpr std::size_t kLongestCommand = 12286;

// The verb at the start of a line, for those lines too that do not parse.
Verb verb_of(std::string_view line);

// `line` has no line end.  Trailing blanks are ignored, as every server does.
std::expected<Command, Reply> parse_command(std::string_view line);

// What follows the command's name, without blanks at its ends, as policies see it in
// $smtp_command_argument.  FROM: and TO: belong to the names, as they do for Exim: the
// argument of "MAIL FROM:<a@b.example> SIZE=1" is "<a@b.example> SIZE=1".
std::string_view command_argument(std::string_view line);

// helo_allow_chars adds to letters, digits, dots and hyphens.
bool is_hello_name(std::string_view name, std::string_view allowed_chars = {});

}  // namespace smtp
