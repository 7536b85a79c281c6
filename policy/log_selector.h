// SPDX-License-Identifier: Apache-2.0
//
// What the log tells: the option log_selector, "+name -name ..." (Exim manual,
// "Reducing or increasing what is logged").
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace policy {

// In the order of the names in log_selector.cc.
enum class LogItem : std::uint8_t {
  eight_bit_mime,
  acl_warn_skipped,
  address_rewrite,
  all_parents,
  arguments,
  connection_id,
  connection_reject,
  delay_delivery,
  deliver_time,
  delivery_size,
  dkim,
  dkim_verbose,
  dnslist_defer,
  dnssec,
  etrn,
  host_lookup_failed,
  ident_timeout,
  incoming_interface,
  incoming_port,
  lost_incoming_connection,
  millisec,
  msg_id,
  msg_id_created,
  outgoing_interface,
  outgoing_port,
  pid,
  pipelining,
  protocol_detail,
  proxy,
  queue_run,
  queue_time,
  queue_time_exclusive,
  queue_time_overall,
  receive_time,
  received_recipients,
  received_sender,
  rejected_header,
  retry_defer,
  return_path_on_delivery,
  sender_on_delivery,
  sender_verify_fail,
  size_reject,
  skip_delivery,
  smtp_confirmation,
  smtp_connection,
  smtp_incomplete_transaction,
  smtp_mailauth,
  smtp_no_mail,
  smtp_protocol_error,
  smtp_syntax_error,
  subject,
  tls_certificate_verified,
  tls_cipher,
  tls_on_connect,
  tls_peerdn,
  tls_resumption,
  tls_sni,
  unknown_in_list,
};
inline constexpr std::size_t kLogItems = 58;

class LogSelector {
 public:
  LogSelector();  // Exim's defaults
  // Code::syntax names the word that is none, and the nearest that is one.
  static base::Result<LogSelector> parse(std::string_view text);

  bool has(LogItem item) const { return items_[static_cast<std::size_t>(item)]; }

 private:
  std::bitset<kLogItems> items_;
};

}  // namespace policy
