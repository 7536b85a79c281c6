// SPDX-License-Identifier: Apache-2.0
#include "policy/srs.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/text.h"
#include "policy/mail_address.h"
#include "policy/text_codes.h"
#include "policy/text_quoting.h"

namespace policy {
namespace {

constexpr std::string_view kStampDigits = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::int64_t kStamps = 1024;  // then they begin again
constexpr std::int64_t kMostDays = 10;

std::int64_t stamp_of(std::int64_t day) {
  return (day % kStamps + kStamps) % kStamps;
}

base::Result<std::string> checksum(std::string_view secret, std::string_view address) {
  std::string bytes =
      TRY(base::hmac(base::DigestKind::md5, secret, base::lower(address)));
  return to_hex(std::string_view(bytes).substr(0, 2));
}

// Takes what stands before the next '='; false if there is none.
bool take_field(std::string_view& text, std::string_view& field) {
  std::size_t end = text.find('=');
  if (end == std::string_view::npos) return false;
  field = text.substr(0, end);
  text.remove_prefix(end + 1);
  return true;
}

}  // namespace

base::Result<std::string> srs_encode(std::string_view secret, std::string_view sender,
                                     std::string_view to_domain, std::int64_t day) {
  if (sender.empty()) return "";
  MailAddress address = TRY(parse_mail_address(sender));
  if (address.domain.empty())
    return base::fail(base::Code::syntax, "srs_encode: the sender has no domain");

  std::int64_t stamp = stamp_of(day);
  std::string local = "SRS0=" + TRY(checksum(secret, address.text())) + '=';
  local += kStampDigits[static_cast<std::size_t>(stamp / 32)];
  local += kStampDigits[static_cast<std::size_t>(stamp % 32)];
  local += '=' + address.domain + '=' + address.local_part;
  if (local.contains('"')) {
    std::erase(local, '"');
    local = '"' + local + '"';
  }
  return local + '@' + std::string(to_domain);
}

base::Result<InboundSrs> inbound_srs(std::string_view local_part,
                                     std::string_view secret, std::int64_t day) {
  InboundSrs result;
  std::string_view rest = local_part, tag, hash, stamp, domain;
  bool fits =
      take_field(rest, tag) && take_field(rest, hash) && take_field(rest, stamp) &&
      take_field(rest, domain) && base::equal_nocase(tag, "SRS0") && !hash.empty() &&
      stamp.size() == 2 &&
      std::all_of(stamp.begin(), stamp.end(),
                  [](char c) { return kStampDigits.contains(base::to_lower(c)); }) &&
      !local_part.contains('\n');
  if (!fits) return result;

  std::string local = base::lower(rest);
  result.recipient = local.empty() ? "" : quote_local_part(local);
  result.recipient += '@' + base::lower(domain);
  if (secret.empty()) {
    result.valid = true;
    return result;
  }
  std::size_t high = kStampDigits.find(stamp[0]), low = kStampDigits.find(stamp[1]);
  if (high == kStampDigits.npos || low == kStampDigits.npos) return result;
  auto written = static_cast<std::int64_t>(high * 32 + low);
  std::string expected = TRY(checksum(secret, result.recipient));
  result.valid = stamp_of(stamp_of(day) - written) <= kMostDays &&
                 base::same_bytes(hash, expected);
  return result;
}

}  // namespace policy
