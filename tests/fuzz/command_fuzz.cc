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
  auto again = smtp::ReversePath::parse("<" + text + ">");
  require(again && again->text() == text, "a sender reads back");
}

void check(const smtp::Rcpt& rcpt) {
  std::string text = rcpt.recipient.text();
  require(harmless(text) && !text.empty(), "no control bytes in a recipient");
  auto again = smtp::ForwardPath::parse("<" + text + ">");
  require(again && again->text() == text, "a recipient reads back");
}

void check(const smtp::Helo& helo) {
  require(harmless(helo.name) && !helo.name.empty(), "a name to greet");
}
void check(const smtp::Ehlo& ehlo) {
  require(harmless(ehlo.name) && !ehlo.name.empty(), "a name to greet");
}
void check(const auto&) {}

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
  } else {
    const smtp::Reply& reply = command.error();
    require(reply.permanent() && reply.code < 600, "a refusal is 5xx");
    require(smtp::format_reply(reply).ends_with("\r\n"), "and can be sent");
  }
  return 0;
}
