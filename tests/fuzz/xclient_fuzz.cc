// SPDX-License-Identifier: Apache-2.0
//
// XCLIENT: whatever parses holds an address and text that prints, and said again in our
// words it is the same.
#include <arpa/inet.h>

#include <algorithm>
#include <string>

#include "smtp/xclient.h"
#include "tests/fuzz/fuzz.h"

using fuzz::require;

namespace {

using smtp::ClaimedClient;

bool prints(std::string_view text) {
  return std::ranges::none_of(text,
                              [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; });
}

bool is_address(const std::string& text) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, text.c_str(), bytes) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

std::string xtext(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    out.append("+").append(1, kDigits[byte / 16]).append(1, kDigits[byte % 16]);
  }
  return out;
}

std::string say(const ClaimedClient& client) {
  std::string text = "ADDR=" + client.address + " PORT=" + std::to_string(client.port);
  if (client.name_state == ClaimedClient::Name::said) text += " NAME=" + client.name;
  if (client.login && !client.login->empty()) text += " LOGIN=" + xtext(*client.login);
  if (!client.local_address.empty()) text += " DESTADDR=" + client.local_address;
  return text + " DESTPORT=" + std::to_string(client.local_port);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto client = smtp::parse_xclient(fuzz::text_of(data, size));
  if (!client) {
    require(client.error() == smtp::standard(smtp::Standard::bad_parameter),
            "501 5.5.4");
    return 0;
  }
  require(is_address(client->address), "a client has an address");
  require(client->local_address.empty() || is_address(client->local_address),
          "so has its destination");
  require(prints(client->name) && prints(client->login.value_or("")),
          "all of it prints");
  auto again = smtp::parse_xclient(say(*client));
  require(again && say(*again) == say(*client), "it can be said again");
  return 0;
}
