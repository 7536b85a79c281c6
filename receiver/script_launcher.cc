// SPDX-License-Identifier: Apache-2.0
#include "receiver/script_launcher.h"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "receiver/script_process.h"

namespace receiver {

namespace {

using base::Fd;
using base::Result;

constexpr std::size_t kLargestList = 100'000;
// Lists that runs may still go by; a run lasts minutes, a reload is rare.
constexpr std::size_t kGenerations = 16;

// What goes to the launcher, in one datagram with its descriptors: the channel, and to
// run something its descriptors 0 and 3.
struct Order {
  enum class What : std::uint32_t { load, run } what = What::load;
  std::uint32_t script = 0;
  std::uint64_t generation = 0;
  std::int64_t deadline = 0;  // milliseconds
  std::uint32_t event = 0;
  std::array<char, 40> id{};
};

// What comes back on the channel: this and the texts it counts, in one datagram.
struct LoadReport {
  std::uint64_t generation = 0;  // 0: the text is what is wrong
};
struct RunReport {
  std::int32_t status = -1, signal = 0;
  std::uint32_t timed_out = 0, too_much = 0;
  std::int64_t took = 0;
  std::uint32_t output = 0, errors = 0, trouble = 0;
};

template <class T>
std::string bytes_of(const T& object) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<const char*>(&object), sizeof object};
}

template <class T>
std::optional<T> take_object(std::string_view& bytes) {
  T object;
  if (bytes.size() < sizeof object) return {};
  std::memcpy(&object, bytes.data(), sizeof object);
  bytes.remove_prefix(sizeof object);
  return object;
}

std::string take_text(std::string_view& bytes, std::size_t size) {
  std::string text(bytes.substr(0, size));
  bytes.remove_prefix(text.size());
  return text;
}

Result<std::pair<Fd, Fd>> socket_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return base::system_failure("socketpair", errno);
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

