// SPDX-License-Identifier: Apache-2.0
//
// One SMTP conversation, seen from the server: RFC 5321 section 3.
//
// Is a line a command?  smtp::parse_command.  May it come now?  smtp::Dialogue.  Do we
// want it?  An ACL of the policy.  What becomes of the message?  Spooler.  What is left
// for these files is waiting, and the moment to speak, since replies to pipelined
// commands leave in one write (RFC 2920 section 3.2):
//
//   session.cc           lines in, replies out, from the greeting to the goodbye
//   session_client.cc    who the client is: PROXY, TLS, AUTH, XCLIENT, connect ACL
//   session_envelope.cc  HELO, MAIL, RCPT, and questions about addresses
//   session_message.cc   DATA and BDAT, up to the verdict
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "net/line_reader.h"
#include "net/pool.h"
#include "net/stream.h"
#include "net/task_group.h"
#include "net/tls.h"
#include "policy/acl.h"
#include "receiver/acl_context.h"
#include "receiver/authenticator.h"
#include "receiver/content.h"
#include "receiver/entrance.h"
#include "receiver/h_lines.h"
#include "receiver/pace.h"
#include "receiver/seats.h"
#include "receiver/service.h"
#include "receiver/spooler.h"
#include "receiver/tally.h"
#include "smtp/dialogue.h"

namespace receiver {

// What the sessions of one loop share.
struct Neighbours {
  std::shared_ptr<Authenticators> authenticators;  // of one policy
  net::TaskGroup& tasks;  // for what goes on when a session has ended
  Tally& tally;           // of the door they came through
};

class Session {
 public:
  Session(net::Stream stream, std::shared_ptr<const Service> service,
          Neighbours neighbours, Opening opening, Seats::Seat seat);
  ~Session();

  // From the greeting to the goodbye.  A client that vanishes is logged; cancellation
  // is the only exception.
  asio::awaitable<void> run();

  // From another task of the same loop: no more transactions.  A client that is
  // between two is told at once and left.
  asio::awaitable<void> dismiss();

 private:
  using Phase = policy::Phase;
  // What an ACL said, and how the client hears it.
  struct Judgement {
    policy::AclResult result;
    smtp::Reply reply;

    bool accepted() const {
      return result.verdict == policy::AclResult::Verdict::accept;
    }
    bool discarded() const {
      return result.verdict == policy::AclResult::Verdict::discard;
    }
  };

  // session.cc
  asio::awaitable<void> converse();
  asio::awaitable<net::LineReader::Line> next_line();
  asio::awaitable<smtp::Reply> answer(std::string line, bool too_long);
  asio::awaitable<smtp::Reply> perform(const smtp::Command& command);
  asio::awaitable<smtp::Reply> plain(const smtp::Command& command);
  // Whatever asks the policy: on the pool if what belongs to `phase` may have to ask
  // the DNS; Phase::other are the main options.
  asio::awaitable<void> evaluate(Phase phase, std::function<void()> job);
  asio::awaitable<policy::AclResult> run_acl(Phase phase);
  // Runs the ACL; `usual` is said where it leaves the words to us, and `what` was
  // rejected, for the log.
  asio::awaitable<Judgement> judge(Phase phase, const std::string& what,
                                   const smtp::Reply& usual);
  void log_refusal(std::string_view what, const policy::AclResult& result);
  asio::awaitable<void> wait_as_told();
  asio::awaitable<void> pause(std::chrono::milliseconds span);
  asio::awaitable<void> lost_synchronisation(const std::string& line);
  void note_errors(const std::string& line, const smtp::Reply& reply);
  asio::awaitable<void> end_of_client(boost::system::error_code how);
  asio::awaitable<void> leave();
  asio::awaitable<void> note_end();
  void hang_up(std::string_view reason);
  bool over() const { return hung_up_ || dialogue_.over(); }
  void say(const smtp::Reply& reply);
  asio::awaitable<void> flush();
  void last_words();
  void log(std::string_view text) const;
  bool logs(policy::LogItem item) const { return service_->settings.log.has(item); }

