// SPDX-License-Identifier: Apache-2.0
//
// The variables that a receiver can know, each with how its value is found
// (spec/policy.md chapter 11; Exim manual, "Expansion variables").
//
// Asking is one step through a table made by the compiler.  What is not in it is empty
// here: deliveries, filters that this program does not run.
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "base/fd.h"
#include "base/text.h"
#include "policy/evaluation.h"
#include "policy/mail_address.h"
#include "policy/mime_words.h"
#include "policy/template.h"
#include "policy/variable_table.h"
#include "receiver/acl_context.h"
#include "receiver/received_header.h"
#include "spoolfmt/spool.h"

namespace receiver {

using policy::variable_id;
using policy::VariableId;

struct AclContext::Telling {
  using View = std::string_view;
  using Tell = View (*)(AclContext&);
  struct Row {
    VariableId id;
    Tell tell;
  };

  // ---- forms

  static View own(AclContext& c, std::string text) {
    c.text_ = std::move(text);
    return c.text_;
  }
  template <class Number>
  static View number(AclContext& c, Number value) {
    return own(c, std::to_string(value));
  }
  static View truth(bool value) { return value ? "yes" : "no"; }
  static View flag(bool value) { return value ? "1" : "0"; }
  static View port(AclContext& c, std::uint16_t value) {
    return value == 0 ? View() : number(c, value);
  }

  // ---- the client

  static View sender_host_name(AclContext& c) {
    return own(c, c.look_up_client().names.empty() ? "" : c.client_.host_name());
  }
  template <auto member>
  static View tls_text(AclContext& c) {
    return c.client_.tls ? View((*c.client_.tls).*member) : View();
  }
  template <auto member>
  static View tls_number(AclContext& c) {
    return number(c, c.client_.tls ? (*c.client_.tls).*member : 0U);
  }
  static View certificate_verified(AclContext& c) {
    return flag(c.client_.tls && c.client_.tls->verified);
  }
  static View received_port(AclContext& c) { return port(c, c.client_.local.port); }
  static View received_address(AclContext& c) { return c.client_.local.address; }

  // ---- the envelope

  static View sender(AclContext& c) {
    return c.envelope ? View(c.envelope->sender) : View();
  }
  static View sender_part(AclContext& c, bool domain) {
    policy::AddressParts parts = policy::take_apart(sender(c));
    return own(c, std::move(domain ? parts.domain : parts.local_part));
  }
  static View local_part(AclContext& c) {
    if (c.recipient.empty()) return {};
    const RecipientParts& parts = c.recipient_parts();
    return c.caseful_ ? parts.local_part : parts.lower_local_part;
  }
  static View original_local_part(AclContext& c) {
    return c.recipient.empty() ? View() : View(c.recipient_parts().local_part);
  }
  static View domain(AclContext& c) {
    return c.recipient.empty() ? View() : View(c.recipient_parts().domain);
  }
  static View recipients(AclContext& c) {
    std::string all;
    if (c.envelope)
      for (const Recipient& each : c.envelope->recipients)
        all.append(all.empty() ? "" : ", ").append(each.address);
    return own(c, std::move(all));
  }
  static View recipients_list(AclContext& c) {
    std::string all;
    if (c.envelope)
      for (const Recipient& each : c.envelope->recipients) {
        if (!all.empty()) all += ':';
        for (char byte : each.address) all.append(byte == ':' ? 2 : 1, byte);
      }
    return own(c, std::move(all));
  }
  // Before anything is known of the size it is -1.
  static View message_size(AclContext& c) {
    if (c.message) return number(c, c.message->size);
    if (!c.envelope) return "0";
    return c.envelope->params.size ? number(c, *c.envelope->params.size) : "-1";
  }

  // ---- the message

