// SPDX-License-Identifier: Apache-2.0
//
// Statements 85 to 91 of the checklist in spec/queue-run.md, section 14.
#include "qrunner/dsn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/qrunner/dsn_parser.h"
#include "tests/qrunner/report_samples.h"
#include "tests/support/peers.h"
#include "tests/support/process.h"

namespace {

using namespace qrunner;
using namespace dsn_tests;
using testing::HasSubstr;
using testing::Not;

Report bounce(const ReportedMessage& message, const std::vector<Reported>& recipients,
              const DsnSettings& settings = sample_settings(),
              const ReportTexts& texts = {}) {
  return make_report(ReportKind::bounce, message, message.sender, recipients, settings,
                     texts, kBoundary);
}

std::string names(const std::vector<Field>& fields) {
  std::string text;
  for (const Field& field : fields) text += field.name + " ";
  return text;
}

std::string value(const std::vector<Field>& fields, std::string_view name) {
  for (const Field& field : fields)
    if (field.name == name) return field.value;
  return "(none)";
}

TEST(Dsn, Q85_AStrictParserReadsABounce) {
  auto message = sample_message();
  message.envid = "QQ+2B1";
  auto first = sample_failure(), second = sample_failure("b@bad.example");
  first.orcpt = "rfc822;or+2Big@o.example";
  DsnParser parsed(whole(bounce(message, {first, second})));
  EXPECT_THAT(parsed.faults, testing::IsEmpty());
  EXPECT_EQ(names(parsed.headers),
            "X-Failed-Recipients Auto-Submitted From To References Content-Type "
            "MIME-Version Subject ");
  EXPECT_EQ(names(parsed.message), "Original-Envelope-Id Reporting-MTA Arrival-Date ");
  ASSERT_EQ(parsed.recipients.size(), 2U);
  EXPECT_EQ(names(parsed.recipients[0]),
            "Original-Recipient Final-Recipient Action Status Remote-MTA "
            "Diagnostic-Code Last-Attempt-Date Final-Log-Id Remote-MTA "
            "X-Remote-MTA-smtp-greeting X-Remote-MTA-helo-response X-Exim-Diagnostic ");
  EXPECT_EQ(value(parsed.recipients[0], "Diagnostic-Code"),
            "smtp; 550-5.1.1 No such user 550 5.1.1 Really not");
  EXPECT_EQ(value(parsed.recipients[0], "Final-Recipient"), "rfc822; a@bad.example");
  EXPECT_EQ(value(parsed.headers, "Subject"),
            "Mail delivery failed: returning message to sender");
  EXPECT_EQ(value(parsed.headers, "X-Failed-Recipients"),
            "a@bad.example,  b@bad.example");
  EXPECT_EQ(value(parsed.headers, "References"), "<m1@sender.example>");
  EXPECT_EQ(parsed.parts[2].type(), "message/rfc822");
  EXPECT_THAT(parsed.parts[2].body,
              testing::StartsWith("Return-path: <sender@sender."));
  EXPECT_THAT(parsed.parts[2].body, testing::EndsWith("\n\nhi\n"));
  EXPECT_THAT(parsed.parts[0].body, HasSubstr("550 5.1.1 Really not"));
}

TEST(Dsn, Q86_StatusIsTheRemotesOnlyIfItsClassAgrees) {
  struct Row {
    Action action;
    int code;
    const char *enhanced, *own, *status;
  };
  for (const Row& row : {Row{Action::failed, 550, "5.1.1", "", "5.1.1"},
                         Row{Action::failed, 550, "4.1.1", "", "5.0.0"},
                         Row{Action::failed, 550, "", "", "5.0.0"},
                         Row{Action::failed, 550, "5.1.1234", "", "5.0.0"},
                         Row{Action::failed, 550, "5.1.1", "5.1.10", "5.1.10"},
                         Row{Action::failed, 451, "4.2.1", "", "5.4.7"},
                         Row{Action::failed, 0, "", "4.4.7", "5.4.7"},
                         Row{Action::failed, 0, "", "", "5.0.0"},
                         Row{Action::delayed, 451, "4.2.1", "", "4.2.1"},
                         Row{Action::delayed, 550, "5.2.1", "", "4.0.0"},
                         Row{Action::delayed, 0, "", "", "4.0.0"},
                         Row{Action::relayed, 250, "2.1.5", "", "2.1.5"},
                         Row{Action::relayed, 250, "", "", "2.0.0"},
                         Row{Action::expanded, 0, "", "", "2.0.0"}}) {
    Reported recipient;
    recipient.action = row.action;
    recipient.status = row.own;
    if (row.code != 0) recipient.reply = smtp::Reply{row.code, row.enhanced, "x"};
    EXPECT_EQ(report_status(recipient), row.status)
        << row.code << " " << row.enhanced << " " << row.own;
  }
}

TEST(Dsn, Q87_EnvidAndOrcptComeBackDecoded) {
  struct Row {
    const char *envid, *orcpt;
    bool utf8;
    const char *envelope, *original;
  };
  for (const Row& row :
       {Row{"a+2Bb", "rfc822;or+2Big@o.example", false, "a+b",
            "rfc822; or+ig@o.example"},
        Row{"", "", false, "(none)", "(none)"},
        Row{"bad+zz", "nothing", false, "(none)", "(none)"},
        Row{"x+0Ay: z", "rfc822;a+0D+0AStatus:+202.0.0", false, "(none)",
            "rfc822; a Status: 2.0.0"},
        Row{"x", "utf-8;\\x{E9}@o.example", false, "x", "utf-8; \\x{E9}@o.example"},
        Row{"x", "utf-8;\xc3\xa9@o.example", false, "x", "utf-8; \\x{E9}@o.example"},
        Row{"x", "utf-8;\xc3\xa9@o.example", true, "x", "utf-8; \xc3\xa9@o.example"}}) {
    auto message = sample_message();
    message.envid = row.envid;
    message.utf8 = row.utf8;
    auto recipient = sample_failure();
    recipient.orcpt = row.orcpt;
    DsnParser parsed(whole(bounce(message, {recipient})));
    EXPECT_THAT(parsed.faults, testing::IsEmpty()) << row.orcpt;
    EXPECT_EQ(value(parsed.message, "Original-Envelope-Id"), row.envelope);
    ASSERT_EQ(parsed.recipients.size(), 1U);
    EXPECT_EQ(value(parsed.recipients[0], "Original-Recipient"), row.original);
  }
}

TEST(Dsn, Q87_NotifySaysWhoWantsWhat) {
  namespace dsn = spoolfmt::dsn;
  struct Row {
    unsigned notify;
    const char* wanted;  // of failed, delayed, relayed
  };
  for (const Row& row :
       {Row{0, "yyn"}, Row{dsn::kNever, "nnn"}, Row{dsn::kSuccess, "nny"},
        Row{dsn::kFailure, "ynn"}, Row{dsn::kDelay, "nyn"},
        Row{dsn::kSuccess | dsn::kFailure, "yny"}}) {
    std::string wanted;
    for (Action action : {Action::failed, Action::delayed, Action::relayed})
      wanted += wants_report(action, row.notify) ? 'y' : 'n';
    EXPECT_EQ(wanted, row.wanted) << row.notify;
    EXPECT_EQ(wants_report(Action::delivered, row.notify), wanted[2] == 'y');
    EXPECT_EQ(wants_report(Action::expanded, row.notify), wanted[2] == 'y');
  }
}

TEST(Dsn, Q87_Q89_Q91_OneReportForEachErrorsAddress) {
  auto first = sample_failure("a@x"), second = sample_failure("b@x"),
       other = sample_failure("c@x"), silent = sample_failure("d@x"),
       relayed = sample_failure("e@x");
  other.errors_to = "owner@list.example";
  silent.notify = spoolfmt::dsn::kNever;
  relayed.action = Action::relayed;
  relayed.errors_to = "owner@list.example";
  relayed.notify = spoolfmt::dsn::kSuccess;
  auto groups = by_errors_address("s@x", {first, second, other, silent, relayed});
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups["s@x"].size(), 3U);  // success is for the sender only
  EXPECT_EQ(groups["owner@list.example"].size(), 1U);
  EXPECT_TRUE(by_errors_address("", {first, second, relayed}).empty());
  EXPECT_EQ(by_errors_address("", {first, other}).size(), 1U);
}

