// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/fd.h"
#include "spoolfmt/new_message.h"
#include "tests/support/temp_dir.h"

namespace spoolfmt {
namespace {

const MessageId kFirst = *MessageId::parse("1xUYvJ-0004Zg-2C");
const MessageId kSecond = *MessageId::parse("1xUYvo-000000005kR-09xI");

void put(const Spool& spool, const MessageId& id, std::string_view body) {
  auto message = *NewMessage::create(spool, id);
  ASSERT_TRUE(message.write_body(body));
  HFile file;
  file.id = id;
  file.received = 1795220745;
  file.recipients.push_back({"bob@remote.example", "", "", 0, -1, false});
  file.headers.push_back({'F', "From: a@b\n"});
  ASSERT_TRUE(message.commit(file));
  message.keep();
}

// Two messages, the second with a journal, as a stream's bytes.
std::string make_stream(const support::TempDir& dir, bool finish = true) {
  auto spool = *Spool::create(dir / "spool");
  put(spool, kFirst, std::string("body\0with nul\n", 14));
  put(spool, kSecond, std::string(200'000, 'x') + "\n");
  std::ofstream(spool.input() / (kSecond.str() + "-J")) << "bob@remote.example\n";
  auto out = *base::open_file(dir / "stream.tar", O_RDWR | O_CREAT);
  {
    auto writer = *StreamWriter::open(out.get());
    for (const MessageId& id : {kFirst, kSecond})
      EXPECT_TRUE(writer.add(*LockedMessage::lock(spool, id)));
    if (finish) {
      EXPECT_TRUE(writer.finish());
    }
  }
  return *base::read_file(dir / "stream.tar");
}

struct Read {
  std::vector<std::string> entries;  // name
  std::vector<std::string> texts;
  std::vector<std::string> errors;
};

Read read_stream(const support::TempDir& dir, const std::string& bytes) {
  auto path = dir / "in.tar";
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  auto in = *base::open_file(path, O_RDONLY);
  Read out;
  auto reader = StreamReader::open(in.get());
  if (!reader) {
    out.errors.push_back(reader.error().text);
    return out;
  }
  for (;;) {
    auto entry = reader->next();
    if (!entry) {
      out.errors.push_back(entry.error().text);
      if (reader->over()) return out;
      continue;
    }
    if (!*entry) return out;
    std::string text;
    for (;;) {
      auto piece = reader->read();
      if (!piece) {
        out.errors.push_back(piece.error().text);
        return out;
      }
      if (piece->empty()) break;
      text += *piece;
    }
    EXPECT_EQ(text.size(), (*entry)->size);
    out.entries.push_back((*entry)->id.str() + "-" + (*entry)->kind);
    out.texts.push_back(std::move(text));
  }
}

TEST(Stream, CarriesMessagesInTheOrderBodyJournalHeader) {
  support::TempDir dir;
  Read read = read_stream(dir, make_stream(dir));
  EXPECT_TRUE(read.errors.empty()) << read.errors[0];
  ASSERT_EQ(read.entries,
            (std::vector<std::string>{kFirst.str() + "-D", kFirst.str() + "-H",
                                      kSecond.str() + "-D", kSecond.str() + "-J",
                                      kSecond.str() + "-H"}));
  auto input = dir / "spool/input";
  for (std::size_t i = 0; i < read.entries.size(); ++i)
    EXPECT_EQ(read.texts[i], *base::read_file(input / read.entries[i]));
}

TEST(Stream, CutAnywhereLosesAtMostItsLastMessageAndSaysSo) {
  support::TempDir dir;
  const std::string whole = make_stream(dir);
  for (std::size_t cut = 0; cut < whole.size() - 1024; cut += cut < 4096 ? 97 : 4999) {
    Read read = read_stream(dir, whole.substr(0, cut));
    EXPECT_EQ(read.errors.size(), 1U) << cut;
    for (std::size_t i = 0; i < read.entries.size(); ++i)
      EXPECT_EQ(read.texts[i], *base::read_file(dir / "spool/input" / read.entries[i]));
  }
  // Between two messages, where the tar format itself sees no harm.
  support::TempDir other;
  Read read = read_stream(other, make_stream(other, /*finish=*/false));
  EXPECT_EQ(read.entries.size(), 5U);
  ASSERT_EQ(read.errors.size(), 1U);
  EXPECT_EQ(read.errors[0], "stream: cut short: there may have been more messages");
}

TEST(Stream, EntriesThatDoNotBelongAreNamedAndPassedOver) {
  support::TempDir dir;
  auto out = *base::open_file(dir / "stream.tar", O_RDWR | O_CREAT);
  {
    auto writer = *StreamWriter::open(out.get());
    ASSERT_TRUE(writer.begin(kFirst, 'H', 1, {}));  // no -D before it
    ASSERT_TRUE(writer.write("x"));
    ASSERT_TRUE(writer.begin(kFirst, 'X', 1, {}));
    ASSERT_TRUE(writer.write("x"));
    ASSERT_TRUE(writer.begin(kFirst, 'D', 1, {}));
    ASSERT_TRUE(writer.write("d"));
    ASSERT_TRUE(writer.begin(kSecond, 'H', 1, {}));
    ASSERT_TRUE(writer.write("x"));
    ASSERT_TRUE(writer.begin(kFirst, 'H', 1, {}));
    ASSERT_TRUE(writer.write("h"));
    ASSERT_TRUE(writer.finish());
  }
  Read read = read_stream(dir, *base::read_file(dir / "stream.tar"));
  EXPECT_EQ(read.entries,
            (std::vector<std::string>{kFirst.str() + "-D", kFirst.str() + "-H"}));
  EXPECT_EQ(read.errors.size(), 3U);
}

TEST(Stream, RubbishIsOneError) {
  support::TempDir dir;
  for (const std::string& bytes :
       {std::string("this is no tar at all\n"), std::string(2000, 'x')}) {
    Read read = read_stream(dir, bytes);
    EXPECT_TRUE(read.entries.empty());
    EXPECT_EQ(read.errors.size(), 1U);
  }
}

}  // namespace
}  // namespace spoolfmt
