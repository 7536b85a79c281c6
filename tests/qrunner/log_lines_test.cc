// SPDX-License-Identifier: Apache-2.0
#include "qrunner/log_lines.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace {

using namespace std::chrono_literals;
using namespace qrunner;

policy::LogSelector shown(std::string_view text) {
  auto parsed = policy::LogSelector::parse(text);
  EXPECT_TRUE(parsed) << text;
  return *parsed;
}

Subject subject() {
  Subject about;
  about.address = "a@b";
  about.sender = "s@x";
  about.return_path = "r@x";
  about.router = "dnslookup";
  about.transport = "remote_smtp";
  return about;
}

Peer peer() {
  Peer other;
  other.name = "mx.b";
  other.address = "192.0.2.1";
  other.our_address = "192.0.2.200";
  other.our_port = 40000;
  return other;
}

TEST(LogLines, Q78_FieldsStandInEximsOrderForEverySelection) {
  Subject about = subject();
  about.original = "list@b";
  about.queue = "slow";
  Peer other = peer();
  other.continued = other.secure_dns = other.pipelining = other.chunking = true;
  other.cipher = "TLS1.3:X:256";
  other.certificate_verified = "yes";
  other.peer_dn = "/CN=mx";
  other.authenticated = "plain:me";
  Delivery delivery{1234, "250 OK", {3min + 4s, 1500ms}};
  const std::vector<std::pair<std::string, std::string>> fields = {
      {"", "a@b <list@b>"},
      {"sender_on_delivery", " F=<s@x>"},
      {"", " Q=slow"},
      {"return_path_on_delivery", " P=<r@x>"},
      {"", " R=dnslookup T=remote_smtp"},
      {"delivery_size", " S=1234"},
      {"", " H=mx.b"},
      {"dnssec", " DS"},
      {"", " [192.0.2.1]"},
      {"outgoing_port", ":25"},
      {"", "*"},
      {"tls_cipher", " X=TLS1.3:X:256"},
      {"tls_certificate_verified", " CV=yes"},
      {"tls_peerdn", " DN=\"/CN=mx\""},
      {"", " A=plain:me"},
      {"pipelining", " L"},
      {"", " K"},
      {"smtp_confirmation", " C=\"250 OK\""},
      {"queue_time", " QT=3m4s"},
      {"deliver_time", " DT=1s"},
  };
  std::vector<std::string> words;
  for (const auto& [word, text] : fields)
    if (!word.empty()) words.push_back(word);
  for (unsigned set = 0; set < 1U << words.size(); ++set) {
    std::string selector = "-all";
    std::string expected;
    for (std::size_t i = 0; i < words.size(); ++i)
      if ((set >> i & 1U) != 0) selector += " +" + words[i];
    for (const auto& [word, text] : fields) {
      auto at = std::ranges::find(words, word);
      bool on = word.empty() || (set >> (at - words.begin()) & 1U) != 0;
      if (on) expected += text;
    }
    ASSERT_EQ(delivery_text(about, &other, delivery, shown(selector)), expected)
        << selector;
  }
}

TEST(LogLines, Q79_ConfirmationsAreQuotedAndCut) {
  Delivery delivery;
  delivery.confirmation = "a\"b\\c";
  std::string text = delivery_text(subject(), nullptr, delivery, shown(""));
  EXPECT_TRUE(text.ends_with(" C=\"a\\\"b\\\\c\"")) << text;
  delivery.confirmation.assign(5000, 'x');
  text = delivery_text(subject(), nullptr, delivery, shown(""));
  EXPECT_LT(text.size(), 1100U);
}

TEST(LogLines, TroubleStandsWhereReadersOfLogsLook) {
  Peer other = peer();
  EXPECT_EQ(deferral_text(subject(), &other, {-44, "", "SMTP error"}, shown("")),
            "a@b R=dnslookup T=remote_smtp defer (-44) H=mx.b [192.0.2.1]: SMTP error");
  EXPECT_EQ(
      deferral_text(subject(), nullptr, {111, "Connection refused", ""}, shown("")),
      "a@b R=dnslookup T=remote_smtp defer (111): Connection refused");
  EXPECT_EQ(failure_text(subject(), &other, {-44, "", "SMTP error"}, shown("")),
            "a@b R=dnslookup T=remote_smtp H=mx.b [192.0.2.1] : SMTP error");
  EXPECT_EQ(host_line(other, {111, "Connection refused", ""}, shown("")),
            "H=mx.b [192.0.2.1] Connection refused");
  EXPECT_EQ(host_line(other, {-18, "", "it closed"}, shown("")),
            "H=mx.b [192.0.2.1]: it closed");
}

TEST(LogLines, TimesAreWrittenAsEximDoes) {
  EXPECT_EQ(format_time(0s, false), "0s");
  EXPECT_EQ(format_time(26h + 3min, false), "1d2h3m");
  EXPECT_EQ(format_time(304ms, true), "0.304s");
  EXPECT_EQ(format_time(8s, true), "8s");
  EXPECT_EQ(format_time(-5s, false), "0s");
}

}  // namespace
