// SPDX-License-Identifier: Apache-2.0
#include "receiver/script_sandbox.h"

#include <vector>

#include "base/sandbox.h"

namespace receiver {

namespace {

using Access = base::FileRule::Access;

// Programs and what they commonly read; no keys, no spool, no one's home.
constexpr const char* kReadable[] = {"/usr",
                                     "/bin",
                                     "/sbin",
                                     "/lib",
                                     "/lib64",
                                     "/proc",
                                     "/etc/alternatives",
                                     "/etc/group",
                                     "/etc/hosts",
                                     "/etc/ld.so.cache",
                                     "/etc/ld.so.preload",
                                     "/etc/localtime",
                                     "/etc/mime.types",
                                     "/etc/nsswitch.conf",
                                     "/etc/passwd",
                                     "/etc/perl",
                                     "/etc/protocols",
                                     "/etc/python3",
                                     "/etc/resolv.conf",
                                     "/etc/services",
                                     "/etc/ssl/certs",
                                     "/etc/ssl/openssl.cnf",
                                     "/dev/urandom",
                                     "/dev/random",
                                     "/dev/zero"};

std::vector<base::FileRule> files_of(const ScriptConfig& config, const Script& script,
                                     const std::filesystem::path& directory) {
  std::vector<base::FileRule> rules;
  for (const char* path : kReadable) rules.push_back({path, Access::run});
  for (const std::filesystem::path& path : script.read)
    rules.push_back({path, Access::run});
  rules.push_back({config.dir, Access::run});
  rules.push_back({"/dev/null", Access::change});
  rules.push_back({directory, Access::change});
  if (!script.state.empty()) rules.push_back({script.state, Access::change});
  return rules;
}

}  // namespace

base::Result<void> enter_sandbox(const ScriptConfig& config, const Script& script,
                                 const std::filesystem::path& directory) {
  TRY(base::give_up_new_privileges());
  TRY(base::restrict_files(files_of(config, script, directory)));
  // No look into other processes; sockets only within this machine unless the script
  // may use the network.  io_uring would open sockets unseen.
  return base::restrict_calls(
      {.refused = {"ptrace", "process_vm_readv", "process_vm_writev", "io_uring_setup"},
       .only_unix_sockets = !script.network});
}

}  // namespace receiver
