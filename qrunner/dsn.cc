// SPDX-License-Identifier: Apache-2.0
#include "qrunner/dsn.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "qrunner/report_field.h"
#include "qrunner/report_words.h"

namespace qrunner {

namespace {

constexpr std::size_t kLongestDiagnostic = 950;
constexpr std::size_t kLongestDetail = 1023;
constexpr std::size_t kLongestReference = 900;
constexpr std::size_t kAddressesInAField = 50;

std::string_view action_word(Action action) {
  constexpr std::string_view kWords[] = {"failed", "delayed", "delivered", "relayed",
                                         "expanded"};
  return kWords[static_cast<std::size_t>(action)];
}

char status_class(Action action) {
  if (action == Action::failed) return '5';
  return action == Action::delayed ? '4' : '2';
}

// "5.1.10": a class, and two numbers of at most three digits (RFC 3463 section 2).
bool is_status(std::string_view text) {
  if (text.size() < 5 || text[1] != '.') return false;
  if (text[0] != '2' && text[0] != '4' && text[0] != '5') return false;
  std::string_view rest = text.substr(2);
  std::size_t dot = rest.find('.');
  if (dot == rest.npos) return false;
  auto is_part = [](std::string_view part) {
    return !part.empty() && part.size() <= 3 &&
           std::ranges::all_of(part, base::is_digit);
  };
  return is_part(rest.substr(0, dot)) && is_part(rest.substr(dot + 1));
}

// RFC 6533 section 3, for where only ASCII may stand: "\x{E9}".
std::string embedded_unicode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    auto c = static_cast<unsigned char>(text[i++]);
    if (c < 0x80) {
      out += text[i - 1];
      continue;
    }
    std::uint32_t point = c >= 0xf0 ? c & 7U : c >= 0xe0 ? c & 15U : c & 31U;
    while (i < text.size() && (static_cast<unsigned char>(text[i]) & 0xc0U) == 0x80U)
      point = (point << 6U) | (static_cast<unsigned char>(text[i++]) & 63U);
    std::string digits;
    for (; point != 0; point >>= 4U) digits += "0123456789ABCDEF"[point & 15U];
    out.append("\\x{").append(digits.rbegin(), digits.rend()).append("}");
  }
  return out;
}

// "rfc822; a@b", or "utf-8; ..." for an address that is not ASCII.
std::string typed_address(std::string_view address, Letters letters) {
  std::string clean = clean_line(address, Letters::utf8);
  if (is_ascii(clean)) return "rfc822; " + clean;
  return "utf-8; " + (letters == Letters::utf8 ? clean : embedded_unicode(clean));
}

bool is_atom(std::string_view text) {
  constexpr std::string_view kNot = " ()<>@,;:\\\".[]";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return c > ' ' && c < 0x7f && !kNot.contains(c);
  });
}

// ORCPT=, decoded but for addresses of RFC 6533, whose encoding is their own.  Empty if
// it is none.
std::string original_recipient(std::string_view orcpt, Letters letters) {
  std::size_t semicolon = orcpt.find(';');
  if (semicolon == orcpt.npos || !is_atom(orcpt.substr(0, semicolon))) return {};
  std::string type(orcpt.substr(0, semicolon));
  std::string_view encoded = orcpt.substr(semicolon + 1);
  bool utf8 = base::equal_nocase(type, "utf-8");
  std::string address(encoded);
  if (!utf8) address = smtp::decode_xtext(encoded).value_or(address);
  address = clean_line(address, Letters::utf8);
  if (letters == Letters::ascii && !is_ascii(address))
    address = utf8 ? embedded_unicode(address) : clean_line(address, Letters::ascii);
  return address.empty() ? "" : type + "; " + address;
}

// What the remote said, each line of it on one of its own.
std::string diagnostic(const smtp::Reply& reply, Letters letters) {
  std::string wire = smtp::format_reply(reply);
  std::string text;
  for (std::string_view rest = wire; !rest.empty();) {
    std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string line = clean_line(rest.substr(0, end), letters);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty()) continue;
    if (!text.empty()) text += "\n ";
    text += line;
  }
  if (text.size() <= kLongestDiagnostic) return text;
  text = cut_text(text, kLongestDiagnostic);
  while (text.ends_with(' ') || text.ends_with('\n')) text.pop_back();
  return text + " [truncated]";
}

// The fields of one recipient, in the order of RFC 3464 section 2.3.
class RecipientFields {
 public:
  RecipientFields(const Reported& recipient, const ReportedMessage& message,
                  const DsnSettings& settings, Letters letters)
      : recipient_(recipient),
        message_(message),
        settings_(settings),
        letters_(letters) {}

