// SPDX-License-Identifier: Apache-2.0
#include "smtp/exchange.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/text.h"

namespace smtp {

namespace {

// A group's replies must fit the buffers between us and a server that does not read
// while it writes (RFC 2920 section 3.1).
constexpr std::size_t kLargestGroup = 100;

std::string_view next_word(std::string_view& text) {
  std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(text.size(), word.size() + 1));
  return word;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

// limits = 1*( SP name "=" value ), names and values that we do not know ignored.
Limits read_limits(std::string_view text) {
  Limits limits;
  while (!text.empty()) {
    std::string_view word = next_word(text);
    std::size_t equals = std::min(word.find('='), word.size());
    std::string_view name = word.substr(0, equals);
    auto number = base::to_number(word.substr(std::min(equals + 1, word.size())));
    if (!number || *number > std::numeric_limits<unsigned>::max()) continue;
    auto value = static_cast<unsigned>(*number);
    if (base::equal_nocase(name, "MAILMAX")) limits.mails = value;
    if (base::equal_nocase(name, "RCPTMAX")) limits.recipients = value;
    if (base::equal_nocase(name, "RCPTDOMAINMAX")) limits.domains = value;
  }
  return limits;
}

// ehlo-line = ehlo-keyword *( SP ehlo-param )
void read_keyword(std::string_view line, Capabilities& server) {
  std::string_view rest = line;
  std::string_view word = next_word(rest);
  auto is = [&](std::string_view keyword) { return base::equal_nocase(word, keyword); };
  if (is("PIPELINING")) server.pipelining = true;
  if (is("8BITMIME")) server.eight_bit_mime = true;
  if (is("BINARYMIME")) server.binary_mime = true;
  if (is("CHUNKING")) server.chunking = true;
  if (is("SMTPUTF8")) server.smtputf8 = true;
  if (is("DSN")) server.dsn = true;
  if (is("STARTTLS")) server.starttls = true;
  if (is("PRDR")) server.prdr = true;
  if (is("REQUIRETLS")) server.requiretls = true;
  if (is("LIMITS")) server.limits = read_limits(rest);
  if (is("AUTH")) {
    while (!rest.empty())
      if (std::string_view name = next_word(rest); !name.empty())
        server.auth.push_back(upper(name));
  }
  if (!is("SIZE")) return;
  server.size = true;
  server.size_limit = base::to_number(rest).value_or(0);
}

bool fits_in_brackets(std::string_view address) {
  return std::ranges::none_of(address, [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

// A value of a parameter: nothing that could end it, or the line.
bool fits_in_parameter(std::string_view value) {
  return std::ranges::none_of(value, [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7f;
  });
}

bool is_ascii(std::string_view text) {
  return std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

bool needs_smtputf8(const Envelope& envelope) {
  return envelope.smtputf8 || !is_ascii(envelope.sender) ||
         !std::ranges::all_of(envelope.recipients, is_ascii, &Recipient::address);
}

// 452 about one mailbox, such as a full one, says nothing about the others.
bool says_too_many(const Reply& reply) {
  return reply.code == 452 && !reply.enhanced.starts_with("4.2.");
}

bool ends_batch(const std::vector<Reply>& replies, std::size_t i) {
  auto settled = [](const Reply& reply) {
    return reply.completed() || reply.permanent();
  };
  auto end = replies.begin() + static_cast<std::ptrdiff_t>(i);
  return says_too_many(replies[i]) && std::any_of(replies.begin(), end, settled);
}

std::string notify_list(unsigned notify) {
  if (notify & notify::kNever) return "NEVER";
  std::string list;
  auto add = [&](unsigned bit, std::string_view word) {
    if (!(notify & bit)) return;
    if (!list.empty()) list += ',';
    list += word;
  };
  add(notify::kSuccess, "SUCCESS");
  add(notify::kFailure, "FAILURE");
  add(notify::kDelay, "DELAY");
  return list;
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

std::optional<Reply> obstacle(const Capabilities& server, const Envelope& envelope,
                              EightBit eight_bit) {
  if (needs_smtputf8(envelope) && !server.smtputf8)
    return Reply{553, "5.6.7", "SMTPUTF8 is needed, and the next server lacks it"};
  if (envelope.body == BodyType::binary_mime &&
      !(server.binary_mime && server.chunking))
    return Reply{554, "5.6.3", "BINARYMIME is needed, and the next server lacks it"};
  if (envelope.body == BodyType::eight_bit_mime && !server.eight_bit_mime &&
      eight_bit == EightBit::refuse)
    return Reply{554, "5.6.3", "8BITMIME is needed, and the next server lacks it"};
  if (server.size_limit > 0 && envelope.size.value_or(0) > server.size_limit)
    return Reply{552, "5.3.4",
                 "message of " + std::to_string(*envelope.size) +
                     " bytes is over the next server's limit of " +
                     std::to_string(server.size_limit)};
  return std::nullopt;
}

bool Outcome::postponed(std::size_t i) const {
  if (!mail || !mail->completed()) return false;
  return i < recipients.size() ? ends_batch(recipients, i) : full;
}

const Reply* Outcome::verdict(std::size_t i) const {
  if (mail && !mail->completed()) return &*mail;
  if (postponed(i)) return nullptr;
  if (i < recipients.size() && !recipients[i].completed()) return &recipients[i];
  if (data && data->code != 354) return &*data;
  std::size_t end = 0;
  if (lmtp) {
    auto before = recipients.begin() +
                  static_cast<std::ptrdiff_t>(std::min(i, recipients.size()));
    end = static_cast<std::size_t>(
        std::ranges::count_if(recipients.begin(), before, &Reply::completed));
  }
  return end < ends.size() ? &ends[end] : nullptr;
}

bool Outcome::delivered(std::size_t i) const {
  const Reply* reply = verdict(i);
  return reply && reply->completed();
}

// Exim never says "pipelined" of RCPT.
std::string Outcome::stage(const Envelope& envelope, std::size_t i) const {
  const std::string group = pipelined ? "pipelined " : "";
  if (!mail || !mail->completed()) return group + mail_command;
  if (i >= recipients.size() || !recipients[i].completed())
    return "RCPT TO:<" + envelope.recipients[i].address + ">";
  if (data && data->code != 354) return chunked ? "BDAT" : group + "DATA";
  if (!chunked && !data) return group + "DATA";
  return dot_sent ? "end of data" : "sending data block";
}

base::Result<void> Exchange::check(const Envelope& envelope) {
  auto bad = [](std::string_view what, std::string_view text) {
    return base::fail(base::Code::permanent,
                      std::string(what) + " cannot be sent: " + base::printable(text));
  };
  if (envelope.recipients.empty())
    return base::fail(base::Code::permanent, "a message without recipients");
  // path_end finds the closing bracket only if no other comes before it.
  auto closed = [](const std::string& address) {
    std::string path = "<" + address + ">";
    return fits_in_brackets(address) && path_end(path) == path.size();
  };
  if (!closed(envelope.sender)) return bad("address", envelope.sender);
  if (!fits_in_parameter(envelope.envid)) return bad("ENVID", envelope.envid);
  for (const Recipient& recipient : envelope.recipients) {
    if (recipient.address.empty() || !closed(recipient.address))
      return bad("address", recipient.address);
    if (!fits_in_parameter(recipient.orcpt)) return bad("ORCPT", recipient.orcpt);
  }
  return {};
}

Exchange::Exchange(const Capabilities& server, const Envelope& envelope)
    : server_(server), envelope_(envelope), last_rcpt_(envelope.recipients.size()) {
  outcome_.recipients.reserve(envelope.recipients.size());
  outcome_.lmtp = server.lmtp;
  outcome_.pipelined = server.pipelining;
  outcome_.chunked = by_chunks();
}

Exchange::Step Exchange::next() const {
  if (finished_) return Step::finished;
  if (answered_ < sent_) return Step::reply;
  if (sent_ < commands()) return Step::commands;
  const bool refused = outcome_.data && outcome_.data->code != 354;
  // LMTP: how many replies a last chunk has depends on those before.
  const std::size_t most_chunks = server_.pipelining && !server_.lmtp ? 2 : 1;
  const bool waits = outcome_.dot_sent || chunks_ >= most_chunks || refused;
  return waits ? Step::reply : Step::content;
}

void Exchange::append_commands(std::string& out) {
  const std::size_t stop =
      server_.pipelining ? std::min(commands(), sent_ + kLargestGroup) : sent_ + 1;
  for (; sent_ < stop; ++sent_) {
    if (sent_ == 0)
      append_mail(out);
    else if (sent_ <= last_rcpt_)
      append_rcpt(out, envelope_.recipients[sent_ - 1]);
    else
      out += "DATA\r\n";
  }
}

void Exchange::append_mail(std::string& out) {
  std::string& command = outcome_.mail_command;
  command = "MAIL FROM:<" + envelope_.sender + ">";
  if (server_.size && envelope_.size && envelope_.size_addition) {
    std::uint64_t told = *envelope_.size + *envelope_.size_addition;
    if (server_.size_limit > 0) told = std::min(told, server_.size_limit);
    command.append(" SIZE=").append(std::to_string(told));
  }
  if (server_.eight_bit_mime && envelope_.body == BodyType::seven_bit)
    command += " BODY=7BIT";
  if (server_.eight_bit_mime && envelope_.body == BodyType::eight_bit_mime)
    command += " BODY=8BITMIME";
  if (server_.binary_mime && envelope_.body == BodyType::binary_mime)
    command += " BODY=BINARYMIME";
  if (server_.smtputf8 && needs_smtputf8(envelope_)) command += " SMTPUTF8";
  if (server_.dsn && envelope_.ret != DsnReturn::unsaid)
    command += envelope_.ret == DsnReturn::full ? " RET=FULL" : " RET=HDRS";
  if (server_.dsn && !envelope_.envid.empty())
    command.append(" ENVID=").append(envelope_.envid);
  out.append(command).append("\r\n");
}

void Exchange::append_rcpt(std::string& out, const Recipient& recipient) const {
  out.append("RCPT TO:<").append(recipient.address).append(">");
  std::string notify = server_.dsn ? notify_list(recipient.notify) : std::string();
  if (!notify.empty()) out.append(" NOTIFY=").append(notify);
  if (server_.dsn && !recipient.orcpt.empty())
    out.append(" ORCPT=").append(recipient.orcpt);
  out += "\r\n";
}

Exchange::Waits Exchange::waits() const {
  if (outcome_.dot_sent) return Waits::end;
  if (answered_ == commands()) return Waits::chunk;
  return answered_ > last_rcpt_ ? Waits::data : Waits::command;
}

std::string Exchange::stage() const {
  const std::string group = server_.pipelining ? "pipelined " : "";
  switch (waits()) {
    case Waits::end:
      return "end of data";
    case Waits::chunk:
      return "sending data block";
    case Waits::data:
      return group + "DATA";
    case Waits::command:
      break;
  }
  if (answered_ == 0) return group + outcome_.mail_command;
  return "RCPT TO:<" + envelope_.recipients[answered_ - 1].address + ">";
}

base::Result<void> Exchange::take(Reply reply) {
  if (answered_ == commands()) return take_content_reply(std::move(reply));
  const bool to_data = answered_ > last_rcpt_;
  // RFC 2033 section 4.2: with nobody accepted there would be no reply to the dot.
  const bool fits = reply.code >= 400 ||
                    (to_data ? reply.code == 354 && !(server_.lmtp && nobody_accepted())
                             : reply.completed());
  if (!fits)
    return base::fail(base::Code::syntax, "unexpected: " + reply_for_log(reply));
  if (reply.code == 421) finished_ = true;  // it hangs up; no more replies will come
  if (answered_ == 0)
    outcome_.mail = std::move(reply);
  else if (to_data)
    outcome_.data = std::move(reply);
  else
    outcome_.recipients.push_back(std::move(reply));
  ++answered_;
  if (!to_data && answered_ > 1 &&
      ends_batch(outcome_.recipients, outcome_.recipients.size() - 1)) {
    outcome_.full = true;
    last_rcpt_ = std::min(last_rcpt_, std::max<std::size_t>(sent_, 1) - 1);
  }
  if (outcome_.data && outcome_.data->code != 354) finished_ = true;
  // Nothing of the group is outstanding, and going on would be pointless.
  const bool rcpts_over = answered_ > last_rcpt_;
  const bool pointless =
      !outcome_.mail->completed() || (rcpts_over && nobody_accepted());
  if (answered_ == sent_ && !outcome_.data && pointless) finished_ = true;
  return {};
}

base::Result<void> Exchange::take_content_reply(Reply reply) {
  if (!reply.completed() && reply.code < 400)
    return base::fail(base::Code::syntax, "unexpected: " + reply_for_log(reply));
  if (reply.code == 421) finished_ = true;
  const bool refused = outcome_.data && outcome_.data->code != 354;
  if (by_chunks() && chunks_ > 0) --chunks_;
  const bool to_last = outcome_.dot_sent && chunks_ == 0;
  if (refused) {
    if (chunks_ == 0) finished_ = true;  // only what was on its way already
  } else if (!to_last) {
    if (reply.completed()) return {};
    outcome_.data = std::move(reply);
    if (chunks_ == 0) finished_ = true;
  } else {
    outcome_.ends.push_back(std::move(reply));
    const std::size_t wanted = server_.lmtp ? accepted() : 1;
    if (outcome_.ends.size() >= wanted) finished_ = true;
  }
  return {};
}

std::size_t Exchange::accepted() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(outcome_.recipients, &Reply::completed));
}

bool Exchange::nobody_accepted() const {
  return !outcome_.mail || !outcome_.mail->completed() || accepted() == 0;
}

void Exchange::dot_sent() {
  outcome_.dot_sent = true;
}

void Exchange::chunk_sent(bool last) {
  ++chunks_;
  outcome_.dot_sent = last;
}

bool Exchange::needs_reset() const {
  return outcome_.mail && outcome_.mail->completed() && outcome_.ends.empty();
}

}  // namespace smtp
