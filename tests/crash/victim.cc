// SPDX-License-Identifier: Apache-2.0
//
// What the shim's own test watches: a file made safely, one made carelessly.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

namespace {

int make(const char* path) {
  return ::open(path, O_WRONLY | O_CREAT | O_EXCL, 0640);
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
  std::puts(whole ? "whole" : "something failed");
  return 0;
}
