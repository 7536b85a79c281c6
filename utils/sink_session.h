// SPDX-License-Identifier: Apache-2.0
//
// One client of bobbin-sink, from connect to close.
//
// The protocol is smtp::Dialogue's, as in the real receiver, so that a client is judged
// as strictly here as there.  LMTP (RFC 2033) is the same conversation with LHLO, and
// with an answer for each recipient behind the content.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "base/clock.h"
#include "net/stream.h"
#include "net/tls.h"
#include "utils/sink_events.h"
#include "utils/sink_faults.h"
#include "utils/sink_offer.h"
#include "utils/sink_tally.h"

namespace utils {

// How all clients are treated, faults aside.
struct SinkManner {
  unsigned delay = 0;           // milliseconds before each write of replies
  unsigned delay_dot = 0;       // before the answer to the end of data
  std::uint64_t read_rate = 0;  // bytes of content a second; 0: as they come
  bool flush_input = false;     // what came behind a message before its answer
  unsigned max_connections = 0;
  std::uint64_t max_messages = 0;
  bool lmtp = false;
  net::TlsSetting tls;
  std::string tls_fault;  // behind the 220 to STARTTLS: garbage, drop, silent
  std::string login;      // "user:password"; empty: nobody needs to
};

// What all sessions share.
struct Sink {
  SinkManner manner;
  SinkOffer offer;
  SinkFaults faults;
  SinkTally tally;
  SinkEvents events;
  net::TlsKeys& tls;
  std::function<void()> on_enough = [] {};  // max_messages were taken
  std::uint64_t sessions = 0;               // open now
};

// `sink` must outlive it.
net::asio::awaitable<void> serve_sink(Sink& sink, net::Stream stream);

}  // namespace utils
