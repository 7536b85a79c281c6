// SPDX-License-Identifier: Apache-2.0
#include "hints/retry_key.h"

#include <gtest/gtest.h>

namespace {
using hints::HostItem;
}  // namespace

TEST(RetryKey, HostsAreNamedAsEximNamesThem) {
  struct Row {
    HostItem host;
    std::string_view key;
  };
  for (const Row& row : {
           Row{{.name = "MX1.Example.org", .address = "192.0.2.1"},
               "T:mx1.example.org:192.0.2.1"},
           Row{{.name = "mx", .address = "192.0.2.1", .port = 2525},
               "T:mx:192.0.2.1:2525"},
           Row{{.name = "mx", .address = "2001:db8::1"}, "T:mx:[2001:db8::1]"},
           Row{{.name = "192.0.2.1", .address = "192.0.2.1", .port = 26},
               "T:[192.0.2.1]:192.0.2.1:26"},
           Row{{.name = "2001:DB8::1", .address = "2001:db8::1"},
               "T:[2001:DB8::1]:[2001:db8::1]"},
           Row{{.name = "mx", .address = ""}, "T:mx"},
           Row{{.name = "MX", .address = "", .port = 2525}, "T:mx:2525"},
           Row{{.name = "192.0.2.1", .address = "", .port = 26}, "T:[192.0.2.1]:26"},
           Row{{.name = "mx", .address = "", .interface = "198.51.100.7"},
               "T:mx/198.51.100.7"},
           Row{{.name = "mx",
                .address = "192.0.2.1",
                .port = 26,
                .interface = "198.51.100.7"},
               "T:mx:192.0.2.1:26/198.51.100.7"},
       }) {
    EXPECT_EQ(host_key(row.host), row.key);
    EXPECT_EQ(message_key(row.host, "1xUrx0-0004wQ-2O"),
              std::string(row.key) + ":1xUrx0-0004wQ-2O");
  }
}

TEST(RetryKey, DomainsHaveNoCaseAndLocalPartsDo) {
  EXPECT_EQ(hints::domain_key("Example.ORG"), "R:example.org");
  EXPECT_EQ(hints::address_key("Jo.Doe@Example.ORG"), "R:Jo.Doe@example.org");
  EXPECT_EQ(hints::local_key("Jo@Example.ORG"), "T:Jo@example.org");
  EXPECT_EQ(hints::local_key("Example.ORG"), "T:example.org");
  EXPECT_EQ(hints::recipient_key("jo@Example.org", "S@Sender.example"),
            "R:jo@example.org:<S@Sender.example>");
  EXPECT_EQ(hints::recipient_key("jo@example.org", ""), "R:jo@example.org:<>");
  EXPECT_EQ(hints::generated_key("|/bin/cat", "jo@example.org"),
            "T:|/bin/cat:jo@example.org");
}

TEST(RetryKey, MentionsWhatItIsMadeOf) {
  struct Row {
    std::string_view key, word;
    bool mentions;
  };
  for (auto [key, word, expected] : {
           Row{"R:example.org", "example.org", true},
           Row{"R:example.org", "EXAMPLE.org", true},
           Row{"R:example.org", "R:example.org", true},
           Row{"R:example.org", "ample.org", false},
           Row{"R:example.org", "example", false},
           Row{"R:example.org", "", false},
           Row{"R:jo@example.org:<s@x.test>", "jo@example.org", true},
           Row{"R:jo@example.org:<s@x.test>", "example.org", true},
           Row{"R:jo@example.org:<s@x.test>", "s@x.test", true},
           Row{"R:jo@example.org:<s@x.test>", "o@example.org", false},
           Row{"R:jo@example.org:<s@x.test>", "jo", false},
           Row{"T:mx:[2001:db8::1]:25:1xUrx0-0004wQ-2O", "2001:db8::1", true},
           Row{"T:mx:[2001:db8::1]:25:1xUrx0-0004wQ-2O", "1xUrx0-0004wQ-2O", true},
           Row{"T:mx:192.0.2.1:26/198.51.100.7", "192.0.2.1", true},
           Row{"T:mx:192.0.2.1:26/198.51.100.7", "mx", true},
           Row{"T:mx:192.0.2.1", "92.0.2.1", false},
       })
    EXPECT_EQ(hints::mentions(key, word), expected) << key << " " << word;
}

TEST(RetryKey, OneIsOfAnAddressOrOfAllAddressesOfAHost) {
  struct Row {
    std::string_view key;
    bool concerns;
  };
  for (auto [key, expected] : {
           Row{"T:mx:192.0.2.1", true},
           Row{"T:mx:192.0.2.1:26:1xUrx0-0004wQ-2O", true},
           Row{"T:mx", true},
           Row{"T:mx:26", true},
           Row{"T:mx/198.51.100.7", true},
           Row{"T:mx:26:1xUrx0-0004wQ-2O", true},
           Row{"T:mx:1xUrx0-0004wQ-2O", true},
           Row{"T:mx:192.0.2.2", false},
           Row{"T:mx:192.0.2.2:26", false},
           Row{"T:mx:[2001:db8::1]:26", false},
           Row{"T:mx.example:26", false},
           Row{"R:mx", false},
       })
    EXPECT_EQ(hints::concerns_host(key, "MX", "192.0.2.1"), expected) << key;
  EXPECT_FALSE(hints::concerns_host("T:mx", "", "192.0.2.1"));
}
