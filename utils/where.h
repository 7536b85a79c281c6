// SPDX-License-Identifier: Apache-2.0
//
// --where: conditions of the policy language that a message of the queue must fulfil,
// as inside ${if ...}: "eq{$sender_address_domain}{example.org}".
//
// They are read with the policy that the command line names, so its lists can be used,
// and before the first message is.  One object serves all threads of a scan.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/cli.h"
#include "base/clock.h"
#include "base/result.h"
#include "policy/lookup.h"
#include "policy/policy.h"
#include "spoolfmt/queued.h"

namespace utils {

class Where {
 public:
  // Code::usage: a condition is wrong, and why.  Code::config: the policy is.
  static base::Result<std::shared_ptr<Where>> parse(
      const std::vector<std::string>& conditions, const base::CommonOptions& common);

  // Do all of them hold?  `input` is the directory of the message's files.  Code::usage
  // naming the message: it cannot be said.
  base::Result<bool> holds(const spoolfmt::Queued& queued,
                           const std::filesystem::path& input, base::Time now);

 private:
  std::shared_ptr<const policy::Policy> policy_;
  std::vector<std::unique_ptr<const policy::Condition>> conditions_;
  policy::LookupFiles files_;
};

}  // namespace utils
