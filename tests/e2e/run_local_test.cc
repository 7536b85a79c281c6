// SPDX-License-Identifier: Apache-2.0
//
// bobbin-run where no connection is needed: maildirs and spools.
#include <gtest/gtest.h>

#include "tests/e2e/run_support.h"
#include "tests/support/dovecot_server.h"

namespace {

using run_tests::count_of;
using run_tests::has;
using run_tests::Letter;
using run_tests::retry_times;
using run_tests::slurp;
using run_tests::spill;
using run_tests::TestSpool;

namespace fs = std::filesystem;

// What lies in a maildir.
std::vector<std::string> mails_in(const fs::path& box) {
  std::vector<std::string> mails;
  if (!fs::exists(box / "new")) return mails;
  for (const auto& file : fs::directory_iterator(box / "new"))
    mails.push_back(slurp(file.path()));
  return mails;
}

// Everybody's mail goes to one transport, by these rules.
std::string to_boxes(const std::string& transport, const std::string& rules) {
  return R"(
begin routers
all:
  driver = accept
  transport = boxes
begin transports
boxes:
)" + transport +
         "begin retry\n* * " + rules + "\n";
}

// To a maildir below mail/.
std::string to_boxes(const TestSpool& spool, const std::string& options = "",
                     const std::string& rules = "F,2h,15m") {
  return to_boxes("  driver = appendfile\n  maildir_format\n  directory = " +
                      spool.path().string() + "/mail/$local_part\n" + options,
                  rules);
}

TEST(RunLocal, LocalTransportsWriteMaildirsAndSpools) {
  TestSpool spool;
  std::string root = spool.path().string();
  spool.configure(R"(
begin routers
aliases:
  driver = redirect
  data = ${if eq{$local_part}{all}{joe@x.example, archive@x.example, hole@x.example}}
hole:
  driver = redirect
  local_parts = hole
  data = :blackhole:
archive:
  driver = accept
  local_parts = archive
  transport = copies
boxes:
  driver = accept
  transport = boxes
begin transports
boxes:
  driver = appendfile
  directory = )" + root +
                  R"(/mail/$local_part
  maildir_format
  envelope_to_add
  return_path_add
copies:
  driver = queuefile
  directory = )" + root +
                  "/copies\n");
  std::string id = TestSpool::id(1);
  spool.put(id, {.recipients = {"all@x.example"}});
  auto end = spool.run({"-q"});
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_TRUE(spool.files().empty()) << spool.log();
  std::vector<std::string> mails;
  for (const auto& file : fs::directory_iterator(spool.path() / "mail/joe/new"))
    mails.push_back(slurp(file.path()));
  ASSERT_EQ(mails.size(), 1U) << spool.log();
  EXPECT_TRUE(
      mails[0].starts_with("Return-path: <s@x.example>\n"
                           "Envelope-to: all@x.example\nSubject: "))
      << mails[0];
  EXPECT_TRUE(mails[0].ends_with("\n\nbody\n"));
  EXPECT_EQ(slurp(spool.path() / "copies" / (id + "-D")), id + "-D\nbody\n");
  EXPECT_TRUE(fs::exists(spool.path() / "copies" / (id + "-H")));
  EXPECT_TRUE(
      has(spool.log(), id + " => joe@x.example <all@x.example> R=boxes T=boxes"))
      << spool.log();
  EXPECT_TRUE(has(spool.log(), id + " => :blackhole: <hole@x.example> R=hole\n"));
  EXPECT_EQ(count_of(spool.log(), " Completed\n"), 1U) << spool.log();
}

TEST(RunLocal, Q61_ALocalDeliveryThatFailedWaitsForItsTime) {
  TestSpool spool;
  spool.configure(to_boxes(spool));
  spill(spool.path() / "mail", "a file");
  std::string id = TestSpool::id(1);
  spool.put(id, {.recipients = {"Joe@X.example"}});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_EQ(count_of(spool.log(), id + " == Joe@x.example"), 1U) << spool.log();
  EXPECT_TRUE(has(retry_times(spool), "T:Joe@x.example")) << retry_times(spool);
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_EQ(count_of(spool.log(), " == "), 1U) << "it was tried before its time";
  EXPECT_TRUE(has(spool.log(), "1 not due")) << spool.log();
  EXPECT_EQ(spool.run({"-qf"}).status, 0);
  EXPECT_EQ(count_of(spool.log(), " == "), 2U) << spool.log();
  EXPECT_EQ(spool.run({"-qff"}).status, 0);
  EXPECT_EQ(count_of(spool.log(), " == "), 3U) << spool.log();
  // Whose message is new is tried once all the same, and does not tell the others.
  spool.put(TestSpool::id(2), {.recipients = {"Joe@X.example"}});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_EQ(count_of(spool.log(), " == "), 4U) << spool.log();
  fs::remove(spool.path() / "mail");
  EXPECT_EQ(spool.run({"-qf"}).status, 0);
  EXPECT_EQ(count_of(spool.log(), " Completed\n"), 2U) << spool.log();
  EXPECT_FALSE(has(retry_times(spool), "T:")) << retry_times(spool);
}

