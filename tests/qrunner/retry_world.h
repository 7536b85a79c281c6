// SPDX-License-Identifier: Apache-2.0
//
// What tests of retry times share: a policy, its hints in memory, and a clock.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "hints/store.h"
#include "net/resolver.h"
#include "policy/lookup_files.h"
#include "policy/programs.h"
#include "qrunner/retry_book.h"
#include "tests/support/fake_clock.h"

struct RetryWorld {
  explicit RetryWorld(const std::string& policy_text) {
    policy::PolicyFile file{"run.conf",
                            "primary_hostname = here.example\n" + policy_text};
    auto loaded =
        policy::load_policy(file, base::CommonOptions(), *policy::find_program("run"));
    policy = loaded->policy;
    waiting.received = clock.now();
    waiting.sender = "s@x.example";
  }

  qrunner::RetryBook book(bool forced = false) {
    return {*policy, names, files, clock, store, forced};
  }

  support::FakeClock clock;
  policy::LookupFiles files;
  hints::Store store = hints::Store::in_memory();
  std::shared_ptr<const policy::Policy> policy;
  std::unique_ptr<net::Resolver> resolver = *net::Resolver::create({});
  qrunner::Names names{*resolver};
  qrunner::Waiting waiting;
};
