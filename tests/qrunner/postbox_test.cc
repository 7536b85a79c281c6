// SPDX-License-Identifier: Apache-2.0
//
// Reports in a spool: what stands in the files, and that the Exim of this machine
// reads, lists and delivers them, and names the same header lines in its own.
#include "qrunner/postbox.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fstream>

#include "base/fd.h"
#include "spoolfmt/new_message.h"
#include "tests/qrunner/dsn_parser.h"
#include "tests/qrunner/report_samples.h"
#include "tests/support/fake_clock.h"
#include "tests/utils/real_exim.h"

namespace {

namespace fs = std::filesystem;
using namespace qrunner;
using namespace dsn_tests;
using testing::HasSubstr;

std::string slurp(const fs::path& path) {
  return base::read_file(path).value_or("");
}

// A spool with a message that is to be reported on, and the box.
struct Office {
  explicit Office(std::string_view body = "body line\nfrom me\n", bool wire = false)
      : log(*base::MainLog::open(dir / "mainlog", clock)) {
    auto first = spoolfmt::MessageIdSource({}, 7).next(clock.now());
    auto message = spoolfmt::NewMessage::create(spool, first, body);
    file.id = first;
    file.login = "u";
    file.sender = "sender@sender.example";
    file.received = 1'700'000'000;
    file.recipients = {{"a@bad.example", {}, {}}};
    file.headers = {{' ', "Subject: hello\n"}, {'I', "Message-ID: <m1@x>\n"}};
    if (wire) file.set_flag("spool_file_wireformat");
    EXPECT_TRUE(message->commit(file));
    message->keep();
    d_fd = *base::open_file(message->path("-D"), O_RDONLY);
    settings = sample_settings();
  }

  ReturnedBody returned() const { return {d_fd.get(), file.wire_format()}; }

  spoolfmt::MessageId post() {
    auto message = reported_message(file, returned(), settings);
    EXPECT_TRUE(message) << message.error().text;
    auto report = make_report(ReportKind::bounce, *message, file.sender,
                              {sample_failure(), sample_failure("b@bad.example")},
                              settings, {}, random_boundary());
    Postbox box(spool, ids, log, clock, "mx.bobbin.example", shown, true,
                {"bobbin", 0, 0, "b@bobbin.example"});
    auto id = box.post(report, file.id, returned());
    EXPECT_TRUE(id) << id.error().text;
    return id.value_or(spoolfmt::MessageId());
  }

  std::string text(const spoolfmt::MessageId& id, const char* suffix) const {
    return slurp(dir / "spool/input" / (id.str() + suffix));
  }

  // The message as it would be sent.
  std::string sent(const spoolfmt::MessageId& id) const {
    auto h_file = spoolfmt::parse_h_file(text(id, "-H"), id.str() + "-H");
    EXPECT_TRUE(h_file) << h_file.error().text;
    std::string whole;
    for (const auto& header : h_file->headers) whole += header.text;
    return whole + "\n" + text(id, "-D").substr(id.first_line_length());
  }

