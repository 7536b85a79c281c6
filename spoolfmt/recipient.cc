// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/recipient.h"

#include <charconv>

#include "base/text.h"

namespace spoolfmt {

namespace {

// A cursor that eats a line from its end: a recipient line can only be read backwards,
// since it is the address, at the front, that may hold anything.
class Backwards {
 public:
  explicit Backwards(std::string_view line) : rest(line) {}

  // "TEXT SP LENGTH,NUMBER" at the end, TEXT of LENGTH bytes and a SP before it.
  bool field(std::string_view& text, long& number) {
    std::size_t start = rest.size();
    while (start > 0 && is_number_byte(rest[start - 1])) --start;
    std::string_view numbers = rest.substr(start);
    std::size_t comma = numbers.find(',');
    if (comma == std::string_view::npos || start == 0 || rest[start - 1] != ' ')
      return false;
    auto length = base::to_number(numbers.substr(0, comma));
    std::string_view digits = numbers.substr(comma + 1);
    auto [stop, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (!length || error != std::errc() || stop != digits.data() + digits.size())
      return false;
    std::string_view before = rest.substr(0, start - 1);
    if (*length >= before.size() || before[before.size() - *length - 1] != ' ')
      return false;
    text = before.substr(before.size() - *length);
    rest = before.substr(0, before.size() - *length - 1);
    return true;
  }

  std::string_view rest;

 private:
  static bool is_number_byte(char c) {
    return base::is_digit(c) || c == ',' || c == '-';
  }
};

// Exim 3: "address n,parent,n".
bool read_exim3(std::string_view line, RecipientView& recipient) {
  std::size_t start = line.size();
  while (start > 0 && (base::is_digit(line[start - 1]) || line[start - 1] == ','))
    --start;
  if (start < 2 || line[start - 1] != ' ') return false;
  std::string_view numbers = line.substr(start);
  std::size_t first = numbers.find(',');
  std::size_t second = numbers.find(',', first + 1);
  if (second == std::string_view::npos) return false;
  auto parent = base::to_number(numbers.substr(first + 1, second - first - 1));
  if (!parent || *parent > 0x7fffffff) return false;
  recipient.address = line.substr(0, start - 1);
  recipient.parent = static_cast<int>(*parent);
  return true;
}

// "...#FLAGS": bit 0 says errors-to and parent follow the address, bit 1 orcpt and DSN
// flags.
bool read_flagged(std::string_view line, unsigned flags, RecipientView& recipient) {
  Backwards cursor(line);
  long parent = -1;
  long dsn_flags = 0;
  if ((flags & 1) && !cursor.field(recipient.errors_to, parent)) return false;
  if ((flags & 2) && !cursor.field(recipient.orcpt, dsn_flags)) return false;
  if (parent < -1 || parent > 0x7fffffff || dsn_flags < 0 || dsn_flags > 0xffff)
    return false;
  if (cursor.rest.empty()) return false;
  recipient.address = cursor.rest;
  recipient.parent = static_cast<int>(parent);
  recipient.dsn_flags = static_cast<unsigned>(dsn_flags);
  recipient.old_form = flags == 1;
  return true;
}

}  // namespace

RecipientView parse_recipient(std::string_view line) {
  RecipientView plain;
  plain.address = line;
  std::size_t digits = line.size();
  while (digits > 0 && base::is_digit(line[digits - 1])) --digits;
  if (digits == 0) return plain;
  RecipientView recipient;
  std::string_view number = line.substr(digits);
  switch (line[digits - 1]) {
    case ',':
      return read_exim3(line, recipient) ? recipient : plain;
    case ' ': {
      // Early Exim 4: "address parent".  Without digits it is a plain address that
      // ended in a blank, and loses it.
      recipient.address = line.substr(0, digits - 1);
      auto parent = base::to_number(number);
      if (parent && *parent <= 0x7fffffff) recipient.parent = static_cast<int>(*parent);
      return recipient.address.empty() ? plain : recipient;
    }
    case '#': {
      auto flags = base::to_number(number);
      if (!flags || (*flags & 3) == 0) return plain;
      bool read = read_flagged(line.substr(0, digits - 1),
                               static_cast<unsigned>(*flags & 3), recipient);
      return read ? recipient : plain;
    }
    default:
      return plain;
  }
}

namespace {

// Would `address`, alone on its line, be read as itself?  One that ends like an old
// form may not be: then only the long form says what is meant.
bool plain_reads_back(std::string_view address) {
  if (address.empty()) return true;
  char last = address.back();
  if (last != ' ' && last != ',' && !base::is_digit(last)) return true;
  return parse_recipient(address).address == address;
}

}  // namespace

template <class Text>
void append_recipient(std::string& out, const BasicRecipient<Text>& recipient) {
  out += recipient.address;
  bool says_more = recipient.parent != -1 || !recipient.errors_to.empty() ||
                   recipient.dsn_flags != 0 || !plain_reads_back(recipient.address);
  // ORCPT alone is lost here, as it is in Exim: the plain form has no room for it.
  if (recipient.old_form && recipient.dsn_flags == 0 && recipient.orcpt.empty()) {
    out += ' ';
    out += recipient.errors_to;
    out += ' ' + std::to_string(recipient.errors_to.size()) + ',' +
           std::to_string(recipient.parent) + "#1";
  } else if (says_more) {
    out += ' ';
    out += recipient.orcpt;
    out += ' ' + std::to_string(recipient.orcpt.size()) + ',' +
           std::to_string(recipient.dsn_flags) + ' ';
    out += recipient.errors_to;
    out += ' ' + std::to_string(recipient.errors_to.size()) + ',' +
           std::to_string(recipient.parent) + "#3";
  }
  out += '\n';
}

template void append_recipient(std::string&, const Recipient&);
template void append_recipient(std::string&, const RecipientView&);

std::string unique_form(std::string_view address) {
  std::string out(address);
  std::size_t domain = out.rfind('@');
  if (domain == std::string::npos) return out;
  for (std::size_t i = domain; i < out.size(); ++i) out[i] = base::to_lower(out[i]);
  return out;
}

}  // namespace spoolfmt