Result<void> send_order(int socket, const Order& order, std::span<const int> fds) {
  std::string bytes = bytes_of(order);
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(3 * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(fds.size_bytes());
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(fds.size_bytes());
  std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  while (::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    if (errno != EINTR) return base::system_failure("the launcher of scripts", errno);
  return {};
}

struct Received {
  Order order;
  std::vector<Fd> fds;
};

// Nothing at the end of the receiver; an order without descriptors if it is malformed.
std::optional<Received> receive_order(int socket) {
  Received received;
  iovec part{&received.order, sizeof received.order};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(3 * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t count = 0;
  do {
    count = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return {};
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    std::size_t fds = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < fds; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      received.fds.emplace_back(fd);
    }
  }
  if (static_cast<std::size_t>(count) != sizeof received.order) received.fds.clear();
  return received;
}

void send_report(int channel, std::string_view bytes) {
  while (::send(channel, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0 &&
         errno == EINTR) {
  }
}

Result<std::string> receive_report(int channel) {
  std::string bytes(sizeof(RunReport) + ScriptExit::kLargestOutput +
                        ScriptExit::kLargestErrors + kLargestList,
                    '\0');
  ssize_t count = 0;
  do {
    count = ::recv(channel, bytes.data(), bytes.size(), 0);
  } while (count < 0 && errno == EINTR);
  if (count <= 0)
    return base::fail(base::Code::temporary, "the launcher of scripts is gone");
  bytes.resize(static_cast<std::size_t>(count));
  return bytes;
}

bool may_change_user() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return false;
  constexpr std::uint32_t kBoth = 1U << CAP_SETUID | 1U << CAP_SETGID;
  return (data[0].effective & kBoth) == kBoth;
}

// Nothing: the script runs as we do.  Never as root, whatever the list says.
Result<std::optional<ScriptUser>> find_user(const ScriptConfig& config,
                                            const Script& script) {
  if (!may_change_user()) return std::nullopt;
  std::string name = script.user.empty() ? config.user : script.user;
  if (name.empty() && ::geteuid() != 0) return std::nullopt;
  if (name.empty()) name = "nobody";
  std::array<char, 16384> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  std::string place =
      "line " + std::to_string(script.line) + ": [script " + script.name + "]: user ";
  if (!found)
    return base::fail(base::Code::config,
                      place + name + " is unknown: adduser --system makes it");
  if (found->pw_uid == 0)
    return base::fail(base::Code::config, place + name + " is root: name another");
  return ScriptUser{found->pw_uid, found->pw_gid};
}

// The other process.
class Server {
 public:
  Server(Fd control, std::filesystem::path list, std::filesystem::path directory)
      : control_(std::move(control)),
        list_(std::move(list)),
        directory_(std::move(directory)) {}

  [[noreturn]] void serve();

 private:
  struct Generation {
    ScriptConfig config;
    uid_t admin;
    std::vector<std::optional<ScriptUser>> users;
  };

  void load(int channel);
  Result<std::string> read_list();
  void run(const Order& order, const std::vector<Fd>& fds);
  ScriptExit run_one(const Order& order, const std::vector<Fd>& fds) const;

  Fd control_;
  std::filesystem::path list_, directory_;
  std::map<std::uint64_t, Generation> generations_;
  std::uint64_t last_ = 0;
};

void Server::serve() {
  ::prctl(PR_SET_NAME, "bobbin-scripts");
  // The receiver ends us, by ending; what is sent to all of its group is not for us.
  for (int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE})
    ::signal(number, SIG_IGN);
  ::signal(SIGCHLD, SIG_IGN);
  while (auto received = receive_order(control_.get())) {
    std::size_t wanted = received->order.what == Order::What::run ? 3 : 1;
    if (received->fds.size() != wanted) continue;
    if (received->order.what == Order::What::load)
      load(received->fds.front().get());
    else
      run(received->order, received->fds);
  }
  ::_exit(0);
}

void Server::load(int channel) {
  auto text = read_list();
  LoadReport report{text ? last_ : 0};
  send_report(channel, bytes_of(report) + (text ? *text : text.error().text));
}

Result<std::string> Server::read_list() {
  Fd file = TRY(base::open_file(list_, O_RDONLY));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0)
    return base::system_failure(list_.string(), errno);
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return base::fail(base::Code::config,
                      list_.string() + " can be written by others: chmod go-w");
  std::string text = TRY(base::read_all(file.get(), list_.string(), kLargestList));
  Generation made{TRY(parse_script_config(text, list_.string())), status.st_uid, {}};
  TRY(check_scripts(made.config, list_.string(), made.admin));
  for (const Script& script : made.config.scripts) {
    auto user = find_user(made.config, script);
    if (!user) return std::unexpected(base::at(list_.string(), user.error()));
    made.users.push_back(*user);
  }
  generations_.emplace(++last_, std::move(made));
  if (generations_.size() > kGenerations) generations_.erase(generations_.begin());
  return text;
}

// Each script has a process that waits for it and for what it leaves behind: so nothing
// of it outlives it, and one cannot keep another waiting.
void Server::run(const Order& order, const std::vector<Fd>& fds) {
  pid_t pid = ::fork();
  if (pid > 0) return;
  RunReport report;
  ScriptExit exit;
  if (pid < 0) {
    exit.trouble = base::system_error("fork", errno).text;
  } else {
    control_.reset();
    ::signal(SIGCHLD, SIG_DFL);
    exit = run_one(order, fds);
  }
  report.status = exit.status;
  report.signal = exit.signal;
  report.timed_out = exit.timed_out ? 1 : 0;
  report.too_much = exit.too_much ? 1 : 0;
  report.took = exit.took.count();
  report.output = static_cast<std::uint32_t>(exit.output.size());
  report.errors = static_cast<std::uint32_t>(exit.errors.size());
  report.trouble = static_cast<std::uint32_t>(exit.trouble.size());
  send_report(fds.front().get(),
              bytes_of(report) + exit.output + exit.errors + exit.trouble);
  if (pid == 0) ::_exit(0);
}

