// SPDX-License-Identifier: Apache-2.0
#include "policy/verify.h"

#include <gmock/gmock.h>

#include "policy/scripted_context.h"

namespace policy {
namespace {

// A client whose names and addresses the DNS may not be able to tell.
class Client : public ScriptedContext {
 public:
  Client(const std::string& helo, const std::string& address) {
    variables["sender_helo_name"] = helo;
    host_address = address;
    addresses["forward"] = {"192.0.2.9", "192.0.2.1"};
  }
  Outcome<std::vector<std::string>> host_names() override {
    ++asked;
    if (names_later) return defer("later");
    return ScriptedContext::host_names();
  }
  Outcome<std::vector<std::string>> addresses_of(std::string_view name) override {
    ++asked;
    if (name == "later") return defer("later");
    return ScriptedContext::addresses_of(name);
  }

  bool names_later = false;
  int asked = 0;
};

TEST(VerifyHelo, TakesLiteralsNamesAndNamesThatLeadToTheAddress) {
  struct Row {
    const char* helo;
    const char* address;
    std::vector<std::string> names;
    Answer answer;
  } rows[] = {
      {"[192.0.2.1]", "192.0.2.1", {}, Answer::yes},
      {"[IPv4:192.0.2.1]", "192.0.2.1", {}, Answer::yes},
      {"[ipv6:2001:DB8::1]", "2001:db8::1", {}, Answer::yes},
      {"[2001:db8::1]", "2001:db8::1", {}, Answer::yes},
      {"[192.0.2.1]", "::ffff:192.0.2.1", {}, Answer::yes},
      {"[192.0.2.2]", "192.0.2.1", {}, Answer::no},
      {"[192.0.2.1", "192.0.2.1", {}, Answer::no},
      {"[]", "192.0.2.1", {}, Answer::no},
      {"[", "192.0.2.1", {}, Answer::no},
      {"192.0.2.1", "192.0.2.1", {}, Answer::no},
      {"MX.example", "192.0.2.1", {"mx.example"}, Answer::yes},
      {"alias.example", "192.0.2.1", {"mx.example", "alias.example"}, Answer::yes},
      {"mx.example.", "192.0.2.1", {"mx.example"}, Answer::yes},
      {"forward", "192.0.2.1", {}, Answer::yes},
      {"forward", "192.0.2.2", {}, Answer::no},
      {"later", "192.0.2.1", {}, Answer::no},
      {"nothing", "192.0.2.1", {}, Answer::no},
      {"no name", "192.0.2.1", {}, Answer::no},
      {"", "192.0.2.1", {}, Answer::no},
      {"anything", "", {}, Answer::yes},  // from this machine, without a connection
  };
  for (const Row& row : rows) {
    Client client(row.helo, row.address);
    client.names_of_host = row.names;
    CheckResult result = verify_helo(client);
    EXPECT_EQ(result.answer, row.answer) << row.helo;
    EXPECT_EQ(result.log_message.empty(), row.answer == Answer::yes) << row.helo;
  }
}

TEST(VerifyHelo, AsksNothingAboutALiteral) {
  Client client("[192.0.2.1]", "192.0.2.1");
  EXPECT_EQ(verify_helo(client).answer, Answer::yes);
  EXPECT_EQ(client.asked, 0);
}

TEST(VerifyHelo, VerifiesNothingWhileTheDnsIsSilent) {
  Client client("mx.example", "192.0.2.1");
  client.names_later = true;
  EXPECT_EQ(verify_helo(client).answer, Answer::no);
  EXPECT_THAT(verify_helo(client).log_message, testing::HasSubstr("looked up now"));
}

}  // namespace
}  // namespace policy
