// SPDX-License-Identifier: Apache-2.0
//
// systemd, or whoever speaks as it does: sockets that are open already
// (sd_listen_fds(3)), and telling it how we are (sd_notify(3)).
//
// Both are environment variables and datagrams, so no library is needed.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace net {

struct InheritedSocket {
  base::Fd socket;         // a stream socket
  std::string name;        // FileDescriptorName=; "": none was given
  bool listening = false;  // false: connected, as with Accept=yes
};

// Those meant for this process, once: the variables are gone afterwards.  None if they
// are meant for another (LISTEN_PID).  Code::config: something else than sockets.
base::Result<std::vector<InheritedSocket>> inherited_sockets();

class ServiceManager {
 public:
  // As NOTIFY_SOCKET and WATCHDOG_USEC say, which are gone afterwards.  Where there is
  // nobody to be told, all that follows does nothing.  Code::config.
  static base::Result<ServiceManager> find();

  void ready() const;
  void reloading() const;  // until ready()
  void stopping() const;
  void status(std::string_view line) const;
  void alive() const;  // for the watchdog
  // It wants to hear alive() at least that often.
  std::optional<std::chrono::microseconds> patience() const { return patience_; }

 private:
  void tell(std::string_view state) const;

  base::Fd socket_;  // none: nobody listens
  std::optional<std::chrono::microseconds> patience_;
};

}  // namespace net
