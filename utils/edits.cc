// SPDX-License-Identifier: Apache-2.0
#include "utils/edits.h"

#include <algorithm>

#include "base/text.h"
#include "smtp/path.h"

namespace utils {

namespace {

using base::Code;
using base::fail;
using spoolfmt::Header;
using spoolfmt::HFile;
using spoolfmt::Option;
using spoolfmt::Recipient;

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// What stands before the colon, without the blanks Exim allows there.
std::string_view header_name(std::string_view text) {
  std::string_view name = text.substr(0, text.find(':'));
  while (!name.empty() && is_blank(name.back())) name.remove_suffix(1);
  return name;
}

bool is_alphanumeric(char c) {
  return base::is_digit(c) || (base::to_lower(c) >= 'a' && base::to_lower(c) <= 'z');
}

std::string marked(const std::string& address) {
  return "address <" + address + "> marked delivered";
}

}  // namespace

Changes freeze(HFile& file, std::int64_t now) {
  if (file.frozen()) return {};
  file.set_value("frozen", std::to_string(now));
  file.remove("manual_thaw");
  return {"frozen"};
}

Changes thaw(HFile& file) {
  if (!file.frozen()) return {};
  file.remove("frozen");
  file.set_flag("manual_thaw");
  return {"unfrozen"};
}

Changes set_sender(HFile& file, const std::string& address) {
  if (file.sender == address) return {};
  file.sender = address;
  return {"sender address changed to <" + address + ">"};
}

base::Result<Changes> add_recipient(HFile& file, const std::string& address) {
  for (const Recipient& recipient : file.recipients)
    if (recipient.address == address) return Changes{};
  if (file.recipients.size() >= spoolfmt::kMostRecipientsForExim)
    return fail(Code::permanent,
                "recipient <" + address + ">: Exim reads no more than " +
                    std::to_string(spoolfmt::kMostRecipientsForExim) + " a message");
  Recipient recipient;
  recipient.address = address;
  file.recipients.push_back(std::move(recipient));
  return Changes{"recipient <" + address + "> added"};
}

base::Result<Changes> mark_delivered(HFile& file, std::string_view address) {
  std::string wanted = spoolfmt::unique_form(address);
  Changes changes;
  bool found = false;
  for (const Recipient& recipient : file.recipients) {
    // The tree gets the spelling of the list: that is what Exim looks up.
    if (spoolfmt::unique_form(recipient.address) != wanted) continue;
    found = true;
    if (file.delivered.contains(recipient.address)) continue;
    file.mark_delivered({recipient.address});
    changes.push_back(marked(recipient.address));
  }
  if (!found)
    return fail(Code::permanent, "<" + std::string(address) + "> is no recipient");
  return changes;
}

Changes mark_all_delivered(HFile& file) {
  Changes changes;
  std::vector<std::string> names;
  for (const Recipient& recipient : file.recipients) {
    if (file.delivered.contains(recipient.address)) continue;
    names.push_back(recipient.address);
    changes.push_back(marked(recipient.address));
  }
  file.mark_delivered(names);
  return changes;
}

Changes add_header(HFile& file, const Header& header) {
  file.headers.push_back(header);
  Header& added = file.headers.back();
  // The Message-ID that counts is the first one.
  auto is_id = [](const Header& other) { return other.type == 'I'; };
  if (std::count_if(file.headers.begin(), file.headers.end(), is_id) > 1)
    added.type = ' ';
  return {"header " + std::string(header_name(added.text)) + " added"};
}

Changes remove_header(HFile& file, std::string_view name) {
  Changes changes;
  for (Header& header : file.headers) {
    if (header.type == '*' || !base::equal_nocase(header_name(header.text), name))
      continue;
    header.type = '*';
    changes.assign(1, "header " + std::string(name) + " removed");
  }
  return changes;
}

Changes set_variable(HFile& file, const Option& variable) {
  const Option* now = file.find(variable.name);
  if (now && now->value == variable.value && !now->tainted) return {};
  auto same =
      std::find_if(file.options.begin(), file.options.end(),
                   [&](const Option& option) { return option.name == variable.name; });
  if (same != file.options.end())
    *same = variable;  // in its place: the order is that of Exim's tree
  else
    file.set(variable);
  // "aclm _foo" is the variable acl_m_foo.
  return {"variable acl_" + variable.name.substr(3, 1) + variable.name.substr(5) +
          " set"};
}

base::Result<std::string> parse_address(std::string_view text, bool null_allowed) {
  if (null_allowed && text == "<>") return std::string();
  auto address = smtp::Address::parse(text);
  if (!address)
    return fail(Code::usage, "'" + std::string(text) + "': " + address.error().text +
                                 ": write local@domain" +
                                 (null_allowed ? ", or <> for none" : ""));
  return address->text();
}

base::Result<std::string> parse_header_name(std::string_view text) {
  // RFC 5322 section 2.2: printable ASCII but the colon.
  bool sound = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 127 && c != ':';
  });
  if (!sound)
    return fail(Code::usage, "'" + std::string(text) +
                                 "' is no header name: write it without colon or "
                                 "blanks, as Subject");
  return std::string(text);
}

base::Result<Header> parse_header(std::string_view text) {
  std::size_t colon = text.find(':');
  if (colon == text.npos)
    return fail(Code::usage,
                "'" + std::string(text) + "' is no header line: write 'Name: text'");
  std::string name = TRY(parse_header_name(text.substr(0, colon)));
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' || text[i] == '\0')
      return fail(Code::usage, "a carriage return or NUL cannot be stored in a header");
    if (text[i] != '\n') continue;
    std::string_view line = text.substr(i + 1);
    line = line.substr(0, line.find('\n'));
    if (line.empty() || !is_blank(line[0]) ||
        line.find_first_not_of(" \t") == line.npos)
      return fail(Code::usage,
                  "a line break in a header must be followed by a blank or tab and "
                  "more text");
  }
  return Header{spoolfmt::header_type(name), std::string(text) + "\n"};
}

base::Result<Option> parse_variable(std::string_view text) {
  std::size_t equals = text.find('=');
  std::string_view name = text.substr(0, equals);
  bool sound = equals != text.npos && name.size() > 5 &&
               (name.starts_with("acl_c") || name.starts_with("acl_m")) &&
               (base::is_digit(name[5]) || name[5] == '_') &&
               (name[5] != '_' || name.size() > 6) &&
               std::all_of(name.begin() + 6, name.end(),
                           [](char c) { return is_alphanumeric(c) || c == '_'; });
  if (!sound)
    return fail(Code::usage, "'" + std::string(text) +
                                 "' sets no ACL variable: write acl_m_name=value or "
                                 "acl_c_name=value");
  if (text.contains('\0'))
    return fail(Code::usage, "a NUL cannot be stored in a variable");
  Option option;
  option.name =
      "acl" + std::string(name.substr(4, 1)) + " " + std::string(name.substr(5));
  option.value = text.substr(equals + 1);
  option.has_value = true;
  return option;
}

}  // namespace utils
