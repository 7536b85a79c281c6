// SPDX-License-Identifier: Apache-2.0
#include "base/sandbox.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>
#include <seccomp.h>

#include <cerrno>
#include <cstdint>

#include "base/fd.h"
#include "base/handle.h"

namespace base {

namespace {

using Access = FileRule::Access;

constexpr std::uint64_t kRead =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
// All rights that version 1 knows, then what later kernels know: their headers are
// newer than ours.
constexpr std::uint64_t kAll1 = (std::uint64_t{1} << 13) - 1;
constexpr std::uint64_t kRefer = std::uint64_t{1} << 13;     // version 2
constexpr std::uint64_t kTruncate = std::uint64_t{1} << 14;  // version 3
// Version 6: no signals to processes outside, and no abstract sockets of theirs.
constexpr std::uint64_t kScopes = 3;
// Rights that a file, not a directory, can have.
constexpr std::uint64_t kOfFiles = LANDLOCK_ACCESS_FS_EXECUTE |
                                   LANDLOCK_ACCESS_FS_READ_FILE |
                                   LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;

struct Ruleset {
  std::uint64_t files, network, scopes;
};

std::uint64_t rights(Access access, std::uint64_t all) {
  switch (access) {
    case Access::read:
      return kRead;
    case Access::run:
      return kRead | LANDLOCK_ACCESS_FS_EXECUTE;
    case Access::change:
      break;
  }
  return all;
}

Result<void> add(int ruleset, const FileRule& rule, std::uint64_t all) {
  Fd place(::open(rule.path.c_str(), O_PATH | O_CLOEXEC));
  if (!place) {
    // What is out of reach already needs no rule; what could not be opened for want of
    // something else must not be lost to us.
    if (errno == ENOENT || errno == ENOTDIR || errno == EACCES) return {};
    return system_failure(rule.path.string(), errno);
  }
  struct stat status{};
  if (::fstat(place.get(), &status) != 0)
    return system_failure(rule.path.string(), errno);
  std::uint64_t access = rights(rule.access, all);
  if (!S_ISDIR(status.st_mode)) access &= kOfFiles;
  landlock_path_beneath_attr attributes{access, place.get()};
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &attributes,
                0) != 0)
    return system_failure("Landlock: " + rule.path.string(), errno);
  return {};
}

using Filter = Handle<void, seccomp_release>;

Result<void> add(const Filter& filter, const CallNames& names, std::uint32_t action) {
  for (const char* name : names) {
    int number = ::seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) continue;
    if (int error = ::seccomp_rule_add(filter.get(), action, number, 0); error != 0)
      return system_failure("seccomp: " + std::string(name), -error);
  }
  return {};
}

}  // namespace

Result<void> give_up_new_privileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) return {};
  return system_failure("no_new_privs", errno);
}

Result<bool> restrict_files(std::span<const FileRule> rules) {
  long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0,
                           LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return false;
  std::uint64_t all =
      kAll1 | (version >= 2 ? kRefer : 0) | (version >= 3 ? kTruncate : 0);
  Ruleset wanted{all, 0, version >= 6 ? kScopes : 0};
  std::size_t size = version >= 6 ? sizeof wanted : sizeof wanted.files;
  Fd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &wanted, size, 0)));
  if (!ruleset) return system_failure("Landlock", errno);
  for (const FileRule& rule : rules) TRY(add(ruleset.get(), rule, all));
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0)
    return system_failure("Landlock", errno);
  return true;
}

Result<void> restrict_calls(const CallRules& rules) {
  bool unknown = rules.others == CallRules::Others::unknown;
  Filter filter(::seccomp_init(unknown ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_ALLOW));
  if (!filter) return fail(Code::temporary, "seccomp: no filter can be made");
  ::seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (unknown) TRY(add(filter, rules.permitted, SCMP_ACT_ALLOW));
  TRY(add(filter, rules.refused, SCMP_ACT_ERRNO(EACCES)));
  if (rules.only_unix_sockets) {
    scmp_arg_cmp another_family{0, SCMP_CMP_NE, AF_UNIX, 0};
    if (int error = ::seccomp_rule_add_array(filter.get(), SCMP_ACT_ERRNO(EACCES),
                                             SCMP_SYS(socket), 1, &another_family);
        error != 0)
      return system_failure("seccomp: socket", -error);
  }
  if (int error = ::seccomp_load(filter.get()); error != 0)
    return system_failure("seccomp", -error);
  return {};
}

bool has_sanitizer() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return true;
#endif
#endif
  return false;
}

}  // namespace base
