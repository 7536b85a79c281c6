// SPDX-License-Identifier: Apache-2.0
//
// `bobbin policy convert` beside Debian's own generator of Exim configurations: each
// kind of configuration it makes must come out as a policy that loads, with everything
// that was left out named on standard error, and nothing else changed.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <regex>
#include <sstream>
#include <string>

#include "base/fd.h"
#include "tests/support/peers.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
    ++found;
  return found;
}

// What was there before: the marked lines back, the reasons gone.
std::string undone(const std::string& policy) {
  std::istringstream in(policy);
  std::string out;
  bool put_in = false;  // a verb that stays of a statement, under its line
  for (std::string line; std::getline(in, line);) {
    bool marked = line.starts_with("#bobbin# ");
    if (line.starts_with("#bobbin: ") ||
        (put_in && !marked && line.find(' ') == line.npos && !line.empty())) {
      put_in = false;
      continue;
    }
    put_in =
        marked && std::regex_search(line, std::regex("^#bobbin# *(warn|deny|accept|"
                                                     "defer|drop|require|discard) "));
    out += (marked ? line.substr(9) : line) + "\n";
  }
  return out;
}

// Debian's configuration of that type, generated.
std::string debian_configuration(const std::string& type, const support::TempDir& dir) {
  fs::path etc = dir / ("etc-" + type);
  fs::copy("/etc/exim4", etc, fs::copy_options::recursive);
  std::ofstream(etc / "update-exim4.conf.conf")
      << "dc_eximconfig_configtype='" << type << "'\n"
      << "dc_other_hostnames='mx.example.org'\ndc_local_interfaces='127.0.0.1 ; ::1'\n"
      << "dc_readhost='example.org'\ndc_relay_domains='example.net'\n"
      << "dc_minimaldns='false'\ndc_relay_nets='192.0.2.0/24'\n"
      << "dc_smarthost='smart.example.org'\nCFILEMODE='644'\n"
      << "dc_use_split_config='false'\ndc_hide_mailname='true'\n"
      << "dc_mailname_in_oh='true'\ndc_localdelivery='maildir_home'\n";
  fs::path out = dir / ("exim-" + type + ".conf");
  auto run = support::run({*support::find_program("update-exim4.conf"),
                           {"-d", etc, "-o", out, "--keepcomments"}});
  EXPECT_EQ(run.status, 0) << run.err;
  return out;
}

class Debian : public testing::TestWithParam<const char*> {};

TEST_P(Debian, ConfigurationBecomesAPolicyThatLoads) {
  REQUIRE_PROGRAM("update-exim4.conf");
  if (::geteuid() != 0) GTEST_SKIP() << "/etc/exim4 is for root to read";
  support::TempDir dir;
  std::string exim = debian_configuration(GetParam(), dir);
  std::string policy = dir / "policy.conf";
  std::string tool = support::program("bobbin-policy");

  auto convert = support::run({tool, {"convert", exim, "-o", policy}});
  EXPECT_LE(convert.status, 1) << convert.err;
  auto check = support::run({tool, {"check", policy}});
  EXPECT_EQ(check.status, 0) << check.out;

  std::string text = base::read_file(policy).value_or("");
  std::size_t pieces = count("\n" + text, "\n#bobbin: ");
  EXPECT_EQ(count(convert.err, " is left out: "), pieces) << convert.err;
  std::cout << GetParam() << ": " << pieces << " pieces left out\n";
  EXPECT_EQ(undone(text), base::read_file(exim).value_or(""));

  auto again = support::run({tool, {"convert", policy}});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(again.out, text);
}
INSTANTIATE_TEST_SUITE_P(Convert, Debian,
                         testing::Values("local", "internet", "satellite",
                                         "smarthost"));

}  // namespace