  std::string write() {
    if (auto original = original_recipient(recipient_.orcpt, letters_);
        !original.empty())
      field("Original-Recipient", original);
    const std::string& final =
        recipient_.original.empty() ? recipient_.address : recipient_.original;
    field("Final-Recipient", typed_address(final, letters_));
    field("Action", action_word(recipient_.action));
    field("Status", report_status(recipient_));
    if (recipient_.host) field("Remote-MTA", "dns; " + host_name(*recipient_.host));
    if (recipient_.reply)
      out_ +=
          "Diagnostic-Code: smtp; " + diagnostic(*recipient_.reply, letters_) + "\n";
    if (recipient_.last_attempt)
      field("Last-Attempt-Date", base::format_mail_date(*recipient_.last_attempt));
    field("Final-Log-Id", message_.id.text());
    if (recipient_.action == Action::delayed && recipient_.retry_until)
      field("Will-Retry-Until", base::format_mail_date(*recipient_.retry_until));
    if (settings_.remote_details) details();
    return std::move(out_);
  }

 private:
  // Behind what the standard knows, in the order and spelling of Exim, whose build
  // option EXPERIMENTAL_DSN_INFO they come from.
  void details() {
    if (recipient_.host) {
      const ReportedHost& host = *recipient_.host;
      std::string port = host.port == 25 ? "" : ":" + std::to_string(host.port);
      field("Remote-MTA", "X-ip; [" + host.address + "]" + port);
      detail("X-Remote-MTA-smtp-greeting", host.greeting);
      detail("X-Remote-MTA-helo-response", host.helo_response);
    }
    if (!recipient_.hide_address) detail("X-Exim-Diagnostic", recipient_.error);
  }

  void detail(std::string_view name, std::string_view text) {
    if (!text.empty())
      field(name, "X-str; " + std::string(cut_text(text, kLongestDetail)));
  }
  void field(std::string_view name, std::string_view value) {
    out_ += format_field(name, value, letters_);
  }
  static std::string host_name(const ReportedHost& host) {
    return host.name.empty() ? "[" + host.address + "]" : host.name;
  }

  const Reported& recipient_;
  const ReportedMessage& message_;
  const DsnSettings& settings_;
  Letters letters_;
  std::string out_;
};

std::string message_fields(const ReportedMessage& message, const DsnSettings& settings,
                           Letters letters) {
  std::string out;
  auto envid = smtp::decode_xtext(message.envid).value_or("");
  if (!envid.empty()) out += format_field("Original-Envelope-Id", envid, letters);
  out += format_field("Reporting-MTA", "dns; " + settings.hostname, letters);
  out +=
      format_field("Arrival-Date", base::format_mail_date(message.received), letters);
  return out;
}

// How much of the message goes back.
struct Return {
  bool message = true;  // its header lines at least
  bool body = false;
  bool overruled = false;  // less than was asked for, or than usual
};
Return what_returns(ReportKind kind, const ReportedMessage& message,
                    std::uint64_t headers_size, const DsnSettings& settings) {
  if (!settings.return_message) return {.message = false};
  if (kind != ReportKind::bounce || message.ret == smtp::DsnReturn::headers) return {};
  if (!settings.return_body) return {.overruled = message.ret == smtp::DsnReturn::full};
  std::uint64_t size = headers_size + message.body_size;
  if ((settings.size_limit != 0 && size > settings.size_limit) ||
      message.longest_line > settings.line_limit)
    return {.overruled = true};
  return {.body = true};
}

std::string header_value(const ReportedMessage& message, std::string_view name) {
  for (std::string_view line : message.headers) {
    std::size_t colon = line.find(':');
    if (colon == line.npos) continue;
    std::string found = clean_line(line.substr(0, colon), Letters::ascii);
    if (base::equal_nocase(found, name))
      return clean_line(line.substr(colon + 1), Letters::utf8);
  }
  return {};
}

// "$name" or "${name}".
void replace_variable(std::string& text, const std::string& name,
                      std::string_view data) {
  std::string value = clean_line(data, Letters::utf8);
  for (const std::string& form : {"${" + name + "}", "$" + name})
    for (std::size_t at = text.find(form); at != text.npos;
         at = text.find(form, at + value.size()))
      text.replace(at, form.size(), value);
}