  static View body_lines(AclContext& c) {
    return number(c, c.message ? c.message->body_lines : 0);
  }
  static View line_count(AclContext& c) {
    std::uint64_t lines = c.message ? c.message->body_lines : 0;
    for (const policy::HeaderLine& header : c.headers())
      lines += static_cast<std::uint64_t>(std::ranges::count(header.text, '\n'));
    return number(c, lines);
  }
  // The first header of that name, without the blanks around it.
  static std::string header(AclContext& c, View name) {
    for (const policy::HeaderLine& each : c.headers())
      if (base::equal_nocase(each.name, name)) {
        View text =
            each.text.substr(std::min(each.text.find(':') + 1, each.text.size()));
        if (text.ends_with('\n')) text.remove_suffix(1);
        return std::string(policy::trimmed(text));
      }
    return {};
  }
  static View reply_address(AclContext& c) {
    std::string address = header(c, "reply-to");
    return own(c, address.empty() ? header(c, "from") : std::move(address));
  }
  static View received_count(AclContext& c) {
    return number(c, std::ranges::count_if(c.headers(), [](const auto& each) {
                    return base::equal_nocase(each.name, "received");
                  }));
  }
  static View message_body(AclContext& c, bool end) {
    const policy::Options& main = c.world_.policy->main;
    auto most = static_cast<std::size_t>(
        std::max<std::int64_t>(0, main.integer("message_body_visible", 500)));
    std::string text = c.message ? read_body(*c.message, most, end) : std::string();
    bool newlines = main.boolean("message_body_newlines", false);
    for (char& byte : text)
      if (byte == '\0' || (byte == '\n' && !newlines)) byte = ' ';
    return own(c, std::move(text));
  }
  // What lies in -D behind its first line, then what is on its way there.
  static std::string read_body(const MessageAtHand& message, std::size_t most,
                               bool end) {
    constexpr std::size_t kFirstLine = 32;
    std::string text;
    if (!message.d_file.empty()) {
      auto file = base::open_file(message.d_file, O_RDONLY | O_CLOEXEC);
      if (!file) return {};
      std::string start = read_at(file->get(), kFirstLine, 0);
      auto skipped = static_cast<off_t>(std::min(start.find('\n') + 1, start.size()));
      off_t size = std::max(::lseek(file->get(), 0, SEEK_END), skipped);
      off_t wanted = std::min(static_cast<off_t>(most), size - skipped);
      text = read_at(file->get(), static_cast<std::size_t>(wanted),
                     end ? size - wanted : skipped);
    }
    if (!end) {
      text += message.body.substr(0, most - std::min(most, text.size()));
      return text;
    }
    text +=
        message.body.substr(message.body.size() - std::min(most, message.body.size()));
    return text.substr(text.size() - std::min(most, text.size()));
  }
  static std::string read_at(int fd, std::size_t count, off_t offset) {
    std::string bytes(count, '\0');
    ssize_t got = ::pread(fd, bytes.data(), count, offset);
    bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return bytes;
  }

  // ---- this machine

  static View queue_size(AclContext& c) {
    std::uint64_t count = 0;
    if (auto spool = spoolfmt::Spool::open(c.world_.spool, c.world_.queue))
      static_cast<void>(spool->for_each([&](const auto&) { return ++count > 0; },
                                        [](const base::Error&) {}));
    return number(c, count);
  }
  // Kilobytes or inodes; -1 if nobody knows.
  static View space(AclContext& c, const std::filesystem::path& place, bool inodes) {
    struct statvfs state{};
    if (::statvfs(place.c_str(), &state) != 0) return "-1";
    if (inodes) return number(c, state.f_favail);
    return number(c, state.f_bavail * state.f_frsize / 1024);
  }
  static std::filesystem::path log_directory(const AclContext& c) {
    auto path = std::filesystem::path(c.world_.policy->main.text("log_file_path"));
    return c.world_.spool / "log" / path.parent_path();  // an absolute one stands alone
  }
  static View load_average(AclContext& c) {
    double load = 0;
    if (::getloadavg(&load, 1) != 1) return "-1";
    return number(c, static_cast<long>(load * 1000));
  }
  static View active_hostname(AclContext& c) {
    const policy::Policy& policy = *c.world_.policy;
    const policy::Template* text = policy.main.expanded("smtp_active_hostname");
    if (!text) return policy.primary_hostname;
    policy::Evaluation evaluation{policy, c};
    auto name = policy::expand(*text, evaluation);
    if (name && !name->empty()) return own(c, std::move(*name));
    return own(c, policy.primary_hostname);
  }

  // ---- the session

  static View history(AclContext& c) {
    std::string all;
    for (const std::string& verb : c.history_) all.append(verb).append(",");
    all += c.command.substr(0, c.command.find(' '));
    if (all.ends_with(',')) all.pop_back();
    return own(c, std::move(all));
  }

