// SPDX-License-Identifier: Apache-2.0
#include "qrunner/log_lines.h"

#include <cstdio>

namespace qrunner {

namespace {

using policy::LogItem;
using policy::LogSelector;

constexpr std::size_t kLongestConfirmation = 1024;

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (out.size() >= kLongestConfirmation) break;
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

void add(std::string& out, std::string_view tag, std::string_view value) {
  if (!value.empty()) ((out += ' ') += tag) += value;
}

std::string address_text(const Subject& subject, const LogSelector& shown) {
  std::string out = subject.address;
  if (!subject.original.empty() && subject.original != subject.address)
    out += " <" + subject.original + ">";
  if (shown.has(LogItem::sender_on_delivery)) out += " F=<" + subject.sender + ">";
  add(out, "Q=", subject.queue);
  if (shown.has(LogItem::return_path_on_delivery))
    out += " P=<" + subject.return_path + ">";
  add(out, "R=", subject.router);
  add(out, "T=", subject.transport);
  return out;
}

std::string place(const Peer& peer, const LogSelector& shown) {
  std::string out = "H=" + peer.name;
  if (peer.is_socket()) return out;
  if (shown.has(LogItem::dnssec) && peer.secure_dns) out += " DS";
  out += " [" + peer.address + "]";
  if (shown.has(LogItem::outgoing_port)) out += ":" + std::to_string(peer.port);
  if (peer.continued) out += "*";
  if (shown.has(LogItem::incoming_interface) &&
      shown.has(LogItem::outgoing_interface) && !peer.our_address.empty()) {
    out += " I=[" + peer.our_address + "]";
    if (shown.has(LogItem::outgoing_port)) out += ":" + std::to_string(peer.our_port);
  }
  return out;
}

}  // namespace

std::string host_text(const Peer& peer, const LogSelector& shown) {
  if (peer.is_socket()) return "";
  std::string out = place(peer, shown);
  if (shown.has(LogItem::tls_cipher)) {
    add(out, "X=", peer.cipher);
    if (peer.resumed && shown.has(LogItem::tls_resumption)) out += "*";
  }
  if (shown.has(LogItem::tls_certificate_verified))
    add(out, "CV=", peer.certificate_verified);
  if (shown.has(LogItem::tls_peerdn) && !peer.peer_dn.empty())
    out += " DN=" + quoted(peer.peer_dn);
  return out;
}

std::string delivery_text(const Subject& subject, const Peer* peer,
                          const Delivery& delivery, const LogSelector& shown) {
  bool millisec = shown.has(LogItem::millisec);
  std::string out = address_text(subject, shown);
  if (shown.has(LogItem::delivery_size)) out += " S=" + std::to_string(delivery.size);
  if (peer) {
    add(out, "", host_text(*peer, shown));
    add(out, "A=", peer->authenticated);
    if (shown.has(LogItem::pipelining) && peer->pipelining) out += " L";
    if (peer->chunking) out += " K";
  }
  if (shown.has(LogItem::smtp_confirmation) && !delivery.confirmation.empty())
    out += " C=" + quoted(delivery.confirmation);
  if (shown.has(LogItem::queue_time))
    out += " QT=" + format_time(delivery.times.queued, millisec);
  if (shown.has(LogItem::deliver_time))
    out += " DT=" + format_time(delivery.times.own, millisec);
  return out;
}

std::string deferral_text(const Subject& subject, const Peer* peer,
                          const Trouble& trouble, const LogSelector& shown) {
  std::string out = address_text(subject, shown);
  out += " defer (" + std::to_string(trouble.number) + ")";
  if (!trouble.system_text.empty()) out += ": " + trouble.system_text;
  if (peer) add(out, "", host_text(*peer, shown));
  if (!trouble.text.empty()) out += ": " + trouble.text;
  return out;
}

std::string failure_text(const Subject& subject, const Peer* peer,
                         const Trouble& trouble, const LogSelector& shown) {
  std::string out = address_text(subject, shown);
  if (peer) add(out, "", host_text(*peer, shown));
  if (!trouble.system_text.empty()) out += " : " + trouble.system_text;
  if (!trouble.text.empty()) out += " : " + trouble.text;
  return out;
}

std::string host_line(const Peer& peer, const Trouble& trouble,
                      const LogSelector& shown) {
  std::string out = place(peer, shown);
  if (!trouble.text.empty()) out += ": " + trouble.text;
  if (!trouble.system_text.empty())
    out += (trouble.text.empty() ? " " : ": ") + trouble.system_text;
  return out;
}

std::string format_time(std::chrono::microseconds span, bool millisec) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  if (span < span.zero()) span = span.zero();
  if (millisec && span < seconds(5)) {
    char text[16];
    auto whole = duration_cast<milliseconds>(span).count();
    std::snprintf(text, sizeof text, "%d.%03ds", static_cast<int>(whole / 1000),
                  static_cast<int>(whole % 1000));
    return text;
  }
  struct Unit {
    char letter;
    std::int64_t seconds;
  };
  constexpr Unit kUnits[] = {
      {'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
  std::int64_t left = duration_cast<seconds>(span).count();
  std::string out;
  for (const Unit& unit : kUnits) {
    if (left >= unit.seconds) out += std::to_string(left / unit.seconds) + unit.letter;
    left %= unit.seconds;
  }
  return out.empty() ? "0s" : out;
}

}  // namespace qrunner
