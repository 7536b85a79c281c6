// SPDX-License-Identifier: Apache-2.0
#include "receiver/received_header.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "base/version.h"

namespace {

using policy::LogSelector;
using receiver::ArrivalDetails;
using receiver::Client;
using receiver::Envelope;

const base::Time kTime{std::chrono::seconds(1'795'221'679)};

Client client() {
  Client client;
  client.socket_peer = client.peer = {"127.0.0.1", 1234};
  client.local = {"127.0.0.1", 25};
  client.helo_name = "client.fixture.example";
  client.extended = true;
  return client;
}

Envelope envelope(const std::string& sender,
                  const std::vector<std::string>& recipients = {}) {
  Envelope envelope;
  envelope.sender = sender;
  for (const std::string& each : recipients) envelope.recipients.push_back({each, {}});
  return envelope;
}

net::TlsFacts tls() {
  net::TlsFacts tls;
  tls.version = "TLS1.3";
  tls.cipher = "TLS1.3:TLS_AES_256_GCM_SHA384:256";
  tls.standard_cipher = "TLS_AES_256_GCM_SHA384";
  tls.sni = "mx.example";
  tls.peer_dn = "CN=client \"x\"";
  tls.resumption = 27;
  return tls;
}

LogSelector selector(std::string_view text) {
  return *LogSelector::parse(text);
}

std::string header(const Client& from, const Envelope& envelope) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  auto id = *spoolfmt::MessageId::parse("1xUZAN-0007R5-0L");
  return receiver::received_header("mx1.fixture.example", from, envelope, id, kTime,
                                   LogSelector());
}

std::string program() {
  return "(bobbin " + std::string(base::kVersion) + ")";
}

// Apart from the program's name these are the lines that Exim 4.96 writes.
TEST(ReceivedHeader, RX18_NamesTheRecipientIfThereIsOne) {
  EXPECT_EQ(header(client(), envelope("alice@sender.example", {"bob@remote.example"})),
            "Received: from [127.0.0.1] (helo=client.fixture.example)\n"
            "\tby mx1.fixture.example with esmtp " +
                program() +
                "\n\t(envelope-from <alice@sender.example>)\n"
                "\tid 1xUZAN-0007R5-0L\n"
                "\tfor bob@remote.example;\n"
                "\tSat, 21 Nov 2026 00:41:19 +0000\n");
}

TEST(ReceivedHeader, RX18_NamesNobodyIfThereAreTwo) {
  EXPECT_EQ(
      header(client(), envelope("", {"bob@remote.example", "carol@remote.example"})),
      "Received: from [127.0.0.1] (helo=client.fixture.example)\n"
      "\tby mx1.fixture.example with esmtp " +
          program() +
          "\n\tid 1xUZAN-0007R5-0L;\n"
          "\tSat, 21 Nov 2026 00:41:19 +0000\n");
}

TEST(ReceivedHeader, LeavesOutAGreetingThatIsTheAddress) {
  Client same = client();
  for (std::string helo : {"[127.0.0.1]", "[IPv6:::1]"}) {
    same.helo_name = helo;
    if (helo.starts_with("[I")) same.peer.address = "::1";
    std::string text = header(same, envelope("a@b"));
    EXPECT_EQ(text.substr(0, text.find('\n')),
              "Received: from [" + same.peer.address + "]");
  }
}

TEST(ReceivedHeader, TellsOfTlsAndOfVerifiedNames) {
  Client known = client();
  known.tls = tls();
  known.host = {receiver::HostNames::State::found, {"client.example"}};
  std::string text = header(known, envelope(""));
  EXPECT_EQ(text.substr(0, text.find("\tid ")),
            "Received: from client.example ([127.0.0.1] helo=client.fixture.example)\n"
            "\tby mx1.fixture.example with esmtps  (TLS1.3) tls "
            "TLS_AES_256_GCM_SHA384\n\t" +
                program() + "\n");
  known.helo_name = "Client.Example";
  EXPECT_EQ(receiver::received_from(known), "client.example ([127.0.0.1])");
}

std::string arrival(const Client& from, const Envelope& envelope,
                    const ArrivalDetails& details, std::string_view selectors = "") {
  return receiver::describe_arrival(from, envelope, details, selector(selectors));
}

TEST(Arrival, HasEximsFieldsInEximsOrder) {
  ArrivalDetails details;
  details.size = 410;
  details.message_id = "x@y";
  EXPECT_EQ(arrival(client(), envelope("a@b.example", {"c@d"}), details),
            "a@b.example H=(client.fixture.example) [127.0.0.1] P=esmtp S=410 id=x@y");
  Client same = client();
  same.helo_name = "[127.0.0.1]";
  same.extended = false;
  details = {};
  details.size = 1;
  details.queue = "slow";
  EXPECT_EQ(arrival(same, envelope("", {"c@d"}), details),
            "<> H=([127.0.0.1]) [127.0.0.1] P=smtp S=1 Q=slow");
}

TEST(Arrival, HasEveryFieldWhereAllIsSelected) {
  Client full = client();
  full.tls = tls();
  full.login = receiver::Login{"plain_login", "PLAIN", "joe"};
  full.proxy = receiver::Proxy{{"192.0.2.7", 99}, {}};
  full.steps = "esea";
  Envelope from = envelope("a@b.example", {"c@d", "e@f"});
  from.authenticated_sender = "joe@b.example";
  ArrivalDetails details;
  details.size = 410;
  details.message_id = "x@y";
  details.subject = "a \"quoted\" one";
  details.chunked = true;
  details.pipelining = "L";
  details.reception = std::chrono::milliseconds(1234);
  EXPECT_EQ(arrival(full, from, details, "+all"),
            "a@b.example H=(client.fixture.example) [127.0.0.1]:1234 I=[127.0.0.1]:25 "
            "P=esmtpsa L PS=esea X=TLS1.3:TLS_AES_256_GCM_SHA384:256* CV=no "
            "DN=\"CN=client \\\"x\\\"\" SNI=mx.example "
            "A=plain_login:joe:joe@b.example PRX=192.0.2.7 K S=410 M8S=0 RT=1.234s "
            "id=x@y T=\"a \\\"quoted\\\" one\" from <a@b.example> for c@d e@f");
}

TEST(Arrival, RS5_StarMarksAResumedSessionIfSelected) {
  Client resumed = client();
  resumed.tls = tls();
  EXPECT_EQ(receiver::describe_tls(resumed, selector("-all +tls_cipher")),
            " X=TLS1.3:TLS_AES_256_GCM_SHA384:256");
  EXPECT_EQ(
      receiver::describe_tls(resumed, selector("-all +tls_cipher+tls_resumption")),
      " X=TLS1.3:TLS_AES_256_GCM_SHA384:256*");
  resumed.tls->resumption = 11;
  EXPECT_EQ(
      receiver::describe_tls(resumed, selector("-all +tls_cipher+tls_resumption")),
      " X=TLS1.3:TLS_AES_256_GCM_SHA384:256");
}

TEST(Arrival, PD5_StepsAreNotShownUnlessSelected) {
  Client greeted = client();
  greeted.steps = "e";
  EXPECT_EQ(arrival(greeted, envelope("a@b"), {}).find("PS="), std::string::npos);
  EXPECT_NE(arrival(greeted, envelope("a@b"), {}, "+protocol_detail").find(" PS=e "),
            std::string::npos);
}

}  // namespace
