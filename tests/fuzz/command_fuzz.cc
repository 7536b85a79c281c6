// SPDX-License-Identifier: Apache-2.0
//
// Command lines and paths: what parses is harmless and reads back as the same.
#include <algorithm>
#include <string>

#include "smtp/command.h"
#include "tests/fuzz/fuzz.h"

using fuzz::require;

namespace {

bool harmless(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; });
}

void check(const smtp::Mail& mail) {
  std::string text = mail.sender.text();
  require(harmless(text), "no control bytes in a sender");
  auto again = smtp::ReversePath::parse("<" + text + ">", smtp::Utf8::yes);
  require(again && again->text() == text, "a sender reads back");
  const smtp::MailParams& params = mail.params;
  require(params.envid.size() <= smtp::kLongestEnvid && harmless(params.envid),
          "an ENVID for the spool");
  require(!params.auth || harmless(*params.auth), "an AUTH for the spool");
}

void check(const smtp::Rcpt& rcpt) {
  std::string text = rcpt.recipient.text();
  require(harmless(text) && !text.empty(), "no control bytes in a recipient");
  auto again = smtp::ForwardPath::parse("<" + text + ">", smtp::Utf8::yes);
  require(again && again->text() == text, "a recipient reads back");
  const smtp::RcptParams& params = rcpt.params;
  require(params.orcpt.size() <= smtp::kLongestOrcpt && harmless(params.orcpt) &&
              !params.orcpt.contains(' '),
          "an ORCPT for the spool");
  require((params.notify & smtp::notify::kNever) == 0 ||
              params.notify == smtp::notify::kNever,
          "NEVER stands alone");
}

void check(const smtp::Helo& helo) {
  require(harmless(helo.name) && !helo.name.empty(), "a name to greet");
}
void check(const smtp::Ehlo& ehlo) {
  require(harmless(ehlo.name) && !ehlo.name.empty(), "a name to greet");
}
void check(const smtp::Auth& auth) {
  require(!auth.mechanism.empty() && auth.mechanism.size() <= 20, "a mechanism");
  require(!auth.initial || !auth.initial->contains(' '), "one initial response");
}
void check(const auto&) {}

// Who reads another number than we do takes content for commands.
void check_bdat(const smtp::Bdat& bdat, std::string_view line) {
  std::string digits = std::to_string(bdat.size);
  std::size_t at = line.find_first_not_of('0', 5);
  at = std::min(at == line.npos ? line.size() : at, line.size());
  if (bdat.size > 0)
    require(line.substr(at, digits.size()) == digits, "the number that was said");
}

void check_address(std::string_view text) {
  auto address = smtp::Address::parse(text);
  if (!address) return;
  require(address->text() == text, "an address is kept as written");
  require(address->local_part().size() <= smtp::kLongestLocalPart &&
              address->domain().size() <= smtp::kLongestDomain,
          "within RFC 5321 section 4.5.3.1");
  require(
      smtp::is_domain(address->domain()) || smtp::is_address_literal(address->domain()),
      "a domain or a literal behind the last @");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view line = fuzz::text_of(data, size);
  check_address(line);
  if (auto end = smtp::path_end(line))
    require(*end >= 2 && *end <= size && line[*end - 1] == '>', "a path ends in >");

  auto command = smtp::parse_command(line);
  if (command) {
    require(smtp::verb_of(*command) == smtp::verb_of(line), "of the verb it names");
    std::visit([](const auto& it) { check(it); }, *command);
    if (const auto* bdat = std::get_if<smtp::Bdat>(&*command)) check_bdat(*bdat, line);
  } else {
    const smtp::Reply& reply = command.error();
    require(reply.permanent() && reply.code < 600, "a refusal is 5xx");
    require(smtp::format_reply(reply).ends_with("\r\n"), "and can be sent");
  }
  return 0;
}
