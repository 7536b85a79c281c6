// SPDX-License-Identifier: Apache-2.0
//
// A session of any lines: whatever the order, no message without sender and recipient,
// no octet of a chunk is a command, and nothing survives STARTTLS or XCLIENT.
#include <algorithm>
#include <string>

#include "smtp/dialogue.h"
#include "tests/fuzz/fuzz.h"

using fuzz::require;

namespace {

// Refuses senders and recipients that say so, as a policy might.
smtp::Reply policy(const smtp::Dialogue& dialogue, const smtp::Command& command) {
  const auto* rcpt = std::get_if<smtp::Rcpt>(&command);
  const auto* mail = std::get_if<smtp::Mail>(&command);
  const auto* auth = std::get_if<smtp::Auth>(&command);
  std::string text = rcpt ? rcpt->recipient.text() : mail ? mail->sender.text() : "";
  if (text.starts_with("no")) return smtp::standard(smtp::Standard::relay_refused);
  if (text.starts_with("later")) return smtp::standard(smtp::Standard::local_trouble);
  if (auth && auth->initial == "no")
    return smtp::standard(smtp::Standard::bad_credentials);
  return dialogue.usual_answer(command);
}

smtp::Offer offer() {
  return {.hostname = "mx.example",
          .size_limit = 1000,
          .recipient_limit = 3,
          .limits = true,
          .dsn = true,
          .auth = {"PLAIN", "LOGIN"},
          .chunking = true,
          .binary_mime = true,
          .starttls = true,
          .xclient = true,
          .smtputf8 = true,
          .requiretls = true,
          .nonmail_limit = 20,
          .messages_per_connection = 5};
}

class Session {
 public:
  void take(std::string_view line, std::string_view& behind) {
    const bool was_in_transaction = dialogue_.in_transaction();
    smtp::Verb verb = smtp::verb_of(line);
    if (dialogue_.out_of_sync(verb,
                              dialogue_.must_be_last(verb) && line.ends_with('!'))) {
      require(dialogue_.over(), "lost synchronisation ends it");
      return;
    }
    auto command = smtp::parse_command(line);
    if (!command) {
      auto reply = dialogue_.misunderstood(verb, command.error());
      require(!reply.positive(), "nonsense is refused");
      require(verb != smtp::Verb::bdat || dialogue_.over(), "payload is no command");
      return;
    }
    auto refusal = dialogue_.refuses(*command);
    if (refusal) require(!refusal->positive(), "a refusal refuses");
    if (std::holds_alternative<smtp::Bdat>(*command))
      return take_chunk(*command, refusal, behind);
    smtp::Reply reply = refusal ? *refusal : policy(dialogue_, *command);
    if (!refusal) dialogue_.apply(*command, reply);
    if (!reply.positive())
      require(dialogue_.in_transaction() == was_in_transaction,
              "a refusal moves nothing");
    after(verb, reply);
  }

  const smtp::Dialogue& dialogue() const { return dialogue_; }

 private:
  void take_chunk(const smtp::Command& command,
                  const std::optional<smtp::Reply>& refusal, std::string_view& behind) {
    require(dialogue_.chunk().has_value(), "payload is no command");
    smtp::Dialogue::Chunk chunk = *dialogue_.chunk();
    require(chunk.kept == !refusal, "what is taken is kept");
    if (chunk.kept) {
      total_ = dialogue_.in_chunks() ? total_ + chunk.size : chunk.size;
      require(total_ <= dialogue_.offer().size_limit, "within the limit");
      require(!dialogue_.transaction().recipients.empty(), "chunks have a recipient");
    }
    behind.remove_prefix(std::min<std::uint64_t>(chunk.size, behind.size()));
    dialogue_.apply(command, refusal ? *refusal : dialogue_.usual_answer(command));
    require(!dialogue_.chunk(), "it is read");
    if (chunk.kept && chunk.last) dialogue_.message_over();
    if (chunk.kept)
      require(dialogue_.in_chunks() == !chunk.last, "it goes on to the last");
  }

  void after(smtp::Verb verb, const smtp::Reply& reply) {
    const auto& transaction = dialogue_.transaction();
    require(transaction.recipients.size() <= dialogue_.offer().recipient_limit,
            "within the limit");
    require(dialogue_.in_transaction() || transaction.recipients.empty(),
            "no recipient without a sender");
    require(transaction.recipients.size() + transaction.rcpt_defer_count +
                    transaction.rcpt_fail_count ==
                transaction.rcpt_count,
            "every RCPT was answered");
    if (dialogue_.awaits_message()) {
      require(dialogue_.in_transaction() && !transaction.recipients.empty(),
              "no message without sender and recipient");
      require(!dialogue_.in_chunks(), "DATA or BDAT");
      dialogue_.message_over();
      require(!dialogue_.in_transaction(), "one message, one transaction");
    }
    if (!reply.positive()) return;
    if (verb == smtp::Verb::starttls) dialogue_.tls_started();
    if (verb == smtp::Verb::xclient) dialogue_.identity_changed("192.0.2.7", false);
    if (verb == smtp::Verb::starttls || verb == smtp::Verb::xclient)
      require(!dialogue_.in_transaction() && !dialogue_.authenticated() &&
                  !dialogue_.extended() && dialogue_.helo_name().empty(),
              "all is forgotten");
  }

  smtp::Dialogue dialogue_{offer(), "192.0.2.1"};
  std::uint64_t total_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view lines = fuzz::text_of(data, size);
  Session session;
  const smtp::Dialogue& dialogue = session.dialogue();
  while (!lines.empty() && !dialogue.over()) {
    std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    session.take(line, lines);
  }
  require(dialogue.over() || dialogue.errors() <= dialogue.offer().error_limit,
          "errors count");
  require(dialogue.messages() <= dialogue.offer().messages_per_connection,
          "so do messages");
  return 0;
}
