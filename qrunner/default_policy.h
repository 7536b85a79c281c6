// SPDX-License-Identifier: Apache-2.0
//
// The policy where there is no configuration file, and the one of --smarthost: a text
// like any other, read by the same loader; bobbin-run(8) prints it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace qrunner {

// By MX, to everywhere.
std::string_view default_policy();

// Everything to HOST[:PORT], behind what `text` says beside routers, transports and
// retry rules.  Code::usage: there is no such host.
base::Result<std::string> smarthost_policy(std::string_view host_and_port,
                                           std::string_view text);

}  // namespace qrunner
