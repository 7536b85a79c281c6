// SPDX-License-Identifier: Apache-2.0
#include "receiver/spooler.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <utility>

#include "base/text.h"

namespace receiver {

namespace {

// Ids of other processes in other pid namespaces can clash with ours; the next tick
// cannot.
constexpr int kIdAttempts = 10;

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

Spooler::Spooler(spoolfmt::Spool spool, Options options, base::MainLog& log,
                 const base::Clock& clock, net::Pool& pool)
    : spool_(std::move(spool)),
      options_(std::move(options)),
      log_(log),
      clock_(clock),
      pool_(pool),
      ids_(options_.ids, static_cast<std::uint64_t>(::getpid())),
      login_(login_name()) {}

base::Result<Incoming> Spooler::create() {
  for (int attempt = 1;; ++attempt) {
    base::Time now = clock_.now();
    auto file = spoolfmt::NewMessage::create(spool_, ids_.next(now));
    if (file) return Incoming{std::move(*file), now};
    if (file.error().code != base::Code::temporary || attempt == kIdAttempts)
      return std::unexpected(file.error());
  }
}

asio::awaitable<base::Result<Incoming>> Spooler::begin() {
  auto job = [this] { return create(); };
  auto created = co_await pool_.run(job);
  co_return created;
}

asio::awaitable<base::Result<void>> Spooler::write(Incoming& message,
                                                   std::string_view body) {
  auto job = [&message, body] { return message.file.write_body(body); };
  auto written = co_await pool_.run(job);
  co_return written;
}

asio::awaitable<base::Result<void>> Spooler::commit(Incoming& message,
                                                    const Client& client,
                                                    const Envelope& envelope,
                                                    const Content& content) {
  auto job = [&] { return publish(message, client, envelope, content); };
  auto published = co_await pool_.run(job);
  co_return published;
}

base::Result<void> Spooler::publish(Incoming& message, const Client& client,
                                    const Envelope& envelope, const Content& content) {
  TRY(message.file.write_body(content.body()));
  TRY(message.file.sync_body());
  base::Time complete = clock_.now();
  spoolfmt::HFile file = make_h_file(message, client, envelope, content, complete);
  TRY(message.file.commit(file));
  std::string line =
      arrival(client, envelope, logged_size(file, message.file.body_size()),
              spool_.queue(), message_id_of(file.headers));
  if (options_.message_logs) message.file.log("Received from " + line, complete);
  return log_.write(message.file.id().text(), "<= " + line);
}

// Options stand in the order in which Exim writes them.  What the client chose is
// tainted; what the kernel or we say is not.
spoolfmt::HFile Spooler::make_h_file(const Incoming& message, const Client& client,
                                     const Envelope& envelope, const Content& content,
                                     base::Time complete) const {
  spoolfmt::HFile file;
  file.id = message.file.id();
  file.login = login_;
  file.uid = static_cast<std::int64_t>(::geteuid());
  file.gid = static_cast<std::int64_t>(::getegid());
  file.sender = envelope.sender;
  file.received = seconds_of(message.started);

  auto& options = file.options;
  options.push_back(plain("received_time_usec", fraction_of(message.started)));
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
  std::string received =
      received_header(options_.hostname, client, envelope, file.id, complete);
  file.headers.push_back({'P', std::move(received)});
  for (spoolfmt::Header& header : content.headers())
    file.headers.push_back(std::move(header));
  return file;
}

}  // namespace receiver
