// SPDX-License-Identifier: Apache-2.0
//
// The client's side of one message, without its waiting: what to send next, and which
// reply belongs to what.
//
// RFC 5321 section 3.3, RFC 2920 section 3.1.  Where the server pipelines, MAIL, all
// RCPT and DATA are one group and their replies are matched in order; where it does
// not, each group is one command.  net::Client does the sending and reading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "smtp/params.h"
#include "smtp/path.h"
#include "smtp/reply.h"

namespace smtp {

// What a server said to EHLO; all false after HELO.
struct Capabilities {
  bool extended = false;  // it took EHLO
  bool pipelining = false;
  bool eight_bit_mime = false;
  bool chunking = false;
  bool smtputf8 = false;
  bool dsn = false;
  bool starttls = false;
  bool size = false;
  std::uint64_t size_limit = 0;  // 0: none, or unknown
};
Capabilities parse_ehlo_reply(const Reply& reply);

// Whom a message goes to.  Bare addresses, no brackets; sender empty for a bounce.
struct Envelope {
  std::string sender;
  std::vector<std::string> recipients;
  std::optional<std::uint64_t> size = {};  // said with SIZE= where the server wants it
  BodyType body = BodyType::unsaid;        // said with BODY= where the server wants it
};

// How far a message got, and what was said.
struct Outcome {
  std::optional<Reply> mail;
  std::vector<Reply>
      recipients;  // in the envelope's order; fewer if it did not get there
  std::optional<Reply> data;
  std::optional<Reply> end;  // after the dot
  bool dot_sent = false;     // from here on the server may have taken the message
  std::optional<base::Error> lost;  // the connection broke here

  // The reply that settles recipient `i`: the first refusal on its way, or the last
  // reply.  None if the connection broke before it was told; with dot_sent such a
  // recipient may or may not have been taken.
  const Reply* verdict(std::size_t i) const;
};

class Exchange {
 public:
  // Both must outlive the exchange.
  Exchange(const Capabilities& server, const Envelope& envelope);

  enum class Step {
    commands,  // append_commands, and send them
    reply,     // read one reply for take
    content,   // send the content (none if nobody_accepted()) and the dot; then
               // dot_sent()
    finished,  // outcome() is complete
  };
  Step next() const;

  void append_commands(std::string& out);
  // Code::syntax for a reply that cannot be (a 354 to RCPT): give the connection up.
  base::Result<void> take(Reply reply);
  // DATA was answered 354 though every recipient was refused: a lone dot ends it.
  bool nobody_accepted() const;
  void dot_sent();

  Outcome& outcome() { return outcome_; }
  // The transaction ended before its content: RSET goes before the next MAIL.
  bool needs_reset() const;

  // Code::permanent if the envelope cannot be written as commands (line breaks,
  // brackets, control bytes); ask before the constructor.
  static base::Result<void> check(const Envelope& envelope);

 private:
  void append_mail(std::string& out) const;

  const Capabilities& server_;
  const Envelope& envelope_;
  std::size_t sent_ = 0;      // commands sent, MAIL is 0, DATA is recipients + 1
  std::size_t answered_ = 0;  // replies taken
  bool finished_ = false;
  Outcome outcome_;
};

}  // namespace smtp
