// SPDX-License-Identifier: Apache-2.0
//
// There is no way back from a sandbox, so each is entered by a child.
#include "base/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>

#include "base/fd.h"
#include "tests/support/temp_dir.h"

namespace {

using base::CallRules;
using base::FileRule;
using Access = base::FileRule::Access;

// What `job` returned in a child: 0, or the number of what was wrong.
int in_child(const std::function<int()>& job) {
  pid_t pid = ::fork();
  if (pid == 0) ::_exit(job());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool opens(const std::filesystem::path& path, int flags) {
  return base::Fd(::open(path.c_str(), flags | O_CLOEXEC, 0600)).get() >= 0;
}

TEST(Sandbox, LeavesTheFilesOfItsRules) {
  support::TempDir dir;
  for (const char* name : {"read", "change", "other"}) {
    std::filesystem::create_directory(dir / name);
    std::ofstream(dir / name / "file") << "text";
  }
  std::vector<FileRule> rules = {{dir / "read", Access::read},
                                 {dir / "change", Access::change},
                                 {dir / "missing", Access::read}};
  auto job = [&] {
    if (!base::give_up_new_privileges()) return 1;
    auto done = base::restrict_files(rules);
    if (!done || !*done) return 2;
    if (!opens(dir / "read/file", O_RDONLY)) return 3;
    if (opens(dir / "read/file", O_WRONLY) || errno != EACCES) return 4;
    if (opens(dir / "read/new", O_WRONLY | O_CREAT)) return 5;
    if (!opens(dir / "change/new", O_WRONLY | O_CREAT)) return 6;
    if (::unlink((dir / "change/file").c_str()) != 0) return 7;
    if (opens(dir / "other/file", O_RDONLY) || errno != EACCES) return 8;
    return 0;
  };
  EXPECT_EQ(in_child(job), 0);
}

TEST(Sandbox, RefusesTheCallsOfItsList) {
  auto job = [] {
    CallRules rules{.refused = {"mkdir", "mkdirat", "no_such_call"}};
    if (!base::give_up_new_privileges() || !base::restrict_calls(rules)) return 1;
    if (::mkdir("/tmp", 0700) == 0 || errno != EACCES) return 2;
    if (!opens("/dev/null", O_RDONLY)) return 3;
    return 0;
  };
  EXPECT_EQ(in_child(job), 0);
}

TEST(Sandbox, OtherCallsLookLikeThoseOfALaterKernel) {
  auto job = [] {
    CallRules rules{
        .others = CallRules::Others::unknown,
        .permitted = {"brk", "exit_group", "getpid", "gettid", "sigaltstack", "futex",
                      "madvise", "mmap", "munmap", "rt_sigprocmask", "write"},
        .refused = {"getuid"}};
    if (!base::give_up_new_privileges() || !base::restrict_calls(rules)) return 1;
    if (::syscall(SYS_getppid) != -1 || errno != ENOSYS) return 2;
    if (::syscall(SYS_getuid) != -1 || errno != EACCES) return 3;
    return 0;
  };
  EXPECT_EQ(in_child(job), 0);
}

TEST(Sandbox, LeavesSocketsWithinTheMachine) {
  auto job = [] {
    CallRules rules{.only_unix_sockets = true};
    if (!base::give_up_new_privileges() || !base::restrict_calls(rules)) return 1;
    if (!base::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))) return 2;
    if (base::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))) return 3;
    return errno == EACCES ? 0 : 4;
  };
  EXPECT_EQ(in_child(job), 0);
}

}  // namespace