TEST(Dsn, Q88_HowMuchOfTheMessageReturns) {
  struct Row {
    const char* what;
    smtp::DsnReturn ret;
    bool body;
    std::uint64_t size, longest;
    const char* type;
    bool overruled;
  };
  using enum smtp::DsnReturn;
  for (const Row& row : {
           Row{"usual", unsaid, true, 10, 60, "message/rfc822", false},
           Row{"RET=FULL", full, true, 10, 60, "message/rfc822", false},
           Row{"RET=HDRS", headers, true, 10, 60, "text/rfc822-headers", false},
           Row{"HDRS, large", headers, true, 1 << 20, 60, "text/rfc822-headers", false},
           Row{"FULL, large", full, true, 1 << 20, 60, "text/rfc822-headers", true},
           Row{"large", unsaid, true, 1 << 20, 60, "text/rfc822-headers", true},
           Row{"long lines", unsaid, true, 10, 999, "text/rfc822-headers", true},
           Row{"just not", unsaid, true, 10, 998, "message/rfc822", false},
           Row{"no body", unsaid, false, 10, 60, "text/rfc822-headers", false},
           Row{"FULL, no body", full, false, 10, 60, "text/rfc822-headers", true},
       }) {
    auto message = sample_message();
    message.ret = row.ret;
    message.body_size = row.size;
    message.longest_line = row.longest;
    auto settings = sample_settings();
    settings.return_body = row.body;
    auto report = bounce(message, {sample_failure()}, settings);
    DsnParser parsed(whole(report));
    EXPECT_THAT(parsed.faults, testing::IsEmpty()) << row.what;
    ASSERT_EQ(parsed.parts.size(), 3U) << row.what;
    EXPECT_EQ(parsed.parts[2].type(), row.type) << row.what;
    EXPECT_EQ(report.returns_body, parsed.parts[2].type() == "message/rfc822");
    EXPECT_EQ(parsed.parts[2].body.find(
                  "\nX-Exim-DSN-Information: Due to administrative limits only headers "
                  "are returned\n\n") != std::string::npos,
              row.overruled)
        << row.what << parsed.parts[2].body;
  }
  auto settings = sample_settings();
  settings.return_message = false;
  DsnParser nothing(whole(bounce(sample_message(), {sample_failure()}, settings)));
  EXPECT_THAT(nothing.faults, testing::IsEmpty());
  EXPECT_EQ(nothing.parts.size(), 2U);
}

