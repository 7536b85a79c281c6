// SPDX-License-Identifier: Apache-2.0
#include "receiver/h_lines.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <utility>

namespace receiver {

namespace {

std::string login_name() {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0)
    return {};
  return found ? found->pw_name : std::string();
}

std::int64_t seconds_of(base::Time time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

// ".012345"
std::string fraction_of(base::Time time) {
  auto microseconds = time.time_since_epoch() % std::chrono::seconds(1);
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), ".%06lld",
                static_cast<long long>(microseconds.count()));
  return text.data();
}

std::string bracketed(const net::Endpoint& endpoint) {
  return "[" + endpoint.address + "]:" + std::to_string(endpoint.port);
}

spoolfmt::Option plain(std::string name, std::string value) {
  return {std::move(name), std::move(value), true, false, {}};
}

spoolfmt::Option tainted(std::string name, std::string value) {
  return {std::move(name), std::move(value), true, true, {}};
}

spoolfmt::Option flag(std::string name) {
  return {std::move(name), {}, false, false, {}};
}

}  // namespace

std::uint64_t logged_size(const spoolfmt::HFile& file, std::uint64_t body_size) {
  std::uint64_t size = file.header_size() + body_size + 1;
  for (const spoolfmt::Header& header : file.headers)
    for (std::size_t length = header.text.size(); length >= 1000; length /= 10) ++size;
  return size;
}

// Options stand in the order in which Exim writes them.  What the client chose is
// tainted; what the kernel or we say is not.
spoolfmt::HFile make_h_file(const spoolfmt::MessageId& id, const std::string& hostname,
                            const Client& client, const Envelope& envelope,
                            const Content& content, base::Time started,
                            base::Time complete) {
  static const std::string login = login_name();
  spoolfmt::HFile file;
  file.id = id;
  file.login = login;
  file.uid = static_cast<std::int64_t>(::geteuid());
  file.gid = static_cast<std::int64_t>(::getegid());
  file.sender = envelope.sender;
  file.received = seconds_of(started);

  auto& options = file.options;
  options.push_back(plain("received_time_usec", fraction_of(started)));
  options.push_back(
      plain("received_time_complete",
            std::to_string(seconds_of(complete)) + fraction_of(complete)));
  options.push_back(tainted("helo_name", client.helo_name));
  options.push_back(plain("host_address", bracketed(client.peer)));
  options.push_back(plain("interface_address", bracketed(client.local)));
  options.push_back(plain("received_protocol", client.protocol));
  options.push_back(plain("body_linecount", std::to_string(content.body_lines())));
  options.push_back(
      plain("max_received_linelength", std::to_string(content.longest_line())));
  if (content.body_nuls() > 0)
    options.push_back(plain("body_zerocount", std::to_string(content.body_nuls())));
  options.push_back(flag("deliver_firsttime"));
  // No TLS, no resumption: Exim says so of every message since 4.95.
  options.push_back(plain("tls_resumption", "A"));

  for (const std::string& recipient : envelope.recipients)
    file.recipients.push_back({recipient, {}, {}, 0, -1, false});
  std::string received = received_header(hostname, client, envelope, file.id, complete);
  file.headers.push_back({'P', std::move(received)});
  for (spoolfmt::Header& header : content.headers())
    file.headers.push_back(std::move(header));
  return file;
}

}  // namespace receiver
