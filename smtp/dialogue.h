// SPDX-License-Identifier: Apache-2.0
//
// What may come now: the server's side of a conversation, without its waiting.
//
// RFC 5321 sections 3 and 4.1.4 (order of commands), RFC 2920 (pipelining), RFC 3030
// (chunks), and the rules of order of RFC 3207, RFC 4954 and XCLIENT.  A session asks
// `refuses` before it judges a command, and tells `apply` what was answered; only a
// positive answer moves the conversation on.  Sizes, recipient counts and the limits on
// a peer's errors are kept here too, since they need nobody's opinion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/command.h"

namespace smtp {

// What this server is and offers to this client.  The named options are Exim's.
struct Offer {
  std::string hostname;             // in the greeting and in the reply to EHLO
  std::uint64_t size_limit = 0;     // bytes of one message; 0: none
  std::size_t recipient_limit = 0;  // of one message; 0: none
  bool recipients_max_reject = false;
  bool limits = false;  // list those of recipients and messages in EHLO (RFC 9422)
  bool eight_bit_mime = true;
  bool dsn = false;
  bool etrn = false;
  bool vrfy = false;
  bool expn = false;
  bool pipelining = true;
  bool pipe_connect = false;           // PIPECONNECT; see early_input()
  std::vector<std::string> auth = {};  // mechanisms, in upper case; empty: no AUTH
  bool auth_unadvertised = false;      // control = allow_auth_unadvertised
  bool chunking = false;
  bool binary_mime = false;  // with chunking only
  bool starttls = false;     // never listed in TLS
  bool xclient = false;
  bool smtputf8 = false;    // with eight_bit_mime only
  bool requiretls = false;  // listed in TLS only

  bool require_helo = true;       // hosts_require_helo
  bool helo_accept_junk = false;  // helo_accept_junk_hosts
  std::string helo_allow_chars = {};
  bool enforce_sync = true;  // smtp_enforce_sync, control = no_enforce_sync

  // The next syntax or protocol error, or unknown command, ends the connection.
  unsigned error_limit = 3;
  unsigned unknown_limit = 3;
  unsigned nonmail_limit = 0;            // smtp_accept_max_nonmail; 0: none
  unsigned messages_per_connection = 0;  // 0: no limit
};

// From MAIL to the end of data.
struct Transaction {
  ReversePath sender;
  MailParams params;             // REQUIRETLS has turned RET=FULL into HDRS
  std::vector<Rcpt> recipients;  // those accepted
  // RCPT commands: all, the one being judged too, and those answered 4xx and 5xx.
  unsigned rcpt_count = 0, rcpt_defer_count = 0, rcpt_fail_count = 0;
};

class Dialogue {
 public:
  // What follows a BDAT line.
  struct Chunk {
    std::uint64_t size = 0;
    bool last = false;
    bool kept = false;  // else read it, and throw it away
  };

  // `peer` is the client's IP address as text, for the reply to EHLO.
  Dialogue(Offer offer, std::string peer);

  // An offer may change at any time.  What counts as offered is what the last EHLO
  // listed; limits hold at once.
  const Offer& offer() const { return offer_; }
  void offer(Offer offer) { offer_ = std::move(offer); }
  // The client's name once it is known; EHLO is answered with it.
  void peer_name(std::string name) { peer_name_ = std::move(name); }

  // Input behind a command that must be the last of its group is an attack or a
  // confusion (RFC 2920 section 3.1): 554, and over().  `more` says that unread input
  // is there already; ask only when must_be_last().
  bool must_be_last(Verb verb) const;
  std::optional<Reply> out_of_sync(Verb verb, bool more);

  // Input was there before the greeting: 554, and over(), unless PIPECONNECT is offered
  // to this client.  Then EHLO, MAIL, RCPT and one of DATA, BDAT, AUTH, STARTTLS may
  // come without waiting, and nothing else (draft-harris-early-pipe), until
  // caught_up(): all input is used up.
  std::optional<Reply> early_input();
  void caught_up() { early_ = false; }

  // The reply for a line that parse_command did not take, counted; the fourth is 421
  // and over().  `verb` is verb_of(line).
  Reply misunderstood(Verb verb, const Reply& problem);

  // What to say if the command may not come now, counted where it is an error; nothing
  // if it may.  Behind BDAT look at chunk() in any case.
  std::optional<Reply> refuses(const Command& command);

  // The answers that need no policy, and for the others acceptance.
  Reply usual_answer(const Command& command) const;

  // Moves on as `reply` to `command` says: a refusal is remembered, not followed.
  // BDAT: once its chunk was read, and a refused one too.  AUTH: the last reply.
  void apply(const Command& command, const Reply& reply);

