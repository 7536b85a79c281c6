// SPDX-License-Identifier: Apache-2.0
//
// make_spool DIR COUNT [split] [due] [domains=N] [big=PERCENT] [size=BYTES]: a spool of
// COUNT messages of 1 KiB for 500 domains, the same bytes every time; one of 50 is
// frozen, unless all are to be `due`.  The domains get the same number each, but for
// the first if it is `big`: so much of all, evenly strewn.
//
// Nothing is synced and nothing locked.
#include <cstdio>

#include "base/fd.h"
#include "base/text.h"
#include "spoolfmt/d_file.h"
#include "spoolfmt/h_file.h"
#include "spoolfmt/spool.h"

namespace {

constexpr std::int64_t kStart = 1'795'000'000;

constexpr std::size_t kLine = 64;

struct Shape {
  unsigned count = 0;
  bool split = false;
  bool due = false;
  unsigned domains = 500;
  unsigned big = 0;  // percent, of the first domain
  std::size_t body = 1024;
};

// Which domain the message goes to.
unsigned domain_of(unsigned number, const Shape& shape) {
  unsigned place = number % 100;
  if (shape.big == 0 || shape.domains == 1) return number % shape.domains;
  if (place < shape.big) return 0;
  unsigned small = number / 100 * (100 - shape.big) + place - shape.big;
  return 1 + small % (shape.domains - 1);
}

std::size_t lines_of(const Shape& shape) {
  return (shape.body + kLine - 1) / kLine;
}

spoolfmt::HFile make_message(const spoolfmt::MessageId& id, std::int64_t received,
                             unsigned number, const Shape& shape) {
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
  // Exim sends chunks as long as this says.
  file.set_value("body_linecount", std::to_string(lines_of(shape)));
  file.set_value("max_received_linelength", "76");
  file.set_flag("deliver_firsttime");
  if (number % 50 == 0 && !shape.due)
    file.set_value("frozen", std::to_string(received + 60));
  spoolfmt::Recipient recipient;
  recipient.address =
      "user" + n + "@d" + std::to_string(domain_of(number, shape)) + ".example";
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

base::Result<void> make(const std::filesystem::path& directory, const Shape& shape) {
  auto spool = TRY(spoolfmt::Spool::create(directory, {}, shape.split));
  std::string body;
  for (std::size_t i = 0; i < lines_of(shape); ++i)
    body += std::string(kLine - 1, 'x') + "\n";
  for (unsigned i = 0; i < shape.count; ++i) {
    std::int64_t received = kStart + i / 20;
    auto id = spoolfmt::encode({received, 1000 + i % 20, (i % 20) * 5000, {}}, {});
    auto where = spool.input(spool.subdirectory_for(id));
    TRY(spoolfmt::make_directory(where));
    TRY(write_file(where / (id.str() + "-D"), spoolfmt::d_first_line(id) + body));
    TRY(write_file(
        where / (id.str() + "-H"),
        spoolfmt::format_h_file<std::string>(make_message(id, received, i, shape))));
  }
  return {};
}

// A size counts the header section, which is about 512 bytes.
bool read_shape(int argc, char** argv, Shape& shape) {
  auto number = [](std::string_view text, auto& into) {
    auto value = base::to_number(text);
    if (value && *value > 0) into = static_cast<std::decay_t<decltype(into)>>(*value);
    return value && *value > 0;
  };
  bool right = argc > 2 && number(argv[2], shape.count);
  for (int i = 3; i < argc && right; ++i) {
    std::string_view word = argv[i];
    if (word == "split")
      shape.split = true;
    else if (word == "due")
      shape.due = true;
    else if (word.starts_with("domains="))
      right = number(word.substr(8), shape.domains);
    else if (word.starts_with("big="))
      right = number(word.substr(4), shape.big) && shape.big < 100;
    else if (word.starts_with("size="))
      right = number(word.substr(5), shape.body);
    else
      right = false;
  }
  if (shape.body > 512) shape.body -= 512;
  return right;
}

}  // namespace

int main(int argc, char** argv) {
  Shape shape;
  if (!read_shape(argc, argv, shape)) {
    std::fprintf(stderr,
                 "usage: make_spool DIR COUNT [split] [due] [domains=N] [big=PERCENT] "
                 "[size=BYTES]\n");
    return 64;
  }
  auto made = make(argv[1], shape);
  if (made) return 0;
  std::fprintf(stderr, "make_spool: %s\n", made.error().text.c_str());
  return 1;
}
