// SPDX-License-Identifier: Apache-2.0
//
// A port of the loopback where nobody lives.
#pragma once

#include <cstdint>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace utils {

class SinkDeadPort {
 public:
  enum class Kind {
    refused,  // bound, not listening: a connect fails at once
    silent,   // the queue of connections is full: a connect hangs until it times out
  };
  // On 127.0.0.1; 0: a free port.
  static base::Result<SinkDeadPort> open(std::uint16_t port, Kind kind);

  std::uint16_t port() const { return port_; }

 private:
  base::Fd socket_;
  std::vector<base::Fd> fillers_;  // our own connections in its queue
  std::uint16_t port_ = 0;
};

}  // namespace utils
