// SPDX-License-Identifier: Apache-2.0
#include "receiver/h_lines.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "base/text.h"

namespace receiver {

namespace {

using spoolfmt::Option;

std::int64_t seconds_of(base::Time time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

// ".012345"
std::string fraction_of(base::Time time) {
  auto microseconds = time.time_since_epoch() % std::chrono::seconds(1);
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), ".%06lld",
                static_cast<long long>(microseconds.count()));
  return text.data();
}

std::string bracketed(const net::Endpoint& endpoint) {
  return "[" + endpoint.address + "]:" + std::to_string(endpoint.port);
}

// Appends options; those without a value are left out where they would be empty.
class Lines {
 public:
  explicit Lines(std::vector<Option>& options) : options_(options) {}

  void flag(std::string name, bool set = true) {
    if (set) options_.push_back({std::move(name), {}, false, false, {}});
  }
  void plain(std::string name, std::string value) {
    options_.push_back({std::move(name), std::move(value), true, false, {}});
  }
  void tainted(std::string name, std::string value) {
    options_.push_back({std::move(name), std::move(value), true, true, {}});
  }
  void tainted_if_any(std::string name, const std::string& value) {
    if (!value.empty()) tainted(std::move(name), value);
  }
  void count(std::string name, std::uint64_t value) {
    plain(std::move(name), std::to_string(value));
  }

 private:
  std::vector<Option>& options_;
};

void add_client(Lines& lines, const Client& client, const Received& received,
                const smtp::MailParams& params) {
  lines.tainted_if_any("helo_name", client.helo_name);
  lines.plain("host_address", bracketed(client.peer));
  lines.tainted_if_any("host_name", client.host_name());
  if (client.login) {
    lines.plain("host_auth", client.login->authenticator);
    if (!client.login->mechanism.empty())
      lines.plain("host_auth_pubname", client.login->mechanism);
  }
  lines.plain("interface_address", bracketed(client.local));
  if (!received.active_hostname.empty())
    lines.plain("active_hostname", received.active_hostname);
  lines.plain("received_protocol", client.protocol(params));
}

// "acl_c0" is "aclc 0", "acl_m_x" is "aclm _x": those of the connection come first.
void add_variables(Lines& lines, const AclVariables& variables) {
  constexpr std::string_view kPrefix = "acl_c";
  for (char kind : {'c', 'm'})
    for (const auto& [name, value] : variables) {
      if (name.size() < kPrefix.size() || name[kPrefix.size() - 1] != kind) continue;
      std::string option = "acl";
      option += kind;
      lines.tainted(option + " " + name.substr(kPrefix.size()), value);
    }
}

void add_content(Lines& lines, const Received& received) {
  if (received.wire_format)
    lines.flag("spool_file_wireformat");
  else
    lines.count("body_linecount", received.body_lines);
  lines.count("max_received_linelength", received.longest_line);
  if (received.body_nuls > 0) lines.count("body_zerocount", received.body_nuls);
}

// As it is in the file: line breaks and other bytes that do not print as escapes.
std::string escaped(std::string_view text) {
  return base::printable(text);
}

// Names are kept as they are, backslashes too, but nothing may end the line.
std::string on_one_line(const std::string& name) {
  bool prints = std::ranges::none_of(
      name, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; });
  return prints ? name : base::printable(name);
}

std::string one_line(const std::string& pem) {
  std::string text;
  for (char c : pem) c == '\n' ? text += "\\n" : text += c;
  return text;
}

void add_tls(Lines& lines, const std::optional<net::TlsFacts>& tls) {
  if (!tls) {
    // No TLS, no resumption: Exim says so of every message since 4.95.
    lines.plain("tls_resumption", "A");
    return;
  }
  lines.flag("tls_certificate_verified", tls->verified);
  lines.plain("tls_cipher", tls->cipher);
  if (!tls->peer_certificate.empty())
    lines.tainted("tls_peercert", one_line(tls->peer_certificate));
  lines.tainted_if_any("tls_peerdn", escaped(tls->peer_dn));
  lines.tainted_if_any("tls_sni", escaped(tls->sni));
  if (!tls->our_certificate.empty())
    lines.plain("tls_ourcert", one_line(tls->our_certificate));
  if (tls->ocsp > 0) lines.count("tls_ocsp", tls->ocsp);
  lines.plain("tls_resumption",
              std::string(1, static_cast<char>('A' + tls->resumption)));
  lines.plain("tls_ver", tls->version);
}

void add_extensions(Lines& lines, const smtp::MailParams& params,
                    const Wishes& wishes) {
  if (params.requiretls || wishes.requiretls) lines.plain("tls_requiretls", "0x1");
  if (params.smtputf8) {
    lines.flag("smtputf8");
    if (wishes.utf8_downconvert == 1) lines.flag("utf8_downcvt");
    if (wishes.utf8_downconvert == -1) lines.flag("utf8_optdowncvt");
  }
  if (!params.envid.empty()) lines.plain("dsn_envid", params.envid);  // as Exim
  if (params.ret != smtp::DsnReturn::unsaid)
    lines.count("dsn_ret", params.ret == smtp::DsnReturn::full ? 1 : 2);
}

}  // namespace

Owner Owner::of_this_process() {
  Owner owner{{}, ::geteuid(), ::getegid()};
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 &&
      found)
    owner.login = found->pw_name;
  return owner;
}

spoolfmt::HFile make_h_file(const Owner& owner, const Received& received,
                            const Client& client, const Envelope& envelope,
                            const Wishes& wishes, const AclVariables& variables) {
  spoolfmt::HFile file;
  file.id = received.id;
  file.login = owner.login;
  file.uid = owner.uid;
  file.gid = owner.gid;
  file.sender = envelope.sender;
  file.received = seconds_of(received.started);

  Lines lines(file.options);
  lines.plain("received_time_usec", fraction_of(received.started));
  lines.plain("received_time_complete", std::to_string(seconds_of(received.complete)) +
                                            fraction_of(received.complete));
  add_client(lines, client, received, envelope.params);
  add_variables(lines, variables);
  add_content(lines, received);
  if (client.login) lines.tainted_if_any("auth_id", on_one_line(client.login->id));
  lines.tainted_if_any("auth_sender", envelope.authenticated_sender);
  lines.flag("deliver_firsttime");
  if (wishes.freeze)
    lines.plain("frozen", std::to_string(seconds_of(received.complete)));
  lines.flag("host_lookup_deferred", client.host.state == HostNames::State::deferred);
  lines.flag("host_lookup_failed", client.host.state == HostNames::State::failed);
  add_tls(lines, client.tls);
  add_extensions(lines, envelope.params, wishes);

  // Whoever was told that the message is not accepted must not hear of its delivery.
  bool faked = wishes.fake_code != 0;
  for (const Recipient& recipient : envelope.recipients) {
    unsigned flags = faked ? spoolfmt::dsn::kNever : recipient.params.notify;
    file.recipients.push_back(
        {recipient.address, {}, recipient.params.orcpt, flags, -1, false});
  }
  return file;
}

std::uint64_t logged_size(const spoolfmt::HFile& file, std::uint64_t body_size) {
  std::uint64_t size = file.header_size() + body_size + 1;
  for (const spoolfmt::Header& header : file.headers)
    for (std::size_t length = header.text.size(); length >= 1000; length /= 10) ++size;
  return size;
}

}  // namespace receiver
