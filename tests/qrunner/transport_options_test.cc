// SPDX-License-Identifier: Apache-2.0
#include "qrunner/transport_options.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <memory>

#include "policy/policy.h"
#include "policy/programs.h"

namespace {

struct Row {
  const char* driver;
  std::string options;  // a line each
  std::string unserved;
};

std::shared_ptr<const policy::Policy> loaded(const std::string& sections) {
  policy::PolicyFile file{"run.conf", "primary_hostname = here.example\n" + sections};
  auto loaded =
      policy::load_policy(file, base::CommonOptions(), *policy::find_program("run"));
  if (loaded && !loaded->policy)
    ADD_FAILURE() << loaded->source.format(loaded->diagnostics.errors.front(), "error");
  return loaded ? loaded->policy : nullptr;
}

std::string judged(const Row& row) {
  auto policy = loaded("begin transports\nt:\n  driver = " + std::string(row.driver) +
                       "\n" + row.options);
  if (!policy) return "no policy";
  return qrunner::unserved(policy->transports.front()).value_or("");
}

// Of a router and a local part.
struct Account {
  std::string router, local_part;
  bool another;
};

TEST(TransportOptions, RoutersThatDeliverAsAnotherUserAreFound) {
  std::string us = ::getpwuid(::geteuid())->pw_name;
  std::string other = us == "root" ? "daemon" : "root";
  const Account kRows[] = {
      {"", us, false},
      {"check_local_user\n", us, false},
      {"check_local_user\n", other, true},
      {"check_local_user\nuser = " + us + "\n", other, false},
      {"user = " + other + "\n", us, true},
      {"user = ${local_part}\n", us, true},
  };
  for (const Account& row : kRows) {
    auto policy =
        loaded("begin routers\nr:\n  driver = accept\n  verify_only\n" + row.router);
    ASSERT_TRUE(policy) << row.router;
    EXPECT_EQ(qrunner::delivers_as_another(policy->routers.front(), row.local_part),
              row.another)
        << row.router << row.local_part;
  }
}

TEST(TransportOptions, WhatIsNotServedIsNamed) {
  std::string uid = std::to_string(::geteuid()), gid = std::to_string(::getegid());
  std::string other = std::to_string(::geteuid() + 1);
  const Row kRows[] = {
      {"appendfile", "", ""},
      {"appendfile", "maildir_format\ndirectory = /d\nuse_fcntl_lock = no\n", ""},
      {"appendfile", "quota = 10M\n", "quota"},
      {"appendfile", "quota = ${lookup{$local_part}lsearch{/q}}\n", "quota"},
      {"appendfile", "quota = 0\nquota_filecount =\nuse_bsmtp = false\n", ""},
      {"appendfile", "maildir_use_size_file = no\nbatch_max = 1\n", ""},
      {"appendfile", "maildir_use_size_file\n", "maildir_use_size_file"},
      {"appendfile", "batch_max = 2\n", "batch_max"},
      {"appendfile", "create_file = anywhere\n", ""},
      {"appendfile", "create_file = belowhome\n", "create_file"},
      {"appendfile", "check_string = \"From \"\n", "check_string"},
      {"appendfile", "check_string = \"\"\nescape_string = >\n", ""},
      {"appendfile", "mode = 0640\nuse_crlf\nmessage_size_limit = 1M\n", ""},
      {"appendfile", "user = " + uid + "\ngroup = " + gid + "\n", ""},
      {"appendfile", "user = " + other + "\n", "user"},
      {"appendfile", "user = no-such-user-here\n", "user"},
      {"appendfile", "user = $local_part\n", "user"},
      {"queuefile", "directory = /d\n", ""},
      {"queuefile", "directory = /d\nheaders_add = X: y\n", "headers_add"},
      {"queuefile", "directory = /d\nreturn_path_add\n", "return_path_add"},
      {"smtp", "hosts_try_dane = *\ncommand_timeout = 1m\n", ""},
      {"smtp", "hosts_require_dane = *.example\n", "hosts_require_dane"},
      {"smtp", "hosts_require_dane =\nhosts_require_ocsp = \"\"\n", ""},
      {"smtp", "socks_proxy = 192.0.2.1\n", "socks_proxy"},
      {"smtp", "utf8_downconvert = -1\n", ""},
      {"pipe", "command = /bin/cat\nuser = " + other + "\n", ""},
  };
  for (const Row& row : kRows)
    EXPECT_EQ(judged(row), row.unserved) << row.driver << "\n" << row.options;
}

}  // namespace