// An administrator's header lines as lines of a header: what has no name is left out.
void append_headers(std::vector<std::string>& headers, std::string_view text,
                    bool& subject) {
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    bool blank = line.find_first_not_of(" \t\r") == line.npos;
    if (blank) continue;
    if (line[0] == ' ' || line[0] == '\t') {
      if (!headers.empty())
        headers.back() += " " + clean_line(line, Letters::utf8) + "\n";
      continue;
    }
    std::size_t colon = line.find(':');
    if (colon == line.npos || colon == 0) continue;
    std::string_view name = line.substr(0, colon);
    if (!std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f; }))
      continue;
    subject = subject || base::equal_nocase(name, "Subject");
    headers.push_back(format_field(name, line.substr(colon + 1), Letters::utf8));
  }
}

class Maker {
 public:
  Maker(ReportKind kind, const ReportedMessage& message, const std::string& to,
        const std::vector<Reported>& recipients, const DsnSettings& settings,
        const ReportTexts& texts, std::string_view boundary, std::chrono::seconds delay)
      : kind_(kind),
        message_(message),
        recipients_(recipients),
        settings_(settings),
        texts_(texts),
        boundary_(boundary),
        delay_(delay),
        letters_(message.utf8 ? Letters::utf8 : Letters::ascii) {
    report_.recipient = to;
    for (std::string* text : {&texts_.headers, &texts_.intro, &texts_.closing})
      fill_in(*text);
  }

  Report make() {
    parts();
    headers();
    bool ascii = is_ascii(report_.recipient);
    for (const std::string& line : report_.headers) ascii = ascii && is_ascii(line);
    report_.utf8 = !ascii;
    return std::move(report_);
  }

 private:
  void fill_in(std::string& text) const {
    std::string waiting;
    for (const Reported& recipient : recipients_)
      waiting += (waiting.empty() ? "" : ", ") +
                 (recipient.hide_address ? recipient.original : recipient.address);
    replace_variable(text, "bounce_recipient", report_.recipient);
    replace_variable(text, "bounce_return_size_limit",
                     std::to_string(settings_.size_limit));
    replace_variable(text, "warn_message_delay", delay_words(delay_));
    replace_variable(text, "warn_message_recipients", waiting);
  }

  void parts() {
    std::string words = report_words(kind_, message_, recipients_, settings_, texts_,
                                     delay_, Letters::utf8);
    std::string& out = report_.before;
    part(is_ascii(words) ? "text/plain; charset=us-ascii" : "text/plain; charset=utf-8",
         "What happened", !is_ascii(words));
    out += words;

    std::string status = message_fields(message_, settings_, letters_);
    for (const Reported& recipient : recipients_)
      status +=
          "\n" + RecipientFields(recipient, message_, settings_, letters_).write();
    out += "\n";
    part("message/" + status_type(), "Delivery report", !is_ascii(status));
    out += status;
    returned();
  }

  void returned() {
    std::string lines =
        "Return-path: <" + clean_line(message_.sender, Letters::utf8) + ">\n";
    for (const std::string& header : message_.headers) lines += returned_header(header);
    Return back = what_returns(kind_, message_, lines.size(), settings_);
    std::string end = "\n--" + std::string(boundary_) + "--\n";
    if (!back.message) {
      report_.before += end;
      return;
    }
    if (back.overruled)
      lines +=
          "X-Exim-DSN-Information: Due to administrative limits only headers are "
          "returned\n";
    bool eight_bit = !is_ascii(lines) || (back.body && message_.eight_bit_body);
    std::string type = message_.utf8 ? "message/global-headers" : "text/rfc822-headers";
    if (back.body) type = message_.utf8 ? "message/global" : "message/rfc822";
    report_.before += "\n";
    part(type, back.body ? "The message" : "Header lines of the message", eight_bit);
    report_.before += lines + "\n";
    report_.returns_body = back.body;
    (back.body ? report_.after : report_.before) += end;
  }

  void part(std::string_view type, std::string_view description, bool eight_bit) {
    std::string& out = report_.before;
    out.append("--").append(boundary_);
    out.append("\nContent-Type: ").append(type);
    out.append("\nContent-Description: ").append(description);
    if (eight_bit) out += "\nContent-Transfer-Encoding: 8bit";
    out += "\n\n";
    eight_bit_ = eight_bit_ || eight_bit;
  }

  void headers() {
    if (kind_ == ReportKind::bounce) failed_recipients();
    header("Auto-Submitted",
           kind_ == ReportKind::success ? "auto-generated" : "auto-replied");
    header("From", settings_.from);
    header("To", report_.recipient);
    std::string about = header_value(message_, "Message-ID");
    if (about.starts_with('<') && about.size() <= kLongestReference)
      header("References", about);
    report_.headers.push_back(
        "Content-Type: multipart/report; report-type=" + status_type() +
        ";\n boundary=\"" + std::string(boundary_) + "\"\n");
    header("MIME-Version", "1.0");
    if (eight_bit_) header("Content-Transfer-Encoding", "8bit");
    bool subject = false;
    append_headers(report_.headers, texts_.headers, subject);
    if (!subject)
      header("Subject", report_subject(kind_, message_, report_.recipient, delay_));
  }

