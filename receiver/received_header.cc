// SPDX-License-Identifier: Apache-2.0
#include "receiver/received_header.h"

#include <array>
#include <cstdio>

#include "base/text.h"
#include "base/version.h"

namespace receiver {

namespace {

using policy::LogItem;
using policy::LogSelector;

// A client that greets us with its own address tells us nothing.
bool helo_is_peer(const Client& client) {
  return client.helo_name == "[" + client.peer.address + "]" ||
         base::equal_nocase(client.helo_name, "[IPv6:" + client.peer.address + "]");
}

// ... and one that greets us with its name nothing that we do not know.
bool helo_tells(const Client& client) {
  return !client.helo_name.empty() &&
         !base::equal_nocase(client.helo_name, client.host_name());
}

std::string bracketed(const net::Endpoint& endpoint, bool port) {
  std::string text = "[" + endpoint.address + "]";
  if (port) text += ":" + std::to_string(endpoint.port);
  return text;
}

// Exim's way: "0.013s" where the log has milliseconds, else "0s", "1m5s".
std::string describe_span(std::chrono::microseconds span, bool millisec) {
  auto seconds = std::chrono::floor<std::chrono::seconds>(span);
  if (millisec && seconds.count() < 5) {
    std::array<char, 40> text{};
    auto rest = std::chrono::floor<std::chrono::milliseconds>(span - seconds);
    std::snprintf(text.data(), text.size(), "%lld.%03llds",
                  static_cast<long long>(seconds.count()),
                  static_cast<long long>(rest.count()));
    return text.data();
  }
  constexpr std::array<std::pair<long, char>, 4> kUnits = {
      {{604800, 'w'}, {86400, 'd'}, {3600, 'h'}, {60, 'm'}}};
  std::string text;
  auto left = static_cast<long>(seconds.count());
  for (auto [length, unit] : kUnits) {
    if (left >= length) text += std::to_string(left / length) + unit;
    left %= length;
  }
  if (left > 0 || text.empty()) text += std::to_string(left) + "s";
  return text;
}

// Inside double quotes.
std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

// One word: Exim does not put a name into quotes.
std::string word(std::string_view name) {
  std::string result;
  for (char c : name) c == ' ' ? result += "\\040" : result += c;
  return result;
}

std::string angled(const std::string& address) {
  return "<" + address + ">";
}

// Everything up to the protocol.
std::string describe_client(const Client& client, const LogSelector& shown) {
  std::string text;
  if (shown.has(LogItem::dnssec) && client.host.authenticated) text += " DS";
  text += " H=" + client_name(client, shown.has(LogItem::incoming_port));
  if (shown.has(LogItem::incoming_interface))
    text += " I=" + bracketed(client.local, true);
  if (shown.has(LogItem::connection_id) && !client.connection_id.empty())
    text += " Ci=" + client.connection_id;
  return text;
}

std::string describe_login(const Client& client, const Envelope& envelope,
                           const LogSelector& shown) {
  if (!client.login) return {};
  std::string text = " A=" + client.login->authenticator;
  if (!client.login->id.empty()) text += ":" + client.login->id;
  if (shown.has(LogItem::smtp_mailauth) && !envelope.authenticated_sender.empty())
    text += ":" + envelope.authenticated_sender;
  return text;
}

// "0" where BODY= was not given, else its bits.
std::string_view body_bits(smtp::BodyType body) {
  switch (body) {
    case smtp::BodyType::seven_bit:
      return "7";
    case smtp::BodyType::unsaid:
      return "0";
    default:
      return "8";
  }
}

}  // namespace

std::string client_name(const Client& client, bool port) {
  std::string text = client.host_name();
  if (helo_tells(client)) text += (text.empty() ? "(" : " (") + client.helo_name + ")";
  if (!text.empty()) text += " ";
  return text + bracketed(client.peer, port);
}

std::string received_from(const Client& client, bool port) {
  std::string address = "[" + client.peer.address + "]";
  std::string more;
  if (port) more += " port=" + std::to_string(client.peer.port);
  if (helo_tells(client) && !helo_is_peer(client)) more += " helo=" + client.helo_name;
  std::string name = client.host_name();
  if (!name.empty()) return name + " (" + address + more + ")";
  if (more.empty()) return address;
  return address + " (" + more.substr(1) + ")";
}

std::string received_header(std::string_view hostname, const Client& client,
                            const Envelope& envelope, const spoolfmt::MessageId& id,
                            base::Time now, const LogSelector& shown) {
  std::string text = "Received: from ";
  text += received_from(client, shown.has(LogItem::incoming_port));
  text.append("\n\tby ").append(hostname).append(" with ");
  text += client.protocol(envelope.params);
  text += " ";
  if (client.tls)
    text +=
        " (" + client.tls->version + ") tls " + client.tls->standard_cipher + "\n\t";
  text.append("(bobbin ").append(base::kVersion).append(")\n\t");
  if (!envelope.sender.empty())
    text += "(envelope-from " + angled(envelope.sender) + ")\n\t";
  text.append("id ").append(id.text());
  if (envelope.recipients.size() == 1)
    text += "\n\tfor " + envelope.recipients.front().address;
  return received_header(text, now);
}

std::string received_header(std::string_view text, base::Time now) {
  return std::string(text) + ";\n\t" + base::format_mail_date(now) + "\n";
}

std::string describe_tls(const Client& client, const LogSelector& shown) {
  if (!client.tls) return {};
  constexpr unsigned kResumed = 16;
  const net::TlsFacts& tls = *client.tls;
  std::string text;
  if (shown.has(LogItem::tls_cipher)) {
    text += " X=" + tls.cipher;
    if (shown.has(LogItem::tls_resumption) && (tls.resumption & kResumed) != 0)
      text += "*";
  }
  if (shown.has(LogItem::tls_certificate_verified))
    text += tls.verified ? " CV=yes" : " CV=no";
  if (shown.has(LogItem::tls_peerdn) && !tls.peer_dn.empty())
    text += " DN=" + quoted(tls.peer_dn);
  if (shown.has(LogItem::tls_sni) && !tls.sni.empty()) text += " SNI=" + word(tls.sni);
  return text;
}

std::string describe_arrival(const Client& client, const Envelope& envelope,
                             const ArrivalDetails& arrival, const LogSelector& shown) {
  std::string text = envelope.sender.empty() ? "<>" : envelope.sender;
  text += describe_client(client, shown);
  text += " P=" + client.protocol(envelope.params);
  if (shown.has(LogItem::pipelining) && !arrival.pipelining.empty())
    text.append(" ").append(arrival.pipelining);
  if (shown.has(LogItem::protocol_detail)) text += " PS=" + client.steps;
  text += describe_tls(client, shown);
  text += describe_login(client, envelope, shown);
  if (shown.has(LogItem::proxy) && client.proxy)
    text += " PRX=" + client.proxy->local.address;
  if (arrival.chunked) text += " K";
  text += " S=" + std::to_string(arrival.size);
  if (shown.has(LogItem::eight_bit_mime))
    text.append(" M8S=").append(body_bits(envelope.params.body));
  if (shown.has(LogItem::receive_time))
    text += " RT=" + describe_span(arrival.reception, shown.has(LogItem::millisec));
  if (!arrival.queue.empty()) text.append(" Q=").append(arrival.queue);
  if (shown.has(LogItem::msg_id) && !arrival.message_id.empty())
    text.append(" id=").append(arrival.message_id);
  if (shown.has(LogItem::subject) && !arrival.subject.empty())
    text += " T=" + quoted(arrival.subject);
  if (shown.has(LogItem::received_sender)) text += " from " + angled(envelope.sender);
  if (shown.has(LogItem::received_recipients)) {
    text += " for";
    for (const Recipient& recipient : envelope.recipients)
      text += " " + recipient.address;
  }
  return text;
}

}  // namespace receiver
