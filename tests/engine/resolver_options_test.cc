// SPDX-License-Identifier: Apache-2.0
#include "engine/resolver_options.h"

#include <gtest/gtest.h>

#include "base/fd.h"
#include "policy/policy.h"

namespace engine {
namespace {

using namespace std::chrono_literals;

net::Resolver::Options options_of(std::string_view text) {
  auto loaded = policy::load_policy(
      "policy.conf", text, *policy::Macros::create({}, {}),
      [](const std::filesystem::path& path) { return base::read_file(path); },
      policy::Program::any());
  for (const auto& error : loaded.diagnostics.errors)
    ADD_FAILURE() << loaded.source.format(error, "error");
  return resolver_options(loaded.policy->main);
}

TEST(ResolverOptions, AsksTheSystemsServersByDefault) {
  auto options = options_of("");
  EXPECT_TRUE(options.forwarders.empty());
  EXPECT_TRUE(options.trust_anchors.empty());
  EXPECT_TRUE(options.validate);
  EXPECT_EQ(options.deadline, 10s);
  EXPECT_EQ(options.hosts_file, "/etc/hosts");
}

TEST(ResolverOptions, FollowsTheMainOptions) {
  auto options = options_of(
      "dns_servers = <; 192.0.2.53 ; 2001:db8::53@5353\n"
      "dns_trust_anchors = /etc/a : /etc/b\n"
      "dns_retrans = 2s\n"
      "dns_retry = 3\n"
      "dns_dnssec_ok = 0\n");
  EXPECT_EQ(options.forwarders,
            (std::vector<std::string>{"192.0.2.53", "2001:db8::53@5353"}));
  EXPECT_EQ(options.trust_anchors,
            (std::vector<std::filesystem::path>{"/etc/a", "/etc/b"}));
  EXPECT_FALSE(options.validate);
  EXPECT_EQ(options.deadline, 8s);
}

TEST(ResolverOptions, KeepsNobodyWaitingForEver) {
  EXPECT_EQ(options_of("dns_retrans = 2h\n").deadline, 300s);
  EXPECT_EQ(options_of("dns_retry = 1000000000000\n").deadline, 300s);
}

}  // namespace
}  // namespace engine
