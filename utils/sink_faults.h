// SPDX-License-Identifier: Apache-2.0
//
// Where bobbin-sink fails, and how: decided here, done by the session.
//
// A fault belongs to a stage of the conversation.  Who asks later wins nothing: what
// the recipient's own local part wants comes before the options for everybody, and
// those before chance.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/regex.h"
#include "base/result.h"
#include "smtp/reply.h"

namespace utils {

// What a client can be at when something goes wrong.
extern const std::vector<std::string> kSinkStages;

struct SinkFault {
  std::optional<smtp::Reply> reply = {};  // in place of the honest one
  bool drop = false;                      // close without an answer
  std::chrono::milliseconds wait{0};

  bool none() const { return !reply && !drop && wait.count() == 0; }
};

// What LOCAL-PART@ asks for at `stage`, whatever follows a plus sign:
//
//   code-451        that answer to RCPT
//   data-451        to DATA
//   dot-451         to the end of data
//   drop-STAGE      the connection closes at rcpt, data, body or dot
//   slow, slow-MS   RCPT is answered so many milliseconds later; 1000 if not said
SinkFault fault_of_recipient(std::string_view stage, std::string_view recipient);

class SinkFaults {
 public:
  struct Wishes {
    std::string reject_rcpt = {}, defer_rcpt = {};  // regular expressions
    std::vector<std::string> replies = {};          // "dot=451 4.3.0 later"
    std::string drop_at = {};                       // a stage; empty: none
    std::optional<std::uint64_t> drop_times = {};
    bool by_local_part = false;
    std::string chaos = {};  // "SEED:PERCENT"; empty: none
  };
  // Code::usage.
  static base::Result<SinkFaults> create(const Wishes& wishes);

  // `recipients`: at rcpt the one in question, behind it those of the message.
  SinkFault at(std::string_view stage, std::span<const std::string> recipients = {});

 private:
  base::Result<void> read_reply(const std::string& text);
  base::Result<void> read_chaos(const std::string& text);
  SinkFault for_everybody(std::string_view stage,
                          std::span<const std::string> recipients);
  SinkFault by_chance();

  std::map<std::string, smtp::Reply, std::less<>> replies_;
  std::optional<base::Regex> reject_, defer_;
  std::string drop_at_;
  std::optional<std::uint64_t> drops_left_;
  bool by_local_part_ = false;
  std::uint64_t percent_ = 0;
  std::mt19937_64 chance_;  // whose numbers the standard fixes
};

}  // namespace utils
