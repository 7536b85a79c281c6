// SPDX-License-Identifier: Apache-2.0
#include "receiver/fixups.h"

#include <algorithm>

#include "base/text.h"
#include "policy/header_changes.h"
#include "policy/mail_address.h"
#include "receiver/received_header.h"

namespace receiver {

namespace {

using Headers = std::vector<spoolfmt::Header>;

spoolfmt::Header* find(Headers& headers, std::string_view name) {
  auto found = std::ranges::find_if(headers, [&](const spoolfmt::Header& header) {
    return header.type != '*' &&
           base::equal_nocase(policy::header_name(header.text), name);
  });
  return found == headers.end() ? nullptr : &*found;
}

bool was_resent(const Headers& headers) {
  return std::ranges::any_of(headers, [](const spoolfmt::Header& header) {
    return base::equal_nocase(std::string_view(header.text).substr(0, 7), "Resent-");
  });
}

void append(Headers& headers, const std::string& name, const std::string& value) {
  headers.push_back({spoolfmt::header_type(name), name + ": " + value + "\n"});
}

// user@domain, or the user alone where the domain is said to be in it.
std::string user_address(const Mending& mending) {
  std::string user(mending.authenticated_id);
  if (!mending.wish.domain) return user + "@" + std::string(mending.qualify_domain);
  return mending.wish.domain->empty() ? user : user + "@" + *mending.wish.domain;
}

std::string named(const std::string& address, const std::string& name) {
  if (name.empty()) return address;
  std::string quoted;
  for (char c : name) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return "\"" + quoted + "\" <" + address + ">";
}

bool names_only(const spoolfmt::Header& from, const std::string& user) {
  std::string_view value = std::string_view(from.text).substr(from.text.find(':') + 1);
  auto addresses = policy::parse_mail_addresses(value);
  return addresses.size() == 1 && base::equal_nocase(addresses.front().text(), user);
}

}  // namespace

void mend_submission(Headers& headers, std::string& sender, const Mending& mending) {
  const std::string resent = was_resent(headers) ? "Resent-" : "";
  bool known = !mending.authenticated_id.empty();
  std::string user = known ? user_address(mending) : sender;

  if (!find(headers, resent + "Message-Id"))
    append(headers, resent + "Message-Id",
           "<E" + std::string(mending.id.text()) +
               std::string(mending.message_id_text) + "@" +
               std::string(mending.hostname) + ">");
  spoolfmt::Header* from = find(headers, resent + "From");
  if (!from && !user.empty()) {
    append(headers, resent + "From", named(user, mending.wish.name));
    from = &headers.back();
  }
  if (!find(headers, resent + "Date"))
    append(headers, resent + "Date", base::format_mail_date(mending.now));

  if (mending.wish.sender_retain) return;
  bool match = !known || (from && names_only(*from, user));
  for (spoolfmt::Header& header : headers)
    if (base::equal_nocase(policy::header_name(header.text), resent + "Sender"))
      header.type = '*';
  if (!known) return;
  if (!match) append(headers, resent + "Sender", named(user, mending.wish.name));
  if (!sender.empty()) sender = user;
}

}  // namespace receiver
