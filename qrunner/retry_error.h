// SPDX-License-Identifier: Apache-2.0
//
// Which error of the retry rules a failure is (Exim manual, "Retry rules for specific
// errors"; spec/queue-run.md 6.1, 7).
#pragma once

#include "hints/retry_record.h"
#include "policy/retry.h"

namespace qrunner {

// Kind::any: none that has a word, so that only rules for all errors apply.
policy::RetryError retry_error(const hints::Failure& failure);

}  // namespace qrunner
