// SPDX-License-Identifier: Apache-2.0
//
// Spool streams: any bytes give files or errors and come to an end; what is whole is
// the same after another stream carried it.
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "spoolfmt/stream.h"
#include "tests/fuzz/fuzz.h"

using fuzz::require;

namespace {

struct File {
  std::string name;
  std::string bytes;

  bool operator==(const File&) const = default;
};

struct Reading {
  std::vector<File> files;
  std::vector<spoolfmt::StreamReader::Entry> entries;
  bool whole = false;  // to the end, without an error
};

base::Fd memory_file(std::string_view bytes) {
  base::Fd fd(::memfd_create("stream", MFD_CLOEXEC));
  require(base::write_all(fd.get(), bytes, "memory").has_value(), "memory to be had");
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

bool read_bytes(spoolfmt::StreamReader& reader, std::string& bytes) {
  for (;;) {
    auto piece = reader.read();
    if (!piece) return false;
    if (piece->empty()) return true;
    bytes += *piece;
    if (bytes.size() > 1 << 20) return false;  // a sparse entry can claim to be huge
  }
}

Reading read(int fd) {
  Reading reading;
  auto reader = spoolfmt::StreamReader::open(fd);
  if (!reader) return reading;
  reading.whole = true;
  for (int steps = 0; !reader->over(); ++steps) {
    require(steps < 100'000, "it comes to an end");
    auto entry = reader->next();
    if (!entry) {
      require(!entry.error().text.empty(), "an error says what is wrong");
      reading.whole = false;
      continue;
    }
    if (!*entry) break;
    const auto& file = **entry;
    require(!file.id.empty(), "a file of a message");
    require(file.kind == 'D' || file.kind == 'J' || file.kind == 'H', "of a kind");
    std::string bytes;
    if (!read_bytes(*reader, bytes)) {
      reading.whole = false;
      continue;
    }
    require(bytes.size() == file.size, "as long as it said");
    reading.files.push_back({file.id.str() + "-" + file.kind, std::move(bytes)});
    reading.entries.push_back(file);
  }
  return reading;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reading reading = read(memory_file(fuzz::text_of(data, size)).get());
  if (!reading.whole) return 0;

  base::Fd copy = memory_file({});
  auto writer = spoolfmt::StreamWriter::open(copy.get());
  require(writer.has_value(), "a stream to write");
  for (std::size_t i = 0; i < reading.files.size(); ++i) {
    const auto& entry = reading.entries[i];
    require(writer->begin(entry.id, entry.kind, entry.size, base::Time()).has_value() &&
                writer->write(reading.files[i].bytes).has_value(),
            "what was read can be written");
  }
  require(writer->finish().has_value(), "to the end");
  ::lseek(copy.get(), 0, SEEK_SET);
  Reading again = read(copy.get());
  require(again.whole && again.files == reading.files, "and is the same again");
  return 0;
}