  static const std::array<Tell, policy::kVariables.size()> kTable;
};

#define ROW(name) variable_id(name), [](AclContext & c) -> std::string_view
constexpr std::array<AclContext::Telling::Tell, policy::kVariables.size()>
    AclContext::Telling::kTable = [] {
      using T = Telling;
      std::array<Tell, policy::kVariables.size()> table{};
      auto set = [&](VariableId id, Tell tell) { table[id] = tell; };
      set(ROW("auth1") { return c.auth[0]; });
      set(ROW("auth2") { return c.auth[1]; });
      set(ROW("auth3") { return c.auth[2]; });
      set(ROW("authenticated_fail_id") {
        return c.client_.refused_login ? View(*c.client_.refused_login) : View();
      });
      set(ROW("authenticated_id") {
        return c.client_.login ? View(c.client_.login->id) : View();
      });
      set(ROW("authenticated_sender") {
        return c.envelope ? View(c.envelope->authenticated_sender) : View();
      });
      set(ROW("authentication_failed") {
        return flag(c.client_.refused_login.has_value());
      });
      set(variable_id("body_linecount"), T::body_lines);
      set(ROW("body_zerocount") {
        return number(c, c.message ? c.message->body_nuls : 0);
      });
      set(ROW("caller_gid") { return number(c, ::getgid()); });
      set(ROW("caller_uid") { return number(c, ::getuid()); });
      set(ROW("connection_id") { return c.client_.connection_id; });
      set(ROW("deliver_freeze") { return truth(c.wishes.freeze); });
      set(variable_id("domain"), T::domain);
      set(ROW("headers_added") { return own(c, c.changes.added()); });
      set(ROW("host_lookup_deferred") {
        return flag(c.client_.host.state == HostNames::State::deferred);
      });
      set(ROW("host_lookup_failed") {
        return flag(c.client_.host.state == HostNames::State::failed);
      });
      set(variable_id("interface_address"), T::received_address);
      set(variable_id("interface_port"), T::received_port);
      set(variable_id("load_average"), T::load_average);
      set(variable_id("local_part"), T::local_part);
      set(ROW("log_inodes") { return space(c, log_directory(c), true); });
      set(ROW("log_space") { return space(c, log_directory(c), false); });
      set(ROW("max_received_linelength") {
        return number(c, c.message ? c.message->longest_line : 0);
      });
      set(ROW("message_age") {
        using std::chrono::floor, std::chrono::seconds;
        if (!c.message) return "0";
        return number(
            c, floor<seconds>(c.world_.clock.now() - c.message->received).count());
      });
      set(ROW("message_body") { return message_body(c, false); });
      set(ROW("message_body_end") { return message_body(c, true); });
      set(ROW("message_body_size") {
        return number(c, c.message ? c.message->body_size : 0);
      });
      set(ROW("message_exim_id") { return c.message ? View(c.message->id) : View(); });
      set(ROW("message_id") { return c.message ? View(c.message->id) : View(); });
      set(variable_id("message_linecount"), T::line_count);
      set(variable_id("message_size"), T::message_size);
      set(ROW("message_smtputf8") {
        return truth(c.envelope && c.envelope->params.smtputf8);
      });
      set(variable_id("original_domain"), T::domain);
      set(variable_id("original_local_part"), T::original_local_part);
      set(ROW("originator_gid") { return number(c, ::getgid()); });
      set(ROW("originator_uid") { return number(c, ::getuid()); });
      set(ROW("prdr_requested") {
        static_cast<void>(c);
        return truth(false);
      });
      set(ROW("proxy_external_address") {
        return c.client_.proxy ? View(c.client_.proxy->external.address) : View();
      });
      set(ROW("proxy_external_port") {
        return c.client_.proxy ? port(c, c.client_.proxy->external.port) : View();
      });
      set(ROW("proxy_local_address") {
        return c.client_.proxy ? View(c.client_.proxy->local.address) : View();
      });
      set(ROW("proxy_local_port") {
        return c.client_.proxy ? port(c, c.client_.proxy->local.port) : View();
      });
      set(ROW("proxy_session") { return truth(c.client_.proxy.has_value()); });
      set(ROW("queue_name") {
        return c.wishes.queue_name.empty() ? c.world_.queue : c.wishes.queue_name;
      });
      set(variable_id("queue_size"), T::queue_size);
      set(ROW("rcpt_count") { return number(c, c.rcpt_count); });
      set(ROW("rcpt_defer_count") { return number(c, c.rcpt_defer_count); });
      set(ROW("rcpt_fail_count") { return number(c, c.rcpt_fail_count); });
      set(variable_id("received_count"), T::received_count);
      set(variable_id("received_ip_address"), T::received_address);
      set(variable_id("received_port"), T::received_port);
      set(ROW("received_protocol") {
        return own(c, c.client_.protocol(c.envelope ? c.envelope->params
                                                    : smtp::MailParams()));
      });
      set(ROW("received_time") {
        using std::chrono::floor, std::chrono::seconds;
        if (!c.message) return {};
        return number(c,
                      floor<seconds>(c.message->received).time_since_epoch().count());
      });
      set(variable_id("recipients"), T::recipients);
      set(ROW("recipients_count") {
        return number(c, c.envelope ? c.envelope->recipients.size() : 0);
      });
      set(variable_id("recipients_list"), T::recipients_list);
      set(variable_id("reply_address"), T::reply_address);
      set(ROW("requiretls") {
        return truth(c.wishes.requiretls ||
                     (c.envelope && c.envelope->params.requiretls));
      });
      set(variable_id("return_path"), T::sender);
      set(variable_id("sender_address"), T::sender);
      set(ROW("sender_address_domain") { return sender_part(c, true); });
      set(ROW("sender_address_local_part") { return sender_part(c, false); });
      set(ROW("sender_fullhost") {
        return own(c, client_name(c.client_, c.show_port_));
      });
      set(ROW("sender_helo_dnssec") {
        static_cast<void>(c);
        return truth(false);
      });
      set(ROW("sender_helo_name") { return c.client_.helo_name; });
      set(ROW("sender_helo_verified") { return truth(c.client_.helo_verified); });
      set(ROW("sender_host_address") { return c.client_.peer.address; });
      set(ROW("sender_host_authenticated") {
        return c.client_.login ? View(c.client_.login->authenticator) : View();
      });
      set(ROW("sender_host_dnssec") { return truth(c.client_.host.authenticated); });
      set(variable_id("sender_host_name"), T::sender_host_name);
      set(ROW("sender_host_port") { return port(c, c.client_.peer.port); });
      set(ROW("sender_rcvhost") {
        return own(c, received_from(c.client_, c.show_port_));
      });
      set(variable_id("smtp_active_hostname"), T::active_hostname);
      set(ROW("smtp_command") { return c.command; });
      set(ROW("smtp_command_argument") { return c.argument; });
      set(variable_id("smtp_command_history"), T::history);
      set(ROW("smtp_count_at_connection_start") {
        return number(c, c.sessions_at_start);
      });
      set(ROW("smtp_notquit_reason") { return c.notquit_reason; });
      set(ROW("spool_inodes") { return space(c, c.world_.spool, true); });
      set(ROW("spool_space") { return space(c, c.world_.spool, false); });
      using Facts = net::TlsFacts;
      for (auto id : {variable_id("tls_bits"), variable_id("tls_in_bits")})
        set(id, T::tls_number<&Facts::bits>);
      for (auto id : {variable_id("tls_certificate_verified"),
                      variable_id("tls_in_certificate_verified")})
        set(id, T::certificate_verified);
      for (auto id : {variable_id("tls_cipher"), variable_id("tls_in_cipher")})
        set(id, T::tls_text<&Facts::cipher>);
      set(variable_id("tls_in_cipher_std"), T::tls_text<&Facts::standard_cipher>);
      set(variable_id("tls_in_ocsp"), T::tls_number<&Facts::ocsp>);
      for (auto id : {variable_id("tls_peerdn"), variable_id("tls_in_peerdn")})
        set(id, T::tls_text<&Facts::peer_dn>);
      set(variable_id("tls_in_resumption"), T::tls_number<&Facts::resumption>);
      for (auto id : {variable_id("tls_sni"), variable_id("tls_in_sni")})
        set(id, T::tls_text<&Facts::sni>);
      set(variable_id("tls_in_ver"), T::tls_text<&Facts::version>);
      set(ROW("verify_mode") { return c.mode_; });
      return table;
    }();
#undef ROW

policy::Outcome<std::string_view> AclContext::variable(VariableId id) {
  if (!set_.empty())
    if (auto found = set_.find(id); found != set_.end()) return found->second;
  Telling::Tell tell = Telling::kTable[id];
  return tell ? tell(*this) : std::string_view();
}

}  // namespace receiver
