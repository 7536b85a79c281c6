// SPDX-License-Identifier: Apache-2.0
#include "qrunner/report_words.h"

#include <algorithm>

#include "base/text.h"

namespace qrunner {

namespace {

// What a sender can do, by the status without its class (RFC 3463).  The first row that
// the status begins with counts.
struct Advice {
  std::string_view status, text;
};
constexpr Advice kAdvice[] = {
    {"1.2",
     "Nobody receives mail for the part behind the @. Look for a typing "
     "mistake in it."},
    {"1.10",
     "That domain says that it takes no mail at all. Ask the recipient for "
     "another address."},
    {"1.",
     "The address is not known there. Look for a typing mistake in it, or ask "
     "the recipient in another way whether it has changed."},
    {"2.2",
     "The mailbox is full. Let the recipient know in another way, and send the "
     "message again when there is room."},
    {"2.",
     "The mailbox takes no mail at present. The recipient or the administrator "
     "of the recipient's server can tell why."},
    {"3.4",
     "The message is too large for that server. Send it with smaller "
     "attachments, or share them in another way."},
    {"4.6",
     "The message went round in a circle between servers. The administrators "
     "of the recipient's domain must mend that."},
    {"4.7",
     "The server could not be reached, or was not ready to take the message, "
     "during all the time we tried. If the message still matters, send it "
     "again, or reach the recipient in another way."},
    {"7.",
     "The recipient's server refuses this message by its rules, which often "
     "means that it takes it for unwanted mail. Its administrator, at the "
     "address postmaster in the recipient's domain, can tell why; show them "
     "this report."},
    {"",
     "If the words above do not help, show this report to the administrator of "
     "the recipient's server, at the address postmaster in its domain."},
};

std::string_view advice(std::string_view status) {
  status.remove_prefix(std::min<std::size_t>(2, status.size()));
  for (const Advice& row : kAdvice) {
    bool whole = !row.status.empty() && row.status.back() != '.';
    if (whole ? status == row.status : status.starts_with(row.status)) return row.text;
  }
  return {};
}

std::string server_name(const ReportedHost& host) {
  std::string address = "[" + host.address + "]";
  return host.name.empty() ? address : host.name + " " + address;
}

class Words {
 public:
  Words(ReportKind kind, const ReportedMessage& message, const DsnSettings& settings,
        std::chrono::seconds delay, Letters letters)
      : kind_(kind),
        message_(message),
        settings_(settings),
        delay_(delay),
        letters_(letters) {}

  std::string write(const std::vector<Reported>& recipients, const ReportTexts& texts) {
    if (!texts.intro.empty()) {
      lines(texts.intro);
    } else {
      if (!texts.top.empty()) lines(texts.top);
      begin(recipients.size() == 1);
    }
    out_ += "\n";
    for (const Reported& recipient : recipients) about(recipient);
    if (texts.intro.empty()) message_facts();
    if (texts.intro.empty()) end();
    if (!texts.closing.empty()) lines(texts.closing);
    return std::move(out_);
  }

 private:
  void begin(bool one) {
    std::string us = clean_line(settings_.hostname, letters_);
    std::string text = "This report was written by the mail server " + us + ". ";
    if (kind_ == ReportKind::bounce)
      text += one ? "A message from your address could not be delivered to the "
                    "recipient below, and will not be tried again."
                  : "A message from your address could not be delivered to the "
                    "recipients below, and will not be tried again for them.";
    if (kind_ == ReportKind::warning)
      text += "A message from your address has been waiting here for " +
              delay_words(delay_) +
              (one ? ", for the recipient below. " : ", for the recipients below. ") +
              "It is still being tried, and you need not send it again.";
    if (kind_ == ReportKind::success)
      text += std::string("As you asked, it tells what became of your message, for ") +
              (one ? "the recipient below." : "the recipients below.");
    paragraph(text);
  }

