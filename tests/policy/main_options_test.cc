// SPDX-License-Identifier: Apache-2.0
#include "policy/main_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>

#include "tests/support/cases.h"
#include "tests/support/temp_dir.h"

using namespace std::chrono_literals;
using base::Code;
using policy::MainOptions;
using testing::HasSubstr;

namespace {

base::Result<MainOptions> parse(std::string_view text) {
  auto no_file = [](const std::filesystem::path& path) -> base::Result<std::string> {
    return base::system_failure(path.string(), ENOENT);
  };
  return policy::parse_main_options(
      policy::parse_lines("p.conf", text, *policy::Macros::create({}, {}), no_file));
}

std::string write(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path) << text;
  return path.string();
}

}  // namespace

TEST(MainOptions, AreSetByTheFile) {
  auto options = parse(R"(
primary_hostname = mx.example.net
spool_directory = "/var/spool/a b"
split_spool_directory
message_id_format = 23
localhost_number = 16
message_size_limit = 0x10k
log_file_path = /var/log/bobbin/%slog
no_message_logs
preserve_message_logs = yes
not_queue_fast_ramp
queue_run_in_order = TRUE
recipients_max = 1k
smtp_receive_timeout = 1m30s
hide smtp_max_synprot_errors = 010
smtp_max_unknown_commands = 7
)");
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_EQ(options->primary_hostname, "mx.example.net");
  EXPECT_EQ(options->spool_directory, "/var/spool/a b");
  EXPECT_TRUE(options->split_spool_directory);
  EXPECT_EQ(options->message_id_format, 23U);
  EXPECT_EQ(options->localhost_number, 16U);
  EXPECT_EQ(options->message_size_limit, 16384U);
  EXPECT_EQ(options->log_file_path, "/var/log/bobbin/%slog");
  EXPECT_FALSE(options->message_logs);
  EXPECT_TRUE(options->preserve_message_logs);
  EXPECT_FALSE(options->queue_fast_ramp);
  EXPECT_TRUE(options->queue_run_in_order);
  EXPECT_EQ(options->recipients_max, 1024U);
  EXPECT_EQ(options->smtp_receive_timeout, 90s);
  EXPECT_EQ(options->smtp_max_synprot_errors, 8U);
  EXPECT_EQ(options->smtp_max_unknown_commands, 7U);
}

TEST(MainOptions, SayWhatIsWrongAndWhatToWrite) {
  struct Row {
    std::string_view text, error;
  };
  for (
      auto [text, error] : {
          Row{"recipients_max = many",
              "recipients_max: 'many' is not an integer: write a number such as 500, "
              "0x1f4, 10k or 50M"},
          Row{"recipients_max = 3g",
              "recipients_max: '3g' is too large: write at most 2147483647"},
          Row{"smtp_receive_timeout = 5",
              "smtp_receive_timeout: '5' is not a time: write 45s, 5m, 2h, 1d12h or "
              "1w"},
          Row{"message_logs = maybe",
              "message_logs: 'maybe' is neither true nor false: write yes, no, true or "
              "false"},
          Row{"no_message_logs = yes",
              "a value follows 'no_message_logs': write 'message_logs = no'"},
          Row{"recipients_max",
              "'=' is missing after 'recipients_max': write "
              "'recipients_max = value'"},
          Row{"no_recipients_max",
              "there is no main option 'no_recipients_max': remove the line"},
          Row{"message_logs\nno_message_logs",
              "'message_logs' is set for the second time: remove one of the two"},
          Row{"log_file_path = /x/$tod_log",
              "log_file_path: the value is not expanded: write it out"},
          Row{"primary_hostname = a b",
              "primary_hostname: 'a b' is not a host name: write one such as "
              "mx.example.net"},
          Row{"spool_directory = spool",
              "spool_directory: 'spool' is not an absolute path: write one that begins "
              "with '/'"},
          Row{"message_id_format = 17",
              "message_id_format: '17' is no length of a message id: write 16 (before "
              "Exim 4.97) or 23"},
          Row{"localhost_number = 17",
              "localhost_number: '17' is too large: write a number from 0 to 16"},
          Row{"recipients_max = -1",
              "recipients_max: '-1' is below zero: write 0 or more"},
          Row{"smtp_accept_max = -1",
              "smtp_accept_max: '-1' is below zero: write 0 or more"},
          Row{"smtp_accept_reserve = -1",
              "smtp_accept_reserve: '-1' is below zero: write 0 or more"},
          Row{"smtp_connect_backlog = 3g",
              "smtp_connect_backlog: '3g' is too large: write at most 2147483647"},
          Row{"perl_startup = x", "'perl_startup' is not part of the policy language"},
          Row{"begin rewrite",
              "section 'rewrite' is not part of the policy language: remove it"},
          Row{"begin nosuch",
              "there is no section 'nosuch': write acl, routers, transports, retry or "
              "authenticators"},
      }) {
    auto options = parse(text);
    ASSERT_FALSE(options) << text;
    EXPECT_EQ(options.error().code, Code::config);
    std::string first = options.error().text.substr(0, options.error().text.find('\n'));
    bool second = text.find("\nno_") != text.npos;
    std::regex shape(second ? "p\\.conf:2:\\d+: error: (.*)"
                            : "p\\.conf:1:\\d+: error: (.*)");
    std::smatch match;
    ASSERT_TRUE(std::regex_match(first, match, shape)) << first;
    EXPECT_EQ(match.str(1), error);
  }
  for (const char* path : {"syslog", "/a:/b", "/log/%D", "/log/%slog%s", "/log/%"})
    EXPECT_FALSE(parse(std::string("log_file_path = ") + path)) << path;
}

