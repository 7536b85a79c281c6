// SPDX-License-Identifier: Apache-2.0
//
// msglog/<id>: one message's own log, for people (Exim manual, "Log files").
#pragma once

#include <string_view>

#include "base/clock.h"
#include "spoolfmt/message_id.h"
#include "spoolfmt/spool.h"

namespace spoolfmt {

// One line "time text" to the message log of `id`, which is made if it is not there.
// Nothing is decided by message logs and Exim does not sync them, so trouble with one
// is passed over.
void append_message_log(const Spool& spool, char subdirectory, const MessageId& id,
                        std::string_view line, base::Time now);

}  // namespace spoolfmt
