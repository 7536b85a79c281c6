// SPDX-License-Identifier: Apache-2.0
//
// What an alias file says about an address (spec/policy.md 13.5; Exim manual, "The
// redirect router").  Pure: files that are included are the caller's to read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace policy {

struct RedirectItem {
  enum class Kind : std::uint8_t {
    address,    // text: as written; see `own_domain`
    file,       // text: an absolute path
    directory,  // the same, it ended in a slash
    pipe,       // text: the command, without the '|'
    include,    // text: the path
    fail,       // text: for the sender; ends the data
    defer,      // the same
    blackhole,
    unknown,  // :unknown:, to be skipped
    bad,      // text: what is wrong with it
  };
  Kind kind = Kind::address;
  std::string text;
  bool own_domain = false;  // "\name": unqualified, in the domain it came from
};

std::vector<RedirectItem> parse_redirect_data(std::string_view data);

}  // namespace policy
