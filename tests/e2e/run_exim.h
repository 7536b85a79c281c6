// SPDX-License-Identifier: Apache-2.0
//
// A real Exim on the spool of a test of bobbin-run.
#pragma once

#include <pwd.h>
#include <unistd.h>

#include "tests/e2e/run_support.h"
#include "tests/support/peers.h"

namespace run_tests {

// Exim with a throw-away configuration on a TestSpool; it insists on root for that.
#define REQUIRE_EXIM()      \
  REQUIRE_PROGRAM("exim4"); \
  if (::geteuid() != 0) GTEST_SKIP() << "exim4 -C takes root"

// What Exim needs to send everything to that port of this host.
inline std::string everything_to(const std::string& port, bool split = false) {
  return std::string("split_spool_directory = ") + (split ? "true" : "false") +
         "\nkeep_environment =\nspool_wireformat\nchunking_advertise_hosts = *\n"
         "acl_smtp_rcpt = accept\nacl_smtp_data = accept\n"
         "begin routers\nsmarthost:\n  driver = manualroute\n"
         "  route_list = * 127.0.0.1\n  self = send\n  transport = remote_smtp\n"
         "begin transports\nremote_smtp:\n  driver = smtp\n  port = " +
         port + "\n  hosts_try_chunking =\n";
}

class Exim {
 public:
  // `policy`: more of the main section, and the sections behind it.
  Exim(const TestSpool& spool, std::string_view policy) {
    own(spool.path());
    fs::permissions(spool.path(), fs::perms(0755));
    conf_ = spool.path() / "exim.conf";
    spill(conf_, "primary_hostname = t.example\nspool_directory = " +
                     (spool.path() / "spool").string() +
                     "\nlog_file_path = " + (spool.path() / "%slog").string() +
                     "\nqueue_only = true\nexim_user = Debian-exim\nnever_users =\n" +
                     std::string(policy));
    fs::permissions(conf_, fs::perms(0644));
  }

  support::Command command(std::vector<std::string> args,
                           std::string input = {}) const {
    args.insert(args.begin(), {"-C", conf_.string()});
    return {.program = "/usr/sbin/exim4",
            .args = std::move(args),
            .input = std::move(input)};
  }
  support::Outcome run(std::vector<std::string> args, std::string input = {}) const {
    return support::run(command(std::move(args), std::move(input)));
  }
  std::vector<std::string> ids() const {
    std::istringstream out(run({"-bpi"}).out.empty() ? run({"-bp"}).out : "");
    std::vector<std::string> found;
    for (std::string word; out >> word;)
      if (word.size() == 16 && word[6] == '-') found.push_back(word);
    return found;
  }
  // Queues one message for those recipients.
  std::string queue(std::vector<std::string> recipients,
                    const std::string& text) const {
    auto before = ids();
    recipients.insert(recipients.begin(), {"-odq", "-f", "s@x.example"});
    auto end = run(recipients, text);
    EXPECT_EQ(end.status, 0) << end.err;
    for (const auto& id : ids())
      if (std::ranges::find(before, id) == before.end()) return id;
    ADD_FAILURE() << "exim queued nothing: " << end.err;
    return {};
  }

  static void own(const fs::path& path) {
    const passwd* user = ::getpwnam("Debian-exim");
    if (!user) return;
    auto give = [&](const fs::path& what) {
      EXPECT_EQ(::chown(what.c_str(), user->pw_uid, user->pw_gid), 0);
    };
    give(path);
    for (const auto& item : fs::recursive_directory_iterator(path)) give(item.path());
  }

 private:
  fs::path conf_;
};

}  // namespace run_tests
