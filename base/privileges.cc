// SPDX-License-Identifier: Apache-2.0
#include "base/privileges.h"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include <array>
#include <cerrno>

#include "base/sandbox.h"

namespace base {

namespace {

using Buffer = std::array<char, 16384>;

User user_of(const passwd& entry) {
  return {entry.pw_name, entry.pw_uid, entry.pw_gid};
}

Result<void> change_user(const User& user) {
  if (::initgroups(user.name.c_str(), user.group) != 0 ||
      ::setresgid(user.group, user.group, user.group) != 0 ||
      ::setresuid(user.id, user.id, user.id) != 0)
    return system_failure("becoming user " + user.name, errno);
  // LeakSanitizer must be able to trace us.
  if (has_sanitizer()) ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  return {};
}

}  // namespace

Result<User> find_user(std::string_view name) {
  Buffer buffer{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwnam_r(std::string(name).c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found) return user_of(entry);
  return fail(Code::config,
              "user " + std::string(name) + " is unknown: adduser --system makes one");
}

Result<User> find_owner(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return system_failure(path.string(), errno);
  Buffer buffer{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(status.st_uid, &entry, buffer.data(), buffer.size(), &found);
  if (found) return user_of(entry);
  return User{std::to_string(status.st_uid), status.st_uid, status.st_gid};
}

Result<void> become_unprivileged(const User& user) {
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  // Without CAP_SETPCAP this is refused; then no_new_privs is what keeps them away.
  for (unsigned long each = 0; ::prctl(PR_CAPBSET_READ, each, 0, 0, 0) >= 0; ++each)
    ::prctl(PR_CAPBSET_DROP, each, 0, 0, 0);
  if (::geteuid() != user.id || ::getuid() != user.id) TRY(change_user(user));
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0)
    return system_failure("capabilities", errno);
  return give_up_new_privileges();
}

}  // namespace base
