// SPDX-License-Identifier: Apache-2.0
//
// One connection drains its site: RFC 5321 section 3, one round trip a message.
//
// While a message flows, the one before it is written down by the disk pool, and the
// one after it is locked and read already, so that its MAIL, RCPT and DATA can leave
// with this one's dot.  The gate holds a dot back until the message before is on
// record: at most one transaction of a connection is ever unaccounted for, which is
// the only window in which a crash can send a message twice.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "qrunner/workshop.h"

namespace qrunner {

// One connection to a site of the ramp's, from its start to its end; at the desk and
// where mail is written to this machine's disk it is somebody who does the work.
asio::awaitable<void> deliver(Workshop& shop, SiteIndex site);

// Bounces that no leg came to send.
asio::awaitable<void> tell(Workshop& shop, spoolfmt::MessageId id, Carried carried);

}  // namespace qrunner