  void about(const Reported& recipient) {
    const std::string& shown =
        recipient.hide_address ? recipient.original : recipient.address;
    out_ += wrap(shown, "  ", letters_);
    if (!recipient.original.empty() && shown != recipient.original)
      out_ += wrap("(reached through " + recipient.original + ")", "    ", letters_);
    if (kind_ == ReportKind::success)
      success(recipient);
    else
      trouble(recipient);
    out_ += "\n";
  }

  void success(const Reported& recipient) {
    std::string text = "delivered";
    if (recipient.action == Action::relayed) {
      text = "passed on";
      if (recipient.host) text += " to the server " + server_name(*recipient.host);
      text +=
          ", which does not say what becomes of it: there will be no further report "
          "of success";
    }
    if (recipient.action == Action::expanded)
      text = "sent on to several addresses, for which there will be no reports";
    out_ += wrap(text, "    ", letters_);
  }

  void trouble(const Reported& recipient) {
    if (recipient.reply) {
      std::string who = recipient.host ? server_name(*recipient.host) : "";
      out_ += wrap(who.empty() ? "The answer was:" : "The server " + who + " answered:",
                   "    ", letters_);
      for_each_line(smtp::format_reply(*recipient.reply), [&](std::string_view line) {
        out_ += wrap(line, "      ", letters_);
      });
    } else if (!recipient.error.empty()) {
      out_ += wrap(recipient.error, "    ", letters_);
    }
    if (kind_ == ReportKind::bounce)
      out_ += wrap(advice(report_status(recipient)), "    ", letters_);
    if (kind_ == ReportKind::warning && recipient.retry_until)
      out_ +=
          wrap("It will be given up, and you will be told, if nothing changes until " +
                   base::format_mail_date(*recipient.retry_until) + ".",
               "    ", letters_);
  }

  void message_facts() {
    out_ += "The message:\n";
    out_ +=
        wrap("received " + base::format_mail_date(message_.received), "  ", letters_);
    out_ += wrap("our id   " + message_.id.str(), "  ", letters_);
    out_ += "\n";
  }

  void end() {
    paragraph(settings_.return_message
                  ? "What follows are the same facts for programs, and your message or "
                    "its header lines."
                  : "What follows are the same facts for programs.");
  }

  void paragraph(std::string_view text) { out_ += wrap(text, "", letters_); }

  // An administrator's text, in its own lines.
  void lines(std::string_view text) {
    for_each_line(text, [&](std::string_view line) {
      std::string wrapped = wrap(line, "", letters_);
      out_ += wrapped.empty() ? "\n" : wrapped;
    });
    out_ += "\n";
  }

  template <class Each>
  static void for_each_line(std::string_view text, Each each) {
    while (!text.empty()) {
      std::size_t end = std::min(text.find('\n'), text.size());
      each(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

  ReportKind kind_;
  const ReportedMessage& message_;
  const DsnSettings& settings_;
  std::chrono::seconds delay_;
  Letters letters_;
  std::string out_;
};

}  // namespace

std::string report_subject(ReportKind kind, const ReportedMessage& message,
                           const std::string& to, std::chrono::seconds delay) {
  if (kind == ReportKind::success) return "Delivery Status Notification";
  if (kind == ReportKind::warning)
    return "Warning: message " + message.id.str() + " delayed " + delay_words(delay);
  std::string subject = "Mail delivery failed";
  return to == message.sender ? subject + ": returning message to sender" : subject;
}

std::string delay_words(std::chrono::seconds delay) {
  auto minutes = std::chrono::floor<std::chrono::minutes>(delay);
  if (minutes < std::chrono::hours(2))
    return std::to_string(minutes.count()) +
           (minutes.count() == 1 ? " minute" : " minutes");
  return std::to_string(std::chrono::floor<std::chrono::hours>(delay).count()) +
         " hours";
}

std::string report_words(ReportKind kind, const ReportedMessage& message,
                         const std::vector<Reported>& recipients,
                         const DsnSettings& settings, const ReportTexts& texts,
                         std::chrono::seconds delay, Letters letters) {
  return Words(kind, message, settings, delay, letters).write(recipients, texts);
}

}  // namespace qrunner
