// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into a program: counts what it does to the files below a directory, and at
// the n-th such call kills it, cuts the power, or lets the call fail.
//
//   BOBBIN_CRASH_ROOT     the directory
//   BOBBIN_CRASH_AT       n, from 1; 0: never
//   BOBBIN_CRASH_HOW      before, after, torn: SIGKILL before or after the call, or
//   with
//                         half of a write done
//                         power, scatteredN: SIGKILL before the call, and the directory
//                         is left as a power cut might leave it
//                         ENOSPC, EIO, EMFILE: the call fails so (EMFILE: opens only)
//                         full: the disk is full from the call on: nothing can be made
//                         or written but what fallocate had reserved before
//                         dead: everything fails from the call on
//   BOBBIN_CRASH_REPORT   file outside of the directory: a line for each call, "!" at
//                         the n-th
//
// The power cut follows LevelDB's fault injection: beside the files we keep an image of
// what the disk is sure to hold.  fsync of a file puts its bytes there and, as ext4,
// XFS and btrfs do, the name it was created with; fsync of a directory its names.
// `power` leaves exactly the image; `scattered` lets each thing that was not synced
// have got to the disk or not, in turn with the name and n.
//
// One lock serialises the calls, so that an image is one of some moment.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

namespace {

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}
#define REAL(name) (real<decltype(::name)>(#name))

// Looked up before the program begins: dlsym is not for signal handlers.
auto* const kWrite = REAL(write);

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// --- paths --------------------------------------------------------------------

// Where a descriptor points; empty if that has no name.
std::string path_of(int fd) {
  char target[PATH_MAX];
  std::string link = "/proc/self/fd/" + std::to_string(fd);
  ssize_t size = ::readlink(link.c_str(), target, sizeof target);
  if (size <= 0 || target[0] != '/') return {};
  std::string_view path(target, static_cast<std::size_t>(size));
  return path.ends_with(" (deleted)") ? std::string() : std::string(path);
}

std::string path_at(int at, const char* path) {
  if (path[0] == '/') return path;
  std::string directory;
  if (at == AT_FDCWD) {
    char buffer[PATH_MAX];
    directory = ::getcwd(buffer, sizeof buffer) ? buffer : "";
  } else {
    directory = path_of(at);
  }
  return directory + "/" + path;
}

