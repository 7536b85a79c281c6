// SPDX-License-Identifier: Apache-2.0
#include "receiver/confinement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace {

using receiver::paths_named_in;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Confinement, FindsThePathsThatAPolicyNames) {
  EXPECT_THAT(paths_named_in("tls_certificate = /etc/ssl/a.pem : /srv/b.pem\n"),
              ElementsAre("/etc/ssl/a.pem", "/srv/b.pem"));
  EXPECT_THAT(paths_named_in("${lookup{$local_part}lsearch{/etc/aliases}{$value}}"),
              ElementsAre("/etc/aliases"));
  EXPECT_THAT(paths_named_in("domainlist d = lsearch;/etc/mail/domains : x.test"),
              ElementsAre("/etc/mail/domains"));
  EXPECT_THAT(paths_named_in(".include_if_exists /etc/bobbin/local.conf"),
              ElementsAre("/etc/bobbin/local.conf"));
  EXPECT_THAT(paths_named_in("HOME=/srv/mail"), ElementsAre("/srv/mail"));
}

TEST(Confinement, PathEndsWhereItsExpansionBegins) {
  EXPECT_THAT(paths_named_in("file = /srv/keys/$sender_host_address.pem"),
              ElementsAre("/srv/keys"));
  EXPECT_THAT(paths_named_in("file = /srv/keys/a-${lc:$x}/key"),
              ElementsAre("/srv/keys"));
}

TEST(Confinement, NotEverySlashBeginsAPath) {
  EXPECT_THAT(paths_named_in("hosts = 10.0.0.0/8 : 2001:db8::/32"), IsEmpty());
  EXPECT_THAT(paths_named_in("ratelimit = 10 / 1h / per_mail"), IsEmpty());
  EXPECT_THAT(paths_named_in("message = see http://www.example.org/why"), IsEmpty());
  EXPECT_THAT(paths_named_in("  # as /etc/shadow does\n"), IsEmpty());
  EXPECT_THAT(paths_named_in("/"), IsEmpty());
}

TEST(Confinement, NoProgramsAndNoNewListeners) {
  base::CallRules rules = receiver::calls_needed();
  std::set<std::string_view> refused(rules.refused.begin(), rules.refused.end());
  for (const char* call : {"execve", "execveat", "listen", "mount", "bpf", "setns"})
    EXPECT_TRUE(refused.contains(call)) << call;
  for (const char* call : rules.permitted)
    EXPECT_FALSE(refused.contains(call)) << call << " is permitted and refused";
}

}  // namespace