TEST(MainOptions, ReportAllErrorsInTheOrderOfTheFile) {
  auto options = parse("nosuch = 1\n.else\nrecipients_max = x\nMM = 1\nMM = 2\n");
  ASSERT_FALSE(options);
  std::string places;
  std::regex place(R"((^|\n)p\.conf:(\d+):)");
  const std::string& text = options.error().text;
  for (std::sregex_iterator it(text.begin(), text.end(), place), end; it != end; ++it)
    places += it->str(2);
  EXPECT_EQ(places, "1235") << text;
}

// A tool that lists a queue has nothing to say about ACLs.
TEST(MainOptions, AreReadWithoutTheRestOfThePolicy) {
  auto options = parse(
      "domainlist d = a : b\nacl_smtp_rcpt = nosuch\nsmtp_banner = ${nosuch}\n"
      "recipients_max = 7\nbegin ACL\nb:\n nonsense\nbegin routers\nx\n");
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_EQ(options->recipients_max, 7U);
}

TEST(MainOptions, LoadAFileWithMacrosAndOverrides) {
  support::TempDir dir;
  base::CommonOptions common;
  common.config = write(dir / "bobbin.conf",
                        "NAME = file\n"
                        ".ifdef _OPT_MAIN_QUEUE_FAST_RAMP\n"
                        "no_queue_fast_ramp\n"
                        ".endif\n"
                        ".include more.conf\n"
                        "primary_hostname = NAME.example\n");
  write(dir / "more.conf", "spool_directory = /spool/file\n");
  common.macros = {"NAME=line"};
  auto options = policy::load_main_options(common);
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_EQ(options->primary_hostname, "line.example");
  EXPECT_FALSE(options->queue_fast_ramp);
  EXPECT_EQ(options->spool_directory, "/spool/file");

  common.spool = "/spool/line";
  EXPECT_EQ(policy::load_main_options(common)->spool_directory, "/spool/line");

  common.macros = {"name=1"};
  EXPECT_EQ(policy::load_main_options(common).error().code, Code::usage);

  common.macros.clear();
  common.config = dir / "absent.conf";
  auto absent = policy::load_main_options(common);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, Code::config);
  EXPECT_THAT(absent.error().text, HasSubstr("absent.conf: No such file or directory"));
}

TEST(MainOptions, PlaceTheLogs) {
  MainOptions options;
  EXPECT_EQ(policy::log_path(options, "main"), "/var/spool/bobbin/log/mainlog");
  options.spool_directory = "/s";
  options.log_file_path = "";
  EXPECT_EQ(policy::log_path(options, "reject"), "/s/log/rejectlog");
  options.log_file_path = "/var/log/bobbin-%s";
  EXPECT_EQ(policy::log_path(options, "panic"), "/var/log/bobbin-panic");
  options.log_file_path = "/var/log/all";
  EXPECT_EQ(policy::log_path(options, "main"), "/var/log/all");
}

TEST(MainOptions, KnowTheMachinesName) {
  MainOptions options;
  EXPECT_FALSE(policy::primary_hostname(options).empty());
  options.primary_hostname = "mx.example.net";
  EXPECT_EQ(policy::primary_hostname(options), "mx.example.net");
}

// Each row of the table is an item of bobbin.conf(5), with its type and default.
TEST(MainOptions, AreAllInTheManualPage) {
  std::ifstream in(support::source_dir() / "man" / "bobbin.conf.5");
  std::set<std::string> written, known;
  std::regex item(R"(\.It Ic (\w+) Pq (\w+), default: (.*))");
  std::smatch match;
  for (std::string line; std::getline(in, line);)
    if (std::regex_match(line, match, item))
      written.insert(match.str(1) + " " + match.str(2) + " " + match.str(3));
  for (const auto& info : policy::describe_main_options())
    known.insert(info.name + " " + info.type + " " + info.preset);
  EXPECT_EQ(written, known);
}