  // The octets behind the BDAT that refuses() was asked about, until apply().  Of a
  // refused one that is very large none: then the connection is over().
  const std::optional<Chunk>& chunk() const { return chunk_; }
  // Between two chunks of a message, or while one comes.
  bool in_chunks() const { return chunks_ == Chunks::open; }

  // After DATA was answered 354, until message_over().
  bool awaits_message() const { return awaits_message_; }
  // The content was read and answered, with whatever verdict: DATA, or BDAT LAST.
  void message_over();

  // The handshake is done, behind STARTTLS or before the greeting: the client has to
  // start again (RFC 3207 section 4.2).
  void tls_started();
  // After XCLIENT was answered 220: somebody else is the client, and has to start
  // again.
  void identity_changed(std::string peer, bool logged_in);
  // All but QUIT is refused so from now on, as after a failed handshake.
  void only_quit(Reply refusal) { only_quit_ = std::move(refusal); }

  // After QUIT, lost synchronisation or too many errors: send what is left and close.
  bool over() const { return over_; }
  // Why we close, in Exim's words for the not-quit ACL; empty after QUIT.
  std::string_view notquit_reason() const { return notquit_reason_; }

  const Transaction& transaction() const { return transaction_; }
  bool in_transaction() const { return has_sender_; }
  const std::string& helo_name() const { return helo_name_; }  // empty before HELO
  bool extended() const { return advertised_.has_value(); }    // greeted with EHLO
  bool pipelining_advertised() const { return advertised_ && advertised_->pipelining; }
  bool in_tls() const { return in_tls_; }
  bool authenticated() const { return authenticated_; }
  unsigned errors() const { return errors_; }
  unsigned messages() const { return messages_; }  // MAIL commands that were taken

 private:
  enum class Chunks : std::uint8_t { none, open, broken };

  std::optional<Reply> refusal_of(const Command& command);
  std::optional<Reply> refuses_now(Verb verb);
  std::optional<Reply> refuses_hello(std::string_view name);
  std::optional<Reply> refuses_mail(const Mail& mail);
  std::optional<Reply> refuses_mail_params(const Mail& mail);
  std::optional<Reply> refuses_rcpt(const Rcpt& rcpt);
  std::optional<Reply> refuses_content();
  std::optional<Reply> refuses_data();
  std::optional<Reply> refuses_bdat(const Bdat& bdat);
  std::optional<Reply> refuses_starttls();
  std::optional<Reply> refuses_auth(const Auth& auth);
  std::optional<Reply> refuses_xclient();
  std::optional<Reply> refuses_nonmail(Verb verb);

  Reply counted(unsigned& errors, unsigned limit, std::string_view reason, Reply reply);
  Reply counted_error(Reply reply);
  Reply counted_error(Standard reply) { return counted_error(standard(reply)); }
  void end(std::string_view reason);
  void note_refusal(Verb verb, const Reply& reply);
  void apply_bdat(const Bdat& bdat, const Reply& reply);
  void greeted(std::string name, bool extended);
  void forget_transaction();
  void forget_greeting();
  Reply all_refused() const;
  Reply hello(std::string_view name, bool extended) const;
  std::string keywords() const;
  Reply help() const;

  Offer offer_;
  std::optional<Offer> advertised_;  // by the last EHLO; nothing after HELO
  std::string peer_;
  std::string peer_name_;
  std::string helo_name_;
  bool in_tls_ = false;
  bool authenticated_ = false;
  bool early_ = false;
  std::optional<Reply> only_quit_;

  bool has_sender_ = false;
  bool sender_refused_ = false;  // the last MAIL was; its followers are excused
  std::optional<Reply> recipient_refusal_;  // what the refused ones were told ...
  bool refusals_differ_ = false;            // ... if they were all told the same
  bool over_recipient_limit_ = false;       // with recipients_max_reject
  bool data_refused_ = false;               // though there were recipients
  bool awaits_message_ = false;
  Chunks chunks_ = Chunks::none;
  std::optional<Chunk> chunk_;
  std::uint64_t chunk_total_ = 0;  // of those that were taken
  Transaction transaction_;

  bool over_ = false;
  std::string_view notquit_reason_;
  unsigned errors_ = 0;
  unsigned unknown_ = 0;
  unsigned nonmail_ = 0;
  unsigned messages_ = 0;
  // One of each is free for every message, and the first AUTH (not counted as nonmail).
  bool free_hello_ = true, free_rset_ = true, free_starttls_ = true, free_auth_ = true;
};

}  // namespace smtp
