// SPDX-License-Identifier: Apache-2.0
//
// What a receiver is made of beside its sessions: what lasts from its start to its end,
// and what each reading of the policy brings.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <string>

#include "base/cli.h"
#include "base/log.h"
#include "base/result.h"
#include "net/pool.h"
#include "net/resolver.h"
#include "net/tls.h"
#include "receiver/acl_context.h"
#include "receiver/h_lines.h"
#include "receiver/rate_store.h"
#include "receiver/scripts.h"
#include "receiver/seats.h"
#include "receiver/settings.h"
#include "receiver/spooler.h"

namespace receiver {

// What sessions share that began under the same policy; a reload makes another one.
struct Service {
  World world;
  Settings settings;
  Limits limits;
  std::array<bool, policy::kPhases> waits{};  // ACLs that may have to ask the DNS
  Spooler& spooler;
  net::Pool& pool;  // where they wait
  net::TlsKeys& tls;
  ScriptService* scripts = nullptr;  // null: there are none
  Owner owner;

  const policy::Policy& policy() const { return *world.policy; }
};

// What lasts.  All must outlive every Service.
struct Lasting {
  net::Resolver& resolver;
  RateStore& rates;
  base::MainLog& main_log;
  base::MainLog& reject_log;
  base::MainLog& panic_log;
  const base::Clock& clock;
  Spooler& spooler;
  net::Pool& pool;
  net::TlsKeys& tls;
  ScriptService* scripts;
  std::filesystem::path spool;
  std::string queue;  // -G
};

// The policy that -C names, or else the built-in one.  What is wrong with it is told on
// stderr, a line each; Code::config if that is more than warnings.
base::Result<std::shared_ptr<const policy::Policy>> read_policy(
    const base::CommonOptions& common);

// Code::config: certificates are looked at, too.
base::Result<std::shared_ptr<const Service>> make_service(
    std::shared_ptr<const policy::Policy> policy, const Lasting& lasting);

}  // namespace receiver
