// SPDX-License-Identifier: Apache-2.0
#include "tests/support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <map>
#include <system_error>

extern char** environ;

namespace support {

namespace {

using std::chrono::steady_clock;

[[noreturn]] void give_up(int error_number, const std::string& what) {
  throw std::system_error(error_number, std::generic_category(), what);
}

struct Pipe {
  base::Fd read, write;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) give_up(errno, "pipe");
  return {base::Fd(ends[0]), base::Fd(ends[1])};
}

std::vector<std::string> environment(const std::vector<std::string>& changes) {
  std::map<std::string, std::string> entries;
  auto put = [&](const std::string& entry) {
    auto equals = entry.find('=');
    if (equals == std::string::npos)
      entries.erase(entry);
    else
      entries[entry.substr(0, equals)] = entry;
  };
  for (char** entry = environ; *entry; ++entry) put(*entry);
  for (const auto& change : changes) put(change);
  std::vector<std::string> result;
  for (auto& [name, entry] : entries) result.push_back(std::move(entry));
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (auto& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

int milliseconds_until(steady_clock::time_point until) {
  auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now());
  return static_cast<int>(std::max<std::int64_t>(0, left.count()));
}

// Appends what there is; false at the end of the stream.
bool take(int fd, std::string& text) {
  char buffer[65536];
  ssize_t n = ::read(fd, buffer, sizeof buffer);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  text.append(buffer, static_cast<std::size_t>(n));
  return n > 0;
}

}  // namespace

std::filesystem::path program(std::string_view name) {
  return std::filesystem::path(BOBBIN_BIN_DIR) / name;
}

Process::Process(const Command& command)
    : to_send_(command.input), keep_input_open_(command.keep_input_open) {
  std::signal(SIGPIPE, SIG_IGN);  // a program may end before it has read all
  Pipe in = make_pipe(), out = make_pipe(), err = make_pipe();

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.read.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.write.get(), STDERR_FILENO);
  if (!command.directory.empty())
    posix_spawn_file_actions_addchdir_np(&actions, command.directory.c_str());
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);

  std::vector<std::string> words = {command.program};
  words.insert(words.end(), command.args.begin(), command.args.end());
  std::vector<std::string> entries = environment(command.env);
  int error = posix_spawnp(&pid_, command.program.c_str(), &actions, &attributes,
                           pointers(words).data(), pointers(entries).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    pid_ = -1;
    give_up(error, command.program);
  }
  ended_ = base::Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  input_ = std::move(in.write);
  output_ = std::move(out.read);
  errors_ = std::move(err.read);
  ::fcntl(input_.get(), F_SETFL, O_NONBLOCK);
  if (to_send_.empty() && !keep_input_open_) input_.reset();
}

Process::~Process() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void Process::signal(int number) {
  if (pid_ > 0) ::kill(pid_, number);
}

void Process::send(std::string_view text) {
  to_send_ += text;
  keep_input_open_ = true;
}

void Process::close_input() {
  keep_input_open_ = false;
  if (to_send_.empty()) input_.reset();
}

bool Process::pump(Instant until) {
  if (!output_ && !errors_) return false;
  pollfd waits[] = {{output_.get(), POLLIN, 0},
                    {errors_.get(), POLLIN, 0},
                    {to_send_.empty() ? -1 : input_.get(), POLLOUT, 0},
                    {ended_.get(), POLLIN, 0}};
  int ready = ::poll(waits, 4, milliseconds_until(until));
  if (ready == 0) return false;
  if (ready < 0) return errno == EINTR;
  // A child it left behind may hold the streams open for ever.
  if (waits[3].revents && !waits[0].revents && !waits[1].revents) return false;
  if (waits[0].revents && !take(output_.get(), out_)) output_.reset();
  if (waits[1].revents && !take(errors_.get(), err_)) errors_.reset();
  if (waits[2].revents) {
    ssize_t n = ::write(input_.get(), to_send_.data(), to_send_.size());
    if (n > 0) to_send_.erase(0, static_cast<std::size_t>(n));
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
      to_send_.clear();  // nobody reads any more
      input_.reset();
    }
    if (to_send_.empty() && !keep_input_open_) input_.reset();
  }
  return true;
}

bool Process::saw(std::string_view text, std::chrono::milliseconds deadline) {
  Instant until = steady_clock::now() + deadline;
  auto found = [&] {
    return out_.find(text) != std::string::npos || err_.find(text) != std::string::npos;
  };
  while (!found())
    if (!pump(until)) return false;
  return true;
}

Outcome Process::wait(std::chrono::milliseconds deadline) {
  Instant until = steady_clock::now() + deadline;
  close_input();
  while (pump(until)) {
  }
  pollfd ended = {ended_.get(), POLLIN, 0};
  if (::poll(&ended, 1, milliseconds_until(until)) == 0) ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return {code, std::move(out_), std::move(err_)};
}

Outcome run(const Command& command, std::chrono::milliseconds deadline) {
  Process process(command);
  return process.wait(deadline);
}

}  // namespace support
