// SPDX-License-Identifier: Apache-2.0
#include "net/rdata.h"

#include <arpa/inet.h>

#include <array>

#include "base/text.h"

namespace net {

namespace {

// How the RDATA of a type is made up: b, h and l are numbers of one, two and four
// octets, n a name, 4 and 6 addresses, s strings and x digits up to the end.
struct RecordType {
  std::string_view name;
  std::uint16_t number;
  std::string_view fields;
};

constexpr std::array kTypes = {
    RecordType{"a", 1, "4"},       RecordType{"ns", 2, "n"},
    RecordType{"cname", 5, "n"},   RecordType{"soa", 6, "nnlllll"},
    RecordType{"ptr", 12, "n"},    RecordType{"mx", 15, "hn"},
    RecordType{"txt", 16, "s"},    RecordType{"aaaa", 28, "6"},
    RecordType{"srv", 33, "hhhn"}, RecordType{"tlsa", 52, "bbbx"},
    RecordType{"spf", 99, "s"},
};

// RFC 1035 section 5.1: \. for a dot within a label, \DDD for what does not print.
void append_label(std::string& name, std::string_view label) {
  for (char c : label) {
    auto octet = static_cast<unsigned char>(c);
    if (octet <= ' ' || octet >= 127) {
      name += '\\';
      for (unsigned unit : {100U, 10U, 1U})
        name += static_cast<char>('0' + octet / unit % 10);
      continue;
    }
    if (std::string_view(".\\\"();@$").find(c) != std::string_view::npos) name += '\\';
    name += base::to_lower(c);
  }
}

std::string hexadecimal(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (char c : bytes) {
    auto octet = static_cast<unsigned char>(c);
    text += digits[octet >> 4];
    text += digits[octet & 15];
  }
  return text;
}

// Takes fields off the front; every one may find that there are too few octets.
class RdataReader {
 public:
  explicit RdataReader(std::string_view bytes) : rest_(bytes) {}

  bool at_end() const { return rest_.empty(); }

  bool take(char field, std::vector<std::string>& fields) {
    switch (field) {
      case 'b':
        return number(1, fields);
      case 'h':
        return number(2, fields);
      case 'l':
        return number(4, fields);
      case 'n':
        return name(fields);
      case '4':
        return address(AF_INET, 4, fields);
      case '6':
        return address(AF_INET6, 16, fields);
      case 's':
        return strings(fields);
      default:
        fields.push_back(hexadecimal(octets(rest_.size())));
        return true;
    }
  }

 private:
  std::string_view octets(std::size_t count) {
    std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(taken.size());
    return taken;
  }

  bool number(std::size_t size, std::vector<std::string>& fields) {
    std::string_view taken = octets(size);
    std::uint32_t value = 0;
    for (char c : taken) value = value << 8 | static_cast<unsigned char>(c);
    fields.push_back(std::to_string(value));
    return taken.size() == size;
  }

  // A pointer of a compressed name has a length of more than 63, so it is refused.
  bool name(std::vector<std::string>& fields) {
    std::string text;
    while (!rest_.empty()) {
      std::size_t size = static_cast<unsigned char>(octets(1)[0]);
      if (size == 0) {
        fields.push_back(std::move(text));
        return true;
      }
      std::string_view label = octets(size);
      if (size > 63 || label.size() != size) return false;
      if (!text.empty()) text += '.';
      append_label(text, label);
    }
    return false;
  }

  bool address(int family, std::size_t size, std::vector<std::string>& fields) {
    std::string_view taken = octets(size);
    if (taken.size() != size) return false;
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(family, taken.data(), text.data(), text.size());
    fields.emplace_back(text.data());
    return true;
  }

  bool strings(std::vector<std::string>& fields) {
    while (!rest_.empty()) {
      std::size_t size = static_cast<unsigned char>(octets(1)[0]);
      std::string_view taken = octets(size);
      if (taken.size() != size) return false;
      fields.emplace_back(taken);
    }
    return !fields.empty();
  }

  std::string_view rest_;
};

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > 63) return false;
  for (char c : label) {
    char low = base::to_lower(c);
    if (!(low >= 'a' && low <= 'z') && !base::is_digit(c) && c != '-' && c != '_')
      return false;
  }
  return true;
}

}  // namespace

std::optional<std::uint16_t> parse_record_type(std::string_view text) {
  for (const RecordType& type : kTypes)
    if (base::equal_nocase(type.name, text)) return type.number;
  if (base::lower(text.substr(0, 4)) == "type") text.remove_prefix(4);
  auto number = base::to_number(text);
  if (!number || *number == 0 || *number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

bool is_dns_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.size() > 253) return false;  // 255 octets on the wire
  while (true) {
    std::size_t dot = name.find('.');
    if (!is_label(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

std::optional<std::vector<std::string>> parse_rdata(std::uint16_t type,
                                                    std::string_view bytes) {
  for (const RecordType& known : kTypes) {
    if (known.number != type) continue;
    RdataReader reader(bytes);
    std::vector<std::string> fields;
    for (char field : known.fields)
      if (!reader.take(field, fields)) return std::nullopt;
    if (!reader.at_end()) return std::nullopt;
    return fields;
  }
  return std::vector<std::string>{"\\#", std::to_string(bytes.size()),
                                  hexadecimal(bytes)};
}

std::string reverse_name(std::string_view address) {
  std::string text(address);
  std::array<unsigned char, 16> bytes{};
  std::string name;
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) {
    for (std::size_t i = 4; i-- > 0;) name += std::to_string(bytes[i]) + ".";
    return name + "in-addr.arpa";
  }
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return "";
  constexpr std::string_view digits = "0123456789abcdef";
  for (std::size_t i = 16; i-- > 0;)
    for (int nibble : {bytes[i] & 15, bytes[i] >> 4}) {
      name += digits[static_cast<std::size_t>(nibble)];
      name += '.';
    }
  return name + "ip6.arpa";
}

}  // namespace net
