// SPDX-License-Identifier: Apache-2.0
//
// Dovecot's authenticator, and its LMTP server if wanted, in a directory of its own, as
// long as the object lives: any user gets in with the password "secret", and has a
// maildir.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "base/fd.h"
#include "tests/support/free_port.h"
#include "tests/support/peers.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace support {

class DovecotServer {
 public:
  enum class Mail { none, lmtp };

  explicit DovecotServer(const std::string& mechanisms = "plain login cram-md5",
                         Mail mail = Mail::none)
      : mail_(mail), port_(free_port()) {
    // Its processes run as a user who must be able to come here.
    std::filesystem::permissions(dir_.path(), std::filesystem::perms(0755));
    std::ofstream(dir_ / "users") << "kim:{PLAIN}secret\n";
    std::filesystem::permissions(dir_ / "users", std::filesystem::perms(0644));
    std::ofstream config(dir_ / "dovecot.conf");
    config << "base_dir = " << (dir_ / "run").string() << "\nlog_path = " << log()
           << "\nprotocols =" << (mail == Mail::lmtp ? " lmtp" : "")
           << "\nssl = no\ndisable_plaintext_auth = no\n"
           << "auth_mechanisms = " << mechanisms << "\n"
           << "auth_username_chars =\nauth_username_format = %u\n";
    if (::geteuid() != 0) {
      std::string user = ::getpwuid(::geteuid())->pw_name;
      config << "default_internal_user = " << user << "\ndefault_login_user = " << user
             << "\n";
    }
    config << "passdb {\n  driver = static\n  args = password=secret\n}\n"
           << "userdb {\n  driver = static\n  args = uid=" << mail_user()
           << " gid=" << mail_user() << " home=/\n}\n"
           << "service auth {\n  unix_listener " << socket()
           << " {\n    mode = 0666\n  }\n"
           << "  unix_listener " << master() << " {\n    mode = 0666\n  }\n"
           << "  inet_listener {\n    address = 127.0.0.1\n    port = " << port_
           << "\n  }\n}\n";
    if (mail == Mail::lmtp) {
      std::filesystem::create_directory(dir_ / "mail");
      std::filesystem::permissions(dir_ / "mail", std::filesystem::perms(0777));
      config << "first_valid_uid = 1\nmail_location = maildir:"
             << (dir_ / "mail").string() << "/%n\nservice lmtp {\n  unix_listener "
             << lmtp() << " {\n    mode = 0666\n  }\n}\n";
    }
    config.close();
    start();
  }
  DovecotServer(const DovecotServer&) = delete;
  DovecotServer& operator=(const DovecotServer&) = delete;
  ~DovecotServer() { stop(); }

  std::string socket() const { return (dir_ / "clients").string(); }
  std::string master() const { return (dir_ / "auth-master").string(); }
  std::string lmtp() const { return (dir_ / "lmtp").string(); }
  std::filesystem::path maildir(const std::string& user) const {
    return dir_ / "mail" / user;
  }
  std::string inet() const { return "127.0.0.1 " + std::to_string(port_); }
  std::string log() const { return (dir_ / "log").string(); }

  void start() {
    std::string program = find_program("dovecot")->string();
    process_ = std::make_unique<Process>(Command{
        .program = program, .args = {"-F", "-c", (dir_ / "dovecot.conf").string()}});
    auto end = std::chrono::steady_clock::now() + Process::kDeadline;
    while (!listens()) {
      if (std::chrono::steady_clock::now() > end) {
        ADD_FAILURE() << "dovecot does not listen: " << process_->err()
                      << std::ifstream(log()).rdbuf();
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  void stop() {
    if (!process_) return;
    process_->signal(SIGTERM);
    process_->wait();
    process_.reset();
  }

 private:
  static uid_t mail_user() { return ::geteuid() == 0 ? 65534 : ::geteuid(); }

  // It makes its sockets one after the other.
  bool listens() const {
    bool mail = mail_ == Mail::none || listens(lmtp());
    return mail && listens(socket()) && listens(master()) && listens(port_);
  }
  static bool listens(const std::string& path) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, sizeof name.sun_path - 1);
    return connects(AF_UNIX, &name, sizeof name);
  }
  static bool listens(std::uint16_t port) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connects(AF_INET, &name, sizeof name);
  }
  static bool connects(int family, const void* name, socklen_t size) {
    base::Fd tried(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return ::connect(tried.get(), static_cast<const sockaddr*>(name), size) == 0;
  }

  TempDir dir_;
  Mail mail_;
  std::uint16_t port_;
  std::unique_ptr<Process> process_;
};

}  // namespace support
