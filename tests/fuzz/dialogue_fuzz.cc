// SPDX-License-Identifier: Apache-2.0
//
// A session of any lines: whatever the order, no message without sender and recipient.
#include <string>

#include "smtp/dialogue.h"
#include "tests/fuzz/fuzz.h"

using fuzz::require;

namespace {

// Refuses senders and recipients that say so, as a policy might.
smtp::Reply policy(const smtp::Dialogue& dialogue, const smtp::Command& command) {
  const auto* rcpt = std::get_if<smtp::Rcpt>(&command);
  const auto* mail = std::get_if<smtp::Mail>(&command);
  std::string text = rcpt ? rcpt->recipient.text() : mail ? mail->sender.text() : "";
  if (text.starts_with("no")) return smtp::standard(smtp::Standard::relay_refused);
  if (text.starts_with("later")) return smtp::standard(smtp::Standard::local_trouble);
  return dialogue.usual_answer(command);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view lines = fuzz::text_of(data, size);
  smtp::Offer offer{.hostname = "mx.example", .size_limit = 1000, .recipient_limit = 3};
  smtp::Dialogue dialogue(offer, "192.0.2.1");
  while (!lines.empty() && !dialogue.over()) {
    std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    smtp::Verb verb = smtp::verb_of(line);
    if (dialogue.must_be_last(verb) &&
        dialogue.out_of_sync(verb, line.ends_with('!'))) {
      require(dialogue.over(), "lost synchronisation ends it");
      break;
    }
    auto command = smtp::parse_command(line);
    if (!command) {
      auto reply = dialogue.misunderstood(verb, command.error());
      require(!reply.positive(), "nonsense is refused");
      continue;
    }
    auto refusal = dialogue.refuses(*command);
    if (refusal) require(!refusal->positive(), "a refusal refuses");
    dialogue.apply(*command, refusal ? *refusal : policy(dialogue, *command));
    const auto& transaction = dialogue.transaction();
    require(transaction.recipients.size() <= offer.recipient_limit, "within the limit");
    require(dialogue.in_transaction() || transaction.recipients.empty(),
            "no recipient without a sender");
    if (dialogue.awaits_message()) {
      require(dialogue.in_transaction() && !transaction.recipients.empty(),
              "no message without sender and recipient");
      dialogue.message_over();
      require(!dialogue.in_transaction(), "one message, one transaction");
    }
  }
  require(dialogue.over() || dialogue.errors() <= offer.error_limit, "errors count");
  return 0;
}
