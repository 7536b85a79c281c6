// SPDX-License-Identifier: Apache-2.0
#include "receiver/settings.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "policy/evaluation.h"
#include "policy/list.h"
#include "policy/main_options.h"
#include "policy/plain_list.h"

namespace receiver {

namespace {

using policy::Options;

// With smtp_receive_timeout 0 a client may be silent for as long as it likes.
net::Span waiting(std::chrono::seconds span) {
  if (span.count() == 0) return std::chrono::years(10);
  return span;
}

std::uint64_t number(const Options& main, std::string_view name,
                     std::uint64_t otherwise) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(
      0, main.integer(name, static_cast<std::int64_t>(otherwise))));
}

base::Result<smtp::LineEndings> read_line_endings(std::string_view word) {
  if (word == "reject") return smtp::LineEndings::reject;
  if (word == "exim") return smtp::LineEndings::exim;
  if (word == "lenient") return smtp::LineEndings::lenient;
  return base::fail(base::Code::config, "line_endings = " + std::string(word) +
                                            ": write reject, exim or lenient");
}

base::Result<std::set<std::uint16_t>> read_ports(std::string_view list) {
  std::set<std::uint16_t> result;
  for (std::string_view word : policy::split_list(list).elements) {
    std::uint16_t port = 0;
    auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), port);
    if (error != std::errc() || end != word.data() + word.size() || port == 0)
      return base::fail(
          base::Code::config,
          "tls_on_connect_ports: '" + std::string(word) + "' is no number of a port");
    result.insert(port);
  }
  return result;
}

base::Result<std::optional<Slowdown>> read_slowdown(const Options& main,
                                                    std::string_view option) {
  std::string_view text = main.text(option);
  if (text.empty()) return std::nullopt;
  auto slowdown = Slowdown::parse(text);
  if (slowdown) return *slowdown;
  return base::fail(base::Code::config,
                    std::string(option) + ": " + slowdown.error().text);
}

smtp::Offer common_offer(const Options& main, const std::string& hostname) {
  smtp::Offer offer;
  offer.hostname = hostname;
  offer.size_limit = number(main, "message_size_limit", std::uint64_t{50} << 20);
  offer.recipient_limit = number(main, "recipients_max", 50000);
  offer.recipients_max_reject = main.boolean("recipients_max_reject", false);
  offer.eight_bit_mime = main.boolean("accept_8bitmime", true);
  offer.error_limit = static_cast<unsigned>(number(main, "smtp_max_synprot_errors", 3));
  offer.unknown_limit =
      static_cast<unsigned>(number(main, "smtp_max_unknown_commands", 3));
  offer.nonmail_limit =
      static_cast<unsigned>(number(main, "smtp_accept_max_nonmail", 10));
  return offer;
}

}  // namespace

base::Result<Settings> Settings::of(const policy::Policy& policy) {
  const Options& main = policy.main;
  Settings settings;
  settings.hostname = policy.primary_hostname;
  settings.timeout =
      waiting(main.time("smtp_receive_timeout", std::chrono::minutes(5)));
  settings.proxy_timeout = main.time("proxy_protocol_timeout", std::chrono::seconds(3));
  settings.offer = common_offer(main, settings.hostname);
  settings.line_endings = TRY(read_line_endings(main.text("line_endings", "reject")));
  settings.wire_format = main.boolean("spool_wireformat", false);
  settings.enforce_sync = main.boolean("smtp_enforce_sync", true);
  settings.check_size = main.boolean("smtp_check_spool_space", true);
  settings.spool_space = number(main, "check_spool_space", std::uint64_t{10} << 20);
  settings.spool_inodes = number(main, "check_spool_inodes", 100);
  settings.header_limit = number(main, "header_maxsize", std::uint64_t{1} << 20);
  settings.header_line_limit = number(main, "header_line_maxsize", 0);
  settings.tls_on_connect_ports = TRY(read_ports(main.text("tls_on_connect_ports")));
  settings.message_logs = main.boolean("message_logs", true);
  settings.slow_mail = TRY(read_slowdown(main, "smtp_ratelimit_mail"));
  settings.slow_rcpt = TRY(read_slowdown(main, "smtp_ratelimit_rcpt"));
  auto log = policy::LogSelector::parse(main.text("log_selector"));
  if (!log) return base::fail(base::Code::config, log.error().text);
  settings.log = *log;
  return settings;
}

