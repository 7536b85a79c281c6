// SPDX-License-Identifier: Apache-2.0
//
// What the main log says of deliveries, in Exim's fields and their order, so that
// exigrep and eximstats read it (Exim manual, "Log files"; spec/queue-run.md 10).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/log_selector.h"

namespace qrunner {

// A reason to try later or to give up, as in "defer (-44): ...".
struct Trouble {
  int number = -1;          // an errno, or one of Exim's negative numbers
  std::string system_text;  // of an errno
  std::string text;         // may be empty
};

// The other end of a connection, or where somebody tried to make one.
struct Peer {
  std::string name, address;
  std::uint16_t port = 25;
  std::string our_address;
  std::uint16_t our_port = 0;
  bool continued = false;                             // it carried a message before
  bool secure_dns = false;                            // the name was validated
  std::string cipher, peer_dn, certificate_verified;  // "": no TLS; CV= yes or no
  bool resumed = false;
  std::string authenticated;  // "plain:user"
  bool pipelining = false, chunking = false;

  // Of this machine: the address is its path, and a delivery names no host.
  bool is_socket() const { return address.starts_with('/'); }
};

// An address and what is said of it whatever became of it.
struct Subject {
  std::string address;   // that was tried
  std::string original;  // of the envelope, if that is another
  std::string sender, return_path, queue;
  std::string router, transport;  // "": it did not get there
};

// Since the message came, and of the transaction alone.
struct Times {
  std::chrono::microseconds queued{}, own{};
};

struct Delivery {
  std::uint64_t size = 0;  // bytes that were sent
  std::string confirmation;
  Times times;
};

// "H=mx.example [192.0.2.1]:25*" and what is shown of TLS.
std::string host_text(const Peer& peer, const policy::LogSelector& shown);

// Behind the mark: "a@b <c@d> R=smarthost T=remote_smtp H=... C=\"...\"".  Null: a
// transport of this machine.
std::string delivery_text(const Subject& subject, const Peer* peer,
                          const Delivery& delivery, const policy::LogSelector& shown);
// "a@b R=dnslookup T=remote_smtp defer (-44) H=...: text".  Null: no host was reached.
std::string deferral_text(const Subject& subject, const Peer* peer,
                          const Trouble& trouble, const policy::LogSelector& shown);
// "a@b R=dnslookup T=remote_smtp H=... : text", as releases from 4.97 on write it.
std::string failure_text(const Subject& subject, const Peer* peer,
                         const Trouble& trouble, const policy::LogSelector& shown);
// "H=mx.example [192.0.2.1]: text", "H=mx.example [192.0.2.1] Connection refused".
std::string host_line(const Peer& peer, const Trouble& trouble,
                      const policy::LogSelector& shown);

// "3d2h", "0s"; with milliseconds below five seconds "0.304s".
std::string format_time(std::chrono::microseconds span, bool millisec);

}  // namespace qrunner
