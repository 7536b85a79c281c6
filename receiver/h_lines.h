// SPDX-License-Identifier: Apache-2.0
//
// The -H file of a message that was received by SMTP (Exim manual, "Format of the -H
// file").
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "receiver/content.h"
#include "receiver/received_header.h"
#include "spoolfmt/h_file.h"
#include "spoolfmt/message_id.h"

namespace receiver {

// `complete` is the end of the reception, `started` its begin.
spoolfmt::HFile make_h_file(const spoolfmt::MessageId& id, const std::string& hostname,
                            const Client& client, const Envelope& envelope,
                            const Content& content, base::Time started,
                            base::Time complete);

// The S= of an arrival: what the message will be on the wire, less its CRs.  As Exim
// counts, with a byte too many for each digit of a header line's length beyond three.
std::uint64_t logged_size(const spoolfmt::HFile& file, std::uint64_t body_size);

}  // namespace receiver