TEST(RunLocal, Q54_ALocalDeliveryThatFailedForTooLongIsBounced) {
  TestSpool spool;
  spool.configure(to_boxes(spool, "", "F,30s,10s"));
  spill(spool.path() / "mail", "a file");
  std::string id = TestSpool::id(1);
  spool.put(id, {});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_TRUE(has(spool.log(), id + " ** one@x.example: retry timeout exceeded\n"))
      << spool.log();
  EXPECT_TRUE(has(spool.log(), " <= <> R=" + id)) << spool.log();
}

TEST(RunLocal, AMaildirIsWrittenAsItsOptionsSay) {
  struct Row {
    std::string options, mail;
  };
  const std::string id = TestSpool::id(1);
  const std::string head = "Subject: " + id + "\nMessage-Id: <" + id + "@x.example>\n",
                    body = "a\nb\n";
  const Row kRows[] = {
      {"", head + "\n" + body},
      {"headers_only\n", head + "\n"},
      {"body_only\nreturn_path_add\n", body},
      {"use_crlf\nbody_only\n", "a\r\nb\r\n"},
      {"use_crlf\nheaders_only\nheaders_remove = message-id\n",
       "Subject: " + id + "\r\n\r\n"},
      {"body_only\nuse_crlf\nmessage_prefix = \"<$local_part>\\n\"\n"
       "message_suffix = \"\\n\"\n",
       "<one>\na\r\nb\r\n\n"},
      {"return_path_add\nreturn_path = $return_path.$local_part\nheaders_only\n",
       "Return-path: <s@x.example.one>\n" + head + "\n"},
      {"headers_add = X: 1\nheaders_add = Y: 2\nheaders_only\n",
       head + "X: 1\nY: 2\n\n"},
      {"message_size_limit = 1K\n", head + "\n" + body},
  };
  for (const Row& row : kRows) {
    TestSpool spool;
    spool.configure(to_boxes(spool, row.options));
    spool.put(id, {.body = body});
    EXPECT_EQ(spool.run({"-q"}).status, 0);
    EXPECT_EQ(mails_in(spool.path() / "mail/one"), std::vector{row.mail})
        << row.options << spool.log();
  }
}

TEST(RunLocal, AMaildirHasTheModesThatItsOptionsSay) {
  TestSpool spool;
  spool.configure(to_boxes(spool, "  mode = 0664\n  directory_mode = 02775\n"));
  spool.put(TestSpool::id(1), {});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  auto box = spool.path() / "mail/one";
  auto bits = [](const fs::path& path) {
    return static_cast<unsigned>(fs::status(path).permissions());
  };
  EXPECT_EQ(bits(box), 02775U);
  EXPECT_EQ(bits(box / "tmp"), 02775U);
  for (const auto& file : fs::directory_iterator(box / "new"))
    EXPECT_EQ(bits(file.path()), 0664U);
}

TEST(RunLocal, AMessageThatIsTooBigForATransportIsBounced) {
  TestSpool spool;
  spool.configure(to_boxes(spool, "  message_size_limit = ${if eq{1}{1}{1K}}\n"));
  std::string id = TestSpool::id(1);
  spool.put(id, {.body = std::string(1100, 'x') + "\n"});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_TRUE(has(spool.log(), "message is too big (transport limit = 1024)"))
      << spool.log();
  EXPECT_TRUE(has(spool.log(), " <= <> R=" + id)) << spool.log();
  EXPECT_TRUE(mails_in(spool.path() / "mail/one").empty());
}

TEST(RunLocal, ATransportSeesTheAddressAsItsRouterDid) {
  TestSpool spool;
  std::string root = spool.path().string();
  spool.configure(R"(
begin routers
staff:
  driver = accept
  local_part_prefix = real-
  local_part_prefix_optional
  local_parts = joe
  router_home_directory = )" +
                  root + R"(/home/$local_part
  transport = boxes
begin transports
boxes:
  driver = appendfile
  maildir_format
  directory = $home/$local_part_data/$original_local_part
begin retry
* * F,2h,15m
)");
  spool.put(TestSpool::id(1), {.recipients = {"Real-Joe@x.example"}});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_EQ(mails_in(spool.path() / "home/joe/joe/Real-Joe").size(), 1U) << spool.log();
}

TEST(RunLocal, ASpoolFileOfSeveralPiecesIsCopiedAsItIs) {
  TestSpool spool;
  spool.configure(R"(
begin routers
all:
  driver = accept
  transport = copies
begin transports
copies:
  driver = queuefile
  directory = )" + spool.path().string() +
                  "/copies\n");
  std::string body;
  for (int i = 0; i < 30'000; ++i) body += "line " + std::to_string(i) + "\r\n";
  std::string id = TestSpool::id(1);
  spool.put(id, {.options = "-spool_file_wireformat\n", .body = body});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_TRUE(slurp(spool.path() / "copies" / (id + "-D")) == id + "-D\n" + body)
      << spool.log();
  EXPECT_TRUE(
      has(slurp(spool.path() / "copies" / (id + "-H")), "-spool_file_wireformat"));
}

