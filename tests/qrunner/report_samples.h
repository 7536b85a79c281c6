// SPDX-License-Identifier: Apache-2.0
//
// What the tests of reports report on.
#pragma once

#include <string>
#include <vector>

#include "qrunner/dsn.h"

namespace dsn_tests {

inline const base::Time kReceived{std::chrono::seconds(1'795'293'568)};
inline constexpr std::string_view kBoundary = "report-0123456789abcdef";

inline qrunner::ReportedMessage sample_message() {
  qrunner::ReportedMessage message;
  message.id = *spoolfmt::MessageId::parse("1xUrrs-000485-2h");
  message.sender = "sender@sender.example";
  message.received = kReceived;
  message.headers = {"Received: from a\n\tby b;\n\tnow\n", "Subject: hello\n",
                     "Message-ID: <m1@sender.example>\n"};
  message.body_size = 10;
  message.longest_line = 60;
  message.eight_bit_body = false;
  return message;
}

inline qrunner::Reported sample_failure(std::string address = "a@bad.example") {
  qrunner::Reported recipient;
  recipient.address = recipient.original = std::move(address);
  recipient.reply = smtp::Reply{550, "5.1.1", "No such user\nReally not"};
  recipient.error =
      "SMTP error from remote mail server after RCPT TO:<a@bad.example>: 550-5.1.1 No "
      "such user\\n550 5.1.1 Really not";
  recipient.host =
      qrunner::ReportedHost{"mx.bad.example", "192.0.2.1", 25,
                            "220 mx.bad.example ESMTP", "250 mx.bad.example"};
  recipient.last_attempt = kReceived + std::chrono::minutes(5);
  return recipient;
}

inline qrunner::DsnSettings sample_settings() {
  qrunner::DsnSettings settings;
  settings.hostname = "mx.bobbin.example";
  settings.from = "Mail Delivery System <Mailer-Daemon@bobbin.example>";
  return settings;
}

// The report as a message, with `body` as that of the message it is about.
inline std::string whole(const qrunner::Report& report,
                         std::string_view body = "hi\n") {
  std::string text;
  for (const std::string& line : report.headers) text += line;
  text += "\n" + report.before;
  if (report.returns_body) text += body;
  return text + report.after;
}

}  // namespace dsn_tests
