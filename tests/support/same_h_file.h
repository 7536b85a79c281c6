// SPDX-License-Identifier: Apache-2.0
//
// Whether two -H files say the same, their form on disk aside.
#pragma once

#include <algorithm>

#include "spoolfmt/h_file.h"

namespace support {

inline bool same(const spoolfmt::Option& a, const spoolfmt::Option& b) {
  return a.name == b.name && a.value == b.value && a.has_value == b.has_value &&
         a.tainted == b.tainted && a.quoter == b.quoter;
}

// ORCPT stands only in the long form, which is written for something else beside it.
inline bool same(const spoolfmt::Recipient& a, const spoolfmt::Recipient& b) {
  bool has_room = a.parent != -1 || !a.errors_to.empty() || a.dsn_flags != 0;
  return a.address == b.address && a.errors_to == b.errors_to &&
         a.dsn_flags == b.dsn_flags && a.parent == b.parent &&
         (!has_room || a.orcpt == b.orcpt);
}

inline bool same(const spoolfmt::Header& a, const spoolfmt::Header& b) {
  return a.type == b.type && a.text == b.text;
}

inline bool same(const spoolfmt::NonRecipients::Node& a,
                 const spoolfmt::NonRecipients::Node& b) {
  return a.name == b.name && a.has_left == b.has_left && a.right == b.right;
}

// A login is cut to what Exim reads, 63 bytes.
inline bool same(const spoolfmt::HFile& a, const spoolfmt::HFile& b) {
  auto all_same = [](const auto& left, const auto& right) {
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](const auto& x, const auto& y) { return same(x, y); });
  };
  return a.id == b.id && a.login.substr(0, 63) == b.login.substr(0, 63) &&
         a.uid == b.uid && a.gid == b.gid && a.sender == b.sender &&
         a.received == b.received && a.warnings == b.warnings &&
         all_same(a.options, b.options) &&
         all_same(a.delivered.nodes, b.delivered.nodes) &&
         all_same(a.recipients, b.recipients) && all_same(a.headers, b.headers);
}

}  // namespace support
