// SPDX-License-Identifier: Apache-2.0
//
// Repairs of a spool that lose nothing: bobbin check --fix.
//
// Each takes the lock of the message's -D first, if there is one, and looks again under
// it; each is safe to be cut short anywhere and run again.  The value says what was
// done, in one word or a few.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "spoolfmt/message_id.h"
#include "spoolfmt/spool.h"
#include "utils/census.h"

namespace utils {

// Is somebody at work on the message whose -D this is?  Takes no lock.
bool is_held(const std::filesystem::path& d_file, const spoolfmt::MessageId& id);

// A hdr.* or -K file.
base::Result<std::string> remove_temporary(const spoolfmt::Spool& spool,
                                           const spoolfmt::MessageId& id,
                                           const std::filesystem::path& path);

// A journal without -H and -D.
base::Result<std::string> remove_journal(const std::filesystem::path& path);

// A journal left by a crash: into -H, as the next delivery would do.
base::Result<std::string> merge_journal(const spoolfmt::Spool& spool,
                                        const spoolfmt::MessageId& id);

// A -D without -H and without a single byte of body.
base::Result<std::string> remove_empty_data(const spoolfmt::Spool& spool,
                                            const spoolfmt::MessageId& id);

// A -H without -D in which nothing is left to deliver: the end of a message that was
// cut short.
base::Result<std::string> remove_finished(const spoolfmt::Spool& spool,
                                          const spoolfmt::MessageId& id,
                                          char subdirectory);

// Brings the files of a message together where its id leads: -D, -J, then -H are
// linked, then the old -H, -J and -D unlinked, so that it can be found at every moment.
base::Result<std::string> move_together(const spoolfmt::Spool& spool,
                                        const spoolfmt::MessageId& id,
                                        const MessagePlaces& places);

}  // namespace utils
