// SPDX-License-Identifier: Apache-2.0
//
// Sender Rewriting Scheme, the SRS0 form: ${srs_encode} and inbound_srs (spec/policy.md
// sections 5 and 7; www.libsrs2.org/srs/srs.pdf ).
//
// `day` is the number of days since 1970-01-01; the caller owns the clock.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace policy {

// "SRS0=hhhh=tt=domain=local@to_domain"; nothing for an empty sender.  Code::syntax if
// the sender has no domain.
base::Result<std::string> srs_encode(std::string_view secret, std::string_view sender,
                                     std::string_view to_domain, std::int64_t day);

struct InboundSrs {
  bool valid = false;     // the shape fits, it is not too old, and the checksum is ours
  std::string recipient;  // set as soon as the shape fits
};
base::Result<InboundSrs> inbound_srs(std::string_view local_part,
                                     std::string_view secret, std::int64_t day);

}  // namespace policy
