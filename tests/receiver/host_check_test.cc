// SPDX-License-Identifier: Apache-2.0
#include "receiver/host_check.h"

#include <gtest/gtest.h>

#include <map>

namespace receiver {
namespace {

using base::Code;
using policy::Answer;
using State = HostNames::State;
using Names = std::vector<std::string>;

// "ptr 1.2.0.192.in-addr.arpa" -> {"mx.example"}; "*" as a record: nobody could say;
// "+" in front: secure.  What is not there has no name.
class Dns {
 public:
  explicit Dns(std::map<std::string, Names> zone) : zone_(std::move(zone)) {}

  engine::Ask ask() {
    return [this](std::string_view type, std::string_view name) {
      return answer(std::string(type) + " " + std::string(name));
    };
  }
  int asked = 0;

 private:
  base::Result<net::DnsRecords> answer(const std::string& question) {
    ++asked;
    net::DnsRecords found;
    auto entry = zone_.find(question);
    if (entry == zone_.end()) {
      found.status = net::DnsRecords::Status::no_name;
      return found;
    }
    for (std::string record : entry->second) {
      if (record == "*") return base::fail(Code::temporary, "no server");
      if (record == "+")
        found.secure = true;
      else
        found.records.push_back({std::move(record)});
    }
    found.status = net::DnsRecords::Status::found;
    return found;
  }

  std::map<std::string, Names> zone_;
};

constexpr auto kPtr = "ptr 1.2.0.192.in-addr.arpa";

TEST(HostCheck, FindsNamesThatLeadBack) {
  struct Row {
    const char* claim;
    std::map<std::string, Names> zone;
    State state;
    Names names;
    bool authenticated;
  } rows[] = {
      {"one", {{kPtr, {"a"}}, {"a a", {"192.0.2.1"}}}, State::found, {"a"}, false},
      {"in order",
       {{kPtr, {"b", "a"}},
        {"a a", {"192.0.2.1"}},
        {"a b", {"192.0.2.9", "192.0.2.1"}}},
       State::found,
       {"b", "a"},
       false},
      {"some lie",
       {{kPtr, {"liar", "a"}}, {"a a", {"192.0.2.1"}}, {"a liar", {"192.0.2.2"}}},
       State::found,
       {"a"},
       false},
      {"all lie",
       {{kPtr, {"liar"}}, {"a liar", {"192.0.2.2"}}},
       State::failed,
       {},
       false},
      {"no pointer", {}, State::failed, {}, false},
      {"no forward", {{kPtr, {"a"}}}, State::failed, {}, false},
      {"pointer later", {{kPtr, {"*"}}}, State::deferred, {}, false},
      {"forward later", {{kPtr, {"a"}}, {"a a", {"*"}}}, State::deferred, {}, false},
      {"one later, one found",
       {{kPtr, {"b", "a"}}, {"a b", {"*"}}, {"a a", {"192.0.2.1"}}},
       State::found,
       {"a"},
       false},
      {"one lies, one later",
       {{kPtr, {"liar", "a"}}, {"a a", {"*"}}, {"a liar", {"192.0.2.2"}}},
       State::deferred,
       {},
       false},
      {"no names at all",
       {{kPtr, {"a b", R"(a\.b)", "", "x/y", "a", "a"}}, {"a a", {"192.0.2.1"}}},
       State::found,
       {"a"},
       false},
      {"secure both ways",
       {{kPtr, {"+", "a"}}, {"a a", {"+", "192.0.2.1"}}},
       State::found,
       {"a"},
       true},
      {"secure one way",
       {{kPtr, {"+", "a"}}, {"a a", {"192.0.2.1"}}},
       State::found,
       {"a"},
       false},
      {"secure the other way",
       {{kPtr, {"a"}}, {"a a", {"+", "192.0.2.1"}}},
       State::found,
       {"a"},
       false},
  };
  for (const Row& row : rows) {
    Dns dns(row.zone);
    HostNames found = find_host_names("192.0.2.1", dns.ask());
    EXPECT_EQ(found.state, row.state) << row.claim;
    EXPECT_EQ(found.names, row.names) << row.claim;
    EXPECT_EQ(found.authenticated, row.authenticated) << row.claim;
  }
}

TEST(HostCheck, AsksInTheFamilyOfTheAddress) {
  Dns dns({{"ptr " + net::reverse_name("2001:db8::1"), {"a"}},
           {"aaaa a", {"2001:DB8:0::1"}},
           {kPtr, {"a"}},
           {"a a", {"192.0.2.1"}}});
  EXPECT_EQ(find_host_names("2001:db8::1", dns.ask()).names, Names{"a"});
  EXPECT_EQ(find_host_names("::ffff:192.0.2.1", dns.ask()).names, Names{"a"});
  EXPECT_EQ(dns.asked, 4);
}

TEST(HostCheck, LooksAtTenPointersAtMost) {
  Names many;
  for (int i = 0; i < 1000; ++i) many.push_back("n" + std::to_string(i));
  Dns dns({{kPtr, many}});
  EXPECT_EQ(find_host_names("192.0.2.1", dns.ask()).state, State::failed);
  EXPECT_EQ(dns.asked, 11);
}

TEST(HostCheck, FindsAddressesOfBothFamilies) {
  Dns dns({{"a both", {"192.0.2.1", "192.0.2.2"}},
           {"aaaa both", {"2001:db8::1"}},
           {"a half", {"192.0.2.1"}},
           {"aaaa half", {"*"}},
           {"aaaa later", {"*"}}});
  EXPECT_EQ(*engine::addresses_of("both", dns.ask()),
            (Names{"192.0.2.1", "192.0.2.2", "2001:db8::1"}));
  EXPECT_EQ(*engine::addresses_of("half", dns.ask()), Names{"192.0.2.1"});
  EXPECT_EQ(engine::addresses_of("later", dns.ask()).error().code, Code::temporary);
  EXPECT_EQ(*engine::addresses_of("nothing", dns.ask()), Names{});
}

}  // namespace
}  // namespace receiver
