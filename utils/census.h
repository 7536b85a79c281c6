// SPDX-License-Identifier: Apache-2.0
//
// All names in the directories of a queue, sorted by the message they belong to.
//
// Only names: nothing is opened, so a census of a busy queue is quick, and whoever
// finds something odd in it looks again before saying so, for it may be history.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "spoolfmt/message_id.h"
#include "spoolfmt/spool.h"
#include "utils/soundness.h"

namespace utils {

// The subdirectories that hold a file of each kind, '\0' for input/ itself.
struct MessagePlaces {
  std::string h, d, j;
};

struct Stray {
  std::filesystem::path path;
  Name name;
};
struct StrayLog {
  std::filesystem::path path;
  LogName name;
};

struct Census {
  std::map<spoolfmt::MessageId, MessagePlaces> messages;
  std::vector<Stray> strays;   // in input directories, what is no -H, -D or -J
  std::vector<StrayLog> logs;  // in message log directories, what belongs to no message
};

// What cannot be read is given to `trouble`; an input/ that cannot be read fails.
base::Result<Census> take_census(
    const spoolfmt::Spool& spool,
    const std::function<void(const base::Error&)>& trouble);

}  // namespace utils
