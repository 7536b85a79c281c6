// SPDX-License-Identifier: Apache-2.0
//
// DATA-stage scripts at work: after the dot, before the commit, each may refuse the
// message (spec/smtp-features.md 13; bobbin-data-scripts(7)).
//
// What is decided stands in script_run.h; here is the waiting: for slots, scripts, the
// clock and the client.
//
//   auto scripts = service.scripts->current();
//   message.unwanted = scripts->conditions.unwanted(context, trouble);  // on the pool
//   ScriptResult result = co_await run_scripts(*service.scripts, scripts, message,
//   watch); if (result.outcome.may_commit()) ... else say(result.outcome.reply) if
//   (result.event) tasks.spawn(run_script_event(std::move(*result.event)));
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "net/pool.h"
#include "receiver/script_conditions.h"
#include "receiver/script_launcher.h"
#include "receiver/script_run.h"
#include "receiver/script_slots.h"

namespace receiver {

namespace asio = boost::asio;

// The list as it stood when a message came.
struct ScriptList {
  std::uint64_t generation = 0;
  ScriptConfig config;
  ScriptConditions conditions;
};

// One for all loops.
class ScriptService {
 public:
  // All must outlive the service.  `directory` is for large messages while scripts
  // read them, on the spool's file system or another.
  ScriptService(ScriptLauncher& launcher, net::Pool& pool, base::MainLog& log,
                const base::Clock& clock, std::filesystem::path directory);

  // Reads the list, at the start and at each reload; what runs keeps the old one, and
  // so does everybody if there is something wrong.  Blocks.
  base::Result<void> load(std::shared_ptr<const policy::Policy> policy);
  // Never null after the first load.
  std::shared_ptr<const ScriptList> current() const;

  ScriptLauncher& launcher() { return launcher_; }
  net::Pool& pool() { return pool_; }
  ScriptSlots& slots() { return slots_; }
  const base::Clock& clock() const { return clock_; }
  const std::filesystem::path& directory() const { return directory_; }
  void log(const std::string& id, const std::vector<std::string>& lines) const;

 private:
  ScriptLauncher& launcher_;
  net::Pool& pool_;
  base::MainLog& log_;
  const base::Clock& clock_;
  std::filesystem::path directory_;
  ScriptSlots slots_;
  mutable std::mutex mutex_;
  std::shared_ptr<const ScriptList> list_;  // shared with the runs that began with it
};

// What the session knows of its client while scripts run.  Asked ten times a second.
class ClientWatch {
 public:
  virtual ~ClientWatch() = default;
  // EOF, reset or close_notify, as far as it can be seen without reading.
  virtual bool peer_gone() = 0;
  // Something came that was not there when the message ended: a QUIT in the same
  // flight as the dot does not count.
  virtual bool spoke() = 0;
  // Writes one line "250-...".  May throw what streams throw.
  virtual asio::awaitable<void> keep_alive(std::string_view line) = 0;
};

// What is left to be run for a message that will not be committed.
struct ScriptEventRun {
  ScriptService* service;
  std::shared_ptr<const ScriptList> list;
  std::shared_ptr<const ScriptMessage> message;  // shared with the run before
  std::shared_ptr<const ScriptRun> broken;
  std::shared_ptr<const base::Fd> content;
};

struct ScriptResult {
  ScriptOutcome outcome;
  std::optional<ScriptEventRun> event;
};

// On the session's loop.  Cancellation ends the running scripts and comes through as
// the exception it is.
asio::awaitable<ScriptResult> run_scripts(ScriptService& service,
                                          std::shared_ptr<const ScriptList> list,
                                          ScriptMessage message, ClientWatch& watch);

// Owns all it needs but the service: a task of its own, or awaited where the client is
// gone.
asio::awaitable<void> run_script_event(ScriptEventRun event);

}  // namespace receiver
