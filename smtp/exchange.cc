// SPDX-License-Identifier: Apache-2.0
#include "smtp/exchange.h"

#include <algorithm>

#include "base/text.h"

namespace smtp {

namespace {

// A group's replies must fit the buffers between us and a server that does not read
// while it writes (RFC 2920 section 3.1).
constexpr std::size_t kLargestGroup = 100;

// ehlo-line = ehlo-keyword *( SP ehlo-param )
void read_keyword(std::string_view line, Capabilities& server) {
  auto blank = std::min(line.find(' '), line.size());
  std::string_view word = line.substr(0, blank);
  auto is = [&](std::string_view keyword) { return base::equal_nocase(word, keyword); };
  if (is("PIPELINING")) server.pipelining = true;
  if (is("8BITMIME")) server.eight_bit_mime = true;
  if (is("CHUNKING")) server.chunking = true;
  if (is("SMTPUTF8")) server.smtputf8 = true;
  if (is("DSN")) server.dsn = true;
  if (is("STARTTLS")) server.starttls = true;
  if (!is("SIZE")) return;
  server.size = true;
  if (blank < line.size())
    server.size_limit = base::to_number(line.substr(blank + 1)).value_or(0);
}

bool fits_in_brackets(std::string_view address) {
  return std::ranges::none_of(address, [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

}  // namespace

Capabilities parse_ehlo_reply(const Reply& reply) {
  Capabilities server;
  server.extended = true;
  std::string_view rest = reply.text;
  for (std::size_t end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
    rest.remove_prefix(end + 1);  // the first line is a name and a greeting
    read_keyword(rest.substr(0, rest.find('\n')), server);
  }
  return server;
}

const Reply* Outcome::verdict(std::size_t i) const {
  if (mail && !mail->completed()) return &*mail;
  if (i < recipients.size() && !recipients[i].completed()) return &recipients[i];
  if (data && data->code != 354) return &*data;
  return end ? &*end : nullptr;
}

base::Result<void> Exchange::check(const Envelope& envelope) {
  auto bad = [](std::string_view address) {
    return base::fail(base::Code::permanent,
                      "address cannot be sent: " + base::printable(address));
  };
  if (envelope.recipients.empty())
    return base::fail(base::Code::permanent, "a message without recipients");
  // path_end finds the closing bracket only if no other comes before it.
  auto closed = [](const std::string& address) {
    std::string path = "<" + address + ">";
    return fits_in_brackets(address) && path_end(path) == path.size();
  };
  if (!closed(envelope.sender)) return bad(envelope.sender);
  for (const std::string& recipient : envelope.recipients)
    if (recipient.empty() || !closed(recipient)) return bad(recipient);
  return {};
}

Exchange::Exchange(const Capabilities& server, const Envelope& envelope)
    : server_(server), envelope_(envelope) {
  outcome_.recipients.reserve(envelope.recipients.size());
}

Exchange::Step Exchange::next() const {
  if (finished_) return Step::finished;
  if (answered_ < sent_ || outcome_.dot_sent) return Step::reply;
  if (outcome_.data) return Step::content;
  return Step::commands;
}

void Exchange::append_commands(std::string& out) {
  const std::size_t last = envelope_.recipients.size() + 1;  // DATA
  const std::size_t stop =
      server_.pipelining ? std::min(last + 1, sent_ + kLargestGroup) : sent_ + 1;
  for (; sent_ < stop; ++sent_) {
    if (sent_ == 0)
      append_mail(out);
    else if (sent_ < last)
      out.append("RCPT TO:<").append(envelope_.recipients[sent_ - 1]).append(">\r\n");
    else
      out += "DATA\r\n";
  }
}

void Exchange::append_mail(std::string& out) const {
  out.append("MAIL FROM:<").append(envelope_.sender).append(">");
  if (server_.size && envelope_.size)
    out.append(" SIZE=").append(std::to_string(*envelope_.size));
  if (server_.eight_bit_mime && envelope_.body == BodyType::seven_bit)
    out += " BODY=7BIT";
  if (server_.eight_bit_mime && envelope_.body == BodyType::eight_bit_mime)
    out += " BODY=8BITMIME";
  out += "\r\n";
}

base::Result<void> Exchange::take(Reply reply) {
  const std::size_t last = envelope_.recipients.size() + 1;
  const bool to_data = answered_ == last;
  const bool fits = to_data ? reply.code == 354 || reply.code >= 400
                            : reply.completed() || reply.code >= 400;
  if (!fits)
    return base::fail(base::Code::syntax,
                      "unexpected reply from the server: " + reply_for_log(reply));
  if (reply.code == 421) finished_ = true;  // it hangs up; no more replies will come
  if (answered_ == 0)
    outcome_.mail = std::move(reply);
  else if (answered_ < last)
    outcome_.recipients.push_back(std::move(reply));
  else if (to_data)
    outcome_.data = std::move(reply);
  else
    outcome_.end = std::move(reply);
  ++answered_;
  if (outcome_.end || (outcome_.data && outcome_.data->code != 354)) finished_ = true;
  // Nothing of the group is outstanding, and going on would be pointless.
  bool pointless =
      !outcome_.mail->completed() || (answered_ == last && nobody_accepted());
  if (answered_ == sent_ && !outcome_.data && pointless) finished_ = true;
  return {};
}

bool Exchange::nobody_accepted() const {
  return !outcome_.mail || !outcome_.mail->completed() ||
         std::ranges::none_of(outcome_.recipients, &Reply::completed);
}

void Exchange::dot_sent() {
  outcome_.dot_sent = true;
}

bool Exchange::needs_reset() const {
  return outcome_.mail && outcome_.mail->completed() && !outcome_.end;
}

}  // namespace smtp
