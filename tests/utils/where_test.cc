// SPDX-License-Identifier: Apache-2.0
//
// --where, as a program over a small spool: what conditions see of a message, and that
// nothing a message says is ever read as one.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/utils/small_spool.h"

namespace {

using utils_test::kId;
using utils_test::kOtherId;
using utils_test::message;
using utils_test::SmallSpool;

const std::string kFirst(kId);
const std::string kSecond(kOtherId);

// The first message is from alice, to two recipients and large; the second a frozen
// bounce from a host, with a variable of an ACL.
void put_two_messages(const SmallSpool& spool) {
  auto first = message();
  first.received = 1'000'000'000;
  first.headers.push_back({'F', "From: Alice <alice@sender.example>\n"});
  spool.put_message(first);
  auto second = message(kOtherId);
  second.sender = "";
  second.set_value("frozen", "1795221700");
  second.set_value("host_address", "[192.0.2.33]:4567");
  second.set_value("helo_name", "mail.example");
  second.set_value("received_protocol", "esmtp");
  second.set_value("aclm _score", "17");
  second.set_value("host_auth", "plain");
  second.set_value("auth_id", "bob");
  second.set_value("tls_cipher", "TLS1.3:X:256");
  second.set_value("tls_ver", "TLS1.3");
  second.set_value("tls_resumption", "R");
  second.set_flag("smtputf8");
  spool.put_message(second);
}

std::string selected(const SmallSpool& spool, const std::string& condition) {
  auto run = spool.run("list", {"--format", "ids", "--where", condition});
  EXPECT_EQ(run.err, "") << condition;
  EXPECT_EQ(run.status, 0) << condition;
  return run.out;
}

TEST(Where, SeesWhatIsKnownOfAMessage) {
  SmallSpool spool;
  put_two_messages(spool);
  struct Row {
    const char* condition;
    bool first, second;
  };
  for (const Row& row : std::vector<Row>{
           {"eq{$sender_address}{alice@sender.example}", true, false},
           {"eq{$sender_address_domain}{sender.example}", true, false},
           {"eq{$sender_address}{}", false, true},
           {"match{$recipients}{(?i)@one\\\\.example, carol@}", true, true},
           {"forany{$recipients_list}{match{$item}{two}}", true, true},
           {"={$recipients_count}{2}", true, true},
           {"bool{$deliver_freeze}", false, true},
           {"eq{$sender_host_address}{192.0.2.33}", false, true},
           {"eq{$sender_host_port}{4567}", false, true},
           {"match_ip{$sender_host_address}{192.0.2.0/24}", false, true},
           {"eq{$sender_helo_name}{mail.example}", false, true},
           {"eq{$received_protocol}{esmtp}", false, true},
           {">{$acl_m_score}{16}", false, true},
           {"def:h_from:", true, false},
           {"eq{$h_subject:}{hello}", true, true},
           {"match{$message_exim_id}{2C\\$}", true, false},
           {"={$received_count}{1}", true, true},
           {"and{{>{$message_age}{31536000}}{eq{$received_time}{1000000000}}}", true,
            false},
           {"match{$message_headers}{Message-ID}", true, true},
           {"and{{bool{$deliver_freeze}}{!def:h_from:}}", false, true},
           {"eq{$authenticated_id@$sender_host_authenticated}{bob@plain}", false, true},
           {"eq{$tls_in_cipher $tls_in_ver}{TLS1.3:X:256 TLS1.3}", false, true},
           {"eq{$tls_in_resumption $message_smtputf8}{17 yes}", false, true},
           {"eq{$tls_in_resumption $message_smtputf8}{0 no}", true, false},
           // Exim has numbers that the file leaves out for 0.
           {"eq{$sender_host_port}{0}", true, false},
           {"eq{$body_zerocount $host_lookup_failed}{0 0}", true, true},
       })
    EXPECT_EQ(selected(spool, row.condition),
              (row.first ? kFirst + "\n" : "") + (row.second ? kSecond + "\n" : ""))
        << row.condition;
}

// As Exim's $sender_rcvhost and $sender_fullhost, also where the name is the address.
TEST(Where, ShowsAClientAsEximDoes) {
  struct Row {
    std::string helo, name, fullhost, rcvhost;
  };
  for (const Row& row : std::vector<Row>{
           {"x.example", "", "(x.example) [192.0.2.1]", "[192.0.2.1] (helo=x.example)"},
           {"[192.0.2.1]", "", "([192.0.2.1]) [192.0.2.1]", "[192.0.2.1]"},
           {"[IPv4:192.0.2.1]", "h.example", "h.example [192.0.2.1]",
            "h.example ([192.0.2.1])"},
           {"[192.0.2.2]", "h.example", "h.example ([192.0.2.2]) [192.0.2.1]",
            "h.example ([192.0.2.1] helo=[192.0.2.2])"},
       }) {
    SmallSpool spool;
    auto file = message();
    file.set_value("host_address", "[192.0.2.1]:25");
    file.set_value("helo_name", row.helo);
    if (!row.name.empty()) file.set_value("host_name", row.name);
    spool.put_message(file);
    EXPECT_EQ(selected(spool, "eq{$sender_fullhost|$sender_rcvhost}{" + row.fullhost +
                                  "|" + row.rcvhost + "}"),
              kFirst + "\n")
        << row.fullhost;
  }
}

TEST(Where, ReadsTheBodyWhenItIsAskedFor) {
  SmallSpool spool;
  put_two_messages(spool);
  EXPECT_EQ(selected(spool, "match{$message_body}{.}"), kFirst + "\n" + kSecond + "\n");
  EXPECT_EQ(selected(spool, "match{$message_body}{\\\\n}"), "");
}

TEST(Where, AllConditionsMustHold) {
  SmallSpool spool;
  put_two_messages(spool);
  auto run = spool.run("list", {"--format", "ids", "--where",
                                "def:h_subject:", "--where", "bool{$deliver_freeze}"});
  EXPECT_EQ(run.out, kSecond + "\n");
}

TEST(Where, UsesTheListsOfThePolicy) {
  SmallSpool spool;
  put_two_messages(spool);
  spool.put("conf", "addresslist friends = *@sender.example\n");
  auto run = spool.run("list", {"--format", "ids", "-C", (spool / "conf").string(),
                                "--where", "match_address{$sender_address}{+friends}"});
  EXPECT_EQ(run.out, kFirst + "\n") << run.err;
}

TEST(Where, IsJudgedBeforeTheFirstMessage) {
  SmallSpool spool;
  put_two_messages(spool);
  for (const char* condition : {"eq{$sender_adress}{x}", "eq{a}", "and{", "match{x}{(}",
                                "", "true{}", "match_domain{x}{+nowhere}"}) {
    auto run = spool.run("list", {"--where", condition});
    EXPECT_EQ(run.status, 64) << condition << ": " << run.err;
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
  }
}

TEST(Where, NamesAMessageThatHasNoAnswer) {
  SmallSpool spool;
  put_two_messages(spool);
  // Only the second one's is a number.
  auto run = spool.run("list", {"--format", "ids", "--where",
                                ">{${if def:acl_m_score{$acl_m_score}{none}}}{16}"});
  EXPECT_EQ(run.status, 1);
  EXPECT_EQ(run.out, kSecond + "\n");
  EXPECT_NE(run.err.find(kFirst + "-H: --where: "), std::string::npos) << run.err;

  auto change = spool.run("freeze", {"--where", ">{$sender_address}{16}"});
  EXPECT_EQ(change.status, 1);
  EXPECT_EQ(change.out, "");
}

TEST(Where, NeverReadsAMessageAsACondition) {
  for (const char* hostile :
       {"${if eq{1}{1}{yes}{no}}", "$sender_address", "}}{true", "\\N$h_subject:\\N",
        "+friends", "!x : *", "^.*$", "${readfile{/etc/passwd}}", "lsearch;/etc/passwd",
        "@[]", "<; a ; b"}) {
    SmallSpool spool;
    auto file = message();
    file.headers.push_back({' ', std::string("X-Hostile: ") + hostile + "\n"});
    file.set_value("helo_name", hostile);
    spool.put_message(file);
    EXPECT_EQ(selected(spool, "eq{$h_x-hostile:}{" + std::string("\\N") + "x" + "\\N}"),
              "");
    EXPECT_EQ(selected(spool, "eq{$h_x-hostile:}{$sender_helo_name}"), kFirst + "\n")
        << hostile;
    EXPECT_EQ(selected(spool,
                       "eq{${length_3:$h_x-hostile:}}{${length_3:"
                       "$sender_helo_name}}"),
              kFirst + "\n")
        << hostile;
    // As the one item of a list it is compared, not interpreted.
    EXPECT_EQ(selected(spool, "inlist{friends.example}{$h_x-hostile:}"), "") << hostile;
  }
}

}  // namespace
