// SPDX-License-Identifier: Apache-2.0
//
// Addresses and paths of the envelope: RFC 5321 sections 4.1.2, 4.1.3 and 4.5.3.1, and
// for SMTPUTF8 RFC 6531 section 3.3.
//
// A reverse path is an address or the null sender, a forward path an address or
// Postmaster, and neither can hold anything else: an Address exists only if it was
// parsed.  The text is kept as the peer wrote it, quotes included, since that is how
// the spool stores it; a source route is read and dropped (appendix C).
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace smtp {

inline constexpr std::size_t kLongestLocalPart = 64;
inline constexpr std::size_t kLongestDomain = 255;
inline constexpr std::size_t kLongestPath = 256;  // with its angle brackets

// May an address hold well-formed UTF-8 beside ASCII?  Lengths are octets either way.
enum class Utf8 { no, yes };

// local-part@domain, both as written.
class Address {
 public:
  // The whole of `text` must be a Mailbox.  Code::syntax says what is wrong.
  static base::Result<Address> parse(std::string_view text, Utf8 utf8 = Utf8::no);

  const std::string& text() const { return text_; }
  std::string_view local_part() const { return std::string_view(text_).substr(0, at_); }
  // A name, or an address literal with its brackets.
  std::string_view domain() const { return std::string_view(text_).substr(at_ + 1); }

  auto operator<=>(const Address&) const = default;

 private:
  Address(std::string text, std::size_t at) : text_(std::move(text)), at_(at) {}

  std::string text_;
  std::size_t at_;
};

// What stands behind MAIL FROM: an address, or <>.
class ReversePath {
 public:
  ReversePath() = default;  // the null sender
  explicit ReversePath(Address address) : address_(std::move(address)) {}
  // "<...>" and nothing more.
  static base::Result<ReversePath> parse(std::string_view path, Utf8 utf8 = Utf8::no);

  bool is_null() const { return !address_; }
  const std::optional<Address>& address() const { return address_; }
  // As the spool writes it: no brackets, empty for the null sender.
  std::string text() const { return address_ ? address_->text() : std::string(); }

 private:
  std::optional<Address> address_;
};

// What stands behind RCPT TO: an address, or <Postmaster> without a domain.
class ForwardPath {
 public:
  explicit ForwardPath(Address address) : address_(std::move(address)) {}
  static base::Result<ForwardPath> parse(std::string_view path, Utf8 utf8 = Utf8::no);

  bool is_postmaster() const { return !address_; }
  const std::optional<Address>& address() const { return address_; }
  std::string text() const { return address_ ? address_->text() : "postmaster"; }

 private:
  ForwardPath() = default;  // Postmaster

  std::optional<Address> address_;
};

// The end of the path that starts `text`, quoted local parts respected: "<a@b> SIZE=1"
// gives 5.  Nothing if `text` does not start with a path in brackets.
std::optional<std::size_t> path_end(std::string_view text);

// RFC 5321 section 4.1.2: Domain, and address-literal of section 4.1.3.
bool is_domain(std::string_view text, Utf8 utf8 = Utf8::no);
bool is_address_literal(std::string_view text);

// The length of the UTF-8 sequence that starts `text`: 2 to 4, or 0 if there is none
// that is well-formed (RFC 3629) and prints.
std::size_t utf8_sequence(std::string_view text);
bool is_ascii(std::string_view text);

}  // namespace smtp