std::string parent(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

// --- what the disk is sure to hold -------------------------------------------------

// A file by number, for inodes are used again at once.
using FileNumber = unsigned long;

struct Image {
  std::map<std::string, FileNumber> names;  // of files and directories
  std::map<FileNumber, std::string> bytes;  // absent: never synced
  std::set<FileNumber> directories;
};

std::string read_whole(const std::string& path) {
  std::string bytes;
  int fd = REAL(open)(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return bytes;
  char buffer[65536];
  for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;)
    bytes.append(buffer, static_cast<std::size_t>(n));
  ::close(fd);
  return bytes;
}

class Disk {
 public:
  // What lies there when the program starts counts as old and safe.
  void start(const std::string& root) {
    for (const auto& [path, number] : actual(root)) {
      image_.names[path] = number;
      if (!image_.directories.contains(number)) image_.bytes[number] = read_whole(path);
    }
  }

  // A name was made just now: whatever had this inode before is gone.
  void created(const std::string& path) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) return;
    numbers_[status.st_ino] = ++last_;
    if (S_ISDIR(status.st_mode)) image_.directories.insert(last_);
    first_name_[last_] = path;
  }

  void synced(const std::string& path) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) return;
    FileNumber number = number_of(status);
    auto first = first_name_.find(number);
    if (first != first_name_.end() && !S_ISDIR(status.st_mode)) {
      struct stat named{};
      bool same_name =
          ::lstat(first->second.c_str(), &named) == 0 && named.st_ino == status.st_ino;
      if (same_name) image_.names[first->second] = number;
    }
    if (!S_ISDIR(status.st_mode)) {
      image_.bytes[number] = read_whole(path);
      return;
    }
    std::erase_if(image_.names,
                  [&](auto& entry) { return parent(entry.first) == path; });
    for (const auto& [name, child] : actual(path))
      if (parent(name) == path) image_.names[name] = child;
  }

  // The directory becomes what the image says; with a seed, what is not synced may be
  // there too.
  void cut_power(const std::string& root, unsigned seed) {
    auto now = actual(root);
    std::map<FileNumber, std::string> written;
    for (const auto& [path, number] : now)
      if (!image_.directories.contains(number)) written[number] = read_whole(path);
    auto names = image_.names;
    if (seed != 0) names = scattered(now, seed);
    for (auto path = now.rbegin(); path != now.rend(); ++path)  // children first
      if (::rmdir(path->first.c_str()) != 0) REAL(unlink)(path->first.c_str());
    for (const auto& [path, number] : names) {
      if (image_.directories.contains(number))
        REAL(mkdir)(path.c_str(), 0750);
      else
        put(path, contents(number, written, seed));
    }
  }

 private:
  using Names = std::map<std::string, FileNumber>;

  FileNumber number_of(const struct stat& status) {
    auto [entry, added] = numbers_.try_emplace(status.st_ino, last_ + 1);
    if (added) ++last_;
    if (S_ISDIR(status.st_mode)) image_.directories.insert(entry->second);
    return entry->second;
  }

  // Everything below `root`, parents first.
  Names actual(const std::string& root) {
    Names names;
    DIR* directory = ::opendir(root.c_str());
    if (!directory) return names;
    while (const dirent* entry = ::readdir(directory)) {
      std::string_view name = entry->d_name;
      std::string path = root + "/" + entry->d_name;
      struct stat status{};
      if (name == "." || name == ".." || ::lstat(path.c_str(), &status) != 0) continue;
      names[path] = number_of(status);
      if (S_ISDIR(status.st_mode)) names.merge(actual(path));
    }
    ::closedir(directory);
    return names;
  }

  static bool tossed(const std::string& what, unsigned seed) {
    unsigned hash = seed * 2654435761U;
    for (char c : what) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    return (hash >> 15) & 1;
  }

  // A name has its old meaning or its new one; directories are let live.
  Names scattered(const Names& now, unsigned seed) {
    Names names = image_.names;
    for (const auto& [path, number] : image_.names)
      if (!now.contains(path) && tossed(path, seed)) names.erase(path);
    for (const auto& [path, number] : now)
      if (image_.directories.contains(number) || tossed(path, seed))
        names[path] = number;
    return names;
  }

  std::string contents(FileNumber number, std::map<FileNumber, std::string>& written,
                       unsigned seed) {
    auto sure = image_.bytes.find(number);
    std::string bytes = sure == image_.bytes.end() ? std::string() : sure->second;
    auto found = written.find(number);
    if (seed == 0 || found == written.end() || found->second == bytes) return bytes;
    if (tossed(std::to_string(number), seed)) return found->second;
    if (tossed(std::to_string(number) + "half", seed))
      return found->second.substr(0, (bytes.size() + found->second.size()) / 2);
    return bytes;
  }

  static void put(const std::string& path, const std::string& bytes) {
    int fd = REAL(open)(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0640);
    if (fd < 0) return;
    if (REAL(write)(fd, bytes.data(), bytes.size()) < 0) std::perror(path.c_str());
    ::close(fd);
  }

  Image image_;
  std::map<ino_t, FileNumber> numbers_;
  std::map<FileNumber, std::string> first_name_;
  FileNumber last_ = 0;
};

// --- the plan -----------------------------------------------------------------

enum class How { before, after, torn, power, scattered, fail, full, dead };

struct Plan {
  std::string root = from_environment("BOBBIN_CRASH_ROOT");
  long at = std::atol(from_environment("BOBBIN_CRASH_AT").c_str());
  How how = How::before;
  int error_number = 0;
  unsigned seed = 0;
  int report = -1;
  long count = 0;
  std::map<std::string, off_t> reserved;  // up to there
  Disk disk;

