// SPDX-License-Identifier: Apache-2.0
#include "receiver/confinement.h"

#include <set>
#include <string>

namespace receiver {

namespace {

using Access = base::FileRule::Access;
namespace fs = std::filesystem;

// Name service, time zones, OpenSSL, the DNS's root key, and libraries that load others
// when they need them.
constexpr const char* kReadable[] = {"/usr",
                                     "/lib",
                                     "/lib64",
                                     "/proc",
                                     "/run",
                                     "/sys/devices/system/cpu",
                                     "/etc/gai.conf",
                                     "/etc/group",
                                     "/etc/host.conf",
                                     "/etc/hosts",
                                     "/etc/ld.so.cache",
                                     "/etc/localtime",
                                     "/etc/nsswitch.conf",
                                     "/etc/passwd",
                                     "/etc/protocols",
                                     "/etc/resolv.conf",
                                     "/etc/services",
                                     "/etc/ssl",
                                     "/dev/urandom",
                                     "/dev/random"};

// Characters that a path may stand behind, and those that end it.
constexpr std::string_view kBefore = " \t\n\"'{=:;,<(|!";
constexpr std::string_view kBehind = " \t\n\"'{}:;,>)|$\\";

bool is_comment(std::string_view text, std::size_t at) {
  std::size_t line = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
  std::size_t first = text.find_first_not_of(" \t", line);
  return first <= at && text[first] == '#';
}

// A directory, so that what replaces the file is within reach; but not all of them.
fs::path place_of(const fs::path& path) {
  fs::path directory = path.parent_path();
  return directory == "/" ? path : directory;
}

}  // namespace

std::vector<fs::path> paths_named_in(std::string_view text) {
  std::set<fs::path> paths;
  for (std::size_t at = text.find('/'); at != text.npos;) {
    std::size_t end = std::min(text.find_first_of(kBehind, at), text.size());
    bool begins = at == 0 || kBefore.contains(text[at - 1]);
    std::string_view path = text.substr(at, end - at);
    if (end < text.size() && text[end] == '$')
      path = path.substr(0, path.find_last_of('/'));
    bool network = text.substr(0, at).ends_with("::");  // "2001:db8::/32"
    if (begins && path.size() > 1 && !network && !path.starts_with("//") &&
        !is_comment(text, at))
      paths.insert(fs::path(path).lexically_normal());
    at = text.find('/', end);
  }
  return {paths.begin(), paths.end()};
}

std::vector<base::FileRule> files_needed(const policy::Policy& policy,
                                         const std::vector<fs::path>& changed) {
  std::vector<base::FileRule> rules;
  for (const char* path : kReadable) rules.push_back({path, Access::read});
  std::set<fs::path> places;
  for (const policy::SourceFile& file : policy.source.files) {
    std::error_code none;
    fs::path name = fs::absolute(file.name, none);
    if (fs::exists(name, none)) places.insert(place_of(name));
    for (const fs::path& path : paths_named_in(file.text))
      places.insert(place_of(path));
  }
  for (const fs::path& place : places) rules.push_back({place, Access::read});
  rules.push_back({"/dev/null", Access::change});
  for (const fs::path& path : changed) rules.push_back({path, Access::change});
  return rules;
}

base::CallRules calls_needed() {
  base::CallRules rules;
  // Programs, other processes, the kernel's insides, new places to listen.
  rules.refused = {"add_key",
                   "bpf",
                   "chroot",
                   "delete_module",
                   "execve",
                   "execveat",
                   "finit_module",
                   "init_module",
                   "io_uring_setup",
                   "kexec_load",
                   "keyctl",
                   "listen",
                   "mount",
                   "move_mount",
                   "open_by_handle_at",
                   "perf_event_open",
                   "personality",
                   "pivot_root",
                   "process_vm_readv",
                   "process_vm_writev",
                   "reboot",
                   "request_key",
                   "setns",
                   "umount2",
                   "unshare",
                   "userfaultfd"};
  if (base::has_sanitizer()) return rules;
  rules.refused.push_back("ptrace");
  rules.others = base::CallRules::Others::unknown;
  rules.permitted = {
      // memory
      "brk", "madvise", "mincore", "mlock", "mmap", "mprotect", "mremap", "msync",
      "munlock", "munmap", "memfd_create",
      // files
      "access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range",
      "creat", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fadvise64",
      "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchownat",
      "fcntl", "fdatasync", "flock", "fstat", "fstatfs", "fsync", "ftruncate",
      "futimesat", "getcwd", "getdents", "getdents64", "ioctl", "lchown", "link",
      "linkat", "lseek", "lstat", "mkdir", "mkdirat", "newfstatat", "open", "openat",
      "openat2", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2",
      "read", "readahead", "readlink", "readlinkat", "readv", "rename", "renameat",
      "renameat2", "rmdir", "sendfile", "splice", "stat", "statfs", "statx", "symlink",
      "symlinkat", "sync_file_range", "syncfs", "truncate", "umask", "unlink",
      "unlinkat", "utime", "utimensat", "utimes", "write", "writev",
      // sockets, and waiting
      "accept", "accept4", "bind", "connect", "epoll_create", "epoll_create1",
      "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2",
      "getpeername", "getsockname", "getsockopt", "pipe", "pipe2", "poll", "ppoll",
      "pselect6", "recvfrom", "recvmmsg", "recvmsg", "select", "sendmmsg", "sendmsg",
      "sendto", "setsockopt", "shutdown", "socket", "socketpair", "timerfd_create",
      "timerfd_gettime", "timerfd_settime",
      // threads and signals
      "clone", "clone3", "exit", "exit_group", "futex", "futex_waitv",
      "get_robust_list", "getcpu", "gettid", "kill", "membarrier", "pause",
      "restart_syscall", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
      "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "sched_getaffinity",
      "sched_getparam", "sched_getscheduler", "sched_yield", "set_robust_list",
      "set_tid_address", "sigaltstack", "tgkill", "tkill", "wait4", "waitid",
      // time, and who we are
      "alarm", "arch_prctl", "capget", "clock_getres", "clock_gettime",
      "clock_nanosleep", "getegid", "geteuid", "getgid", "getgroups", "getitimer",
      "getpgid", "getpgrp", "getpid", "getppid", "getrandom", "getresgid", "getresuid",
      "getrlimit", "getrusage", "getsid", "gettimeofday", "getuid", "nanosleep",
      "prctl", "prlimit64", "setitimer", "setrlimit", "sysinfo", "time", "times",
      "uname"};
  return rules;
}

}  // namespace receiver