  // session_client.cc
  asio::awaitable<bool> meet();
  asio::awaitable<bool> read_proxy_header();
  asio::awaitable<bool> find_room();
  asio::awaitable<bool> start_tls();
  asio::awaitable<bool> greet();
  asio::awaitable<void> renew_offer();
  asio::awaitable<smtp::Reply> starttls(const smtp::StartTls& command);
  asio::awaitable<void> finish_starttls();
  asio::awaitable<smtp::Reply> auth(const smtp::Auth& command);
  asio::awaitable<smtp::Reply> xclient(const smtp::Xclient& command);

  // session_envelope.cc
  asio::awaitable<smtp::Reply> hello(const smtp::Command& command);
  asio::awaitable<Judgement> judge_hello(const std::string& name);
  asio::awaitable<smtp::Reply> mail(const smtp::Mail& command);
  asio::awaitable<smtp::Reply> rcpt(const smtp::Rcpt& command);
  asio::awaitable<smtp::Reply> vrfy(const smtp::Vrfy& command);
  asio::awaitable<smtp::Reply> expn(const smtp::Expn& command);
  asio::awaitable<smtp::Reply> etrn(const smtp::Etrn& command);
  asio::awaitable<smtp::Reply> quit(const smtp::Quit& command);
  asio::awaitable<void> slow_down(std::optional<Slowdown> slowdown, unsigned count);
  std::optional<smtp::Reply> no_room(std::uint64_t declared) const;
  void forget_envelope();
  void forget_message();

  // session_message.cc
  asio::awaitable<smtp::Reply> data(const smtp::Data& command);
  asio::awaitable<smtp::Reply> receive_message();
  asio::awaitable<void> let_go();
  asio::awaitable<smtp::Reply> take_chunk(smtp::Bdat command,
                                          std::optional<smtp::Reply> refusal);
  void begin_message(Content content);
  asio::awaitable<void> read_content();
  asio::awaitable<void> read_chunk(std::uint64_t size);
  asio::awaitable<void> throw_away(std::uint64_t size);
  asio::awaitable<void> spool_body();
  asio::awaitable<std::string_view> more_content(Pace& pace);
  asio::awaitable<smtp::Reply> verdict();
  asio::awaitable<std::optional<smtp::Reply>> ask_scripts();
  ScriptMessage script_message(int body) const;
  asio::awaitable<smtp::Reply> commit(smtp::Reply reply);
  void build_headers();
  spoolfmt::Header our_received(base::Time now);
  void describe_message();
  smtp::Reply discard(smtp::Reply reply, const std::string& by);
  smtp::Reply with_id(smtp::Reply reply) const;
  smtp::Reply refuse(const smtp::Reply& why);
  smtp::Reply report(const base::Error& error);

  const std::shared_ptr<const Service> service_;  // shared with its contemporaries
  Neighbours neighbours_;
  net::Stream stream_;
  net::LineReader lines_;
  Client client_;
  AclContext context_;
  ClientSettings asked_;
  Authentication authentication_;
  smtp::Dialogue dialogue_;
  Envelope envelope_;
  std::string unsent_;

  // Of the message that is coming in.
  struct Arriving {
    Incoming file;
    Content content;
    Pace pace;
    MessageAtHand facts;
    std::vector<spoolfmt::Header> headers;
    base::Time complete;
    std::optional<base::Error> trouble;  // of the disk
    bool kept;                           // it is in the spool
    bool unheard = false;                // wanted though its client is gone
  };
  std::optional<Arriving> arriving_;
  bool message_done_ = false;  // its verdict is about to be told
  bool kept_alive_ = false;    // a part of the verdict was told already: 250

  Opening opening_;
  Seats::Seat seat_;
  bool pipelined_ = false;  // the client has sent a command before it had its answer
  bool idle_ = false;       // waiting for a command, outside a transaction
  bool dismissed_ = false;
  bool tls_due_ = false;  // STARTTLS was answered
  bool hung_up_ = false;
  bool said_quit_ = false;
  std::string notquit_reason_;
};

}  // namespace receiver
