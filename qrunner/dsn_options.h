// SPDX-License-Identifier: Apache-2.0
//
// What the policy's main section says about reports (spec/policy.md 15.3; Exim manual,
// "Main configuration" and "Customizing messages").
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "policy/evaluation.h"
#include "policy/policy.h"
#include "policy/template.h"
#include "qrunner/dsn.h"
#include "qrunner/message_events.h"

namespace qrunner {

struct DsnOptions {
  DsnSettings settings;  // `from` is set by expand_from
  EventSettings events;
  std::uint64_t storm_limit = 1000;  // bounces to one domain in a run; 0: no limit
  std::string auth_sender;           // bounce_sender_authentication

  // Null where the option is not set.  The policy must outlive them.
  const policy::Template* from = nullptr;
  const policy::Template* bounce_text = nullptr;
  const policy::Template* bounce_file = nullptr;
  const policy::Template* warn_file = nullptr;
  const policy::Template* warning_condition = nullptr;

  // Code::config: the message names the option.
  static base::Result<DsnOptions> of(const policy::Policy& policy);
};

// The value of From:.  One that cannot be expanded, or is none, is the default.
std::string expand_from(const DsnOptions& options, policy::Evaluation& evaluation);

// What the administrator wants in a report of that kind.  On trouble, which the caller
// logs, our own texts serve.
base::Result<ReportTexts> read_texts(ReportKind kind, const DsnOptions& options,
                                     policy::Evaluation& evaluation);

// delay_warning_condition, or may_be_warned() where that is not set.  A failure that is
// not forced does not hold a warning back.
bool warning_allowed(const DsnOptions& options, const spoolfmt::HFile& file,
                     policy::Evaluation& evaluation);

}  // namespace qrunner
