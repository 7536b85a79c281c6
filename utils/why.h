// SPDX-License-Identifier: Apache-2.0
//
// Why a message waits: what its files, its own log and the memory of queue runs say of
// each recipient (bobbin-explain(1)).  Pure.
//
// Which hosts a recipient's mail goes to is not looked up again: the message log names
// those that were tried, in Exim's words or ours.  So a message that was never tried is
// told to be fresh, though its host may be known to be down.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "hints/retry_record.h"
#include "spoolfmt/queued.h"

namespace utils {

struct Remembered {
  std::string key;  // of hints/retry_key.h
  hints::RetryRecord record;
};

struct Evidence {
  const spoolfmt::Queued& queued;
  std::string_view log;  // of the message
  bool locked = false;   // another process works on it
  const std::vector<Remembered>& records;
  base::Time now;
};

struct RecipientState {
  enum class Kind {
    done,
    fresh,    // never tried
    waiting,  // until a retry time
    due,      // that time has come
  };
  std::string address;
  Kind kind = Kind::fresh;
  std::string last_line;                   // of the log; empty: none
  std::vector<const Remembered*> because;  // what holds it, or did
  std::optional<base::Time> until{};
};

// Of a message whose envelope can be read.
std::vector<RecipientState> recipient_states(const Evidence& evidence);

// In sentences, several lines; `trouble` is what is wrong with -H, or null.
std::string explain(const Evidence& evidence, const base::Error* trouble);
// One line of JSON.
std::string explain_json(const Evidence& evidence, const base::Error* trouble);

}  // namespace utils