  void failed_recipients() {
    std::string field;
    std::size_t count = 0;
    for (const Reported& recipient : recipients_) {
      std::string address =
          clean_line(recipient.hide_address ? recipient.original : recipient.address,
                     Letters::utf8);
      if (count++ % kAddressesInAField == 0) {
        if (!field.empty()) report_.headers.push_back(field + "\n");
        field = "X-Failed-Recipients: " + address;
      } else {
        field += ",\n  " + address;
      }
    }
    if (!field.empty()) report_.headers.push_back(field + "\n");
  }

  void header(std::string_view name, std::string_view value) {
    report_.headers.push_back(format_field(name, value, Letters::utf8));
  }

  std::string status_type() const {
    return message_.utf8 ? "global-delivery-status" : "delivery-status";
  }

  ReportKind kind_;
  const ReportedMessage& message_;
  const std::vector<Reported>& recipients_;
  const DsnSettings& settings_;
  ReportTexts texts_;
  std::string_view boundary_;
  std::chrono::seconds delay_;
  Letters letters_;
  bool eight_bit_ = false;
  Report report_;
};

}  // namespace

ReportedMessage ReportedMessage::of(const spoolfmt::HFile& file) {
  ReportedMessage message;
  message.id = file.id;
  message.sender = file.sender;
  message.received = file.received_time();
  auto number = [&](std::string_view name) -> std::uint64_t {
    const auto* option = file.find(name);
    return option ? base::to_number(option->value).value_or(0) : 0;
  };
  if (const auto* envid = file.find("dsn_envid")) message.envid = envid->value;
  if (auto ret = number("dsn_ret"); ret == 1 || ret == 2)
    message.ret = ret == 1 ? smtp::DsnReturn::full : smtp::DsnReturn::headers;
  message.utf8 = file.has("smtputf8");
  for (const auto& header : file.headers)
    if (header.type != '*') message.headers.push_back(header.text);
  message.longest_line = number("max_received_linelength");
  return message;
}

ReportTexts parse_report_texts(std::string_view text, ReportKind kind) {
  std::vector<std::string> texts(1);
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line == "****")
      texts.emplace_back();
    else
      texts.back().append(line).append("\n");
  }
  std::size_t last = kind == ReportKind::bounce ? 6 : 3;
  texts.resize(std::max(texts.size(), last));
  return {texts[0], texts[1], "", texts[last - 1]};
}

bool wants_report(Action action, unsigned notify) {
  namespace dsn = spoolfmt::dsn;
  if ((notify & dsn::kNever) != 0) return false;
  bool said = (notify & (dsn::kSuccess | dsn::kFailure | dsn::kDelay)) != 0;
  switch (action) {
    case Action::failed:
      return !said || (notify & dsn::kFailure) != 0;
    case Action::delayed:
      return !said || (notify & dsn::kDelay) != 0;
    default:
      return (notify & dsn::kSuccess) != 0;
  }
}

std::string report_status(const Reported& recipient) {
  char wanted = status_class(recipient.action);
  std::string none = std::string(1, wanted) + ".0.0";
  if (is_status(recipient.status)) return wanted + recipient.status.substr(1);
  if (!recipient.reply) return none;
  auto said = static_cast<char>('0' + recipient.reply->code / 100);
  // The host said "later" for so long that it was given up: delivery time expired.
  if (recipient.action == Action::failed && said == '4') return "5.4.7";
  const std::string& status = recipient.reply->enhanced;
  return is_status(status) && status[0] == said && said == wanted ? status : none;
}

std::map<std::string, std::vector<Reported>> by_errors_address(
    std::string_view sender, std::vector<Reported> recipients) {
  std::map<std::string, std::vector<Reported>> groups;
  for (Reported& recipient : recipients) {
    bool failed = recipient.action == Action::failed;
    std::string to(failed && !recipient.errors_to.empty() ? recipient.errors_to
                                                          : sender);
    if (to.empty() || !wants_report(recipient.action, recipient.notify)) continue;
    groups[to].push_back(std::move(recipient));
  }
  return groups;
}

Report make_report(ReportKind kind, const ReportedMessage& message,
                   const std::string& to, const std::vector<Reported>& recipients,
                   const DsnSettings& settings, const ReportTexts& texts,
                   std::string_view boundary, std::chrono::seconds delay) {
  return Maker(kind, message, to, recipients, settings, texts, boundary, delay).make();
}

}  // namespace qrunner
