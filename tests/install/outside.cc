// SPDX-License-Identifier: Apache-2.0
//
// Somebody else's program: lists a spool with the installed library.
#include <cstdio>

#include "spoolfmt/spool.h"

int main(int, char** argv) {
  auto complain = [](const base::Error& e) {
    std::fprintf(stderr, "%s\n", e.text.c_str());
  };
  auto spool = spoolfmt::Spool::open(argv[1]);
  if (!spool) return complain(spool.error()), 1;
  auto entries = spool->sorted(complain);
  if (!entries) return complain(entries.error()), 1;
  for (const auto& entry : *entries) std::puts(std::string(entry.stem()).c_str());
}
