// SPDX-License-Identifier: Apache-2.0
#include "receiver/script_process.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/text.h"
#include "receiver/script_sandbox.h"

namespace receiver {

namespace {

using base::Result;
using Clock = std::chrono::steady_clock;

// Between a polite end and the other one.
constexpr std::chrono::seconds kGrace{2};
constexpr rlim_t kLargestFile = rlim_t{64} << 20;
constexpr rlim_t kDescriptors = 64;
// After a fork before the script: the shells' own numbers.
constexpr int kCannotRun = 126;

// Its working directory, empty at first and gone with it.
class WorkDirectory {
 public:
  static Result<WorkDirectory> make(const ScriptJob& job) {
    std::string path = (job.directory / "run-XXXXXX").string();
    if (!::mkdtemp(path.data())) return base::system_failure(path, errno);
    WorkDirectory made(path);
    if (job.user && ::chown(path.c_str(), job.user->uid, job.user->gid) != 0)
      return base::system_failure(path, errno);
    return made;
  }
  WorkDirectory(WorkDirectory&& other) noexcept : path_(std::move(other.path_)) {
    other.path_.clear();
  }
  WorkDirectory& operator=(WorkDirectory&&) = delete;
  ~WorkDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  explicit WorkDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

struct Pipe {
  base::Fd read, write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return base::system_failure("pipe", errno);
  Pipe pipe{base::Fd(ends[0]), base::Fd(ends[1])};
  ::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);
  return pipe;
}

// The start of what comes, the rest is read and forgotten.
struct Collector {
  base::Fd from;
  std::size_t most;
  std::string text{};
  bool too_much = false;

