// SPDX-License-Identifier: Apache-2.0
//
// Dialogues with a policy against what Exim answered
// (conformance/policy/README.md, modes bh and bs).
#include "utils/policy_session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <sstream>

#include "policy/programs.h"
#include "tests/support/cases.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;

// Log lines that the dialect means to be others: captures of a list condition
// are seen in the rest of its statement only (dialect.txt of acl-captures).
const std::map<std::string, std::map<std::string, std::string>> kOtherLines = {
    {"acl-captures",
     {{"next <a.cap.test><a>", "next <><>"}, {"condcap <b>", "condcap <>"}}}};

// Cases that are not judged, and why not.
const std::map<std::string, std::string> kWaived = {};

std::string slurp(const fs::path &path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> lines_of(const std::string &text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string replaced(std::string text, const std::string &from, const std::string &to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

struct Case {
  std::string mode = "bh", client, policy;
  std::vector<std::string> said;
  std::map<char, std::vector<std::string>> expected;  // by the letter of the line
  bool refused = false;  // dialect.txt says that the policy does not load
};

Case read_case(const fs::path &folder, const fs::path &scratch) {
  auto fill = [&](std::string text) {
    text = replaced(std::move(text), "@CASE@", folder.string());
    text = replaced(std::move(text), "@DATA@", (scratch / "data").string());
    return replaced(std::move(text), "@SPOOL@", (scratch / "spool").string());
  };
  Case out;
  out.policy = fill(slurp(folder / "policy.conf"));
  for (const std::string &line : lines_of(slurp(folder / "dialogue.txt"))) {
    if (line.starts_with("mode ")) out.mode = line.substr(5);
    if (line.starts_with("= ")) out.client = line.substr(2);
    if (line == "C") out.said.emplace_back();
    if (line.starts_with("C ")) out.said.push_back(fill(line.substr(2)));
  }
  for (const std::string &line : lines_of(slurp(folder / "expected.txt")))
    if (line.size() > 1) out.expected[line[0]].push_back(line.substr(2));
  out.refused =
      slurp(folder / "dialect.txt").find("The policy is refused") != std::string::npos;
  if (auto other = kOtherLines.find(folder.filename()); other != kOtherLines.end())
    for (std::string &line : out.expected['L'])
      for (const auto &[exim, ours] : other->second) line = replaced(line, exim, ours);
  return out;
}

// Replies without what is not to be compared: the text of those that no policy
// words.
std::vector<std::string> comparable_replies(const std::vector<std::string> &replies) {
  static const std::regex own_words(
      R"(^(220|250|221)[ -](\S+ ESMTP.*|.* Hello .*|(SIZE|8BITMIME|PIPELINING|)"
      R"(PIPECONNECT|AUTH|CHUNKING|STARTTLS|SMTPUTF8|HELP|PRDR|DSN|LIMITS)\b.*|)"
      R"(Reset OK|.* closing connection)$)");
  static const std::regex id(R"(id=\S+)");
  static const std::regex code_twice(R"(^(\d{3}) \1 )");  // Exim, after QUIT
  std::vector<std::string> out;
  for (const std::string &reply : replies) {
    std::string line = std::regex_replace(reply, id, "id=@ID@");
    line = std::regex_replace(line, code_twice, "$1 ");
    if (std::regex_match(line, own_words)) line = line.substr(0, 3);
    // The keywords of EHLO are the server's own affair.
    if (out.empty() || out.back() != line || line.size() > 3) out.push_back(line);
  }
  return out;
}

// Lines that the policy wrote, and of rejections what it said.
std::vector<std::string> comparable_log(const std::vector<std::string> &lines) {
  static const std::regex id(R"(^(@ID@|1xPAPE-\S+) )");
  static const std::regex of_the_server(
      R"(^(<= |=> |Completed|frozen by|no immediate delivery|configured error code|)"
      R"(failed to expand ACL|VRFY failed for|ETRN \S+ received from|)"
      R"(unexpected disconnection|\S+ authenticator failed|ACL for ).*)");
  static const std::regex rejection(R"(^H=.*rejected (.*)$)");
  std::vector<std::string> out;
  for (const std::string &each : lines) {
    std::string line = std::regex_replace(each, id, "");
    if (std::regex_match(line, of_the_server)) continue;
    if (std::regex_match(line, rejection)) {
      std::size_t last = line.rfind(": ");
      line = "rejected" + (last == line.npos ? "" : line.substr(last));
    }
    out.push_back(line);
  }
  return out;
}

std::vector<std::string> shown_variables(const utils::PaperMessage &message) {
  std::vector<std::string> out;
  for (const auto &[name, value] : message.variables)
    out.push_back("acl" + name.substr(4, 1) + " " + name.substr(5) + " " +
                  std::to_string(value.size()) + " => " +
                  value.substr(0, value.find('\n')));
  if (message.frozen) out.emplace_back("frozen");
  std::ranges::sort(out);  // the order on disk is that of Exim's tree
  return out;
}

std::vector<std::string> shown_headers(const utils::PaperMessage &message) {
  static const std::regex date(
      R"([A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4})");
  std::vector<std::string> out;
  for (const spoolfmt::Header &header : message.headers) {
    std::string start = std::string(1, header.type) + " ";
    for (const std::string &line : lines_of(header.text)) {
      out.push_back(start + std::regex_replace(line, date, "@DATE@"));
      start.clear();
    }
  }
  return out;
}

class Scratch {
 public:
  explicit Scratch(const fs::path &set) {
    fs::create_directories(dir_.path() / "spool");
    fs::copy(set / "data", dir_.path() / "data", fs::copy_options::recursive);
    for (const auto &entry : fs::recursive_directory_iterator(dir_.path() / "data")) {
      if (!entry.is_regular_file()) continue;
      std::string text = slurp(entry.path());
      if (text.find("@DATA@") == text.npos) continue;
      std::ofstream(entry.path(), std::ios::binary)
          << replaced(text, "@DATA@", (dir_.path() / "data").string());
    }
  }
  fs::path path() const { return dir_.path(); }

 private:
  support::TempDir dir_;
};

void run_case(const Case &each, support::CaseCount &count) {
  auto loaded = policy::load_policy(
      "policy.conf", each.policy,
      *policy::Macros::create({}, policy::predefined_macros(policy::Program::any())),
      policy::read_included, policy::Program::any());
  std::string errors;
  for (const auto &error : loaded.diagnostics.errors)
    errors += loaded.source.format(error, "error") + "\n";
  if (each.refused) {
    EXPECT_FALSE(loaded.policy);
    count.ran("refused");
    return;
  }
  ASSERT_TRUE(loaded.policy) << errors;
  utils::PolicySession session(loaded.policy, each.client);
  session.begin();
  for (const std::string &line : each.said) session.take_line(line);
  session.end();
  auto expected = each.expected;
  auto replies = comparable_replies(session.replies());
  auto log = comparable_log(session.log());
  EXPECT_EQ(replies, comparable_replies(expected['S']));
  EXPECT_EQ(log, comparable_log(expected['L']));
  if (each.mode == "bs") {
    ASSERT_EQ(session.messages().size(), 1U);
    const utils::PaperMessage &message = session.messages().front();
    std::ranges::sort(expected['V']);
    EXPECT_EQ(shown_variables(message), expected['V']);
    EXPECT_EQ(shown_headers(message), expected['H']);
  }
  count.ran(each.mode);
}

TEST(PolicyCasesData, DialoguesGoAsWithExim) {
  REQUIRE_CASES(set, "conformance/policy");
  support::CaseCount count("conformance/policy/cases");
  Scratch scratch(set);
  std::vector<fs::path> folders;
  for (const auto &entry : fs::directory_iterator(set / "cases"))
    if (entry.is_directory()) folders.push_back(entry.path());
  std::ranges::sort(folders);
  for (const fs::path &folder : folders) {
    SCOPED_TRACE(folder.filename().string());
    Case each = read_case(folder, scratch.path());
    if (each.mode != "bh" && each.mode != "bs") continue;
    if (kWaived.contains(folder.filename().string()))
      count.ran("waived");
    else
      run_case(each, count);
  }
  EXPECT_GT(count.total(), 0U);
}

// What a session with this policy comes to.
struct Played {
  std::vector<std::string> replies, log;
};
Played play(const std::string &policy, const std::vector<std::string> &said) {
  auto loaded = policy::load_policy(
      "policy.conf", "primary_hostname = mx.example\n" + policy,
      *policy::Macros::create({}, policy::predefined_macros(policy::Program::any())),
      policy::read_included, policy::Program::any());
  EXPECT_TRUE(loaded.policy);
  utils::PolicySession session(loaded.policy, "192.0.2.10");
  session.begin();
  for (const std::string &line : said) session.take_line(line);
  return {session.replies(), session.log()};
}

TEST(PolicySession, AGreetingThatWasRefusedIsNone) {
  const std::string acls = "begin acl\nno:\n  deny\n";
  auto refused = play("acl_smtp_helo = no\n" + acls, {"HELO c", "MAIL FROM:<>"});
  EXPECT_EQ(refused.replies.back(), "503 HELO or EHLO required");
  EXPECT_EQ(refused.log.back(), "rejected MAIL from [192.0.2.10]: no HELO/EHLO given");
  auto excused = play("hosts_require_helo = !192.0.2.0/24 : *\n", {"MAIL FROM:<>"});
  EXPECT_EQ(excused.replies.back(), "250 OK");
}

// As Exim: the reason is told again only if it is one.
TEST(PolicySession, TellsWhyAllRecipientsWereRefused) {
  const std::string policy =
      "acl_smtp_rcpt = r\nbegin acl\nr:\n"
      "  deny local_parts = a\n       message = no a\n  deny message = no\n";
  const std::vector<std::string> start = {"HELO c", "MAIL FROM:<>"};
  auto alike = start;
  alike.insert(alike.end(), {"RCPT TO:<b@x.example>", "RCPT TO:<c@x.example>", "DATA"});
  auto replies = play(policy, alike).replies;
  EXPECT_EQ(replies[replies.size() - 2], "503-no");
  auto different = start;
  different.insert(different.end(),
                   {"RCPT TO:<a@x.example>", "RCPT TO:<b@x.example>", "DATA"});
  replies = play(policy, different).replies;
  EXPECT_EQ(replies[replies.size() - 2], "550 no");
}

// policy.md 10.2: an outcome of the QUIT ACL but accept is logged and ignored.
TEST(PolicySession, NobodyIsKeptFromQuitting) {
  auto played = play("acl_smtp_quit = q\nbegin acl\nq:\n  warn logwrite = bye\n",
                     {"HELO c", "QUIT"});
  EXPECT_EQ(played.replies.back(), "221 mx.example closing connection");
}

// policy.md 10.2
TEST(PolicySession, WhatMailDiscardsNobodyGets) {
  auto played = play(
      "acl_smtp_mail = no\nacl_smtp_rcpt = never\nbegin acl\n"
      "no:\n  discard\nnever:\n  deny\n",
      {"HELO c", "MAIL FROM:<s@x.example>", "RCPT TO:<r@y.example>", "DATA", "", "x",
       "."});
  EXPECT_EQ(played.replies[2], "250 OK");
  EXPECT_EQ(played.replies[3], "250 Accepted");
  EXPECT_TRUE(played.log.back().ends_with("blackhole (MAIL ACL discarded recipients)"));
}

// policy.md 11, group counts.
TEST(PolicySession, CountsRecipientsAsTheyAreAsked) {
  auto played = play(
      "acl_smtp_connect = counts\nacl_smtp_rcpt = each\nacl_smtp_quit = counts\n"
      "begin acl\n"
      "each:\n"
      "  defer local_parts = later\n"
      "  deny  local_parts = never\n"
      "  accept\n"
      "counts:\n"
      "  accept logwrite = $rcpt_count $rcpt_fail_count $rcpt_defer_count "
      "$recipients_count\n",
      {"HELO c", "MAIL FROM:<>", "RCPT TO:<later@x.example>",
       "RCPT TO:<never@x.example>", "RCPT TO:<never@x.example>",
       "RCPT TO:<a@x.example>", "QUIT"});
  EXPECT_EQ(played.log.front(), "0 0 0 0");
  EXPECT_EQ(played.log.back(), "4 2 1 1");
}

TEST(PolicySession, LogsABackslashAsItIs) {
  auto played = play(
      "acl_smtp_connect = a\nbegin acl\na:\n  accept logwrite = x\\\\y\\nz\\tt\n", {});
  EXPECT_EQ(played.log.back(), "x\\y\\nz\\tt");
}

}  // namespace
