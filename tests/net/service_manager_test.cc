// SPDX-License-Identifier: Apache-2.0
//
// Descriptors and variables are those of a child, for each case has its own.
#include "net/service_manager.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>

#include "tests/support/temp_dir.h"

namespace {

using net::inherited_sockets;
using net::ServiceManager;

int in_child(const std::function<int()>& job) {
  pid_t pid = ::fork();
  if (pid == 0) ::_exit(job());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// As the manager hands them over, from descriptor 3 on.
void hand_over(const std::vector<int>& sockets, const char* names, pid_t pid) {
  for (std::size_t i = 0; i < sockets.size(); ++i)
    ::dup2(sockets[i], static_cast<int>(i) + 3);
  ::setenv("LISTEN_PID", std::to_string(pid).c_str(), 1);
  ::setenv("LISTEN_FDS", std::to_string(sockets.size()).c_str(), 1);
  if (names) ::setenv("LISTEN_FDNAMES", names, 1);
}

base::Fd listening_socket() {
  base::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::bind(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at);
  ::listen(socket.get(), 5);
  return socket;
}

// Away from the descriptors that are handed over.
base::Fd high(base::Fd socket) {
  return base::Fd(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 50));
}

TEST(ServiceManager, OP8_SocketsAreTakenOnceAndByName) {
  base::Fd one = high(listening_socket()), two = high(listening_socket());
  auto job = [&] {
    hand_over({one.get(), two.get()}, "smtp:smtps", ::getpid());
    auto sockets = inherited_sockets();
    if (!sockets || sockets->size() != 2) return 1;
    if ((*sockets)[0].name != "smtp" || (*sockets)[1].name != "smtps") return 2;
    if (!(*sockets)[0].listening || (*sockets)[0].socket.get() != 3) return 3;
    if (::fcntl(4, F_GETFD) != FD_CLOEXEC) return 4;
    if (::getenv("LISTEN_PID") || ::getenv("LISTEN_FDS") || ::getenv("LISTEN_FDNAMES"))
      return 5;
    return inherited_sockets()->empty() ? 0 : 6;
  };
  EXPECT_EQ(in_child(job), 0);
}

TEST(ServiceManager, OP8_SocketsOfAnotherProcessAreIgnored) {
  base::Fd one = high(listening_socket());
  auto job = [&] {
    hand_over({one.get()}, "smtp", ::getppid());
    auto sockets = inherited_sockets();
    return sockets && sockets->empty() ? 0 : 1;
  };
  EXPECT_EQ(in_child(job), 0);
}

TEST(ServiceManager, WithoutNamesThereAreNone) {
  base::Fd one = high(listening_socket());
  auto job = [&] {
    hand_over({one.get()}, nullptr, ::getpid());
    auto sockets = inherited_sockets();
    return sockets && sockets->size() == 1 && (*sockets)[0].name.empty() ? 0 : 1;
  };
  EXPECT_EQ(in_child(job), 0);
}

TEST(ServiceManager, ConnectedSocketIsOneClient) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  base::Fd ours(ends[0]), theirs = high(base::Fd(ends[1]));
  auto job = [&] {
    hand_over({theirs.get()}, "connection", ::getpid());
    auto sockets = inherited_sockets();
    return sockets && sockets->size() == 1 && !(*sockets)[0].listening ? 0 : 1;
  };
  EXPECT_EQ(in_child(job), 0);
}

TEST(ServiceManager, RefusesWhatIsNoSocketToServe) {
  base::Fd datagrams = high(base::Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)));
  base::Fd idle = high(base::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  base::Fd file = high(base::Fd(::open("/dev/null", O_RDWR | O_CLOEXEC)));
  for (int wrong : {datagrams.get(), idle.get(), file.get()}) {
    auto job = [&] {
      hand_over({wrong}, "smtp", ::getpid());
      auto sockets = inherited_sockets();
      return !sockets && sockets.error().code == base::Code::config ? 0 : 1;
    };
    EXPECT_EQ(in_child(job), 0);
  }
}

// The manager's end.
class Manager {
 public:
  explicit Manager(const std::string& name)
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    name.copy(at.sun_path, name.size());
    if (name[0] == '@') at.sun_path[0] = '\0';
    auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&at), length), 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~Manager() { ::unsetenv("NOTIFY_SOCKET"); }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  std::string heard() {
    std::string bytes(4096, '\0');
    auto count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    return bytes.substr(0, count > 0 ? static_cast<std::size_t>(count) : 0);
  }

 private:
  base::Fd socket_;
};

TEST(ServiceManager, HearsHowWeAre) {
  support::TempDir dir;
  std::string abstract = "@bobbin-test-" + std::to_string(::getpid());
  for (const std::string& name : {(dir / "notify").string(), abstract}) {
    Manager manager(name);
    auto found = ServiceManager::find();
    ASSERT_TRUE(found) << found.error().text;
    EXPECT_EQ(::getenv("NOTIFY_SOCKET"), nullptr);
    found->ready();
    EXPECT_EQ(manager.heard(), "READY=1");
    found->status("listening\non");
    EXPECT_EQ(manager.heard(), "STATUS=listening");
    found->reloading();
    EXPECT_TRUE(manager.heard().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    found->stopping();
    EXPECT_EQ(manager.heard(), "STOPPING=1");
    found->alive();
    EXPECT_EQ(manager.heard(), "WATCHDOG=1");
    EXPECT_FALSE(found->patience());
  }
}

TEST(ServiceManager, WatchdogIsOfOneProcess) {
  support::TempDir dir;
  Manager manager(dir / "notify");
  ::setenv("WATCHDOG_USEC", "2000000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(ServiceManager::find()->patience(), std::chrono::seconds(2));
  ::setenv("NOTIFY_SOCKET", (dir / "notify").c_str(), 1);
  ::setenv("WATCHDOG_USEC", "2000000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_FALSE(ServiceManager::find()->patience());
}

TEST(ServiceManager, NobodyListensIsNoTrouble) {
  auto found = ServiceManager::find();
  ASSERT_TRUE(found);
  found->ready();
  ::setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
  EXPECT_FALSE(ServiceManager::find());
}

}  // namespace
