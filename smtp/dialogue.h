// SPDX-License-Identifier: Apache-2.0
//
// What may come now: the server's side of a conversation, without its waiting.
//
// RFC 5321 sections 3 and 4.1.4 (order of commands), RFC 2920 (pipelining).  A session
// asks `refuses` before it judges a command, and tells `apply` what was answered; only
// a positive answer moves the conversation on.  Sizes, recipient counts and the limits
// on a peer's errors are kept here too, since they need nobody's opinion.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/command.h"

namespace smtp {

// What this server is and offers.
struct Offer {
  std::string hostname;             // in the greeting and in the reply to EHLO
  std::uint64_t size_limit = 0;     // bytes of one message; 0: none
  std::size_t recipient_limit = 0;  // of one message; 0: none
  bool eight_bit_mime = true;
  bool pipelining = true;
  // The next syntax or protocol error, or unknown command, ends the connection.
  unsigned error_limit = 3;
  unsigned unknown_limit = 3;
};

// From MAIL to the end of data.
struct Transaction {
  ReversePath sender;
  MailParams params;
  std::vector<ForwardPath> recipients;  // those accepted
};

class Dialogue {
 public:
  // `peer` is the client's IP address as text, for the reply to EHLO.
  Dialogue(Offer offer, std::string peer);

  // Input behind a command that must be the last of its group is an attack or a
  // confusion (RFC 2920 section 3.1): 554, and over().  `more` says that unread input
  // is there already; ask only when must_be_last().
  bool must_be_last(Verb verb) const;
  std::optional<Reply> out_of_sync(Verb verb, bool more);

  // The reply for a line that parse_command did not take, counted; the fourth is 421
  // and over().  `verb` is verb_of(line).
  Reply misunderstood(Verb verb, const Reply& problem);

  // 503, 552 or 452 if the command may not come now, counted where it is an error;
  // nothing if it may.
  std::optional<Reply> refuses(const Command& command);

  // The answers that need no policy: HELO, EHLO, RSET, NOOP, QUIT, VRFY, HELP, and
  // DATA. For MAIL and RCPT: acceptance.
  Reply usual_answer(const Command& command) const;

  // Moves on as `reply` to `command` says: a refusal is remembered, not followed.
  void apply(const Command& command, const Reply& reply);

  // After DATA was answered 354, until message_over().
  bool awaits_message() const { return awaits_message_; }
  // The content was read and answered, with whatever verdict.
  void message_over();

  // After QUIT, lost synchronisation or too many errors: send what is left and close.
  bool over() const { return over_; }

  const Transaction& transaction() const { return transaction_; }
  bool in_transaction() const { return has_sender_; }
  const std::string& helo_name() const { return helo_name_; }  // empty before HELO
  bool extended() const { return extended_; }                  // greeted with EHLO
  const Offer& offer() const { return offer_; }
  unsigned errors() const { return errors_; }

 private:
  Reply counted(unsigned& errors, unsigned limit, Reply reply);
  Reply counted_error(Reply reply) {
    return counted(errors_, offer_.error_limit, std::move(reply));
  }
  bool pipelining_advertised() const { return extended_ && offer_.pipelining; }
  void note_refusal(Verb verb, const Reply& reply);
  void forget_transaction();
  std::optional<Reply> refuses_mail(const Mail& mail);
  std::optional<Reply> refuses_rcpt();
  std::optional<Reply> refuses_data();
  Reply all_refused() const;
  Reply hello(std::string_view name, bool extended) const;

  Offer offer_;
  std::string peer_;
  std::string helo_name_;
  bool extended_ = false;
  bool has_sender_ = false;
  bool sender_refused_ = false;  // the last MAIL was; its followers are excused
  std::optional<Reply> recipient_refusal_;  // what the refused ones were told ...
  bool refusals_differ_ = false;            // ... if they were all told the same
  bool awaits_message_ = false;
  bool over_ = false;
  unsigned errors_ = 0;
  unsigned unknown_ = 0;
  Transaction transaction_;
};

}  // namespace smtp