bool ClientSettings::listed(std::string_view option, std::string_view address) {
  const policy::List* list = policy_.main.list(option);
  if (!list) {
    auto table = policy::main_option_table();
    auto row = std::ranges::find(table, option, &policy::OptionInfo::name);
    return row != table.end() && row->preset == "*";
  }
  policy::ListSubject subject;
  static const std::vector<std::string> kNoNames;
  if (address.empty())
    subject.host = context_.host();
  else
    subject.host = {address, 0, &kNoNames};
  policy::Evaluation evaluation{policy_, context_};
  auto result = policy::match(*list, subject, evaluation);
  if (result) return result->matched;
  context_.log("main", std::string(option) + ": " + result.error().text);
  return false;
}

bool ClientSettings::looks_up(const std::string& helo) {
  const policy::List* list = policy_.main.list("helo_lookup_domains");
  if (!list) {
    auto is_ours = [&](const std::string& address) {
      return helo == "[" + address + "]";
    };
    return base::equal_nocase(helo, settings_.hostname) ||
           std::ranges::any_of(context_.local_addresses(), is_ours);
  }
  policy::Evaluation evaluation{policy_, context_};
  auto result = policy::match(*list, {.text = helo, .host = {}}, evaluation);
  if (result) return result->matched;
  context_.log("main", "helo_lookup_domains: " + result.error().text);
  return false;
}

std::string ClientSettings::text(std::string_view option, std::string otherwise) {
  const policy::Template* text = policy_.main.expanded(option);
  if (!text) return otherwise;
  policy::Evaluation evaluation{policy_, context_};
  auto value = policy::expand(*text, evaluation);
  if (value) return std::move(*value);
  context_.log("main", std::string(option) + ": " + value.error().text);
  return otherwise;
}

std::optional<unsigned> ClientSettings::number(std::string_view option) {
  std::string value = text(option);
  if (value.empty()) return std::nullopt;
  unsigned number = 0;
  auto [end, error] =
      std::from_chars(value.data(), value.data() + value.size(), number);
  if (error == std::errc() && end == value.data() + value.size()) return number;
  context_.log("main", std::string(option) + ": '" + value + "' is no number");
  return std::nullopt;
}

smtp::Offer ClientSettings::offer(const Client& client) {
  smtp::Offer offer = settings_.offer;
  offer.hostname = text("smtp_active_hostname", settings_.hostname);
  offer.pipelining =
      listed("pipelining_advertise_hosts") && !context_.session.no_pipelining;
  offer.limits = listed("limits_advertise_hosts");
  offer.dsn = listed("dsn_advertise_hosts");
  offer.chunking = listed("chunking_advertise_hosts");
  offer.smtputf8 = offer.eight_bit_mime && listed("smtputf8_advertise_hosts");
  bool has_certificate = policy_.main.has("tls_certificate");
  offer.starttls = !client.tls && has_certificate && listed("tls_advertise_hosts");
  offer.requiretls = client.tls && policy_.main.boolean("requiretls_consumer", false) &&
                     listed("tls_advertise_requiretls");
  // Who may use it is whoever is at the other end of the connection.
  offer.xclient = listed("hosts_xclient", client.socket_peer.address);
  offer.helo_accept_junk = listed("helo_accept_junk_hosts");
  offer.helo_allow_chars = policy_.main.text("helo_allow_chars");
  offer.require_helo = listed("hosts_require_helo");
  offer.enforce_sync = context_.session.enforce_sync.value_or(settings_.enforce_sync);
  offer.auth_unadvertised = context_.session.allow_auth_unadvertised;
  offer.binary_mime = offer.chunking && settings_.wire_format;
  offer.vrfy = policy_.main.acl("acl_smtp_vrfy") != nullptr;
  offer.expn = policy_.main.acl("acl_smtp_expn") != nullptr;
  offer.etrn = policy_.main.acl("acl_smtp_etrn") != nullptr;
  if (!listed("smtp_accept_max_nonmail_hosts")) offer.nonmail_limit = 0;
  offer.messages_per_connection =
      number("smtp_accept_max_per_connection").value_or(1000);
  return offer;
}

net::TlsSetting ClientSettings::tls() {
  net::TlsSetting setting;
  choose_certificate(setting);
  setting.ciphers = text("tls_require_ciphers");
  setting.curves = text("tls_eccurve");
  setting.dh_parameters = text("tls_dhparam");
  setting.verify_certificates = text("tls_verify_certificates", "system");
  setting.revocations = text("tls_crl");
  if (listed("tls_verify_hosts"))
    setting.verify = net::TlsSetting::Verify::must;
  else if (listed("tls_try_verify_hosts"))
    setting.verify = net::TlsSetting::Verify::ask;
  setting.tickets = listed("tls_resumption_hosts");
  return setting;
}

void ClientSettings::choose_certificate(net::TlsSetting& setting) {
  setting.certificates = text("tls_certificate");
  setting.keys = text("tls_privatekey");
  setting.ocsp_file = text("tls_ocsp_file");
}

}  // namespace receiver
