// SPDX-License-Identifier: Apache-2.0
//
// From the parts of a -H file to its bytes, as Exim would write them.
#include <charconv>

#include "spoolfmt/h_file.h"

namespace spoolfmt {

namespace {

constexpr std::size_t kLongestLogin = 63;

void append_number(std::string& out, std::int64_t number) {
  char digits[24];
  auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, end);
}

void append_header_length(std::string& out, std::size_t length) {
  if (length < 100) out += '0';
  if (length < 10) out += '0';
  append_number(out, static_cast<std::int64_t>(length));
}

template <class Text>
void append_option(std::string& out, const BasicOption<Text>& option) {
  out += option.tainted ? "--" : "-";
  if (!option.quoter.empty()) out.append("(").append(option.quoter).append(")");
  out += option.name;
  if (option.is_acl_variable()) {
    out += ' ';
    append_number(out, static_cast<std::int64_t>(option.value.size()));
    out.append("\n").append(option.value);
  } else if (option.has_value) {
    out.append(" ").append(option.value);
  }
  out += '\n';
}

template <class Text>
std::size_t size_estimate(const BasicHFile<Text>& file) {
  std::size_t size = 256;
  for (const auto& option : file.options)
    size += option.name.size() + option.value.size() + option.quoter.size() + 32;
  for (const auto& node : file.delivered.nodes) size += node.name.size() + 4;
  for (const auto& r : file.recipients)
    size += r.address.size() + r.errors_to.size() + r.orcpt.size() + 48;
  for (const auto& header : file.headers) size += header.text.size() + 16;
  return size;
}

}  // namespace

template <class Text>
std::string format_h_file(const BasicHFile<Text>& file) {
  std::string out;
  out.reserve(size_estimate(file));
  out.append(file.id.text()).append("-H\n");
  out.append(std::string_view(file.login).substr(0, kLongestLogin)).append(" ");
  append_number(out, file.uid);
  out += ' ';
  append_number(out, file.gid);
  out.append("\n<").append(file.sender).append(">\n");
  append_number(out, file.received);
  out += ' ';
  append_number(out, file.warnings);
  out += '\n';
  for (const auto& option : file.options) append_option(out, option);
  if (file.delivered.empty()) out += "XX\n";
  for (const auto& node : file.delivered.nodes) {
    out += node.has_left ? 'Y' : 'N';
    out += node.right != 0 ? 'Y' : 'N';
    out.append(" ").append(node.name).append("\n");
  }
  append_number(out, static_cast<std::int64_t>(file.recipients.size()));
  out += '\n';
  for (const auto& recipient : file.recipients) append_recipient(out, recipient);
  out += '\n';
  for (const auto& header : file.headers) {
    append_header_length(out, header.text.size());
    out += header.type;
    out.append(" ").append(header.text);
  }
  return out;
}

template std::string format_h_file(const BasicHFile<std::string>&);
template std::string format_h_file(const BasicHFile<std::string_view>&);

}  // namespace spoolfmt
