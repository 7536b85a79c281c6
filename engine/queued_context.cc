// SPDX-License-Identifier: Apache-2.0
#include "engine/queued_context.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/fd.h"
#include "base/text.h"
#include "policy/mime_words.h"
#include "policy/source.h"
#include "policy/variable_table.h"

namespace engine {

namespace {

using policy::Outcome;
using policy::variable_id;
using policy::VariableId;

// Variables that -H has as options, under names of its own.
struct OptionVariable {
  VariableId id;
  std::string_view option;
  std::string_view otherwise = "";  // a number that is not written is 0
};
constexpr auto kOptions = std::to_array<OptionVariable>({
    {variable_id("authenticated_id"), "auth_id"},
    {variable_id("authenticated_sender"), "auth_sender"},
    {variable_id("body_linecount"), "body_linecount", "0"},
    {variable_id("body_zerocount"), "body_zerocount", "0"},
    {variable_id("host_lookup_deferred"), "host_lookup_deferred", "0"},
    {variable_id("host_lookup_failed"), "host_lookup_failed", "0"},
    {variable_id("max_received_linelength"), "max_received_linelength", "0"},
    {variable_id("received_protocol"), "received_protocol"},
    {variable_id("sender_helo_name"), "helo_name"},
    {variable_id("sender_host_authenticated"), "host_auth"},
    {variable_id("sender_host_name"), "host_name"},
    {variable_id("sender_ident"), "ident"},
    {variable_id("smtp_active_hostname"), "active_hostname"},
    {variable_id("tls_certificate_verified"), "tls_certificate_verified", "0"},
    {variable_id("tls_cipher"), "tls_cipher"},
    {variable_id("tls_in_certificate_verified"), "tls_certificate_verified", "0"},
    {variable_id("tls_in_cipher"), "tls_cipher"},
    {variable_id("tls_in_ocsp"), "tls_ocsp", "0"},
    {variable_id("tls_in_peerdn"), "tls_peerdn"},
    {variable_id("tls_in_sni"), "tls_sni"},
    {variable_id("tls_in_ver"), "tls_ver"},
    {variable_id("tls_peerdn"), "tls_peerdn"},
    {variable_id("tls_sni"), "tls_sni"},
});

constexpr std::size_t kVisibleBody = 500;  // Exim's message_body_visible

std::pair<std::string_view, std::string_view> split_address(std::string_view address) {
  auto at = address.rfind('@');
  if (at == std::string_view::npos) return {address, {}};
  return {address.substr(0, at), address.substr(at + 1)};
}

std::uint64_t count_lines(std::string_view text) {
  return static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
}

// "[192.0.2.1]", "[IPv6:2001:db8::1]": the client's address for a name.
bool is_literal_of(std::string_view helo, std::string_view address) {
  if (!helo.starts_with('[') || !helo.ends_with(']')) return false;
  helo = helo.substr(1, helo.size() - 2);
  for (std::string_view tag : {"IPv4:", "IPv6:"})
    if (helo.size() > tag.size() && base::equal_nocase(helo.substr(0, tag.size()), tag))
      helo.remove_prefix(tag.size());
  return base::equal_nocase(helo, address);
}

// "cannot ask X": what the conditions of a queue may not use was refused when they were
// read, so this is for the case of a bug.
std::unexpected<policy::Failure> not_here(std::string_view what) {
  return policy::cannot(std::string(what) +
                        " is not asked about messages in the queue");
}

}  // namespace

std::string_view QueuedContext::option(std::string_view name) const {
  const auto* found = queued_.h.file.find(name);
  if (!found) return {};
  return found->has_value ? found->value : std::string_view("1");
}

std::uint64_t QueuedContext::header_lines() const {
  std::uint64_t lines = 0;
  for (const auto& header : queued_.h.file.headers)
    if (header.type != '*') lines += count_lines(header.text);
  return lines;
}

std::string_view QueuedContext::recipients(std::string_view separator,
                                           bool double_colons) {
  std::string text;
  for (const auto& recipient : queued_.h.file.recipients) {
    if (!text.empty()) text += separator;
    for (char c : recipient.address) text.append(double_colons && c == ':' ? 2 : 1, c);
  }
  return keep(std::move(text));
}

std::string_view QueuedContext::reply_address() {
  for (std::string_view name : {"reply-to", "from"})
    for (const policy::HeaderLine& header : headers()) {
      if (!base::equal_nocase(header.name, name)) continue;
      auto text = policy::trimmed(header.text.substr(header.text.find(':') + 1));
      while (text.ends_with('\n')) text.remove_suffix(1);
      if (!text.empty()) return keep(policy::decode_mime_words(text, "UTF-8"));
    }
  return {};
}

// As Exim's log shows a client: name, (helo) if it is another, [address].
std::string_view QueuedContext::sender_fullhost() {
  std::string_view name = option("host_name"), helo = option("helo_name");
  std::string_view address = host().address;
  if (address.empty()) return {};
  std::string text(name);
  bool told =
      base::equal_nocase(helo, name) || (!name.empty() && is_literal_of(helo, address));
  if (!helo.empty() && !told)
    text += (text.empty() ? "(" : " (") + std::string(helo) + ")";
  return keep(text + (text.empty() ? "[" : " [") + std::string(address) + "]");
}

// As Received: shows it: the name, or the address alone, and the rest in parentheses.
std::string_view QueuedContext::sender_rcvhost() {
  std::string_view name = option("host_name"), helo = option("helo_name");
  if (host().address.empty()) return {};
  std::string address = "[" + std::string(host().address) + "]";
  std::string inside = name.empty() ? "" : address;
  auto add = [&](std::string_view what, std::string_view value) {
    if (value.empty()) return;
    inside += (inside.empty() ? "" : " ") + std::string(what) + std::string(value);
  };
  if (!base::equal_nocase(helo, name) && !is_literal_of(helo, host().address))
    add("helo=", helo);
  add("ident=", option("ident"));
  std::string text = name.empty() ? address : std::string(name);
  return keep(inside.empty() ? text : text + " (" + inside + ")");
}

// $message_body, $message_body_end: line ends and NULs are blanks.
Outcome<std::string_view> QueuedContext::body(bool end) {
  std::string path = input_ + "/" + std::string(queued_.entry.stem()) + "-D";
  auto fd = policy::outcome(base::open_at(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW));
  if (!fd) return std::unexpected(fd.error());
  struct stat status{};
  if (::fstat(fd->get(), &status) != 0)
    return policy::cannot(base::system_error(path, errno).text);
  off_t start = static_cast<off_t>(queued_.entry.stem().size()) + 3;
  off_t size = std::max(status.st_size - start, off_t{0});
  std::string text(static_cast<std::size_t>(std::min(size, off_t{kVisibleBody})), '\0');
  if (end) start = status.st_size - static_cast<off_t>(text.size());
  ssize_t got = ::pread(fd->get(), text.data(), text.size(), start);
  if (got < 0) return policy::cannot(base::system_error(path, errno).text);
  text.resize(static_cast<std::size_t>(got));
  std::ranges::replace_if(text, [](char c) { return c == '\n' || c == '\0'; }, ' ');
  return keep(std::move(text));
}

Outcome<std::string_view> QueuedContext::variable(VariableId id) {
  const spoolfmt::HFileView& file = queued_.h.file;
  for (const auto& [known, value] : set_)
    if (known == id) return value;
  for (const OptionVariable& row : kOptions)
    if (row.id == id) {
      auto value = option(row.option);
      return value.empty() ? row.otherwise : value;
    }
  auto interface = [&] { return spoolfmt::parse_host(option("interface_address")); };
  switch (id) {
    case variable_id("message_smtputf8"):
      return file.has("smtputf8") ? "yes" : "no";
    case variable_id("tls_in_resumption"): {  // the file has 'A' and the bits
      std::string_view letter = option("tls_resumption");
      return keep(letter.empty() ? 0U : static_cast<unsigned char>(letter[0] - 'A'));
    }
    case variable_id("sender_address"):
    case variable_id("return_path"):
      return file.sender;
    case variable_id("sender_address_local_part"):
      return split_address(file.sender).first;
    case variable_id("sender_address_domain"):
      return split_address(file.sender).second;
    case variable_id("sender_host_address"):
      return host().address;
    case variable_id("sender_host_port"):
      return keep(host().port);
    case variable_id("sender_fullhost"):
      return sender_fullhost();
    case variable_id("sender_rcvhost"):
      return sender_rcvhost();
    case variable_id("received_ip_address"):
    case variable_id("interface_address"):
      return interface().address;
    case variable_id("received_port"):
    case variable_id("interface_port"):
      return keep(interface().port);
    case variable_id("message_exim_id"):
    case variable_id("message_id"):
      return queued_.entry.stem();
    case variable_id("received_time"):
      return keep(std::to_string(file.received));
    case variable_id("message_age"):
      return keep(std::to_string(
          std::chrono::floor<std::chrono::seconds>(now_).time_since_epoch().count() -
          file.received));
    case variable_id("deliver_freeze"):
      return file.frozen() ? "1" : "0";
    case variable_id("originator_uid"):
    case variable_id("caller_uid"):
      return keep(std::to_string(file.uid));
    case variable_id("originator_gid"):
    case variable_id("caller_gid"):
      return keep(std::to_string(file.gid));
    case variable_id("recipients"):
      return recipients(", ", false);
    case variable_id("recipients_list"):
      return recipients(":", true);
    case variable_id("recipients_count"):
    case variable_id("rcpt_count"):
      return keep(file.recipients.size());
    case variable_id("received_count"):
      return keep(static_cast<std::uint64_t>(
          std::ranges::count_if(headers(), [](const policy::HeaderLine& header) {
            return base::equal_nocase(header.name, "received");
          })));
    case variable_id("message_size"):
      return keep(static_cast<std::uint64_t>(
          std::max(std::int64_t{0}, queued_.message_size().value_or(0))));
    case variable_id("message_linecount"):
      return keep(header_lines() +
                  base::to_number(option("body_linecount")).value_or(0));
    case variable_id("reply_address"):
      return reply_address();
    case variable_id("message_body_size"):
      return keep(queued_.body_size().value_or(0));
    case variable_id("message_body"):
      return body(false);
    case variable_id("message_body_end"):
      return body(true);
    default:
      return std::string_view();
  }
}

// acl_m_x is the option "aclm _x", acl_c0 "aclc 0".
const std::string* QueuedContext::named_variable(std::string_view name) {
  if (auto known = named_.find(name); known != named_.end()) return &known->second;
  if (!name.starts_with("acl_") || name.size() < 6) return nullptr;
  std::string option_name =
      "acl" + std::string(name.substr(4, 1)) + " " + std::string(name.substr(5));
  const auto* found = queued_.h.file.find(option_name);
  if (!found) return nullptr;
  return &named_.emplace(name, found->value).first->second;
}

void QueuedContext::set_named_variable(std::string_view name, std::string value) {
  named_.insert_or_assign(std::string(name), std::move(value));
}

void QueuedContext::set_variable(VariableId id, std::string value) {
  auto set = std::ranges::find(set_, id, &decltype(set_)::value_type::first);
  if (set != set_.end())
    set->second = std::move(value);
  else
    set_.emplace_back(id, std::move(value));
}

std::span<const policy::HeaderLine> QueuedContext::headers() {
  if (!headers_) {
    headers_.emplace();
    for (const auto& header : queued_.h.file.headers) {
      if (header.type == '*') continue;
      auto name = header.text.substr(0, header.text.find(':'));
      headers_->push_back({policy::trimmed(name), header.text});
    }
  }
  return *headers_;
}

policy::HostSubject QueuedContext::host() {
  auto host = spoolfmt::parse_host(option("host_address"));
  return {host.address, static_cast<std::uint16_t>(host.port)};
}

// What was found when the message came: nobody is asked again.
Outcome<std::vector<std::string>> QueuedContext::host_names() {
  std::string_view name = option("host_name");
  if (name.empty()) return std::vector<std::string>();
  return std::vector<std::string>{std::string(name)};
}

Outcome<std::vector<std::string>> QueuedContext::addresses_of(std::string_view) {
  return not_here("the DNS");
}
Outcome<policy::DnsAnswer> QueuedContext::dns(std::string_view, std::string_view) {
  return not_here("the DNS");
}
Outcome<policy::CheckResult> QueuedContext::verify(const policy::VerifyRequest&) {
  return not_here("verification");
}
Outcome<policy::CheckResult> QueuedContext::check(std::string_view what,
                                                  std::string_view) {
  return not_here(what);
}
Outcome<void> QueuedContext::rate(
    std::string_view, const std::function<bool(std::optional<policy::RateEntry>&)>&) {
  return not_here("a rate");
}

}  // namespace engine
