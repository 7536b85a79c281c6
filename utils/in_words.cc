// SPDX-License-Identifier: Apache-2.0
#include "utils/in_words.h"

#include <algorithm>
#include <iterator>

#include "base/json.h"
#include "base/text.h"

namespace utils {

namespace {

using spoolfmt::Damage;
using spoolfmt::Queued;

struct Meaning {
  std::string_view name;
  std::string_view text;
};

// In the order of the names.
constexpr Meaning kMeanings[] = {
    {"N", "test: never really deliver"},
    {"active_hostname", "the name we gave ourselves towards the client"},
    {"allow_unqualified_recipient", "header recipients may lack a domain"},
    {"allow_unqualified_sender", "header senders may lack a domain"},
    {"auth_id", "who was authenticated"},
    {"auth_sender", "MAIL FROM's AUTH=, or the local caller's address"},
    {"bmi_verdicts", "verdicts of the Brightmail filter"},
    {"body_linecount", "lines in the body"},
    {"body_zerocount", "NUL bytes in the body"},
    {"debug_selector", "debugging that an ACL asked for"},
    {"debuglog_name", "where that debugging goes"},
    {"deliver_firsttime", "no delivery attempt has ended in a deferral yet"},
    {"dsn_envid", "ENVID of the client, for delivery reports"},
    {"dsn_ret", "reports return 1 the whole message, 2 the headers"},
    {"frozen", "left alone since then (seconds since 1970)"},
    {"helo_name", "the name the client gave in HELO or EHLO"},
    {"host_address", "the client's address and port"},
    {"host_auth", "the authenticator that was used"},
    {"host_auth_pubname", "the authentication mechanism"},
    {"host_lookup_deferred", "the client's name could not be looked up in time"},
    {"host_lookup_failed", "the client's address has no name that leads back to it"},
    {"host_name", "the client's name, from its address"},
    {"ident", "who the client says its user is, or the local caller's login"},
    {"interface_address", "our own end of the connection"},
    {"local", "submitted here by a local sender"},
    {"local_scan", "data of the local_scan hook"},
    {"localerror", "a bounce or warning made by this Exim"},
    {"manual_thaw", "thawed by an administrator"},
    {"max_received_linelength", "the longest line received"},
    {"received_protocol", "how it was received"},
    {"received_time_complete", "when all of it had been received"},
    {"received_time_usec", "microseconds of the time of reception"},
    {"sender_set_untrusted", "the sender was chosen by a caller without that right"},
    {"smtputf8", "needs SMTPUTF8 on its way on"},
    {"spam_bar", "spam score as a bar"},
    {"spam_score", "spam score"},
    {"spam_score_int", "spam score times ten"},
    {"spool_file_wireformat", "-D is in wire format (CR LF)"},
    {"tls_certificate_verified", "the client's certificate was verified"},
    {"tls_cipher", "cipher suite"},
    {"tls_ocsp", "OCSP: 1 no response, 2 not tried, 3 failed, 4 verified"},
    {"tls_ourcert", "the certificate we showed"},
    {"tls_peercert", "the client's certificate"},
    {"tls_peerdn", "whom the client's certificate names"},
    {"tls_requiretls", "REQUIRETLS (4.92 only)"},
    {"tls_resumption", "TLS session resumption"},
    {"tls_sni", "the name the client asked for (SNI)"},
    {"tls_ver", "TLS version"},
    {"utf8_downcvt", "always convert addresses to ASCII"},
    {"utf8_optdowncvt", "convert addresses to ASCII where needed"},
};
static_assert(std::ranges::is_sorted(kMeanings, {}, &Meaning::name));

void append_field(std::string& out, std::string_view name, std::string_view text) {
  constexpr std::size_t kColumn = 14;
  out += "  ";
  out += name;
  out.append(name.size() < kColumn ? kColumn - name.size() : 1, ' ');
  out += text;
  out += '\n';
}

std::string time_and_age(std::int64_t seconds, std::string_view formatted,
                         base::Time now) {
  auto age = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count() -
             seconds;
  std::string text = spoolfmt::format_listing_age(age);
  return std::string(formatted) + " (" + text.substr(text.find_first_not_of(' ')) +
         " ago)";
}

std::string body_in_words(const Queued& queued) {
  if (!queued.d_size) return "missing: there is no -D file, so it cannot be delivered";
  auto size = queued.body_size();
  if (!size) return "damaged: -D is shorter than its first line";
  return std::to_string(*size) + " bytes, " +
         (queued.h.file.wire_format() ? "wire format (CR LF)" : "lines end in LF");
}

void explain_status(std::string& out, const Queued& queued, base::Time now,
                    const Screen& screen) {
  const auto& file = queued.h.file;
  append_field(out, "sender",
               file.sender.empty() ? "<> (a bounce or another report)"
                                   : "<" + shown(file.sender, screen) + ">");
  append_field(
      out, "received",
      time_and_age(file.received, base::format_rfc3339(file.received_time()), now));
  append_field(out, "submitted by",
               "'" + shown(file.login, screen) + "', uid " + std::to_string(file.uid) +
                   ", gid " + std::to_string(file.gid));
  if (const auto* host = file.find("host_address"))
    append_field(out, "from host",
                 shown(spoolfmt::parse_host(host->value).address, screen));
  if (auto size = queued.message_size())
    append_field(out, "size", std::to_string(*size) + " bytes, header lines and body");
  append_field(out, "body", body_in_words(queued));
  if (auto since = file.frozen())
    append_field(out, "frozen",
                 "since " + time_and_age(*since,
                                         base::format_rfc3339(
                                             base::Time(std::chrono::seconds(*since))),
                                         now));
  if (file.warnings != 0)
    append_field(out, "warnings",
                 std::to_string(file.warnings) + " delay warnings sent to the sender");
}

void explain_options(std::string& out, const Queued& queued, const Screen& screen) {
  constexpr std::size_t kColumn = 44;
  out += "Options\n";
  for (const auto& option : queued.h.file.options) {
    std::string line = "  " + shown(option.name, screen);
    // A value may be a whole certificate or hold line ends: here it is one line.
    if (option.has_value) line += " = " + base::printable(option.value);
    std::string notes(option_meaning(option.name));
    if (option.tainted) notes += notes.empty() ? "tainted" : "; tainted";
    if (!option.quoter.empty()) notes += ", quoted for " + shown(option.quoter, screen);
    if (!notes.empty()) {
      line.append(line.size() < kColumn ? kColumn - line.size() : 1, ' ');
      line += " # " + notes;
    }
    out += line + "\n";
  }
}

std::string dsn_in_words(unsigned flags) {
  std::string words;
  auto add = [&](unsigned flag, std::string_view word) {
    if (flags & flag) words += (words.empty() ? "NOTIFY=" : ",") + std::string(word);
  };
  add(spoolfmt::dsn::kNever, "NEVER");
  add(spoolfmt::dsn::kSuccess, "SUCCESS");
  add(spoolfmt::dsn::kFailure, "FAILURE");
  add(spoolfmt::dsn::kDelay, "DELAY");
  return words;
}

void explain_recipients(std::string& out, const Queued& queued, const Screen& screen) {
  const auto& recipients = queued.h.file.recipients;
  out += "Recipients (" + std::to_string(recipients.size()) + ", " +
         std::to_string(undelivered(queued).size()) + " still to deliver to)\n";
  for (const auto& recipient : recipients) {
    out += queued.delivered(recipient.address) ? "  done " : "       ";
    out += shown(recipient.address, screen);
    std::string notes = dsn_in_words(recipient.dsn_flags);
    auto note = [&](const std::string& text) {
      notes += (notes.empty() ? "" : " ") + text;
    };
    if (!recipient.orcpt.empty()) note("ORCPT=" + shown(recipient.orcpt, screen));
    if (!recipient.errors_to.empty())
      note("errors to <" + shown(recipient.errors_to, screen) + ">");
    if (recipient.parent >= 0)
      note("from the one_time alias number " + std::to_string(recipient.parent + 1));
    if (!notes.empty()) out += "   # " + notes;
    out += '\n';
  }
}

void explain_names(std::string& out, std::string_view heading, const auto& names,
                   const Screen& screen) {
  if (names.empty()) return;
  out += heading;
  out += '\n';
  for (const auto& name : names) out += "  " + shown(name, screen) + "\n";
}

std::vector<std::string_view> tree_names(const Queued& queued) {
  std::vector<std::string_view> names;
  for (const auto& node : queued.h.file.delivered.nodes) names.push_back(node.name);
  return names;
}

void append_options(base::Json& json, const Queued& queued) {
  json.key("options").begin_array();
  for (const auto& option : queued.h.file.options) {
    json.begin_object().member("name", option.name).key("value");
    if (option.has_value)
      json.value(option.value);
    else
      json.null();
    json.member("tainted", option.tainted).key("quoter");
    if (option.quoter.empty())
      json.null();
    else
      json.value(option.quoter);
    json.end_object();
  }
  json.end_array();
}

void append_recipients(base::Json& json, const Queued& queued) {
  json.key("recipients").begin_array();
  auto optional = [&](std::string_view name, std::string_view text) {
    json.key(name);
    if (text.empty())
      json.null();
    else
      json.value(text);
  };
  for (const auto& recipient : queued.h.file.recipients) {
    json.begin_object().member("address", recipient.address);
    optional("errors_to", recipient.errors_to);
    optional("orcpt", recipient.orcpt);
    json.member("dsn_flags", recipient.dsn_flags).key("parent");
    if (recipient.parent >= 0)
      json.value(recipient.parent);
    else
      json.null();
    json.member("delivered", queued.delivered(recipient.address)).end_object();
  }
  json.end_array();
}

void append_body(base::Json& json, const Queued& queued) {
  json.key("body").begin_object().member("offset", queued.entry.stem_size + 3);
  json.key("size");
  if (auto size = queued.body_size())
    json.value(*size);
  else
    json.null();
  json.member("format", queued.h.file.wire_format() ? "wire" : "lf").end_object();
}

}  // namespace

std::string_view option_meaning(std::string_view name) {
  if (name.starts_with("aclc ")) return "ACL variable of the connection";
  if (name.starts_with("aclm ")) return "ACL variable of the message";
  if (name.starts_with("acl ")) return "ACL variable, from before Exim 4.61";
  auto found = std::ranges::lower_bound(kMeanings, name, {}, &Meaning::name);
  return found != std::end(kMeanings) && found->name == name ? found->text
                                                             : std::string_view{};
}

void explain_envelope(std::string& out, const Queued& queued,
                      const std::filesystem::path& directory, base::Time now,
                      const Screen& screen) {
  const auto& h = queued.h;
  out += "Message " + shown(queued.entry.stem(), screen) + "\n";
  append_field(out, "file",
               (directory / queued.entry.h_name()).string() + ", " +
                   std::to_string(queued.h_text.size()) + " bytes");
  if (h.damage != Damage::none)
    append_field(out, "damaged",
                 "line " + std::to_string(h.line) + ": " + shown(h.what, screen) +
                     (h.damage == Damage::envelope ? "; nothing of it is known"
                                                   : "; the envelope is sound"));
  if (h.damage == Damage::envelope) return;
  explain_status(out, queued, now, screen);
  explain_options(out, queued, screen);
  explain_names(out, "Done with", tree_names(queued), screen);
  explain_names(out, "Delivered since -H was written (journal)", queued.journal,
                screen);
  explain_recipients(out, queued, screen);
}

void explain_headers(std::string& out, const Queued& queued, const Screen& screen) {
  if (queued.h.damage == Damage::envelope) return;
  out += "Headers (" + std::to_string(queued.h.file.headers.size()) + ")\n";
  for (const auto& header : queued.h.file.headers) {
    out += "  ";
    out += base::printable(std::string_view(&header.type, 1));
    out += ' ';
    std::string_view rest = header.text;
    bool first = true;
    while (!rest.empty()) {
      auto line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      if (!first) out += "    ";
      out += shown(line, screen);
      if (first && header.type == '*') out += "   # replaced or removed: never sent";
      out += '\n';
      first = false;
    }
    if (first) out += '\n';
  }
}

void append_document(std::string& out, const Queued& queued) {
  const auto& file = queued.h.file;
  base::Json json(out);
  json.begin_object().member("id", queued.entry.stem());
  if (queued.h.damage != Damage::envelope) {
    json.member("user", file.login).member("uid", file.uid).member("gid", file.gid);
    json.member("sender", file.sender);
    json.member("received", base::format_rfc3339(file.received_time()));
    json.member("warnings", file.warnings);
    append_frozen(json, file);
    append_options(json, queued);
    json.key("delivered").begin_array();
    for (auto name : tree_names(queued)) json.value(name);
    json.end_array();
    append_recipients(json, queued);
    json.key("headers").begin_array();
    for (const auto& header : file.headers)
      json.begin_object()
          .member("type", std::string_view(&header.type, 1))
          .member("text", header.text)
          .end_object();
    json.end_array();
    append_body(json, queued);
    json.key("journal").begin_array();
    for (auto name : queued.journal) json.value(name);
    json.end_array().key("message_size");
    if (auto size = queued.message_size())
      json.value(*size);
    else
      json.null();
  }
  if (queued.h.damage != Damage::none)
    append_trouble(json, queued, {base::Code::syntax, ""});
  json.end_object();
  out += '\n';
}

std::string shown_lines(std::string_view mail, const Screen& screen) {
  if (!screen.terminal) return std::string(mail);
  std::string out;
  while (!mail.empty()) {
    auto line = mail.substr(0, mail.find('\n'));
    out += base::printable(line);
    if (line.size() < mail.size()) out += '\n';
    mail.remove_prefix(std::min(mail.size(), line.size() + 1));
  }
  return out;
}

}  // namespace utils
