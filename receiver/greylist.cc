// SPDX-License-Identifier: Apache-2.0
#include "receiver/greylist.h"

#include <nlohmann/json.hpp>

#include "base/crypto.h"
#include "base/text.h"
#include "policy/ip.h"

namespace receiver {

namespace {

using nlohmann::json;
using std::chrono::sys_seconds;

constexpr unsigned kV4Bits = 24;
constexpr unsigned kV6Bits = 64;

// A string, or the object that stands for bytes that are none.
std::string text_of(const json& object, const char* key) {
  auto found = object.find(key);
  if (found == object.end()) return {};
  return base::lower(found->is_string() ? found->get<std::string>() : found->dump());
}

// Senders with several machines come again from a neighbour.
std::string network_of(const std::string& address) {
  auto ip = policy::parse_ip(address);
  if (!ip) return address;
  policy::Ip plain = policy::unmapped(*ip);
  unsigned bits = plain.v6 ? kV6Bits : kV4Bits;
  return policy::format_ip(policy::masked(plain, bits)) + "/" + std::to_string(bits);
}

}  // namespace

std::optional<Triplet> parse_triplet(std::string_view text) {
  auto first = base::scan_number(text);
  auto last = first ? base::scan_number(text) : std::nullopt;
  if (!last || !text.empty()) return {};
  return Triplet{sys_seconds(std::chrono::seconds(*first)),
                 sys_seconds(std::chrono::seconds(*last))};
}

std::string format_triplet(const Triplet& triplet) {
  return std::to_string(triplet.first.time_since_epoch().count()) + " " +
         std::to_string(triplet.last.time_since_epoch().count());
}

bool has_expired(const Triplet& triplet, const GreylistTimes& times, sys_seconds now) {
  bool passed = triplet.last != sys_seconds();
  return passed ? now > triplet.last + times.keep : now > triplet.first + times.window;
}

bool passes(std::optional<Triplet>& triplet, const GreylistTimes& times,
            sys_seconds now) {
  if (!triplet || has_expired(*triplet, times, now)) {
    triplet = Triplet{now, {}};
    return false;
  }
  bool passed = triplet->last != sys_seconds();
  if (!passed && now < triplet->first + times.delay) return false;
  triplet->last = now;
  return true;
}

base::Result<std::string> GreylistFacts::key() const {
  return base::digest(base::DigestKind::sha2_256,
                      network + "\n" + sender + "\n" + recipient);
}

base::Result<GreylistFacts> read_greylist_facts(std::string_view input) {
  json object = json::parse(input, nullptr, false);
  if (!object.is_object() || !object.contains("client") ||
      !object["client"].is_object() || !object.contains("envelope") ||
      !object["envelope"].is_object())
    return base::fail(base::Code::syntax,
                      "standard input is not what bobbin-receive gives to scripts");
  const json &client = object["client"], &envelope = object["envelope"];
  GreylistFacts facts;
  facts.network = network_of(text_of(client, "ip"));
  facts.authenticated = client.contains("auth") && client["auth"].is_object();
  facts.sender = text_of(envelope, "from");
  auto recipients = envelope.find("rcpt");
  if (recipients != envelope.end() && recipients->is_array() && !recipients->empty() &&
      recipients->front().is_object())
    facts.recipient = text_of(recipients->front(), "addr");
  return facts;
}

}  // namespace receiver
