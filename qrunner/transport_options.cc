// SPDX-License-Identifier: Apache-2.0
#include "qrunner/transport_options.h"

#include <grp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <span>
#include <variant>
#include <vector>

#include "base/privileges.h"
#include "base/text.h"
#include "policy/source.h"

namespace qrunner {

namespace {

using policy::OptionValue;

// Of a maildir: what only counts beside another one of these is not named.
constexpr std::array<std::string_view, 13> kAppendfile{
    "batch_max",
    "check_string",
    "create_file",
    "file",
    "group",
    "maildir_use_size_file",
    "maildirfolder_create_regex",
    "quota",
    "quota_filecount",
    "quota_warn_threshold",
    "shadow_transport",
    "use_bsmtp",
    "user",
};

// The two files are copied as they are.
constexpr std::array<std::string_view, 11> kQueuefile{
    "body_only",
    "delivery_date_add",
    "envelope_to_add",
    "group",
    "headers_add",
    "headers_only",
    "headers_remove",
    "return_path",
    "return_path_add",
    "shadow_transport",
    "user",
};

// Whoever runs us talks to the socket: its modes say who may.
constexpr std::array<std::string_view, 10> kLmtp{
    "batch_id",        "body_only",        "command",      "delivery_date_add",
    "envelope_to_add", "headers_only",     "ignore_quota", "message_size_limit",
    "return_path_add", "shadow_transport",
};

constexpr std::array<std::string_view, 19> kSmtp{
    "authenticated_sender",   "body_only",
    "delivery_date_add",      "dns_search_parents",
    "dnssec_require_domains", "envelope_to_add",
    "gethostbyname",          "headers_only",
    "hosts_avoid_esmtp",      "hosts_require_alpn",
    "hosts_require_dane",     "hosts_require_ocsp",
    "lmtp_ignore_quota",      "message_size_limit",
    "return_path_add",        "serialize_hosts",
    "shadow_transport",       "socks_proxy",
    "utf8_downconvert",
};

std::span<const std::string_view> options_of(std::string_view driver) {
  if (driver == "appendfile") return kAppendfile;
  if (driver == "lmtp") return kLmtp;
  if (driver == "queuefile") return kQueuefile;
  if (driver == "smtp") return kSmtp;
  return {};
}

// Nothing: it is only known when it is expanded.
std::optional<std::string_view> literal_of(const OptionValue& value) {
  std::string_view text = value.source.bytes();
  if (const auto* expanded = std::get_if<policy::Template>(&value.value)) {
    if (!expanded->literal()) return std::nullopt;
    text = *expanded->literal();
  } else if (const auto* plain = std::get_if<std::string>(&value.value)) {
    text = *plain;
  }
  return policy::trimmed(text);
}

// Delivery is by whoever runs us; an option that names him is served.
bool is_our_user(const std::string& name) {
  if (auto id = base::to_number(name)) return *id == ::geteuid();
  auto user = base::find_user(name);
  return user && user->id == ::geteuid();
}

bool is_our_group(const std::string& name) {
  if (auto id = base::to_number(name)) return *id == ::getegid();
  group entry{};
  group* found = nullptr;
  std::vector<char> buffer(65536);
  (void)::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  return found && entry.gr_gid == ::getegid();
}

bool asks_for_nothing(const OptionValue& value) {
  std::string_view preset = value.info->preset;
  if (const bool* yes = std::get_if<bool>(&value.value))
    return *yes == (preset == "true");
  auto text = literal_of(value);
  if (!text) return false;
  if (text->empty()) return true;
  if (value.info->name == "user") return is_our_user(std::string(*text));
  if (value.info->name == "group") return is_our_group(std::string(*text));
  // A number as well as a truth that is expanded.
  constexpr std::array<std::string_view, 3> kNo{"0", "no", "false"};
  bool no = value.info->type != policy::OptionType::hosts &&
            std::ranges::find(kNo, *text) != kNo.end();
  return no || *text == preset;
}

}  // namespace

std::optional<std::string> unserved(const policy::Driver& transport) {
  for (std::string_view name : options_of(transport.driver))
    for (const OptionValue& value : transport.options.all(name))
      if (!asks_for_nothing(value)) return std::string(name);
  return std::nullopt;
}

bool delivers_as_another(const policy::Driver& router, std::string_view local_part) {
  for (const char* name : {"user", "group"})
    for (const OptionValue& value : router.options.all(name))
      if (!asks_for_nothing(value)) return true;
  return !router.options.has("user") &&
         router.options.boolean("check_local_user", false) &&
         !is_our_user(std::string(local_part));
}

}  // namespace qrunner