  // Reads what is there.
  void collect() {
    std::array<char, 16384> block;
    while (from) {
      ssize_t count = ::read(from.get(), block.data(), block.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return;
      if (count <= 0) return from.reset();
      std::size_t got = static_cast<std::size_t>(count);
      too_much = too_much || got > most - text.size();
      text.append(block.data(), std::min(got, most - text.size()));
    }
  }
};

bool limit(int resource, rlim_t soft, rlim_t hard) {
  rlimit value{soft, hard};
  return ::setrlimit(static_cast<__rlimit_resource>(resource), &value) == 0;
}

bool set_limits(const Script& script) {
  auto seconds = static_cast<rlim_t>(script.timeout.count());
  return limit(RLIMIT_CPU, seconds, seconds + 1) &&
         limit(RLIMIT_FSIZE, kLargestFile, kLargestFile) &&
         limit(RLIMIT_NOFILE, kDescriptors, kDescriptors) && limit(RLIMIT_CORE, 0, 0) &&
         (script.memory == 0 || limit(RLIMIT_AS, script.memory, script.memory));
}

// Descriptors 0 to 3 as a script expects them, and nothing else but `executable` and
// `ready`, which the start of the program closes.
bool set_descriptors(std::array<int, 4> wanted, int& executable, int& ready) {
  // First out of the way: one's place may be another's number.
  for (int* fd :
       {&wanted[0], &wanted[1], &wanted[2], &wanted[3], &executable, &ready}) {
    *fd = ::fcntl(*fd, F_DUPFD_CLOEXEC, 10);
    if (*fd < 0) return false;
  }
  for (int number = 0; number < 4; ++number)
    if (::dup2(wanted[static_cast<std::size_t>(number)], number) < 0) return false;
  constexpr unsigned kFirst = 4;
  return ::syscall(SYS_close_range, kFirst, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

bool change_user(const std::optional<ScriptUser>& user) {
  if (!user) return true;
  return ::setgroups(0, nullptr) == 0 &&
         ::setresgid(user->gid, user->gid, user->gid) == 0 &&
         ::setresuid(user->uid, user->uid, user->uid) == 0;
}

void reset_signals() {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void give_up(const base::Error& error) {
  std::fprintf(stderr, "cannot start: %s\n", error.text.c_str());
  std::fflush(stderr);
  ::_exit(kCannotRun);
}

[[noreturn]] void give_up(const char* what) {
  give_up(base::system_error(what, errno));
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (std::string& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

// In the child.  `executable` was checked by descriptor, and is run by it.  A byte to
// `ready` says that all went well so far: else no exit status is the script's.
[[noreturn]] void become_script(const ScriptJob& job, const std::string& directory,
                                int executable, int output, int errors, int ready) {
  ::setsid();
  reset_signals();
  if (!set_descriptors({job.input, output, errors, job.message}, executable, ready))
    give_up("descriptors");
  if (::chdir(directory.c_str()) != 0) give_up("its directory");
  ::umask(077);
  if (!change_user(job.user)) give_up("its user");
  if (auto locked = enter_sandbox(job.config, job.script, directory); !locked)
    give_up(locked.error());

  std::string path = (job.config.dir / job.script.executable).string();
  std::vector<std::string> words{path};
  words.insert(words.end(), job.script.arguments.begin(), job.script.arguments.end());
  std::vector<std::string> environment = job.environment;
  std::vector<char*> argv = pointers(words), envp = pointers(environment);
  // The last thing: our own code may need more memory than a script.
  if (!set_limits(job.script)) give_up("limits");
  if (::write(ready, "x", 1) != 1) give_up("telling so");
  ::syscall(SYS_execveat, executable, "", argv.data(), envp.data(), AT_EMPTY_PATH);
  // An interpreter would open the descriptor that is closed for it, so a script with
  // "#!" goes by its name; only its owner could have put another there meanwhile.
  if (errno == ENOENT) ::execve(path.c_str(), argv.data(), envp.data());
  give_up(path.c_str());
}

Result<base::Fd> open_executable(const ScriptJob& job) {
  std::filesystem::path path = job.config.dir / job.script.executable;
  base::Fd file = TRY(base::open_file(path, O_PATH | O_NOFOLLOW));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0)
    return base::system_failure(path.string(), errno);
  TRY(check_executable(path, status, job.admin));
  return file;
}

std::string slurp(const std::string& path) {
  auto text = base::read_file(path, 65536);
  return text ? *text : std::string();
}

// Our children: whatever the script left behind is ours now.
void kill_children() {
  std::string self = std::to_string(::getpid());
  std::string list = slurp("/proc/self/task/" + self + "/children");
  for (std::string_view rest = list; auto pid = base::scan_number(rest);)
    ::kill(static_cast<pid_t>(*pid), SIGKILL);
}

void end_all(pid_t group) {
  ::kill(-group, SIGKILL);
  auto until = Clock::now() + kGrace;
  while (Clock::now() < until) {
    pid_t reaped = ::waitpid(-1, nullptr, WNOHANG);
    if (reaped < 0 && errno == ECHILD) return;
    if (reaped != 0) continue;
    kill_children();
    ::poll(nullptr, 0, 1);
  }
}

int milliseconds_until(Clock::time_point instant) {
  auto left = std::chrono::ceil<std::chrono::milliseconds>(instant - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

// Until the script's first process has ended, willingly or not.
void watch(const ScriptJob& job, pid_t pid, ScriptExit& exit, Collector& output,
           Collector& errors) {
  base::Fd ended(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  auto until = Clock::now() + job.script.timeout;
  bool asked = false, wanted = true;
  while (true) {
    // A negative descriptor is passed over.
    std::array<pollfd, 4> fds{{{ended.get(), POLLIN, 0},
                               {output.from.get(), POLLIN, 0},
                               {errors.from.get(), POLLIN, 0},
                               {wanted ? job.channel : -1, POLLIN, 0}}};
    int count = ::poll(fds.data(), fds.size(), milliseconds_until(until));
    if (count < 0 && errno != EINTR) return;
    output.collect();
    errors.collect();
    if (fds[0].revents != 0) return;
    bool cancelled = fds[3].revents != 0;
    if (!cancelled && Clock::now() < until) continue;
    if (cancelled) wanted = false;
    exit.timed_out = exit.timed_out || !cancelled;
    ::kill(-pid, asked && !cancelled ? SIGKILL : SIGTERM);
    if (!asked) until = Clock::now() + kGrace;
    if (asked && !cancelled) until = Clock::time_point::max();
    asked = true;
  }
}

ScriptExit not_run(const base::Error& error) {
  ScriptExit exit;
  exit.trouble = error.text;
  return exit;
}

}  // namespace

ScriptExit run_script(const ScriptJob& job) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  auto executable = open_executable(job);
  if (!executable) return not_run(executable.error());
  auto directory = WorkDirectory::make(job);
  if (!directory) return not_run(directory.error());
  auto out = make_pipe();
  if (!out) return not_run(out.error());
  auto err = make_pipe();
  if (!err) return not_run(err.error());

  auto ready = make_pipe();
  if (!ready) return not_run(ready.error());

  auto begun = Clock::now();
  pid_t pid = ::fork();
  if (pid < 0) return not_run(base::system_error("fork", errno));
  if (pid == 0)
    become_script(job, directory->path(), executable->get(), out->write.get(),
                  err->write.get(), ready->write.get());
  out->write.reset();
  err->write.reset();

  ScriptExit exit;
  Collector output{std::move(out->read), ScriptExit::kLargestOutput};
  Collector errors{std::move(err->read), ScriptExit::kLargestErrors};
  watch(job, pid, exit, output, errors);
  // The group first: until the process is waited for, its number is nobody else's.
  ::kill(-pid, SIGKILL);
  int status = 0;
  ::waitpid(pid, &status, 0);
  end_all(pid);
  output.collect();
  errors.collect();
  char byte = 0;
  if (::read(ready->read.get(), &byte, 1) != 1)
    exit.trouble = "it could not be started";
  exit.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  exit.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  exit.too_much = output.too_much;
  exit.output = std::move(output.text);
  exit.errors = std::move(errors.text);
  exit.took =
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun);
  return exit;
}

}  // namespace receiver
