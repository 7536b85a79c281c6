// SPDX-License-Identifier: Apache-2.0
//
// An SMTP session on paper: what a policy would say to a client (spec/policy.md 10 to
// 12; Exim's -bh).
//
// Lines go in, replies come out; nothing is sent, stored, waited for or looked up.  The
// ACLs run at their points and all they do is kept to be looked at: log lines, header
// changes, variables, controls.  Replies that no policy changes are worded as Exim
// words them, so that its answers can be compared line by line.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/acl.h"
#include "policy/header_changes.h"
#include "policy/policy.h"
#include "spoolfmt/h_file.h"
#include "utils/paper_context.h"

namespace utils {

// What is left of a message that was taken.
struct PaperMessage {
  std::string id;
  std::string sender;
  std::vector<std::string> recipients;  // none: all were discarded
  std::vector<std::pair<std::string, std::string>> variables;  // "acl_m_x", by name
  std::vector<spoolfmt::Header> headers;
  bool frozen = false;
  std::string queue;  // "", or why it is not delivered at once
};

class PolicySession {
 public:
  PolicySession(std::shared_ptr<const policy::Policy> policy, std::string client);

  // Runs the connect ACL and greets.
  void begin();
  // One line of the client, without its end.
  void take_line(std::string_view line);
  // The client is gone.
  void end();

  bool over() const { return over_; }
  // Replies so far, one line each.
  const std::vector<std::string>& replies() const { return replies_; }
  const std::vector<std::string>& log() const { return context_.lines; }
  const std::vector<PaperMessage>& messages() const { return messages_; }
  PaperContext& context() { return context_; }

 private:
  void introduce(std::string name);
  bool must_say_hello();
  void count_recipients();
  void command(std::string_view line);
  void hello(std::string_view name, bool extended);
  void mail(std::string_view argument);
  void rcpt(std::string_view argument);
  void data();
  void vrfy(std::string_view argument);
  void expn_or_etrn(policy::Phase phase, std::string_view argument);
  void auth(std::string_view argument);
  void auth_response(std::string_view line);
  void quit();

  void content_line(std::string_view line);
  void end_of_data();
  std::vector<spoolfmt::Header> read_headers();
  void show_message(const std::vector<spoolfmt::Header>& headers);
  void keep_message(std::vector<spoolfmt::Header> headers);

  // Runs the ACL; true if it accepts, `usual` being said unless the ACL says something.
  // Else the refusal is said and logged as "rejected WHAT".
  bool judge(policy::Phase phase, std::string_view what, std::string_view usual);
  policy::AclResult run(policy::Phase phase);
  void accept(policy::Phase phase, const policy::AclResult& result,
              std::string_view usual);
  void refuse(policy::Phase phase, std::string_view what,
              const policy::AclResult& result);
  void log_refusal(std::string_view what, const policy::AclResult& result);

  void say(std::string_view text) { say(text.substr(0, 3), text.substr(4)); }
  void say(std::string_view code, std::string_view text,
           std::string_view enhanced = "");
  void hang_up(std::string_view reason);
  void reset();
  void set(std::string_view variable, std::string value) {
    context_.variables.insert_or_assign(std::string(variable), std::move(value));
  }
  std::string get(std::string_view variable) const;
  std::string expand(std::string_view option, std::string otherwise);

  std::shared_ptr<const policy::Policy> policy_;
  PaperContext context_;
  std::string client_, host_;

  std::string helo_;
  bool extended_ = false;
  bool has_sender_ = false;
  std::string sender_;
  std::vector<std::string> recipients_;
  std::optional<std::string> all_discarded_;  // by the MAIL ACL, and why
  std::size_t asked_ = 0, discarded_ = 0, refused_ = 0, deferred_ = 0;
  std::string last_refusal_;  // of a recipient
  bool refusals_differ_ = false;
  bool in_data_ = false;
  std::string content_;
  policy::HeaderChanges envelope_changes_;
  const policy::Driver* authenticator_ = nullptr;  // at work
  std::vector<std::string> auth_data_;

  bool over_ = false;
  std::vector<std::string> replies_;
  std::vector<PaperMessage> messages_;
};

}  // namespace utils