TEST(RunLocal, ADomainOfOneMailboxWaitsAsOne) {
  TestSpool spool;
  spool.configure(to_boxes(spool, "  retry_use_local_part = false\n"));
  spill(spool.path() / "mail", "a file");
  for (unsigned i = 1; i < 3; ++i) {
    spool.put(TestSpool::id(i),
              {.recipients = {"u" + std::to_string(i) + "@x.example"}, .options = ""});
    EXPECT_EQ(spool.run({"-q"}).status, 0);
  }
  EXPECT_EQ(count_of(spool.log(), " == "), 1U) << spool.log();
  EXPECT_TRUE(has(retry_times(spool), "T:x.example ")) << retry_times(spool);
}

TEST(RunLocal, ATransportWithAnOptionThatIsNotServedIsLeftToExim) {
  TestSpool spool;
  spool.configure(to_boxes(spool, "  quota = 10M\n"));
  spool.put(TestSpool::id(1), {});
  auto before = spool.files();
  auto plan = spool.run({"--dry-run"});
  EXPECT_TRUE(has(plan.out, "(left for Exim: option quota of transport boxes)"))
      << plan.out;
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_TRUE(has(spool.log(), "1 left for Exim")) << spool.log();
  EXPECT_EQ(spool.files(), before);
}

// To a socket that speaks LMTP.
std::string to_socket(const std::string& socket, const std::string& options = "") {
  return to_boxes("  driver = lmtp\n  socket = " + socket + "\n" + options, "F,2h,15m");
}

TEST(RunLocal, DovecotTakesMailAtItsSocket) {
  REQUIRE_PROGRAM("dovecot");
  REQUIRE_PROGRAM("/usr/lib/dovecot/lmtp");
  support::DovecotServer server("plain", support::DovecotServer::Mail::lmtp);
  TestSpool spool;
  spool.configure(to_socket(server.lmtp(), "  batch_max = 10\n"));
  Letter letter{.recipients = {"joe@x.example", "kim@x.example", "Joe@y.example"},
                .body = ".a line\n..\nthe end\n"};
  for (unsigned i = 0; i < 5; ++i) spool.put(TestSpool::id(i), letter);
  auto end = spool.run({"-q"});
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_TRUE(spool.files().empty()) << spool.log() << slurp(server.log());
  for (const char* user : {"joe", "kim", "Joe"}) {
    auto mails = mails_in(server.maildir(user));
    ASSERT_EQ(mails.size(), 5U) << spool.log();
    EXPECT_TRUE(mails[0].ends_with("\n\n.a line\n..\nthe end\n")) << mails[0];
    EXPECT_TRUE(mails[0].starts_with("Return-Path: <s@x.example>\n")) << mails[0];
  }
  std::string line =
      TestSpool::id(1) + " => joe@x.example R=all T=boxes K C=\"250 2.0.0 ";
  EXPECT_TRUE(has(spool.log(), line)) << spool.log();
  EXPECT_EQ(count_of(spool.log(), " Completed\n"), 5U);
}

TEST(RunLocal, OneRecipientGoesToASocketAtATimeUnlessBatchMaxSaysSo) {
  REQUIRE_PROGRAM("dovecot");
  REQUIRE_PROGRAM("/usr/lib/dovecot/lmtp");
  support::DovecotServer server("plain", support::DovecotServer::Mail::lmtp);
  for (const char* options : {"", "  batch_max = 10\n"}) {
    TestSpool spool;
    spool.configure(to_socket(server.lmtp(), options));
    spool.put(TestSpool::id(1), {.recipients = {"joe@x.example", "kim@x.example"}});
    EXPECT_EQ(spool.run({"-q"}).status, 0);
    EXPECT_EQ(count_of(spool.log(), " => "), *options ? 1U : 2U) << spool.log();
    EXPECT_EQ(count_of(spool.log(), " -> "), *options ? 1U : 0U) << spool.log();
  }
}

TEST(RunLocal, ASocketWhereNobodyListensIsTriedLater) {
  TestSpool spool;
  std::string socket = (spool.path() / "Socket").string();
  spool.configure(to_socket(socket));
  spool.put(TestSpool::id(1), {.recipients = {"joe@x.example"}});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_TRUE(
      has(spool.log(), " == joe@x.example R=all T=boxes defer (2): No such file"))
      << spool.log();
  EXPECT_TRUE(has(spool.log(), " H=" + socket + " No such file or directory\n"))
      << spool.log();
  EXPECT_TRUE(has(retry_times(spool), "T:" + socket + " ")) << retry_times(spool);
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_TRUE(has(spool.log(), "1 not due")) << spool.log();
}

}  // namespace
