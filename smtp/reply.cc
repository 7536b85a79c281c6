// SPDX-License-Identifier: Apache-2.0
#include "smtp/reply.h"

#include <array>
#include <cstring>

#include "base/text.h"

namespace smtp {

namespace {

struct Row {
  Standard what;
  int code;
  const char* enhanced;
  const char* text;
};

constexpr Row kTable[] = {
    {Standard::ok, 250, "2.0.0", "OK"},
    {Standard::sender_ok, 250, "2.1.0", "sender OK"},
    {Standard::recipient_ok, 250, "2.1.5", "recipient OK"},
    {Standard::accepted, 250, "2.0.0", "OK"},
    {Standard::start_content, 354, "", "send the message, end it with a single dot"},
    {Standard::closing, 221, "2.0.0", "closing connection"},
    {Standard::help, 214, "2.0.0",
     "commands: EHLO HELO MAIL RCPT DATA RSET NOOP QUIT VRFY EXPN ETRN HELP"},
    {Standard::cannot_verify, 252, "2.5.0", "send some mail, it may be accepted"},
    {Standard::start_tls, 220, "2.0.0", "go ahead with TLS"},
    {Standard::xclient_taken, 220, "2.0.0", "XCLIENT success, say EHLO"},
    {Standard::authenticated, 235, "2.7.0", "authentication succeeded"},
    {Standard::unknown_command, 500, "5.5.1", "unknown command"},
    {Standard::line_too_long, 500, "5.5.2", "line too long"},
    {Standard::bad_syntax, 501, "5.5.2", "syntax error in the argument"},
    {Standard::bad_parameter, 501, "5.5.4", "invalid or repeated parameter"},
    {Standard::unknown_parameter, 555, "5.5.4", "parameter not implemented"},
    {Standard::bad_sender, 501, "5.1.7", "malformed sender address"},
    {Standard::bad_recipient, 501, "5.1.3", "malformed recipient address"},
    {Standard::need_smtputf8, 553, "5.6.7", "an address beyond ASCII needs SMTPUTF8"},
    {Standard::bad_hello, 501, "5.5.2", "a domain or an address literal is needed"},
    {Standard::need_hello, 503, "5.5.1", "say EHLO or HELO first"},
    {Standard::have_sender, 503, "5.5.1", "there is a sender already"},
    {Standard::need_sender, 503, "5.5.1", "a sender must come first"},
    {Standard::need_recipient, 503, "5.5.1", "a recipient must come first"},
    {Standard::not_offered, 503, "5.5.1", "command was not offered"},
    {Standard::in_transaction, 503, "5.5.1", "not permitted in a mail transaction"},
    {Standard::need_bdat, 503, "5.5.1", "only BDAT may carry this message"},
    {Standard::need_data, 503, "5.5.1", "BDAT must not follow DATA"},
    {Standard::need_reset, 503, "5.5.1", "say RSET first"},
    {Standard::empty_chunk, 504, "5.5.4", "an empty chunk must be the last"},
    {Standard::tls_active, 503, "5.5.1", "TLS is active already"},
    {Standard::tls_unavailable, 454, "4.7.0", "TLS not available now"},
    {Standard::tls_failed, 554, "5.7.0", "TLS could not be established"},
    {Standard::need_tls, 530, "5.7.0", "say STARTTLS first"},
    {Standard::already_authenticated, 503, "5.5.1", "authenticated already"},
    {Standard::need_authentication, 530, "5.7.0", "authentication required"},
    {Standard::bad_credentials, 535, "5.7.8", "authentication failed"},
    {Standard::password_expired, 535, "5.7.12", "a new password is needed"},
    {Standard::user_disabled, 535, "5.7.13", "account disabled"},
    {Standard::authentication_cancelled, 501, "5.7.0", "authentication cancelled"},
    {Standard::bad_base64, 501, "5.5.2", "malformed base64"},
    {Standard::initial_response_unexpected, 553, "5.5.4",
     "mechanism takes no initial response"},
    {Standard::unknown_mechanism, 504, "5.5.4", "mechanism not supported"},
    {Standard::authentication_unavailable, 454, "4.7.0",
     "authentication not available now"},
    {Standard::xclient_refused, 550, "5.7.1", "XCLIENT not permitted"},
    {Standard::refused, 550, "5.7.1", "administrative prohibition"},
    {Standard::refused_for_now, 451, "4.7.1", "temporarily refused, try later"},
    {Standard::no_service, 554, "5.7.1", "no SMTP service here"},
    {Standard::cannot_expand, 550, "5.7.1", "lists are not expanded here"},
    {Standard::etrn_refused, 458, "4.7.1", "queue cannot be started"},
    {Standard::out_of_sync, 554, "5.5.0", "SMTP synchronization error"},
    {Standard::too_many_errors, 421, "4.7.0", "too many errors, closing connection"},
    {Standard::too_many_nonmail, 554, "5.7.0", "too many commands without mail"},
    {Standard::too_many_recipients, 452, "4.5.3", "too many recipients"},
    {Standard::recipient_limit, 552, "5.5.3", "too many recipients"},
    {Standard::over_recipient_limit, 554, "5.5.3", "too many recipients"},
    {Standard::too_many_connections, 421, "4.3.2", "too many connections, try later"},
    {Standard::too_many_messages, 421, "4.7.0", "too many messages in one connection"},
    {Standard::shutting_down, 421, "4.3.2", "service is shutting down, try later"},
    {Standard::command_timeout, 421, "4.4.2", "timeout, closing connection"},
    {Standard::data_timeout, 421, "4.4.2",
     "timeout while reading the message, closing connection"},
    {Standard::lost_input, 421, "4.4.2", "input ended within the message"},
    {Standard::message_too_big, 552, "5.3.4", "message too big"},
    {Standard::headers_too_big, 552, "5.3.4", "header section too large"},
    {Standard::bad_line_endings, 550, "5.6.0",
     "message has a bare CR or LF, lines must end with CRLF"},
    {Standard::bad_first_line, 552, "5.6.0", "first header line must end with CRLF"},
    {Standard::cannot_require_tls, 550, "5.7.30", "REQUIRETLS cannot be honoured"},
    {Standard::no_space, 452, "4.3.1", "not enough space, try later"},
    {Standard::local_trouble, 451, "4.3.0", "local problem, try later"},
    {Standard::relay_refused, 550, "5.7.1", "relay not permitted"},
};

// status-code = class "." subject "." detail (RFC 3463), followed by a blank.
std::string_view leading_status(std::string_view text, int code) {
  if (text.size() < 6 || text[0] != '0' + code / 100 || text[1] != '.') return {};
  std::size_t i = 2;
  for (char stop : {'.', ' '}) {
    std::size_t digits = 0;
    while (i < text.size() && base::is_digit(text[i])) ++i, ++digits;
    if (digits == 0 || digits > 3 || i == text.size() || text[i] != stop) return {};
    ++i;
  }
  return text.substr(0, i - 1);
}

// Calls `each(line, is_last)` for the lines of `text`; one empty line if it is empty.
template <class Each>
void for_each_line(std::string_view text, Each each) {
  while (true) {
    std::size_t end = text.find('\n');
    each(text.substr(0, end), end == text.npos);
    if (end == text.npos) return;
    text.remove_prefix(end + 1);
  }
}

void append_line(std::string& out, const Reply& reply, std::string_view line,
                 bool last) {
  out += std::to_string(reply.code);
  out += last ? ' ' : '-';
  if (!reply.enhanced.empty()) out.append(reply.enhanced).append(" ");
  for (char c : line) out += c == 0x7f || (c >= 0 && c < ' ' && c != '\t') ? '?' : c;
}

// "5.1.1 no" -> enhanced "5.1.1", text "no", if every line starts with the same status.
void split_status(Reply& reply) {
  std::string status(leading_status(reply.text, reply.code));
  if (status.empty()) return;
  std::string text;
  bool same = true;
  for_each_line(reply.text, [&](std::string_view line, bool last) {
    same = same && leading_status(line, reply.code) == status;
    if (same) text.append(line.substr(status.size() + 1));
    if (!last) text += '\n';
  });
  if (!same) return;
  reply.enhanced = std::move(status);
  reply.text = std::move(text);
}

}  // namespace

void append_reply(std::string& out, const Reply& reply) {
  for_each_line(reply.text, [&](std::string_view line, bool last) {
    append_line(out, reply, line, last);
    out += "\r\n";
  });
}

std::string format_reply(const Reply& reply) {
  std::string out;
  append_reply(out, reply);
  return out;
}

std::string reply_for_log(const Reply& reply) {
  std::string out;
  for_each_line(reply.text, [&](std::string_view line, bool last) {
    append_line(out, reply, line, last);
    if (!last) out += "\\n";
  });
  return out;
}

Reply standard(Standard what) {
  const Row& row = kTable[static_cast<std::size_t>(what)];
  return {row.code, row.enhanced, row.text};
}

namespace {

// standard() indexes the table, so rows stand in the order of the enum.
constexpr bool in_order() {
  std::size_t i = 0;
  for (const Row& row : kTable)
    if (static_cast<std::size_t>(row.what) != i++) return false;
  return i == static_cast<std::size_t>(Standard::relay_refused) + 1;
}
static_assert(in_order());

}  // namespace

Reply chunk_received(std::uint64_t size) {
  return {250, "2.0.0", std::to_string(size) + " byte chunk received"};
}

Reply greeting(std::string_view hostname, std::string_view text) {
  return {220, "", std::string(hostname) + " ESMTP " + std::string(text)};
}

base::Result<std::optional<Reply>> ReplyParser::feed(std::string_view& bytes) {
  while (!bytes.empty()) {
    const void* found = std::memchr(bytes.data(), '\n', bytes.size());
    std::size_t length =
        found ? static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data())
              : bytes.size();
    if (line_.size() + length > kLongestLine)
      return base::fail(base::Code::syntax, "the server's reply has an endless line");
    line_.append(bytes.substr(0, length));
    bytes.remove_prefix(length);
    if (!found) break;
    bytes.remove_prefix(1);
    if (line_.ends_with('\r')) line_.pop_back();
    bool last = TRY(take_line(line_));
    line_.clear();
    if (last) {
      Reply reply = std::exchange(reply_, {});
      lines_ = 0;
      split_status(reply);
      return reply;
    }
  }
  return std::nullopt;
}

// Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ]
// CRLF
base::Result<bool> ReplyParser::take_line(std::string_view line) {
  auto bad = [&](std::string_view what) {
    return base::fail(base::Code::syntax, std::string(what) +
                                              " in the server's reply: " +
                                              base::printable(line.substr(0, 200)));
  };
  bool numbered = line.size() >= 3 && line[0] >= '2' && line[0] <= '5' &&
                  base::is_digit(line[1]) && base::is_digit(line[2]);
  if (!numbered || (line.size() > 3 && line[3] != ' ' && line[3] != '-'))
    return bad("no reply code");
  int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
  if (lines_ > 0 && code != reply_.code) return bad("the code changes");
  if (++lines_ > kMostLines) return bad("too many lines");
  reply_.code = code;
  if (lines_ > 1) reply_.text += '\n';
  reply_.text.append(line.substr(std::min<std::size_t>(line.size(), 4)));
  return line.size() == 3 || line[3] == ' ';
}

}  // namespace smtp
