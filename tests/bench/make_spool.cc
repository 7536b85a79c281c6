// SPDX-License-Identifier: Apache-2.0
//
// make_spool DIR COUNT [split]: a spool of COUNT messages of 1 KiB for 500 domains, the
// same bytes every time.
//
// Nothing is synced and nothing locked: it is made to be looked at.
#include <cstdio>
#include <cstdlib>

#include "base/fd.h"
#include "spoolfmt/d_file.h"
#include "spoolfmt/h_file.h"
#include "spoolfmt/spool.h"

namespace {

constexpr std::int64_t kStart = 1'795'000'000;
constexpr std::size_t kBody = 512;

spoolfmt::HFile make_message(const spoolfmt::MessageId& id, std::int64_t received,
                             unsigned number) {
  std::string n = std::to_string(number);
  spoolfmt::HFile file;
  file.id = id;
  file.login = "Debian-exim";
  file.uid = file.gid = 110;
  file.sender = "sender" + std::to_string(number % 97) + "@origin.example";
  file.received = received;
  file.set_value("received_time_usec", ".680109");
  file.set_value("received_time_complete", std::to_string(received) + ".681270");
  file.set_value("helo_name", "client.example");
  file.set_value("host_address",
                 "[192.0.2." + std::to_string(number % 254 + 1) + "]:25");
  file.set_value("received_protocol", "esmtp");
  file.set_value("body_linecount", "8");
  file.set_value("max_received_linelength", "76");
  file.set_flag("deliver_firsttime");
  if (number % 50 == 0) file.set_value("frozen", std::to_string(received + 60));
  spoolfmt::Recipient recipient;
  recipient.address = "user" + n + "@d" + std::to_string(number % 500) + ".example";
  file.recipients.push_back(recipient);
  file.headers = {
      {'P',
       "Received: from [192.0.2.1] (helo=client.example)\n\tby mx.example with "
       "esmtp (Exim 4.96)\n\t(envelope-from <" +
           file.sender + ">)\n\tid " + id.str() + "\n\tfor " + recipient.address +
           ";\n\tSat, 21 Nov 2026 00:41:19 +0000\n"},
      {'F', "From: Sender <" + file.sender + ">\n"},
      {'T', "To: " + recipient.address + "\n"},
      {' ', "Subject: message number " + n + "\n"},
      {' ', "Date: Sat, 21 Nov 2026 00:41:19 +0000\n"},
      {'I', "Message-ID: <m" + n + "@origin.example>\n"},
  };
  return file;
}

base::Result<void> write_file(const std::filesystem::path& path,
                              std::string_view bytes) {
  auto fd = TRY(base::open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0640));
  TRY(spoolfmt::settle_file(fd.get(), path));
  return base::write_all(fd.get(), bytes, path.string());
}

base::Result<void> make(const std::filesystem::path& directory, unsigned count,
                        bool split) {
  auto spool = TRY(spoolfmt::Spool::create(directory, {}, split));
  std::string body;
  while (body.size() < kBody) body += std::string(63, 'x') + "\n";
  for (unsigned i = 0; i < count; ++i) {
    std::int64_t received = kStart + i / 20;
    auto id = spoolfmt::encode({received, 1000 + i % 20, (i % 20) * 5000, {}}, {});
    auto where = spool.input(spool.subdirectory_for(id));
    TRY(spoolfmt::make_directory(where));
    TRY(write_file(where / (id.str() + "-D"), spoolfmt::d_first_line(id) + body));
    TRY(write_file(where / (id.str() + "-H"), spoolfmt::format_h_file<std::string>(
                                                  make_message(id, received, i))));
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: make_spool DIR COUNT [split]\n");
    return 64;
  }
  auto made = make(argv[1], static_cast<unsigned>(std::atoi(argv[2])), argc > 3);
  if (made) return 0;
  std::fprintf(stderr, "make_spool: %s\n", made.error().text.c_str());
  return 1;
}
