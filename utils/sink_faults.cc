// SPDX-License-Identifier: Apache-2.0
#include "utils/sink_faults.h"

#include <algorithm>

#include "base/text.h"

namespace utils {

const std::vector<std::string> kSinkStages = {"connect", "helo", "ehlo", "starttls",
                                              "auth",    "mail", "rcpt", "data",
                                              "body",    "dot"};

namespace {

base::Result<smtp::Reply> parse_reply(std::string_view text) {
  std::string line = std::string(text) + "\r\n";
  std::string_view bytes = line;
  smtp::ReplyParser parser;
  auto reply = parser.feed(bytes);
  if (reply && *reply) return **reply;
  return base::fail(base::Code::usage,
                    "'" + std::string(text) + "' is no reply: write '451 4.3.0 later'");
}

smtp::Reply reply_of_code(std::uint64_t code, std::string text) {
  return {static_cast<int>(code), std::to_string(code / 100) + ".0.0", std::move(text)};
}

std::optional<std::uint64_t> number_behind(std::string_view word,
                                           std::string_view prefix) {
  if (!word.starts_with(prefix)) return std::nullopt;
  return base::to_number(word.substr(prefix.size()));
}

}  // namespace

SinkFault fault_of_recipient(std::string_view stage, std::string_view recipient) {
  std::string_view word = recipient.substr(0, recipient.find_first_of("+@"));
  SinkFault fault;
  if (word.starts_with("drop-")) {
    std::string_view where = word.substr(5);
    fault.drop = where == stage && (stage == "rcpt" || stage == "data" ||
                                    stage == "body" || stage == "dot");
  }
  std::string prefix = stage == "rcpt" ? "code-" : std::string(stage) + "-";
  auto code = number_behind(word, prefix);
  if (code && *code >= 200 && *code < 600 && stage != "body")
    fault.reply = reply_of_code(*code, "as the local part asks");
  if (stage == "rcpt" && word == "slow") fault.wait = std::chrono::seconds(1);
  auto wait = number_behind(word, "slow-");
  if (stage == "rcpt" && wait && *wait < 3'600'000)
    fault.wait = std::chrono::milliseconds(*wait);
  return fault;
}

base::Result<SinkFaults> SinkFaults::create(const Wishes& wishes) {
  SinkFaults faults;
  if (!wishes.reject_rcpt.empty())
    faults.reject_ = TRY(base::Regex::compile(wishes.reject_rcpt));
  if (!wishes.defer_rcpt.empty())
    faults.defer_ = TRY(base::Regex::compile(wishes.defer_rcpt));
  for (const std::string& text : wishes.replies) TRY(faults.read_reply(text));
  if (!wishes.chaos.empty()) TRY(faults.read_chaos(wishes.chaos));
  faults.drop_at_ = wishes.drop_at;
  faults.drops_left_ = wishes.drop_times;
  faults.by_local_part_ = wishes.by_local_part;
  return faults;
}

base::Result<void> SinkFaults::read_reply(const std::string& text) {
  std::size_t equals = std::min(text.find('='), text.size());
  std::string stage = text.substr(0, equals);
  if (std::ranges::find(kSinkStages, stage) == kSinkStages.end() || stage == "body")
    return base::fail(base::Code::usage,
                      "--reply: '" + text + "': write a stage, as dot='451 later'");
  std::string_view words =
      std::string_view(text).substr(std::min(equals + 1, text.size()));
  replies_[stage] = TRY(parse_reply(words));
  return {};
}

base::Result<void> SinkFaults::read_chaos(const std::string& text) {
  std::size_t colon = std::min(text.find(':'), text.size());
  auto seed = base::to_number(text.substr(0, colon));
  auto percent = base::to_number(text.substr(std::min(colon + 1, text.size())));
  if (!seed || !percent || *percent > 100)
    return base::fail(base::Code::usage,
                      "--chaos: '" + text + "': write SEED:PERCENT, as 7:5");
  chance_.seed(*seed);
  percent_ = *percent;
  return {};
}

SinkFault SinkFaults::at(std::string_view stage,
                         std::span<const std::string> recipients) {
  SinkFault fault;
  if (by_local_part_) {
    for (const std::string& recipient : recipients) {
      fault = fault_of_recipient(stage, recipient);
      if (!fault.none()) return fault;
    }
  }
  fault = for_everybody(stage, recipients);
  return fault.none() ? by_chance() : fault;
}

SinkFault SinkFaults::for_everybody(std::string_view stage,
                                    std::span<const std::string> recipients) {
  SinkFault fault;
  bool hello = stage == "ehlo";
  bool here = drop_at_ == stage || (hello && drop_at_ == "helo");
  if (here && drops_left_ != 0u) {
    if (drops_left_) --*drops_left_;
    fault.drop = true;
    return fault;
  }
  if (stage == "rcpt" && !recipients.empty()) {
    if (reject_ && reject_->matches(recipients.front()))
      fault.reply = smtp::Reply{550, "5.1.1", "no such recipient here"};
    else if (defer_ && defer_->matches(recipients.front()))
      fault.reply = smtp::Reply{450, "4.2.1", "recipient not available now"};
    if (fault.reply) return fault;
  }
  auto found = replies_.find(stage);
  if (found == replies_.end() && hello) found = replies_.find("helo");
  if (found != replies_.end()) fault.reply = found->second;
  return fault;
}

SinkFault SinkFaults::by_chance() {
  SinkFault fault;
  if (percent_ == 0 || chance_() % 100 >= percent_) return fault;
  switch (chance_() % 5) {
    case 0:
      fault.drop = true;
      break;
    case 1:
      fault.reply = reply_of_code(421, "closing, by chance");
      break;
    case 2:
      fault.reply = reply_of_code(451, "not now, by chance");
      break;
    case 3:
      fault.reply = reply_of_code(554, "never, by chance");
      break;
    default:
      fault.wait = std::chrono::milliseconds(1 + chance_() % 50);
  }
  return fault;
}

}  // namespace utils