  support::TempDir dir;
  support::FakeClock clock;
  spoolfmt::Spool spool = *spoolfmt::Spool::create(dir / "spool");
  spoolfmt::MessageIdSource ids{{}, 4242};
  base::MainLog log;
  policy::LogSelector shown;
  spoolfmt::HFile file;
  base::Fd d_fd;
  DsnSettings settings;
};

TEST(Postbox, WritesAMessageAsEximWritesItsOwn) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  Office office;
  office.shown = *policy::LogSelector::parse("+received_recipients +received_sender");
  auto id = office.post();
  auto h_file = spoolfmt::parse_h_file(office.text(id, "-H"), id.str() + "-H");
  ASSERT_TRUE(h_file) << h_file.error().text;
  EXPECT_EQ(h_file->sender, "");
  EXPECT_EQ(h_file->login, "bobbin");
  EXPECT_EQ(h_file->received, 1'700'000'000);
  ASSERT_EQ(h_file->recipients.size(), 1U);
  EXPECT_EQ(h_file->recipients[0].address, "sender@sender.example");
  std::string options;
  for (const auto& option : h_file->options) options += option.name + " ";
  EXPECT_EQ(options,
            "received_time_usec received_time_complete ident received_protocol "
            "body_linecount max_received_linelength auth_sender "
            "allow_unqualified_recipient "
            "allow_unqualified_sender deliver_firsttime localerror ");
  EXPECT_EQ(h_file->headers[0].type, 'P');
  EXPECT_EQ(
      h_file->headers[0].text,
      "Received: from bobbin by mx.bobbin.example with local (bobbin 0.1.0)\n\tid " +
          id.str() +
          "\n\tfor sender@sender.example;\n\tTue, 14 Nov 2023 22:13:20 +0000\n");
  std::string body = office.text(id, "-D");
  EXPECT_EQ(std::to_string(std::ranges::count(body, '\n') - 1),
            h_file->find("body_linecount")->value);

  DsnParser parsed(office.sent(id));
  EXPECT_THAT(parsed.faults, testing::IsEmpty());
  EXPECT_THAT(parsed.parts.at(2).body, testing::EndsWith("\n\nbody line\nfrom me\n"));

  std::string size = std::to_string(office.sent(id).size());
  std::string arrival = "<> R=" + office.file.id.str() + " U=bobbin P=local S=" + size;
  EXPECT_EQ(slurp(office.dir / "mainlog"), "2023-11-14 22:13:20 " + id.str() +
                                               " <= " + arrival +
                                               " from <> for sender@sender.example\n");
  EXPECT_EQ(slurp(office.dir / "spool/msglog" / id.str()),
            "2023-11-14 22:13:20 Received from " + arrival + "\n");
}

TEST(Postbox, SelectorsShowMore) {
  Office office;
  office.shown = *policy::LogSelector::parse("+msg_id_created +subject");
  auto id = office.post();
  EXPECT_THAT(slurp(office.dir / "mainlog"),
              HasSubstr(" id*=E" + id.str() +
                        "@mx.bobbin.example T=\"Mail delivery failed: returning "
                        "message to sender\"\n"));
}

TEST(Postbox, WireFormatIsReturnedWithPlainLineEnds) {
  Office office("one\r\ntwo\r\n", true);
  auto sent = office.sent(office.post());
  EXPECT_THAT(sent, HasSubstr("\n\none\ntwo\n\n--report-"));
  EXPECT_EQ(sent.find('\r'), std::string::npos);
}

TEST(Postbox, WhatABodyHoldsIsLookedAt) {
  struct Row {
    std::string body;
    bool returned, eight_bit;
  };
  for (const Row& row :
       {Row{"plain\n", true, false}, Row{"caf\xc3\xa9\n", true, true},
        Row{std::string(1200, 'x') + "\n", false, false}, Row{"no end", true, false},
        Row{std::string(200'000, '\n'), false, false}}) {
    Office office(row.body);
    auto sent = office.sent(office.post());
    DsnParser parsed(sent);
    EXPECT_THAT(parsed.faults, testing::IsEmpty());
    EXPECT_EQ(parsed.parts.at(2).type() == "message/rfc822", row.returned);
    EXPECT_EQ(parsed.parts[2].value("Content-Transfer-Encoding") == "8bit",
              row.eight_bit);
    EXPECT_EQ(sent.find("\nX-Exim-DSN-Information: ") == sent.npos, row.returned);
  }
}

TEST(Postbox, ALargeBodyIsNeverHeldWhole) {
  constexpr std::size_t kSize = std::size_t{50} << 20;
  Office office;
  {
    std::ofstream body(office.dir / "spool/input" / (office.file.id.str() + "-D"),
                       std::ios::app);
    std::string lines;
    for (int i = 0; i < 1024; ++i) lines += std::string(63, 'x') + "\n";
    for (std::size_t done = 0; done < kSize; done += lines.size()) body << lines;
  }
  office.settings.size_limit = 0;
  rusage before{}, after{};
  ::getrusage(RUSAGE_SELF, &before);
  auto id = office.post();
  ::getrusage(RUSAGE_SELF, &after);
  EXPECT_GT(fs::file_size(office.dir / "spool/input" / (id.str() + "-D")), kSize);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 16 << 10);  // KiB
}

TEST(Postbox, AnIdInUseIsPassedOver) {
  Office office;
  auto taken = spoolfmt::MessageIdSource({}, 4242).next(office.clock.now());
  auto theirs = spoolfmt::NewMessage::create(office.spool, taken, "theirs");
  ASSERT_TRUE(theirs);
  EXPECT_NE(office.post(), taken);
}

TEST(Postbox, WhatCannotBeWrittenLeavesNothing) {
  Office office;
  auto message = sample_message();
  auto report = make_report(ReportKind::bounce, message, "a\nb@x", {sample_failure()},
                            office.settings, {}, random_boundary());
  Postbox box(office.spool, office.ids, office.log, office.clock, "mx", office.shown,
              true);
  EXPECT_FALSE(box.post(report, office.file.id, office.returned()));
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& file :
       fs::directory_iterator(office.dir / "spool/input"))
    ++files;
  EXPECT_EQ(files, 2U);  // of the message that is reported on
}

TEST(Postbox, BoundariesDiffer) {
  EXPECT_NE(random_boundary(), random_boundary());
  EXPECT_EQ(random_boundary().size(), 39U);
}

// Debian's Exim, with a mailbox for what it delivers.
class Judge {
 public:
  explicit Judge(const fs::path& spool) : spool_(spool) {
    fs::permissions(dir_.path(), fs::perms(0755));
    std::ofstream(dir_ / "conf")
        << "primary_hostname = judge.invalid\nspool_directory = " << spool.string()
        << "\nlog_file_path = " << (dir_ / "log").string() << "/%slog\n"
        << "exim_user = " << utils_test::kEximUser
        << "\nkeep_environment =\nqueue_only = true\nnever_users =\n"
        << "trusted_users = root\nbegin routers\n"
        << "bad:\n  driver = redirect\n  domains = bad.example\n  allow_fail\n"
        << "  data = :fail: nobody\n"
        << "r:\n  driver = accept\n  transport = t\nbegin transports\nt:\n"
        << "  driver = appendfile\n  file = " << (dir_ / "box/mail").string()
        << "\n  user = " << utils_test::kEximUser << "\n";
    for (const char* name : {"log", "box"}) {
      fs::create_directory(dir_ / name);
      utils_test::RealExim::give(dir_ / name);
    }
    take();
  }

  void take() const { utils_test::RealExim::give(spool_); }
  support::Outcome run(std::vector<std::string> args, std::string input = {}) const {
    args.insert(args.begin(), {"-C", (dir_ / "conf").string()});
    return support::run({.program = support::find_program("exim4")->string(),
                         .args = std::move(args),
                         .input = std::move(input)});
  }
  std::string mail() const { return slurp(dir_ / "box/mail"); }
  std::string log() const { return slurp(dir_ / "log/mainlog"); }

 private:
  support::TempDir dir_;
  fs::path spool_;
};

TEST(Postbox, EximListsAndDeliversAReport) {
  REQUIRE_EXIM();
  Office office;
  fs::permissions(office.dir.path(), fs::perms(0755));
  auto id = office.post();
  std::string sent = office.sent(id);
  Judge exim(office.dir / "spool");
  auto listed = exim.run({"-bp"});
  EXPECT_THAT(listed.out,
              HasSubstr(id.str() + " <>\n          sender@sender.example\n"));
  exim.run({"-M", id.str()});
  EXPECT_THAT(exim.log(), HasSubstr(id.str() + " Completed"));
  std::string mail = exim.mail();
  ASSERT_THAT(mail, HasSubstr(sent.substr(0, sent.find("\n\n")))) << exim.log();
  EXPECT_THAT(mail, HasSubstr(sent.substr(sent.find("\n\n"))));
}

TEST(Postbox, TheHeaderLinesAreExims) {
  REQUIRE_EXIM();
  Office office;
  fs::permissions(office.dir.path(), fs::perms(0755));
  auto names = [&](const spoolfmt::MessageId& id) {
    auto file = spoolfmt::parse_h_file(office.text(id, "-H"), id.str() + "-H");
    std::string text;
    for (const auto& header : file->headers)
      text += std::string(1, header.type) +
              header.text.substr(0, header.text.find(':')) + " ";
    return text;
  };
  std::string ours = names(office.post());
  Judge exim(office.dir / "spool");
  exim.run({"-odq", "-f", "sender@sender.example", "a@bad.example", "b@bad.example"},
           "Subject: hello\nMessage-ID: <m1@sender.example>\n\nbody\n");
  exim.run({"-q"});
  std::string theirs;
  for (const auto& file : fs::directory_iterator(office.dir / "spool/input")) {
    std::string name = file.path().filename();
    auto id = spoolfmt::MessageId::parse(name.substr(0, name.size() - 2));
    if (name.ends_with("-H") && slurp(file.path()).contains("(Exim "))
      theirs = names(*id);
  }
  EXPECT_EQ(ours, theirs) << exim.log();
}

}  // namespace
