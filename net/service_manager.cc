// SPDX-License-Identifier: Apache-2.0
#include "net/service_manager.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace net {

namespace {

using base::Code;
using base::Result;

// The first descriptor that is handed over: SD_LISTEN_FDS_START.
constexpr int kFirst = 3;

// The variable's value; it is for us alone and not for what we start.
std::string take_variable(const char* name) {
  const char* value = ::getenv(name);
  std::string text = value ? value : "";
  ::unsetenv(name);
  return text;
}

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number number{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

bool is_ours(std::string_view pid) {
  return number_in<pid_t>(pid) == ::getpid();
}

std::string_view take_name(std::string_view& names) {
  std::size_t colon = names.find(':');
  std::string_view name = names.substr(0, colon);
  names.remove_prefix(colon == names.npos ? names.size() : colon + 1);
  return name;
}

int socket_option(int socket, int option) {
  int value = 0;
  socklen_t length = sizeof value;
  if (::getsockopt(socket, SOL_SOCKET, option, &value, &length) != 0) return -1;
  return value;
}

Result<InheritedSocket> inherit(int number, std::string_view name) {
  InheritedSocket inherited{base::Fd(number), std::string(name)};
  std::string place = "inherited descriptor " + std::to_string(number);
  if (!name.empty()) place += " (" + inherited.name + ")";
  if (socket_option(number, SO_TYPE) != SOCK_STREAM)
    return base::fail(
        Code::config,
        place + ": it is no stream socket: write ListenStream= in the socket unit");
  inherited.listening = socket_option(number, SO_ACCEPTCONN) == 1;
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  bool connected =
      ::getpeername(number, reinterpret_cast<sockaddr*>(&peer), &length) == 0;
  if (!inherited.listening && !connected)
    return base::fail(Code::config, place + ": it is neither listening nor connected");
  if (::fcntl(number, F_SETFD, FD_CLOEXEC) != 0)
    return base::system_failure(place, errno);
  return inherited;
}

// A path, or @name for one that is not in the file system.
Result<base::Fd> connect_to(std::string_view name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof address.sun_path)
    return base::fail(Code::config, "NOTIFY_SOCKET: the name is too long");
  name.copy(address.sun_path, name.size());
  if (name.front() == '@') address.sun_path[0] = '\0';
  auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  base::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket ||
      ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), length) != 0)
    return base::system_failure("NOTIFY_SOCKET " + std::string(name), errno);
  return socket;
}

}  // namespace

Result<std::vector<InheritedSocket>> inherited_sockets() {
  std::string pid = take_variable("LISTEN_PID");
  std::string count = take_variable("LISTEN_FDS");
  std::string names = take_variable("LISTEN_FDNAMES");
  std::vector<InheritedSocket> sockets;
  if (!is_ours(pid)) return sockets;
  auto many = number_in<unsigned>(count);
  if (!many || *many > 1000)
    return base::fail(Code::config, "LISTEN_FDS=" + count + " is no count of sockets");
  std::string_view rest = names;
  int end = kFirst + static_cast<int>(*many);
  for (int number = kFirst; number < end; ++number)
    sockets.push_back(TRY(inherit(number, take_name(rest))));
  return sockets;
}

Result<ServiceManager> ServiceManager::find() {
  ServiceManager manager;
  std::string name = take_variable("NOTIFY_SOCKET");
  std::string pid = take_variable("WATCHDOG_PID");
  auto patience = number_in<std::int64_t>(take_variable("WATCHDOG_USEC"));
  if (name.empty()) return manager;
  manager.socket_ = TRY(connect_to(name));
  if (patience && *patience > 0 && (pid.empty() || is_ours(pid)))
    manager.patience_ = std::chrono::microseconds(*patience);
  return manager;
}

void ServiceManager::ready() const {
  tell("READY=1");
}

// With the time, for managers who wait for the READY=1 that is younger.
void ServiceManager::reloading() const {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  std::int64_t micros = std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
  tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(micros));
}

void ServiceManager::stopping() const {
  tell("STOPPING=1");
}

void ServiceManager::status(std::string_view line) const {
  tell("STATUS=" + std::string(line.substr(0, line.find('\n'))));
}

void ServiceManager::alive() const {
  tell("WATCHDOG=1");
}

// Nobody waits for the manager: what it does not hear was not important to it.
void ServiceManager::tell(std::string_view state) const {
  if (socket_) ::send(socket_.get(), state.data(), state.size(), MSG_NOSIGNAL);
}

}  // namespace net
