// SPDX-License-Identifier: Apache-2.0
//
// The whole policy of a program, or on stderr everything that is wrong with it.
#pragma once

#include <memory>
#include <string_view>

#include "base/cli.h"
#include "base/result.h"
#include "policy/policy.h"
#include "policy/programs.h"

namespace engine {

// What -C names, or `otherwise` where there is no file.  Warnings are told, too.
// Code::config: mistakes were told, a line each.
base::Result<std::shared_ptr<const policy::Policy>> program_policy(
    const base::CommonOptions& common, const policy::Program& program,
    std::string_view otherwise);
// The same of a text.
base::Result<std::shared_ptr<const policy::Policy>> program_policy(
    const policy::PolicyFile& file, const base::CommonOptions& common,
    const policy::Program& program);

}  // namespace engine
