// SPDX-License-Identifier: Apache-2.0
//
// What the shim's own test watches: a file made safely, one made carelessly, while
// signals come and are passed on through a pipe.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdio>

namespace {

int make(const char* path) {
  return ::open(path, O_WRONLY | O_CREAT | O_EXCL, 0640);
}

int signals[2];

// As event loops do it: the news goes through a pipe.
void pass_on(int) {
  if (::write(signals[1], "!", 1) < 0) ::_exit(2);
}

// Opens and closes while signals come.
bool works_under_signals() {
  if (::pipe2(signals, O_NONBLOCK) != 0) return false;
  struct sigaction action{};
  action.sa_handler = pass_on;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGALRM, &action, nullptr);
  const itimerval often{{0, 50}, {0, 50}};
  ::setitimer(ITIMER_REAL, &often, nullptr);
  bool whole = true;
  for (int heard = 0; heard < 1000;) {
    int fd = ::open("/dev/null", O_WRONLY | O_CREAT, 0640);
    whole = fd >= 0 && ::close(fd) == 0 && whole;
    char bytes[64];
    ssize_t some = ::read(signals[0], bytes, sizeof bytes);
    if (some > 0) heard += static_cast<int>(some);
  }
  const itimerval never{};
  return ::setitimer(ITIMER_REAL, &never, nullptr) == 0 && whole;
}

}  // namespace

// victim DIRECTORY
int main(int, char** argv) {
  if (::chdir(argv[1]) != 0) return 1;
  int safe = make("new");                              // 1
  bool whole = ::write(safe, "safe", 4) == 4;          // 2
  whole = ::fsync(safe) == 0 && whole;                 // 3
  whole = ::rename("new", "safe") == 0 && whole;       // 4
  int here = ::open(".", O_RDONLY | O_DIRECTORY);      // not counted: it makes nothing
  whole = ::fsync(here) == 0 && whole;                 // 5
  int careless = make("careless");                     // 6
  whole = ::write(careless, "gone", 4) == 4 && whole;  // 7
  whole = ::unlink("old") == 0 && whole;               // 8
  whole = ::mkdir("room", 0750) == 0 && whole;         // 9
  whole = works_under_signals() && whole;              // nor is anything of this
  std::puts(whole ? "whole" : "something failed");
  return 0;
}