TEST(Dsn, Q90_FourFieldsMoreWhereTheyAreWanted) {
  auto recipient = sample_failure();
  recipient.host->port = 2525;
  auto settings = sample_settings();
  std::string with = bounce(sample_message(), {recipient}, settings).before;
  EXPECT_THAT(with, HasSubstr("\nRemote-MTA: X-ip; [192.0.2.1]:2525\n"));
  EXPECT_THAT(with, HasSubstr("\nX-Remote-MTA-smtp-greeting: X-str; 220 mx.bad"));
  EXPECT_THAT(with, HasSubstr("\nX-Remote-MTA-helo-response: X-str; 250 mx.bad"));
  EXPECT_THAT(with, HasSubstr("\nX-Exim-Diagnostic: X-str; SMTP error from remote"));
  settings.remote_details = false;
  std::string without = bounce(sample_message(), {recipient}, settings).before;
  EXPECT_THAT(without, Not(HasSubstr("X-ip")));
  EXPECT_THAT(without, Not(HasSubstr("X-str")));
  EXPECT_THAT(without, HasSubstr("\nRemote-MTA: dns; mx.bad.example\n"));
}

TEST(Dsn, WarningsTellTheDelayAndReturnHeadersOnly) {
  auto recipient = sample_failure();
  recipient.action = Action::delayed;
  recipient.reply = smtp::Reply{451, "4.7.1", "greylisted"};
  recipient.retry_until = kReceived + std::chrono::days(4);
  auto message = sample_message();
  message.ret = smtp::DsnReturn::full;
  auto warn = [&](std::chrono::seconds delay) {
    return make_report(ReportKind::warning, message, message.sender, {recipient},
                       sample_settings(), {}, kBoundary, delay);
  };
  DsnParser parsed(whole(warn(std::chrono::hours(24))));
  EXPECT_THAT(parsed.faults, testing::IsEmpty());
  EXPECT_EQ(value(parsed.headers, "Subject"),
            "Warning: message 1xUrrs-000485-2h delayed 24 hours");
  EXPECT_EQ(value(parsed.headers, "Auto-Submitted"), "auto-replied");
  EXPECT_EQ(value(parsed.headers, "X-Failed-Recipients"), "(none)");
  EXPECT_EQ(value(parsed.recipients.at(0), "Action"), "delayed");
  EXPECT_EQ(value(parsed.recipients[0], "Status"), "4.7.1");
  EXPECT_NE(value(parsed.recipients[0], "Will-Retry-Until"), "(none)");
  EXPECT_EQ(parsed.parts.at(2).type(), "text/rfc822-headers");
  EXPECT_THAT(whole(warn(std::chrono::minutes(90))), HasSubstr("delayed 90 minutes\n"));
  EXPECT_THAT(whole(warn(std::chrono::minutes(121))), HasSubstr("delayed 2 hours\n"));
}