ScriptExit Server::run_one(const Order& order, const std::vector<Fd>& fds) const {
  ScriptExit exit;
  auto found = generations_.find(order.generation);
  if (found == generations_.end() ||
      order.script >= found->second.config.scripts.size() ||
      order.event > static_cast<std::uint32_t>(ScriptEvent::timeout)) {
    exit.trouble = "the launcher does not know this script";
    return exit;
  }
  const Generation& generation = found->second;
  const char* zone = ::getenv("TZ");
  std::string id(order.id.data(), ::strnlen(order.id.data(), order.id.size()));
  std::string_view event = event_name(static_cast<ScriptEvent>(order.event));
  ScriptJob job{
      .config = generation.config,
      .script = generation.config.scripts[order.script],
      .admin = generation.admin,
      .user = generation.users[order.script],
      .directory = directory_,
      .environment = {"SPOOLSCRIPT_PROTOCOL=1", "SPOOLSCRIPT_ID=" + id,
                      "SPOOLSCRIPT_EVENT=" + std::string(event),
                      "SPOOLSCRIPT_DEADLINE_MS=" + std::to_string(order.deadline),
                      "SPOOLSCRIPT_FILE=/proc/self/fd/3",
                      "PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C",
                      std::string("TZ=") + (zone ? zone : ":/etc/localtime")},
      .input = fds[1].get(),
      .message = fds[2].get(),
      .channel = fds[0].get()};
  return run_script(job);
}

// Of what a program has at its start only stderr is for us.
void keep_only(int control) {
  Fd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  ::dup2(nothing.get(), STDIN_FILENO);
  ::dup2(nothing.get(), STDOUT_FILENO);
  auto first = static_cast<unsigned>(control);
  if (first > 3) ::syscall(SYS_close_range, 3U, first - 1, 0U);
  ::syscall(SYS_close_range, first + 1, ~0U, 0U);
  nothing.release();  // closed by now
}

}  // namespace

Result<ScriptLauncher> ScriptLauncher::start(const std::filesystem::path& list,
                                             const std::filesystem::path& directory) {
  auto [ours, theirs] = TRY(socket_pair());
  pid_t pid = ::fork();
  if (pid < 0) return base::system_failure("fork", errno);
  if (pid == 0) {
    keep_only(theirs.get());
    ours.release();
    Server server(std::move(theirs), list, directory);
    server.serve();
  }
  return ScriptLauncher(std::move(ours), pid);
}

ScriptLauncher::~ScriptLauncher() {
  control_.reset();
  if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
}

Result<ScriptLauncher::Loaded> ScriptLauncher::load() const {
  auto [ours, theirs] = TRY(socket_pair());
  std::array fds{theirs.get()};
  TRY(send_order(control_.get(), {}, fds));
  theirs.reset();
  std::string bytes = TRY(receive_report(ours.get()));
  std::string_view text = bytes;
  auto report = take_object<LoadReport>(text);
  if (!report || report->generation == 0)
    return base::fail(base::Code::config, std::string(text));
  // The same text gives the same list here as there.
  return Loaded{report->generation, TRY(parse_script_config(text, "list of scripts"))};
}

Result<Fd> ScriptLauncher::launch(const Request& request, int input,
                                  int message) const {
  auto [ours, theirs] = TRY(socket_pair());
  Order order;
  order.what = Order::What::run;
  order.script = static_cast<std::uint32_t>(request.script);
  order.generation = request.generation;
  order.deadline = request.deadline.count();
  order.event = static_cast<std::uint32_t>(request.event);
  request.id.copy(order.id.data(), order.id.size() - 1);
  std::array fds{theirs.get(), input, message};
  TRY(send_order(control_.get(), order, fds));
  return std::move(ours);
}

std::optional<ScriptExit> ScriptLauncher::read_report(int channel) {
  pollfd ready{channel, POLLIN, 0};
  if (::poll(&ready, 1, 0) <= 0) return {};
  ScriptExit exit;
  auto bytes = receive_report(channel);
  std::string_view text = bytes ? std::string_view(*bytes) : std::string_view();
  auto report = take_object<RunReport>(text);
  if (!report) {
    exit.trouble = bytes ? "the launcher of scripts is confused" : bytes.error().text;
    return exit;
  }
  exit.status = report->status;
  exit.signal = report->signal;
  exit.timed_out = report->timed_out != 0;
  exit.too_much = report->too_much != 0;
  exit.took = std::chrono::milliseconds(report->took);
  exit.output = take_text(text, report->output);
  exit.errors = take_text(text, report->errors);
  exit.trouble = take_text(text, report->trouble);
  return exit;
}

}  // namespace receiver
