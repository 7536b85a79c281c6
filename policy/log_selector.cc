// SPDX-License-Identifier: Apache-2.0
#include "policy/log_selector.h"

#include <algorithm>
#include <array>
#include <vector>

#include "policy/parsing.h"

namespace policy {

namespace {

struct Selector {
  std::string_view name;
  bool preset = false;
};

constexpr auto kSelectors = std::to_array<Selector>({
    {"8bitmime"},
    {"acl_warn_skipped", true},
    {"address_rewrite"},
    {"all_parents"},
    {"arguments"},
    {"connection_id"},
    {"connection_reject", true},
    {"delay_delivery", true},
    {"deliver_time"},
    {"delivery_size"},
    {"dkim", true},
    {"dkim_verbose"},
    {"dnslist_defer", true},
    {"dnssec"},
    {"etrn", true},
    {"host_lookup_failed", true},
    {"ident_timeout"},
    {"incoming_interface"},
    {"incoming_port"},
    {"lost_incoming_connection", true},
    {"millisec"},
    {"msg_id", true},
    {"msg_id_created"},
    {"outgoing_interface"},
    {"outgoing_port"},
    {"pid"},
    {"pipelining"},
    {"protocol_detail"},
    {"proxy"},
    {"queue_run", true},
    {"queue_time"},
    {"queue_time_exclusive", true},
    {"queue_time_overall"},
    {"receive_time"},
    {"received_recipients"},
    {"received_sender"},
    {"rejected_header", true},
    {"retry_defer", true},
    {"return_path_on_delivery"},
    {"sender_on_delivery"},
    {"sender_verify_fail", true},
    {"size_reject", true},
    {"skip_delivery", true},
    {"smtp_confirmation", true},
    {"smtp_connection"},
    {"smtp_incomplete_transaction"},
    {"smtp_mailauth"},
    {"smtp_no_mail"},
    {"smtp_protocol_error"},
    {"smtp_syntax_error"},
    {"subject"},
    {"tls_certificate_verified", true},
    {"tls_cipher", true},
    {"tls_on_connect"},
    {"tls_peerdn"},
    {"tls_resumption"},
    {"tls_sni"},
    {"unknown_in_list"},
});
static_assert(kSelectors.size() == kLogItems);
static_assert(std::ranges::is_sorted(kSelectors, {}, &Selector::name));

// Names of older releases.
std::string_view modern(std::string_view name) {
  if (name == "tls_dn") return "tls_peerdn";
  return name;
}

}  // namespace

LogSelector::LogSelector() {
  for (std::size_t i = 0; i < kSelectors.size(); ++i) items_[i] = kSelectors[i].preset;
}

base::Result<LogSelector> LogSelector::parse(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n";
  LogSelector selector;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
    if (text.empty()) return selector;
    std::string_view word = text.substr(0, text.find_first_of(" \t\n+-", 1));
    text.remove_prefix(word.size());
    bool on = word.front() == '+';
    if (!on && word.front() != '-')
      return base::fail(base::Code::syntax, "log_selector: '" + std::string(word) +
                                                "' starts with neither + nor -");
    std::string_view name = modern(word.substr(1));
    if (name == "all") {
      on ? selector.items_.set() : selector.items_.reset();
      continue;
    }
    auto found = std::ranges::find(kSelectors, name, &Selector::name);
    if (found == kSelectors.end()) {
      std::vector<std::string_view> known = {"all"};
      for (const Selector& each : kSelectors) known.push_back(each.name);
      return base::fail(base::Code::syntax, "log_selector knows no '" +
                                                std::string(name) + "'" +
                                                did_you_mean(name, known));
    }
    selector.items_[static_cast<std::size_t>(found - kSelectors.begin())] = on;
  }
}

}  // namespace policy
