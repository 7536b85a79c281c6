// SPDX-License-Identifier: Apache-2.0
//
// The client's side of one message, without its waiting: what to send next, and which
// reply belongs to what.
//
// RFC 5321 section 3.3, RFC 2920 section 3.1.  Where the server pipelines, MAIL, all
// RCPT and DATA are one group and their replies are matched in order; where it does
// not, each group is one command.  Chunks (RFC 3030) take the place of DATA, and go
// only when somebody was accepted; of them two may be unanswered.  An LMTP server (RFC
// 2033) answers the content once for each recipient that it accepted.  net::Client does
// the sending and reading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "smtp/breakdown.h"
#include "smtp/params.h"
#include "smtp/path.h"
#include "smtp/reply.h"

namespace smtp {

// RFC 9422; 0: no limit.
struct Limits {
  unsigned mails = 0;       // MAILMAX, transactions of a connection
  unsigned recipients = 0;  // RCPTMAX, of a transaction
  unsigned domains = 0;     // RCPTDOMAINMAX, of a transaction
};

// What a server said to EHLO or LHLO; all false after HELO.
struct Capabilities {
  bool extended = false;  // it took EHLO
  bool lmtp = false;      // it took LHLO
  bool pipelining = false;
  bool eight_bit_mime = false;
  bool binary_mime = false;
  bool chunking = false;
  bool smtputf8 = false;
  bool dsn = false;
  bool starttls = false;
  bool prdr = false;
  bool requiretls = false;
  bool size = false;
  std::uint64_t size_limit = 0;  // 0: none, or unknown
  Limits limits = {};
  std::vector<std::string> auth = {};  // mechanisms, upper case
};
Capabilities parse_ehlo_reply(const Reply& reply);

struct Recipient {
  std::string address;     // bare, no brackets
  unsigned notify = 0;     // a sum of notify::k...; 0: not said
  std::string orcpt = {};  // "rfc822;xtext" as it came; empty: none
};

// Whom a message goes to.  Parameters are said where the server offers them, and
// dropped elsewhere: obstacle() tells whether that will do.
struct Envelope {
  std::string sender = {};  // bare; empty for a bounce
  std::vector<Recipient> recipients = {};
  std::optional<std::uint64_t> size = {};
  BodyType body = BodyType::unsaid;
  bool smtputf8 = false;  // the message needs it, whatever its addresses are
  DsnReturn ret = DsnReturn::unsaid;
  std::string envid = {};  // xtext as it came; empty: none
  // MAIL tells so much more than the size, but no more than the server takes; none: it
  // does not tell it.
  std::optional<std::uint64_t> size_addition = 0;
};

// Octets beyond ASCII for a server that does not offer 8BITMIME: Exim sends them as
// they are, which nearly every server takes; RFC 6152 has them converted or returned.
enum class EightBit : std::uint8_t { as_is, refuse };

// Why the message cannot go to this server at all, as the reply that it did not have to
// give: 5.6.7 (SMTPUTF8), 5.6.3 (conversion needed), 5.3.4 (size).  For before MAIL; no
// message is ever converted.
std::optional<Reply> obstacle(const Capabilities& server, const Envelope& envelope,
                              EightBit eight_bit = EightBit::as_is);

// How far a message got, and what was said.
struct Outcome {
  std::optional<Reply> mail = {};
  std::vector<Reply> recipients =
      {};                          // in the envelope's order; fewer if it ended there
  std::optional<Reply> data = {};  // to DATA, or what refused a chunk before the last
  std::vector<Reply> ends = {};    // to the content: one; LMTP: one for each accepted
  bool dot_sent = false;           // from here on the server may have taken the message
  std::optional<Breakdown> lost = {};  // the connection broke here

  bool lmtp = false;
  bool pipelined = false;
  bool chunked = false;           // it went by BDAT
  bool full = false;              // a RCPT was answered 452: later ones were not sent
  std::string mail_command = {};  // as it was sent

  // The reply that settles recipient `i`: the first refusal on its way, or the last
  // reply.  None if it is postponed, or if the connection broke before it was told;
  // with dot_sent such a recipient may or may not have been taken.
  const Reply* verdict(std::size_t i) const;
  bool delivered(std::size_t i) const;
  // "Too many recipients" (452) was said to it, or before it, behind others that were
  // answered: it goes in another MAIL on this connection (RFC 5321 section
  // 4.5.3.1.10).
  bool postponed(std::size_t i) const;
  // The command after which recipient `i` was refused or lost, as logs have it:
  // "pipelined MAIL FROM:<s> SIZE=9", "RCPT TO:<r>", "DATA", "end of data".
  std::string stage(const Envelope& envelope, std::size_t i) const;
};

class Exchange {
 public:
  // Both must outlive the exchange.
  Exchange(const Capabilities& server, const Envelope& envelope);

  enum class Step : std::uint8_t {
    commands,  // append_commands, and send them
    reply,     // read one reply for take
    content,   // send the content (none if nobody_accepted()) and the dot, then
               // dot_sent(); or if by_chunks() the next chunk, then chunk_sent()
    finished,  // outcome() is complete
  };
  Step next() const;

  void append_commands(std::string& out);
  // Code::syntax for a reply that cannot be (a 354 to RCPT): give the connection up.
  base::Result<void> take(Reply reply);
  // DATA was answered 354 though every recipient was refused: a lone dot ends it.
  bool nobody_accepted() const;
  bool by_chunks() const { return server_.chunking; }
  // Nothing of the content waits for its reply: more may follow its end at once.
  bool caught_up() const { return chunks_ == 0; }
  void dot_sent();
  void chunk_sent(bool last);

  Outcome& outcome() { return outcome_; }
  const Outcome& outcome() const { return outcome_; }
  // The transaction ended before its content: RSET goes before the next MAIL.
  bool needs_reset() const;
  // What the next reply will answer, and its name for Breakdown::stage.
  enum class Waits : std::uint8_t { command, data, chunk, end };
  Waits waits() const;
  std::string stage() const;

  // Code::permanent if the envelope cannot be written as commands (line breaks,
  // brackets, control bytes); ask before the constructor.
  static base::Result<void> check(const Envelope& envelope);

 private:
  void append_mail(std::string& out);
  void append_rcpt(std::string& out, const Recipient& recipient) const;
  base::Result<void> take_content_reply(Reply reply);
  std::size_t commands() const { return last_rcpt_ + (by_chunks() ? 1 : 2); }
  std::size_t accepted() const;

  const Capabilities& server_;
  const Envelope& envelope_;
  std::size_t last_rcpt_;     // how many recipients are asked for
  std::size_t sent_ = 0;      // commands sent, MAIL is 0, DATA the last
  std::size_t answered_ = 0;  // replies to them taken
  std::size_t chunks_ = 0;    // sent and not answered
  bool finished_ = false;
  Outcome outcome_;
};

}  // namespace smtp
