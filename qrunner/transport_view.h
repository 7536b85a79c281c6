// SPDX-License-Identifier: Apache-2.0
//
// A message as its transport sees it (Exim manual, "Generic options for transports"):
// what the queue knows of it, and what routing found out about those it goes to.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "qrunner/route_phase.h"
#include "qrunner/routing_context.h"
#include "qrunner/sent_headers.h"

namespace qrunner {

class TransportView {
 public:
  // All live longer than this; `input` is the directory of the message's files.
  TransportView(RoutePhase& routes, const policy::Driver& transport,
                const spoolfmt::Queued& queued, std::string input);
  TransportView(const TransportView&) = delete;
  TransportView& operator=(const TransportView&) = delete;

  // From now on it is about these, of whom there is one at least: what they do not have
  // in common is empty.
  void show(std::span<const Destination* const> targets);

  // $home is this one from now on.
  void set_home(std::string directory);

  // An option's text; nothing if it is not set or its expansion is forced to fail.
  policy::Outcome<std::optional<std::string>> text(std::string_view option);
  // The same of an option that names a file or directory.
  policy::Outcome<std::optional<std::string>> path(std::string_view option);
  // What the router wants and the transport wants beside it.
  policy::Outcome<HeaderChanges> header_changes(const policy::RoutedAddress& routed);
  // The envelope's sender, which is `sender` unless the transport has another.
  policy::Outcome<std::string> return_path(const std::string& sender);

 private:
  const policy::Driver& transport_;
  const spoolfmt::Queued& queued_;
  RoutingContext context_;
  policy::Evaluation evaluation_;
};

}  // namespace qrunner
