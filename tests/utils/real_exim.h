// SPDX-License-Identifier: Apache-2.0
//
// Debian's Exim on a spool of a test's own, with a throw-away configuration: nothing
// installed is read or changed and no network is used.
#pragma once

#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "spoolfmt/message_id.h"
#include "tests/support/peers.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace utils_test {

inline constexpr const char* kEximUser = "Debian-exim";

class RealExim {
 public:
  explicit RealExim(const std::filesystem::path& spool)
      : spool_(spool), program_(*support::find_program("exim4")) {
    std::filesystem::permissions(dir_.path(), std::filesystem::perms(0755));
    std::ofstream(dir_ / "conf")
        << "primary_hostname = judge.invalid\n"
        << "spool_directory = " << spool.string() << "\n"
        << "log_file_path = " << (dir_ / "log").string() << "/%slog\n"
        << "exim_user = " << kEximUser << "\n"
        << "keep_environment =\nqueue_only = true\n"
        << "host_lookup =\nnever_users =\n"
        << "begin routers\nr:\n  driver = accept\n"
        << "  transport = t\nbegin transports\nt:\n"
        << "  driver = appendfile\n  file = /dev/null\n"
        << "  user = " << kEximUser << "\n";
    std::filesystem::create_directory(dir_ / "log");
    give(dir_ / "log");
    give(spool);
  }

  // Everything below belongs to Exim, as in a spool of its own.
  static void give(const std::filesystem::path& path) {
    const passwd* user = ::getpwnam(kEximUser);
    auto own = [&](const std::filesystem::path& item) {
      EXPECT_EQ(::lchown(item.c_str(), user->pw_uid, user->pw_gid), 0) << item;
    };
    own(path);
    for (const auto& item : std::filesystem::recursive_directory_iterator(path))
      own(item.path());
  }

  support::Outcome run(std::vector<std::string> args) const {
    args.insert(args.begin(), {"-C", (dir_ / "conf").string()});
    return support::run({program_.string(), args});
  }

  // Makes Exim read and write the file again with nothing changed; its words.
  std::string rewrite(const std::string& id, const std::string& sender) const {
    return run({"-Mes", id, sender.empty() ? "<>" : sender}).out;
  }

  std::string log() const {
    std::ifstream in(dir_ / "log/mainlog");
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  support::TempDir dir_;
  std::filesystem::path spool_;
  std::filesystem::path program_;
};

// While it lives, a message of a spool is called by 16 characters, as every Exim can
// read it; those before 4.97 know no other id.  What `exim_id_update -d` changes and no
// more: the file names and their first lines.  One message at a time.
class ShortName {
 public:
  ShortName(std::filesystem::path input, std::string id)
      : input_(std::move(input)), id_(std::move(id)), short_id_(id_) {
    if (spoolfmt::MessageId::parse(id_)->is_long())
      short_id_ = id_.substr(0, 7) + id_.substr(12, 7) + id_.substr(19, 2);
    rename(id_, short_id_);
  }
  ShortName(const ShortName&) = delete;
  ShortName& operator=(const ShortName&) = delete;
  ~ShortName() { rename(short_id_, id_); }

  const std::string& id() const { return short_id_; }

 private:
  void rename(const std::string& from, const std::string& to) const {
    if (from == to) return;
    for (const char* suffix : {"-H", "-D"}) {
      auto file = input_ / (to + suffix);
      EXPECT_FALSE(std::filesystem::exists(file)) << file;
      std::filesystem::rename(input_ / (from + suffix), file);
      std::string text = base::read_file(file).value_or("");
      EXPECT_TRUE(text.starts_with(from + suffix)) << file;
      // The same file, so that it keeps its owner.
      std::ofstream(file, std::ios::binary) << to << text.substr(from.size());
    }
  }

  std::filesystem::path input_;
  std::string id_;
  std::string short_id_;
};

}  // namespace utils_test

// In a test's own body (it returns from it).
#define REQUIRE_EXIM()                                        \
  REQUIRE_PROGRAM("exim4");                                   \
  if (::geteuid() != 0 || !::getpwnam(utils_test::kEximUser)) \
  GTEST_SKIP() << "Exim takes -C from root only"
