// SPDX-License-Identifier: Apache-2.0
//
// How a leg ends: written down, gone on with elsewhere, put back or passed over.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "qrunner/connection.h"
#include "qrunner/workshop.h"

namespace qrunner {

// The leg is over; those that waited for the message go on.
void let_go(Workshop& shop, SiteIndex site, const spoolfmt::MessageId& id,
            Carried carried, bool again);
// Why a leg is not tried, told to whom it may concern.
void pass_over(Workshop& shop, SiteIndex site, const spoolfmt::MessageId& id,
               const base::Error& error);
// A leg more, for whom another host shall have.
void send_on(Workshop& shop, const spoolfmt::MessageId& id,
             std::optional<SiteIndex> next);

// What `finish` says of the message, done on the pool; what ends thereby is completed
// with others.
asio::awaitable<base::Result<void>> finish_alone(Workshop& shop,
                                                 std::unique_ptr<Outgoing>& message,
                                                 Completions::Finish finish);
// Writes down what became of the message, in a task of its own, and then opens the
// connection's gate.  `next`: where those go who are tried elsewhere.
void settle_later(Connection& connection, std::unique_ptr<Outgoing> message,
                  Settlement settlement, std::chrono::microseconds took = {},
                  std::optional<SiteIndex> next = {});

}  // namespace qrunner
