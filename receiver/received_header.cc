// SPDX-License-Identifier: Apache-2.0
#include "receiver/received_header.h"

#include <ctime>

#include "base/text.h"
#include "base/version.h"

namespace receiver {

namespace {

// A client that greets us with its own address tells us nothing.
bool helo_is_peer(const Client& client) {
  return client.helo_name == "[" + client.peer.address + "]" ||
         base::equal_nocase(client.helo_name, "[IPv6:" + client.peer.address + "]");
}

}  // namespace

std::string format_mail_date(base::Time time) {
  std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  std::tm local{};
  ::localtime_r(&seconds, &local);
  char text[64];  // no program of ours calls setlocale, so names are English
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S %z", &local)};
}

std::string received_header(std::string_view hostname, const Client& client,
                            const Envelope& envelope, const spoolfmt::MessageId& id,
                            base::Time now) {
  std::string text = "Received: from [" + client.peer.address + "]";
  if (!client.helo_name.empty() && !helo_is_peer(client))
    text += " (helo=" + client.helo_name + ")";
  text.append("\n\tby ").append(hostname).append(" with ").append(client.protocol);
  text.append(" (bobbin ").append(base::kVersion).append(")\n\t");
  if (!envelope.sender.empty())
    text.append("(envelope-from <").append(envelope.sender).append(">)\n\t");
  text.append("id ").append(id.text());
  if (envelope.recipients.size() == 1)
    text.append("\n\tfor ").append(envelope.recipients.front());
  text.append(";\n\t").append(format_mail_date(now)).append("\n");
  return text;
}

std::string client_name(const Client& client) {
  std::string address = "[" + client.peer.address + "]";
  if (client.helo_name.empty()) return address;
  return "(" + client.helo_name + ") " + address;
}

std::string arrival(const Client& client, const Envelope& envelope, std::uint64_t size,
                    std::string_view queue, std::string_view message_id) {
  std::string text = envelope.sender.empty() ? "<>" : envelope.sender;
  text += " H=" + client_name(client);
  text += " P=" + client.protocol;
  text += " S=" + std::to_string(size);
  if (!queue.empty()) text.append(" Q=").append(queue);
  if (!message_id.empty()) text.append(" id=").append(message_id);
  return text;
}

}  // namespace receiver