  Plan() {
    std::string text = from_environment("BOBBIN_CRASH_HOW");
    if (text == "after") how = How::after;
    if (text == "torn") how = How::torn;
    if (text == "power") how = How::power;
    if (text == "full") {
      how = How::full;
      error_number = ENOSPC;
    }
    if (text == "dead") {
      how = How::dead;
      error_number = EIO;
    }
    if (text.starts_with("scattered")) {
      how = How::scattered;
      seed = static_cast<unsigned>(std::atoi(text.c_str() + std::strlen("scattered")));
    }
    for (auto [name, number] :
         {std::pair{"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EMFILE", EMFILE}})
      if (text == name) {
        how = How::fail;
        error_number = number;
      }
    std::string file = from_environment("BOBBIN_CRASH_REPORT");
    if (!file.empty())
      report =
          REAL(open)(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (!root.empty() && (how == How::power || how == How::scattered)) disk.start(root);
  }

  bool covers(const std::string& path) const {
    return !root.empty() && (path == root || path.starts_with(root + "/"));
  }
  bool keeps_image() const { return how == How::power || how == How::scattered; }

  // Never 0, which means exactly what is sure.
  unsigned scatter() const { return static_cast<unsigned>(at) + (seed << 16); }

  [[noreturn]] void die() {
    ::kill(::getpid(), SIGKILL);
    for (;;) ::pause();
  }

  // A call is about to happen: true if this is the n-th.
  bool counted(const char* call, const std::string& path) {
    bool now = ++count == at;
    std::string_view below =
        path == root ? "." : std::string_view(path).substr(root.size() + 1);
    std::string line = std::to_string(count) + " " + call + " " + std::string(below) +
                       (now ? " !\n" : "\n");
    if (report >= 0 && REAL(write)(report, line.data(), line.size()) < 0) report = -1;
    return now;
  }
};

std::recursive_mutex& mutex() {
  static auto* one = new std::recursive_mutex;
  return *one;
}

Plan& plan() {
  static auto* one = new Plan;  // outlives the program's own destructors
  return *one;
}

struct Plain {
  void operator()() const {}
};

bool takes_room(std::string_view call) {
  for (std::string_view one : {"fsync", "fdatasync", "rename", "link", "unlink"})
    if (call == one) return false;
  return true;
}

// Does `action`, or what the plan has for this call instead; `half` is what a torn call
// gets done.
template <class Action, class Half = Plain>
auto perform(const char* call, const std::string& path, Action action, Half half = {},
             bool has_room = false) {
  Plan& the = plan();
  bool opens_only = the.error_number == EMFILE;
  if (!the.covers(path) || (opens_only && std::strcmp(call, "open") != 0))
    return action();
  bool stays = the.how == How::full || the.how == How::dead;
  bool since = stays && the.at > 0 && the.count + 1 > the.at;
  if (!the.counted(call, path) && !since) return action();
  switch (the.how) {
    case How::full:
      if (has_room || !takes_room(call)) return action();
      [[fallthrough]];
    case How::fail:
    case How::dead:
      errno = the.error_number;
      return static_cast<decltype(action())>(-1);
    case How::power:
    case How::scattered:
      the.disk.cut_power(the.root, the.how == How::scattered ? the.scatter() : 0);
      break;
    case How::torn:
      half();
      break;
    case How::after:
      action();
      break;
    case How::before:
      break;
  }
  the.die();
}

using Guard = std::lock_guard<std::recursive_mutex>;

int opened(const char* name, int at, const char* path, int flags, mode_t mode) {
  Guard guard(mutex());
  std::string whole = path_at(at, path);
  struct stat status{};
  bool creates = (flags & O_CREAT) && ::lstat(whole.c_str(), &status) != 0;
  auto action = [&] {
    int fd = real<int(int, const char*, int, ...)>(name)(at, path, flags, mode);
    if (creates && fd >= 0 && plan().keeps_image()) plan().disk.created(whole);
    return fd;
  };
  if (!(flags & O_CREAT) && plan().error_number != EMFILE) return action();
  return perform("open", whole, action);
}

int made(const char* call, const std::string& path, auto action) {
  Guard guard(mutex());
  return perform(call, path, [&] {
    int result = action();
    if (result == 0 && plan().keeps_image()) plan().disk.created(path);
    return result;
  });
}

int synced(const char* call, int fd) {
  Guard guard(mutex());
  std::string path = path_of(fd);
  return perform(call, path, [&] {
    int result = real<int(int)>(call)(fd);
    if (result == 0 && plan().keeps_image() && plan().covers(path))
      plan().disk.synced(path);
    return result;
  });
}

// Only these can lie below the root.  Pipes and sockets are
// passed by without a lock or an allocation: signal handlers write to them.
bool is_file(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

ssize_t written(const char* call, int fd, size_t size, auto action, auto half) {
  if (!is_file(fd)) return action();
  Guard guard(mutex());
  std::string path = path_of(fd);
  struct stat status{};
  auto known = plan().reserved.find(path);
  bool has_room = known != plan().reserved.end() && ::fstat(fd, &status) == 0 &&
                  status.st_size + static_cast<off_t>(size) <= known->second;
  return perform(call, path, action, half, has_room);
}

}  // namespace

// --- the calls ----------------------------------------------------------------

#define MODE_OF(flags)                   \
  mode_t mode = 0;                       \
  if ((flags) & (O_CREAT | O_TMPFILE)) { \
    va_list arguments;                   \
    va_start(arguments, flags);          \
    mode = va_arg(arguments, mode_t);    \
    va_end(arguments);                   \
  }                                      \
  static_assert(true)

extern "C" {

int open(const char* path, int flags, ...) {
  MODE_OF(flags);
  return opened("openat", AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  MODE_OF(flags);
  return opened("openat64", AT_FDCWD, path, flags, mode);
}
int openat(int at, const char* path, int flags, ...) {
  MODE_OF(flags);
  return opened("openat", at, path, flags, mode);
}
int openat64(int at, const char* path, int flags, ...) {
  MODE_OF(flags);
  return opened("openat64", at, path, flags, mode);
}

ssize_t write(int fd, const void* bytes, size_t size) {
  return written(
      "write", fd, size,
      [&] { return (kWrite ? kWrite : REAL(write))(fd, bytes, size); },
      [&] { return REAL(write)(fd, bytes, size / 2); });
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  return written(
      "pwrite", fd, size, [&] { return REAL(pwrite)(fd, bytes, size, offset); },
      [&] { return REAL(pwrite)(fd, bytes, size / 2, offset); });
}
ssize_t writev(int fd, const iovec* parts, int count) {
  size_t size = 0;
  for (int i = 0; i < count; ++i) size += parts[i].iov_len;
  return written(
      "writev", fd, size, [&] { return REAL(writev)(fd, parts, count); },
      [&] { return REAL(writev)(fd, parts, count / 2); });
}
ssize_t sendfile(int to, int from, off_t* offset, size_t count) {
  auto* call = real<ssize_t(int, int, off_t*, size_t)>("sendfile");
  return written(
      "sendfile", to, count, [&] { return call(to, from, offset, count); },
      [&] { return call(to, from, offset, count / 2); });
}
int ftruncate(int fd, off_t size) noexcept {
  Guard guard(mutex());
  return perform("ftruncate", path_of(fd), [&] { return REAL(ftruncate)(fd, size); });
}

int fallocate(int fd, int mode, off_t offset, off_t size) {
  Guard guard(mutex());
  std::string path = path_of(fd);
  return perform("fallocate", path, [&] {
    int result = REAL(fallocate)(fd, mode, offset, size);
    if (result == 0) plan().reserved[path] = offset + size;
    return result;
  });
}

int fsync(int fd) {
  return synced("fsync", fd);
}
int fdatasync(int fd) {
  return synced("fdatasync", fd);
}

int rename(const char* from, const char* to) noexcept {
  Guard guard(mutex());
  return perform("rename", path_at(AT_FDCWD, from),
                 [&] { return REAL(rename)(from, to); });
}
int renameat(int from_at, const char* from, int to_at, const char* to) noexcept {
  Guard guard(mutex());
  return perform("rename", path_at(from_at, from),
                 [&] { return REAL(renameat)(from_at, from, to_at, to); });
}
int link(const char* from, const char* to) noexcept {
  Guard guard(mutex());
  return perform("link", path_at(AT_FDCWD, to), [&] { return REAL(link)(from, to); });
}
int linkat(int from_at, const char* from, int to_at, const char* to,
           int flags) noexcept {
  Guard guard(mutex());
  return perform("link", path_at(to_at, to),
                 [&] { return REAL(linkat)(from_at, from, to_at, to, flags); });
}
int unlink(const char* path) noexcept {
  Guard guard(mutex());
  return perform("unlink", path_at(AT_FDCWD, path), [&] { return REAL(unlink)(path); });
}
int unlinkat(int at, const char* path, int flags) noexcept {
  Guard guard(mutex());
  return perform("unlink", path_at(at, path),
                 [&] { return REAL(unlinkat)(at, path, flags); });
}
int mkdir(const char* path, mode_t mode) noexcept {
  return made("mkdir", path_at(AT_FDCWD, path),
              [&] { return REAL(mkdir)(path, mode); });
}
int mkdirat(int at, const char* path, mode_t mode) noexcept {
  return made("mkdir", path_at(at, path),
              [&] { return REAL(mkdirat)(at, path, mode); });
}

}  // extern "C"
