// SPDX-License-Identifier: Apache-2.0
//
// Delivery status notifications: from what became of recipients to the text of the
// report about it (RFC 3461, RFC 3464, RFC 6522; RFC 6533 for SMTPUTF8).
//
// Pure: facts come in, header lines and body go out.  The body of the message that is
// reported on is not here, since it may be large: a report is what stands before it and
// what stands behind it.  Everything that a peer said is data: no byte of it can end a
// field, a part or a line.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "smtp/params.h"
#include "smtp/reply.h"
#include "spoolfmt/h_file.h"

namespace qrunner {

// RFC 3464 section 2.3.3.
enum class Action : std::uint8_t { failed, delayed, delivered, relayed, expanded };

// The host that was tried last.
struct ReportedHost {
  std::string name;     // "mx.example"; empty: only the address is known
  std::string address;  // "192.0.2.1"
  unsigned port = 25;
  std::string greeting, helo_response;  // their first lines; empty: none came
};

// A recipient and what became of it.
struct Reported {
  std::string address;        // that was tried
  std::string original;       // of the recipient list: its topmost ancestor
  bool hide_address = false;  // nobody may learn more than `original`
  std::string errors_to;      // who hears of failures; empty: the sender
  std::string orcpt;          // as received: "rfc822;xtext"
  unsigned notify = 0;        // spoolfmt::dsn flags; 0: not said
  Action action = Action::failed;
  std::string status;                // where we know better than the reply: "5.4.6"
  std::optional<smtp::Reply> reply;  // what the host said to it
  std::string error;                 // what the log says, the reply included
  std::optional<ReportedHost> host;
  std::optional<base::Time> last_attempt, retry_until;
};

// The message that is reported on.
struct ReportedMessage {
  spoolfmt::MessageId id;
  std::string sender;
  base::Time received;
  std::string envid;  // as received, in xtext
  smtp::DsnReturn ret = smtp::DsnReturn::unsaid;
  bool utf8 = false;                 // SMTPUTF8
  std::vector<std::string> headers;  // those that would be sent, folds and LF kept
  std::uint64_t body_size = 0;
  std::uint64_t longest_line = 0;  // without its end; of what is known
  bool eight_bit_body = true;      // may hold bytes above 127

  // What -H tells; the body is for the caller to add.
  static ReportedMessage of(const spoolfmt::HFile& file);
};

enum class ReportKind : std::uint8_t { bounce, warning, success };

// Texts of an administrator, in place of ours where they are not empty.
struct ReportTexts {
  std::string headers;  // header lines; with a Subject: ours is left out
  std::string intro;    // the beginning, in place of all we would say there
  std::string top;      // a paragraph in front of ours (bounce_message_text)
  std::string closing;  // behind the recipients
};
// The file that bounce_message_file or warn_message_file names: texts separated by
// lines "****", of which the first is header lines, the second the intro, and the sixth
// of a bounce, the third of a warning the closing (Exim manual, "Customizing
// messages").  In all of them $bounce_recipient, $bounce_return_size_limit,
// $warn_message_delay and $warn_message_recipients stand for what they say.
ReportTexts parse_report_texts(std::string_view text, ReportKind kind);

struct DsnSettings {
  std::string hostname;  // Reporting-MTA
  std::string from;      // the value of From:
  bool return_message = true;
  bool return_body = true;
  std::uint64_t size_limit = std::uint64_t{100} << 10;  // of header lines and body
  std::uint64_t line_limit = 998;
  bool remote_details = true;  // the four fields that Exim calls DSN info
};

// A new message but for its own Received:, Message-Id: and Date:, which stand around
// these header lines.
struct Report {
  std::string recipient;             // of the envelope; the sender is empty
  std::vector<std::string> headers;  // each with its LF
  std::string before;                // of the body
  bool returns_body = false;         // the body of the message comes between
  std::string after;
  bool utf8 = false;  // it cannot be sent without SMTPUTF8
};

// Does the sender want to hear of it?  NOTIFY of RFC 3461 section 4.1; without it of
// failures and delays.
bool wants_report(Action action, unsigned notify);

// "5.1.1": our own, or the remote's if its class is that of the reply and of the
// action, or "5.0.0".
std::string report_status(const Reported& recipient);

// Those who want a report, by the address it goes to: one report for each.  An empty
// sender is never reported to.
std::map<std::string, std::vector<Reported>> by_errors_address(
    std::string_view sender, std::vector<Reported> recipients);

// `boundary` must not occur in the message: let it be random.  `delay` is that of a
// warning.
Report make_report(ReportKind kind, const ReportedMessage& message,
                   const std::string& to, const std::vector<Reported>& recipients,
                   const DsnSettings& settings, const ReportTexts& texts,
                   std::string_view boundary, std::chrono::seconds delay = {});

}  // namespace qrunner
