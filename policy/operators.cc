// SPDX-License-Identifier: Apache-2.0
#include "policy/operators.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "base/crypto.h"
#include "base/text.h"
#include "policy/arithmetic.h"
#include "policy/international.h"
#include "policy/ip.h"
#include "policy/mail_address.h"
#include "policy/mime_words.h"
#include "policy/option_value.h"
#include "policy/parsing.h"
#include "policy/plain_list.h"
#include "policy/source.h"
#include "policy/text_codes.h"
#include "policy/text_parts.h"
#include "policy/text_quoting.h"

namespace policy {
namespace {

using Text = base::Result<std::string>;
using Arguments = OperatorInfo::Arguments;

std::unexpected<base::Error> wrong(std::string text) {
  return base::fail(base::Code::syntax, std::move(text));
}

// Most operators are a function from text to text: these make rows of them.
template <auto Function>
Text plain(const Operator&, std::string_view text, const TextSettings&) {
  return Function(text);
}

template <base::DigestKind Kind, HexCase Letters>
Text hex_digest(const Operator&, std::string_view text, const TextSettings&) {
  return to_hex(TRY(base::digest(Kind, text)), Letters);
}

template <PartKind Kind>
Text part(const Operator& call, std::string_view text, const TextSettings&) {
  return part_of(Kind, call.numbers(), text);
}

// Addresses.  One that does not parse is no error: its parts are empty.
std::string address(std::string_view text) {
  auto parsed = parse_mail_address(text);
  return parsed ? parsed->text() : "";
}
std::string local_part(std::string_view text) {
  auto parsed = parse_mail_address(text);
  return parsed ? parsed->local_part : "";
}
std::string domain(std::string_view text) {
  auto parsed = parse_mail_address(text);
  return parsed ? parsed->domain : "";
}
Text addresses(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  char separator = ':';
  if (text.starts_with('>')) {
    if (text.size() < 2) return wrong("addresses: the separator behind '>' is missing");
    separator = text[1];
    text.remove_prefix(2);
  }
  std::string out;
  ListWriter writer(out, separator);
  for (const MailAddress& one : parse_mail_addresses(text)) writer.add(one.text());
  return out;
}

// Numbers.  Nothing counts as 0.
template <auto Function>
Text from_number(const Operator&, std::string_view text, const TextSettings&) {
  std::string_view digits =
      text.substr(std::min(text.find_first_not_of(' '), text.size()));
  auto number = text.empty() ? 0 : base::to_number(digits);
  if (!number) return wrong(quote(text) + " is not a decimal number");
  return Function(*number);
}
template <auto Function>
Text to_decimal(const Operator&, std::string_view text, const TextSettings&) {
  return std::to_string(TRY(Function(text)));
}
Text eval(std::string_view text) {
  return std::to_string(TRY(evaluate_sum(text, Radix::as_written)));
}
Text eval10(std::string_view text) {
  return std::to_string(TRY(evaluate_sum(text, Radix::decimal)));
}
Text time_eval(std::string_view text) {
  auto time = parse_time(text);
  if (!time) return wrong(std::move(time).error().text);
  return std::to_string(time->count());
}
Text time_interval(std::string_view text) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
  auto number = text.empty() ? 0 : base::to_number(text);
  if (!number || *number > kMost)
    return wrong(quote(text) + " is not a positive number");
  return format_interval(std::chrono::seconds(*number));
}

// IP addresses.
Text mask(std::string_view text) {
  IpNetwork network = TRY(parse_masked(text));
  return format_ip_full(masked(network.address, network.bits), '.') + '/' +
         std::to_string(network.bits);
}
Text mask_n(std::string_view text) {
  IpNetwork network = TRY(parse_masked(text));
  return format_ip(masked(network.address, network.bits)) + '/' +
         std::to_string(network.bits);
}
base::Result<Ip> ip_argument(std::string_view text) {
  auto ip = parse_ip(text);
  if (!ip) return wrong(quote(text) + " is not an IP address");
  return *ip;
}
Text ipv6norm(std::string_view text) {
  return format_ip(mapped(TRY(ip_argument(text))));
}
Text ipv6denorm(std::string_view text) {
  return format_ip_full(mapped(TRY(ip_argument(text))), ':');
}
Text reverse_ip(std::string_view text) {
  Ip ip =
      text.contains('/') ? TRY(parse_network(text)).address : TRY(ip_argument(text));
  return format_ip_reversed(unmapped(ip));
}

// Texts.
std::string lower_case(std::string_view text) {
  return base::lower(text);
}
std::string upper_case(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}
std::string length_of(std::string_view text) {
  return std::to_string(text.size());
}
std::string listcount(std::string_view text) {
  return std::to_string(count_elements(text));
}
Text hex_to_base64(std::string_view text) {
  return to_base64(TRY(from_hex(text)));
}
Text escape_text(const Operator&, std::string_view text, const TextSettings& settings) {
  return escape(text, settings.print_topbitchars);
}
Text rfc2047(const Operator&, std::string_view text, const TextSettings& settings) {
  return encode_mime_words(text, settings.headers_charset);
}
Text rfc2047d(const Operator&, std::string_view text, const TextSettings& settings) {
  return decode_mime_words(text, settings.headers_charset,
                           !settings.check_rfc2047_length);
}
Text header_wrap(const Operator& call, std::string_view text, const TextSettings&) {
  std::size_t columns = call.count > 0 ? static_cast<std::size_t>(call.values[0]) : 80;
  std::size_t limit = call.count > 1 ? static_cast<std::size_t>(call.values[1]) : 998;
  return wrap_header(text, columns, limit);
}
// The lookup types we have quote nothing: their keys are whole values.
Text quote_for_lookup(const Operator&, std::string_view text, const TextSettings&) {
  return std::string(text);
}

// In alphabetical order, as the reference page shows them.
constexpr OperatorInfo kOperators[] = {
    {"address", "", "address", Arguments::none, plain<address>,
     "the address in a mailbox such as \"Joe <joe@example.com>\"; empty if malformed"},
    {"addresses", "", "addresses", Arguments::none, plain<addresses>,
     "all addresses of a header as a list; a leading >x sets the separator"},
    {"base32", "", "base32", Arguments::none, from_number<to_base32>,
     "a number in base 32"},
    {"base32d", "", "base32d", Arguments::none, to_decimal<from_base32>,
     "a number in base 32 made decimal"},
    {"base62", "", "base62", Arguments::none, from_number<to_base62>,
     "a number in base 62, six digits at least"},
    {"base62d", "", "base62d", Arguments::none, to_decimal<from_base62>,
     "a number in base 62 made decimal"},
    {"base64", "str2b64", "base64", Arguments::none, plain<to_base64>,
     "the text in base64"},
    {"base64d", "", "base64d", Arguments::none, plain<from_base64>,
     "the text that base64 stands for"},
    {"domain", "", "domain", Arguments::none, plain<domain>,
     "the domain of an address; empty if it has none or is malformed"},
    {"escape", "", "escape", Arguments::none, escape_text,
     "non-printing bytes as escapes"},
    {"escape8bit", "", "escape8bit", Arguments::none, plain<escape_8bit>,
     "backslashes and bytes from 127 on in octal"},
    {"eval", "", "eval", Arguments::none, plain<eval>,
     "the sum: + - * / % << >> & ^ | ~ ( ), hexadecimal, octal, k, m, g"},
    {"eval10", "", "eval10", Arguments::none, plain<eval10>,
     "the sum, all its numbers decimal"},
    {"from_utf8", "", "from_utf8", Arguments::none, plain<utf8_to_latin1>,
     "UTF-8 as Latin-1, with _ for what that lacks"},
    {"hash", "h", "hash_LENGTH_LETTERS", Arguments::one_or_two, part<PartKind::hash>,
     "a short text made from all of a long one"},
    {"headerwrap", "", "headerwrap_COLUMNS_LIMIT", Arguments::two_optional, header_wrap,
     "a header folded at blanks to lines of 80 columns, by force at 998"},
    {"hex2b64", "", "hex2b64", Arguments::none, plain<hex_to_base64>,
     "hexadecimal in base64"},
    {"hexquote", "", "hexquote", Arguments::none, plain<hex_quote>,
     "bytes outside 0x21 to 0x7e as \\xhh"},
    {"ipv6denorm", "", "ipv6denorm", Arguments::none, plain<ipv6denorm>,
     "an IP address as IPv6 with all its digits"},
    {"ipv6norm", "", "ipv6norm", Arguments::none, plain<ipv6norm>,
     "an IP address as IPv6, as short as it can be"},
    {"lc", "", "lc", Arguments::none, plain<lower_case>, "ASCII letters in lower case"},
    {"length", "l", "length_NUMBER", Arguments::one, part<PartKind::length>,
     "the first bytes of the text"},
    {"listcount", "", "listcount", Arguments::none, plain<listcount>,
     "the number of elements of a list"},
    {"local_part", "", "local_part", Arguments::none, plain<local_part>,
     "the local part of an address; empty if malformed"},
    {"mask", "", "mask", Arguments::none, plain<mask>,
     "address/bits with the other bits cleared; IPv6 in full, with dots"},
    {"mask_n", "", "mask_n", Arguments::none, plain<mask_n>,
     "the same with IPv6 in its usual form"},
    {"md5", "", "md5", Arguments::none,
     hex_digest<base::DigestKind::md5, HexCase::lower>,
     "the MD5 digest in lower-case hexadecimal"},
    {"nhash", "nh", "nhash_N_M", Arguments::one_or_two, part<PartKind::nhash>,
     "a number below N made from the text, or two: \"n/m\""},
    {"quote", "", "quote", Arguments::none, plain<quote_text>,
     "in double quotes if anything but letters, digits and _-. is there"},
    {"quote_TYPE", "", "quote_TYPE", Arguments::type, quote_for_lookup,
     "quoted for a query of this lookup type"},
    {"quote_local_part", "", "quote_local_part", Arguments::none,
     plain<quote_local_part>, "in double quotes if a local part needs them"},
    {"reverse_ip", "", "reverse_ip", Arguments::none, plain<reverse_ip>,
     "an IP address as DNS lists are asked for it"},
    {"rfc2047", "", "rfc2047", Arguments::none, rfc2047,
     "encoded words for a header, if the text needs them"},
    {"rfc2047d", "", "rfc2047d", Arguments::none, rfc2047d,
     "encoded words of a header decoded"},
    {"rxquote", "", "rxquote", Arguments::none, plain<regex_quote>,
     "a pattern that matches just this text"},
    {"sha1", "", "sha1", Arguments::none,
     hex_digest<base::DigestKind::sha1, HexCase::upper>,
     "the SHA-1 digest in upper-case hexadecimal"},
    {"sha2_256", "sha256", "sha2_256", Arguments::none,
     hex_digest<base::DigestKind::sha2_256, HexCase::upper>, "the SHA-256 digest"},
    {"sha2_384", "", "sha2_384", Arguments::none,
     hex_digest<base::DigestKind::sha2_384, HexCase::upper>, "the SHA-384 digest"},
    {"sha2_512", "", "sha2_512", Arguments::none,
     hex_digest<base::DigestKind::sha2_512, HexCase::upper>, "the SHA-512 digest"},
    {"sha3_224", "", "sha3_224", Arguments::none,
     hex_digest<base::DigestKind::sha3_224, HexCase::upper>, "the SHA3-224 digest"},
    {"sha3_256", "sha3", "sha3_256", Arguments::none,
     hex_digest<base::DigestKind::sha3_256, HexCase::upper>, "the SHA3-256 digest"},
    {"sha3_384", "", "sha3_384", Arguments::none,
     hex_digest<base::DigestKind::sha3_384, HexCase::upper>, "the SHA3-384 digest"},
    {"sha3_512", "", "sha3_512", Arguments::none,
     hex_digest<base::DigestKind::sha3_512, HexCase::upper>, "the SHA3-512 digest"},
    {"strlen", "", "strlen", Arguments::none, plain<length_of>, "the number of bytes"},
    {"substr", "s", "substr_OFFSET_LENGTH", Arguments::one_or_two,
     part<PartKind::substr>,
     "a part of the text; a negative offset counts from the end"},
    {"time_eval", "", "time_eval", Arguments::none, plain<time_eval>,
     "a time such as 1d12h in seconds"},
    {"time_interval", "", "time_interval", Arguments::none, plain<time_interval>,
     "seconds as a time such as 1d12h"},
    {"uc", "", "uc", Arguments::none, plain<upper_case>, "ASCII letters in upper case"},
    {"utf8_domain_from_alabel", "", "utf8_domain_from_alabel", Arguments::none,
     plain<domain_from_alabel>, "a domain of xn-- labels in UTF-8"},
    {"utf8_domain_to_alabel", "", "utf8_domain_to_alabel", Arguments::none,
     plain<domain_to_alabel>, "a domain in UTF-8 in xn-- labels"},
    {"utf8_localpart_from_alabel", "", "utf8_localpart_from_alabel", Arguments::none,
     plain<localpart_from_alabel>, "a local part from its xn-- form"},
    {"utf8_localpart_to_alabel", "", "utf8_localpart_to_alabel", Arguments::none,
     plain<localpart_to_alabel>, "a local part in its xn-- form"},
    {"utf8clean", "", "utf8clean", Arguments::none, plain<clean_utf8>,
     "malformed UTF-8 sequences replaced by ?"},
};

// What Exim has and we leave out (section 16), and why.
struct LeftOut {
  std::string_view name, reason;
};
constexpr LeftOut kLeftOut[] = {
    {"expand", "data is never expanded"},
    {"randint", "a policy decides the same for the same message"},
    {"stat", "only 'exists' asks about files"},
    {"bless", "values need no blessing here"},
    {"xtextd", "parameters of commands arrive decoded"},
};

// Those that quote_TYPE may name.
constexpr std::string_view kLookupTypes[] = {
    "lsearch", "nwildlsearch", "iplsearch", "dsearch", "lmdb",
    "cdb",     "dnsdb",        "spf",       "psl",     "regdom"};

const OperatorInfo* find_operator(std::string_view name) {
  for (const OperatorInfo& info : kOperators)
    if (info.name == name || (info.short_name == name && !name.empty())) return &info;
  return nullptr;
}

std::unexpected<base::Error> unknown(std::string_view name) {
  for (const LeftOut& word : kLeftOut)
    if (word.name == name)
      return wrong("the operator " + quote(name) +
                   " is not part of the policy language: " + std::string(word.reason));
  std::vector<std::string_view> known;
  for (const OperatorInfo& info : kOperators) known.push_back(info.name);
  return wrong("unknown operator " + quote(name) + did_you_mean(name, known));
}

struct Count {
  std::size_t least, most;
};
constexpr Count count_of(Arguments arguments) {
  switch (arguments) {
    case Arguments::one:
      return {1, 1};
    case Arguments::one_or_two:
      return {1, 2};
    case Arguments::two_optional:
      return {0, 2};
    default:
      return {0, 0};
  }
}

// "_1_3" behind the name; a sign only for an offset.
base::Result<void> parse_numbers(Operator& call, std::string_view text) {
  const OperatorInfo& info = *call.info;
  Count count = count_of(info.arguments);
  auto misused = [&] {
    return wrong("the arguments of the operator are wrong: write " + quote(info.form) +
                 " with numbers");
  };
  // Operators that take none read over numbers, as they do in Exim.
  bool ignored = count.most == 0;
  while (!text.empty()) {
    text.remove_prefix(1);
    std::string_view digits = text.substr(0, text.find('_'));
    text.remove_prefix(digits.size());
    bool negative = digits.starts_with('-');
    auto number = plain_integer(digits);
    if (!number) return misused();
    if (ignored) continue;
    if (call.count == count.most ||
        (negative && (call.count > 0 || info.name != "substr")))
      return misused();
    call.values[call.count++] = *number;
  }
  if (call.count < count.least) return misused();
  // What would fail for every text fails now.
  if (info.arguments == Arguments::one_or_two && info.name != "substr") {
    auto trial = part_of(info.name == "hash" ? PartKind::hash : PartKind::nhash,
                         call.numbers(), "");
    if (!trial) return std::unexpected(std::move(trial).error());
  }
  return {};
}

}  // namespace

