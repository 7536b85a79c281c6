// SPDX-License-Identifier: Apache-2.0
#include "receiver/script_sandbox.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/fd.h"

namespace receiver {

namespace {

using Done = std::expected<void, std::string>;

std::unexpected<std::string> cannot(const char* what) {
  return std::unexpected(std::string(what));
}

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_EXECUTE |
                                LANDLOCK_ACCESS_FS_READ_FILE |
                                LANDLOCK_ACCESS_FS_READ_DIR;
// All rights that ABI 1 knows, then what later kernels know: their headers are newer
// than ours.
constexpr std::uint64_t kAll1 = (std::uint64_t{1} << 13) - 1;
constexpr std::uint64_t kRefer = std::uint64_t{1} << 13;
constexpr std::uint64_t kTruncate = std::uint64_t{1} << 14;
// Rights that a file, not a directory, can have.
constexpr std::uint64_t kOfFiles = LANDLOCK_ACCESS_FS_EXECUTE |
                                   LANDLOCK_ACCESS_FS_READ_FILE |
                                   LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;
// ABI 6: no signals to processes outside, and no abstract sockets of theirs.
constexpr std::uint64_t kScopes = 3;

struct Ruleset {
  std::uint64_t files, network, scopes;
};

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

Done allow(int ruleset, const std::filesystem::path& path, std::uint64_t access) {
  base::Fd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place) return {};  // what is not there needs no rule
  struct stat status{};
  if (::fstat(place.get(), &status) != 0) return cannot("Landlock");
  if (!S_ISDIR(status.st_mode)) access &= kOfFiles;
  landlock_path_beneath_attr rule{access, place.get()};
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) !=
      0)
    return cannot("Landlock");
  return {};
}

Done restrict_files(const ScriptConfig& config, const Script& script,
                    const std::filesystem::path& directory) {
  long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0,
                       LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) return {};  // not in this kernel
  std::uint64_t all = kAll1 | (abi >= 2 ? kRefer : 0) | (abi >= 3 ? kTruncate : 0);
  Ruleset wanted{all, 0, abi >= 6 ? kScopes : 0};
  std::size_t size = abi >= 6 ? sizeof wanted : sizeof wanted.files;
  base::Fd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &wanted, size, 0)));
  if (!ruleset) return cannot("Landlock");
  for (const char* path : kReadable)
    if (auto done = allow(ruleset.get(), path, kRead); !done) return done;
  for (const std::filesystem::path& path : script.read)
    if (auto done = allow(ruleset.get(), path, kRead); !done) return done;
  for (const std::filesystem::path& path : {config.dir, config.dir / script.executable})
    if (auto done = allow(ruleset.get(), path, kRead); !done) return done;
  if (auto done = allow(ruleset.get(), "/dev/null", all); !done) return done;
  if (auto done = allow(ruleset.get(), directory, all); !done) return done;
  if (!script.state.empty())
    if (auto done = allow(ruleset.get(), script.state, all); !done) return done;
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0)
    return cannot("Landlock");
  return {};
}

#if defined(__x86_64__)
constexpr std::uint32_t kMachine = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kMachine = AUDIT_ARCH_AARCH64;
#else
#error "say here which architecture this is (linux/audit.h)"
#endif

constexpr std::uint32_t kRefused = SECCOMP_RET_ERRNO | EACCES;

sock_filter load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}
sock_filter answer(std::uint32_t what) {
  return BPF_STMT(BPF_RET | BPF_K, what);
}
// Passes over `count` instructions unless the value is `value`.
sock_filter unless(std::uint32_t value, std::uint8_t count) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count);
}

// No look into other processes; sockets only within this machine unless the script may
// use the network.  io_uring would open sockets unseen.
std::vector<sock_filter> make_filter(bool network) {
  std::vector<sock_filter> filter = {
      load(offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kMachine, 1, 0),
      answer(SECCOMP_RET_KILL_PROCESS),
      load(offsetof(seccomp_data, nr)),
      // x32's numbers would pass by.
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
      answer(SECCOMP_RET_KILL_PROCESS),
  };
  for (std::uint32_t call :
       {SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_io_uring_setup}) {
    filter.push_back(unless(call, 1));
    filter.push_back(answer(kRefused));
  }
  if (!network) {
    filter.push_back(unless(SYS_socket, 3));
    filter.push_back(load(offsetof(seccomp_data, args)));
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 1, 0));
    filter.push_back(answer(kRefused));
  }
  filter.push_back(answer(SECCOMP_RET_ALLOW));
  return filter;
}

Done restrict_calls(bool network) {
  std::vector<sock_filter> filter = make_filter(network);
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    return cannot("seccomp");
  return {};
}

}  // namespace

Done enter_sandbox(const ScriptConfig& config, const Script& script,
                   const std::filesystem::path& directory) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return cannot("no_new_privs");
  if (auto done = restrict_files(config, script, directory); !done) return done;
  return restrict_calls(script.network);
}

}  // namespace receiver
