// SPDX-License-Identifier: Apache-2.0
#include "receiver/received_header.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "base/version.h"

namespace {

using receiver::Client;
using receiver::Envelope;

const base::Time kTime{std::chrono::seconds(1'795'221'679)};

Client client() {
  return {{"127.0.0.1", 1234}, {"127.0.0.1", 25}, "client.fixture.example", "esmtp"};
}

std::string header(const Client& from, const Envelope& envelope) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  auto id = *spoolfmt::MessageId::parse("1xUZAN-0007R5-0L");
  return receiver::received_header("mx1.fixture.example", from, envelope, id, kTime);
}

std::string program() {
  return "(bobbin " + std::string(base::kVersion) + ")";
}

// Apart from the program's name these are the lines that Exim 4.96 writes.
TEST(ReceivedHeader, RX18_NamesTheRecipientIfThereIsOne) {
  EXPECT_EQ(header(client(), {"alice@sender.example", {"bob@remote.example"}}),
            "Received: from [127.0.0.1] (helo=client.fixture.example)\n"
            "\tby mx1.fixture.example with esmtp " +
                program() +
                "\n\t(envelope-from <alice@sender.example>)\n"
                "\tid 1xUZAN-0007R5-0L\n"
                "\tfor bob@remote.example;\n"
                "\tSat, 21 Nov 2026 00:41:19 +0000\n");
}

TEST(ReceivedHeader, RX18_NamesNobodyIfThereAreTwo) {
  EXPECT_EQ(header(client(), {"", {"bob@remote.example", "carol@remote.example"}}),
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
    std::string text = header(same, {"a@b", {}});
    EXPECT_EQ(text.substr(0, text.find('\n')),
              "Received: from [" + same.peer.address + "]");
  }
}

TEST(ReceivedHeader, DatesAreInTheLocalZone) {
  ::setenv("TZ", "XYZ-05:30", 1);
  ::tzset();
  EXPECT_EQ(receiver::format_mail_date(kTime), "Sat, 21 Nov 2026 06:11:19 +0530");
  ::setenv("TZ", "UTC", 1);
  ::tzset();
}

TEST(Arrival, HasEximsFieldsInEximsOrder) {
  EXPECT_EQ(receiver::arrival(client(), {"a@b.example", {"c@d"}}, 410, "", "x@y"),
            "a@b.example H=(client.fixture.example) [127.0.0.1] P=esmtp S=410 id=x@y");
  Client same = client();
  same.helo_name = "[127.0.0.1]";
  same.protocol = "smtp";
  EXPECT_EQ(receiver::arrival(same, {"", {"c@d"}}, 1, "slow", ""),
            "<> H=([127.0.0.1]) [127.0.0.1] P=smtp S=1 Q=slow");
}

}  // namespace