TEST(Dsn, SuccessReportsAreNotReplies) {
  auto recipient = sample_failure();
  recipient.action = Action::relayed;
  recipient.reply = smtp::Reply{250, "2.0.0", "ok"};
  DsnParser parsed(whole(make_report(ReportKind::success, sample_message(), "s@x",
                                     {recipient}, sample_settings(), {}, kBoundary)));
  EXPECT_THAT(parsed.faults, testing::IsEmpty());
  EXPECT_EQ(value(parsed.headers, "Subject"), "Delivery Status Notification");
  EXPECT_EQ(value(parsed.headers, "Auto-Submitted"), "auto-generated");
  EXPECT_EQ(value(parsed.recipients.at(0), "Action"), "relayed");
  EXPECT_EQ(value(parsed.recipients[0], "Status"), "2.0.0");
}

// RFC 6533.
TEST(Dsn, SmtpUtf8MessagesHaveTheGlobalTypes) {
  auto message = sample_message();
  message.utf8 = true;
  message.sender = "s\xc3\xa9nder@x.example";
  message.headers.push_back("Subject: h\xc3\xa9\n");
  auto report = bounce(message, {sample_failure("\xc3\xa9@bad.example")});
  DsnParser parsed(whole(report));
  EXPECT_THAT(parsed.faults, testing::IsEmpty());
  EXPECT_TRUE(report.utf8);
  EXPECT_EQ(parsed.parts.at(1).type(), "message/global-delivery-status");
  EXPECT_EQ(parsed.parts.at(2).type(), "message/global");
  EXPECT_EQ(value(parsed.recipients.at(0), "Final-Recipient"),
            "utf-8; \xc3\xa9@bad.example");
  message.ret = smtp::DsnReturn::headers;
  DsnParser brief(whole(bounce(message, {sample_failure()})));
  EXPECT_EQ(brief.parts.at(2).type(), "message/global-headers");
  // Where only ASCII may stand.
  DsnParser plain(
      whole(bounce(sample_message(), {sample_failure("\xc3\xa9@bad.example")})));
  EXPECT_THAT(plain.faults, testing::IsEmpty());
  EXPECT_EQ(value(plain.recipients.at(0), "Final-Recipient"),
            "utf-8; \\x{E9}@bad.example");
}

TEST(Dsn, ManyRecipientsAndLongRepliesStayInBounds) {
  std::vector<Reported> recipients;
  for (int i = 0; i < 120; ++i)
    recipients.push_back(sample_failure("r" + std::to_string(i) + "@bad.example"));
  recipients[0].reply = smtp::Reply{550, "5.7.1", std::string(5000, 'x')};
  recipients[1].host->greeting = std::string(5000, 'g');
  DsnParser parsed(whole(bounce(sample_message(), recipients)));
  EXPECT_THAT(parsed.faults, testing::IsEmpty());
  EXPECT_EQ(std::ranges::count(parsed.headers, "X-Failed-Recipients", &Field::name), 3);
  std::string code = value(parsed.recipients.at(0), "Diagnostic-Code");
  EXPECT_THAT(code, testing::EndsWith(" [truncated]"));
  EXPECT_LT(code.size(), 980U);
  EXPECT_LE(value(parsed.recipients[1], "X-Remote-MTA-smtp-greeting").size(), 1040U);
}

TEST(Dsn, HiddenAddressesStayHidden) {
  auto recipient = sample_failure("secret@inside.example");
  recipient.original = "list@bad.example";
  EXPECT_THAT(whole(bounce(sample_message(), {recipient})),
              HasSubstr("reached through list@bad.example"));
  recipient.hide_address = true;
  EXPECT_THAT(whole(bounce(sample_message(), {recipient})),
              Not(HasSubstr("secret@inside")));
}

