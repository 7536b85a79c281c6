// SPDX-License-Identifier: Apache-2.0
//
// The policy where there is no configuration file: mail is taken from this machine for
// any place, and from nobody else.
//
// It is a text like any other, read by the same loader; bobbin-receive(8) prints it.
#pragma once

#include <string_view>

namespace receiver {

std::string_view default_policy();

}  // namespace receiver
