// SPDX-License-Identifier: Apache-2.0
#include "base/privileges.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "base/fd.h"
#include "tests/support/temp_dir.h"

namespace {

int in_child(const std::function<int()>& job) {
  pid_t pid = ::fork();
  if (pid == 0) ::_exit(job());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// 0, or what this process still has.
int remaining() {
  std::string status = *base::read_file("/proc/self/status");
  if (!status.contains("CapPrm:\t0000000000000000\n")) return 10;
  if (!status.contains("CapEff:\t0000000000000000\n")) return 11;
  if (!status.contains("CapInh:\t0000000000000000\n")) return 12;
  if (!status.contains("NoNewPrivs:\t1\n")) return 13;
  return 0;
}

TEST(Privileges, OP9_NothingIsLeftOfThem) {
  base::User self{"", ::geteuid(), ::getegid()};
  auto job = [&] {
    if (!base::become_unprivileged(self)) return 1;
    if (::geteuid() != self.id) return 2;
    return remaining();
  };
  EXPECT_EQ(in_child(job), 0);
}

TEST(Privileges, RootBecomesAnotherForGood) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can";
  auto nobody = base::find_user("nobody");
  ASSERT_TRUE(nobody) << nobody.error().text;
  auto job = [&] {
    if (!base::become_unprivileged(*nobody)) return 1;
    if (::getuid() != nobody->id || ::getegid() != nobody->group) return 2;
    if (::setuid(0) == 0) return 3;
    std::string status = *base::read_file("/proc/self/status");
    if (!status.contains("CapBnd:\t0000000000000000\n")) return 4;
    return remaining();
  };
  EXPECT_EQ(in_child(job), 0);
}

TEST(Privileges, UnknownUserIsAMistakeOfTheConfiguration) {
  auto user = base::find_user("no-such-user");
  ASSERT_FALSE(user);
  EXPECT_EQ(user.error().code, base::Code::config);
}

TEST(Privileges, OwnerOfAFileHasANameOrANumber) {
  support::TempDir dir;
  EXPECT_EQ(base::find_owner(dir.path())->id, ::geteuid());
  EXPECT_FALSE(base::find_owner(dir / "missing"));
  if (::geteuid() != 0) return;
  ASSERT_EQ(::chown(dir.path().c_str(), 61234, 61235), 0);
  auto owner = base::find_owner(dir.path());
  EXPECT_EQ(owner->name, "61234");
  EXPECT_EQ(owner->group, 61235U);
}

}  // namespace