std::span<const OperatorInfo> operators() {
  return kOperators;
}

base::Result<Operator> parse_operator(std::string_view name_with_arguments) {
  constexpr std::string_view kQuote = "quote_";
  Operator call;
  call.info = find_operator(name_with_arguments);
  std::string_view rest;
  if (call.info == nullptr || call.info->arguments == Arguments::type) {
    if (name_with_arguments.starts_with(kQuote)) {
      std::string_view type = name_with_arguments.substr(kQuote.size());
      call.info = find_operator("quote_TYPE");
      if (std::ranges::find(kLookupTypes, type) != std::end(kLookupTypes)) return call;
      std::vector<std::string_view> known(std::begin(kLookupTypes),
                                          std::end(kLookupTypes));
      return wrong("unknown lookup type " + quote(type) + did_you_mean(type, known));
    }
    // The longest name that an underscore ends.
    for (std::size_t end = name_with_arguments.rfind('_');
         call.info == nullptr && end != std::string_view::npos && end > 0;
         end = name_with_arguments.rfind('_', end - 1)) {
      call.info = find_operator(name_with_arguments.substr(0, end));
      rest = name_with_arguments.substr(end);
    }
  }
  if (call.info == nullptr)
    return unknown(name_with_arguments.substr(0, name_with_arguments.find('_')));
  TRY(parse_numbers(call, rest));
  return call;
}

base::Result<std::string> apply_operator(const Operator& call, std::string_view text,
                                         const TextSettings& settings) {
  return call.info->apply(call, text, settings);
}

}  // namespace policy