TEST(Dsn, AnAdministratorsTextsReplaceOurs) {
  auto texts = parse_report_texts(
      "Subject: Undelivered: ${bounce_recipient}\nX-Us:  yes\nnonsense\n\n****\n"
      "Hello $bounce_recipient, up to\n\n$bounce_return_size_limit bytes.\n****\n"
      "pipe\n****\ncopy\n****\ntruncated\n****\nGood bye.\n",
      ReportKind::bounce);
  DsnParser parsed(
      whole(bounce(sample_message(), {sample_failure()}, sample_settings(), texts)));
  EXPECT_THAT(parsed.faults, testing::IsEmpty());
  EXPECT_EQ(value(parsed.headers, "Subject"), "Undelivered: sender@sender.example");
  EXPECT_EQ(value(parsed.headers, "X-Us"), "yes");
  EXPECT_EQ(std::ranges::count(parsed.headers, "Subject", &Field::name), 1);
  const std::string& words = parsed.parts.at(0).body;
  EXPECT_THAT(words, testing::StartsWith(
                         "Hello sender@sender.example, up to\n\n102400 bytes.\n"));
  EXPECT_THAT(words, HasSubstr("Good bye.\n"));
  EXPECT_THAT(words, Not(HasSubstr("What follows")));
  // Data is no text of the administrator's.
  DsnParser hostile(
      whole(make_report(ReportKind::bounce, sample_message(), "a\nBcc: b@x",
                        {sample_failure()}, sample_settings(), texts, kBoundary)));
  EXPECT_THAT(hostile.faults, testing::IsEmpty());
  EXPECT_EQ(value(hostile.headers, "Bcc"), "(none)");
  auto warning = parse_report_texts("****\nintro\n****\nend\n", ReportKind::warning);
  EXPECT_EQ(warning.headers, "");
  EXPECT_EQ(warning.intro, "intro\n");
  EXPECT_EQ(warning.closing, "end\n");
}

// Seeded: whatever a peer, a sender or a recipient is called, the structure holds.
TEST(Dsn, Q85_NoByteBreaksTheStructure) {
  std::mt19937 random(85);
  auto text = [&](std::size_t most) {
    static constexpr std::string_view kNasty =
        "\r\n\r\n--report-0123456789abcdef:;<>\t ";
    std::string out;
    for (std::size_t left = random() % most; left > 0; --left) {
      unsigned kind = random() % 4;
      out += kind == 0   ? kNasty[random() % kNasty.size()]
             : kind == 1 ? static_cast<char>(random() % 256)
                         : static_cast<char>('a' + random() % 26);
    }
    return out;
  };
  for (int round = 0; round < 400; ++round) {
    auto message = sample_message();
    message.sender = text(60);
    message.envid = text(60);
    message.utf8 = random() % 2 == 0;
    message.headers = {"Subject: " + text(3000) + "\n", text(200) + "\n",
                       "Message-ID:" + text(100) + "\n"};
    std::vector<Reported> recipients;
    for (unsigned left = 1 + random() % 4; left > 0; --left) {
      auto recipient = sample_failure("r" + text(60));
      recipient.original = "o" + text(600);
      recipient.orcpt = text(60);
      recipient.error = text(3000);
      recipient.reply->text = text(3000);
      recipient.reply->enhanced = text(9);
      recipient.host->name = "h" + text(60);
      recipient.host->greeting = text(1200);
      recipient.host->helo_response = text(1200);
      recipient.hide_address = random() % 4 == 0;
      recipients.push_back(std::move(recipient));
    }
    ReportTexts texts{text(300), text(300), text(30), text(300)};
    auto report = bounce(message, recipients, sample_settings(),
                         round % 2 == 0 ? texts : ReportTexts{});
    DsnParser parsed(whole(report));
    ASSERT_THAT(parsed.faults, testing::IsEmpty()) << "round " << round << "\n"
                                                   << whole(report);
    ASSERT_EQ(parsed.recipients.size(), recipients.size());
  }
}

TEST(Dsn, Q85_PythonsParserFindsNoDefect) {
  REQUIRE_PROGRAM("python3");
  auto message = sample_message();
  message.utf8 = true;
  message.headers.push_back("X-Name: \xc3\xa9\n");
  constexpr auto kProgram =
      "import sys, email, email.policy\n"
      "m = email.message_from_bytes(sys.stdin.buffer.read(), "
      "policy=email.policy.SMTPUTF8)\n"
      "for p in m.walk():\n"
      "    print(p.get_content_type(), p.defects)\n"
      "    for h in p.values():\n"
      "        if h.defects: print(h, h.defects)\n";
  for (bool utf8 : {false, true}) {
    auto plain = sample_message();
    auto report =
        bounce(utf8 ? message : plain, {sample_failure(), sample_failure("b@x")});
    auto outcome = support::run({.program = support::find_program("python3")->string(),
                                 .args = {"-c", kProgram},
                                 .input = whole(report)});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    std::string global = utf8 ? "global-" : "";
    EXPECT_THAT(outcome.out, testing::StartsWith("multipart/report []\ntext/plain []\n"
                                                 "message/" +
                                                 global + "delivery-status []\n"));
    EXPECT_THAT(outcome.out, Not(HasSubstr("Defect")));
  }
}

}  // namespace
