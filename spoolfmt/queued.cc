// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/queued.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "spoolfmt/journal.h"

namespace spoolfmt {

namespace {

// A -H of 50,000 recipients and a megabyte of headers is some 5 MB; this is beyond any.
constexpr std::size_t kLargestH = std::size_t{256} << 20;

// Reads a file of usual size in one call, into the bytes `text` has already: a listing
// spends its time in system calls and allocations.  False for any other, and whatever
// is no file; read_all tells why.
bool read_usual(int fd, std::string& text) {
  constexpr std::size_t kUsual = std::size_t{16} << 10;
  ssize_t got = 0;
  text.resize_and_overwrite(kUsual, [&](char* to, std::size_t size) {
    got = ::pread(fd, to, size, 0);
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  });
  return got > 0 && static_cast<std::size_t>(got) < kUsual;
}

bool in_journal(const std::vector<std::string_view>& journal, std::string_view name) {
  return std::find(journal.begin(), journal.end(), name) != journal.end();
}

// Hardly any message has a journal, and not finding one is cheaper asked like this.
void read_journal(int directory, const std::string& name, Queued& queued) {
  if (::faccessat(directory, name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0) return;
  auto fd = base::open_at(directory, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  if (!fd) return;
  auto text = base::read_all(fd->get(), name, kLargestH);
  if (!text) return;
  queued.j_text = std::move(*text);
  queued.journal = parse_journal(queued.j_text);
}

}  // namespace

bool Queued::listed_as_delivered(std::string_view address) const {
  return h.file.delivered.found_by_exim(address) || in_journal(journal, address);
}

bool Queued::delivered(std::string_view address) const {
  std::string unique = unique_form(address);
  return h.file.delivered.contains(address) || h.file.delivered.contains(unique) ||
         in_journal(journal, address) || in_journal(journal, unique);
}

std::optional<std::int64_t> Queued::message_size() const {
  if (!d_size) return std::nullopt;
  auto first_line = static_cast<std::int64_t>(entry.stem_size) + 3;
  return static_cast<std::int64_t>(h.file.header_size() + h.damaged_header_size) +
         static_cast<std::int64_t>(*d_size) - first_line + 1;
}

std::optional<std::uint64_t> Queued::body_size() const {
  std::uint64_t first_line = entry.stem_size + 3U;
  if (!d_size || *d_size < first_line) return std::nullopt;
  return *d_size - first_line;
}

base::Result<int> Looker::directory(char subdirectory) {
  auto known = directories_.find(subdirectory);
  if (known == directories_.end()) {
    auto fd = TRY(base::open_file(spool_->input(subdirectory), O_RDONLY | O_DIRECTORY));
    known = directories_.emplace(subdirectory, std::move(fd)).first;
  }
  return known->second.get();
}

base::Result<void> Looker::look(const SpoolEntry& entry, Queued& queued) {
  queued.entry = entry;
  queued.h.clear();
  queued.journal.clear();
  queued.d_size.reset();
  int at = TRY(directory(entry.subdirectory));
  std::string name = entry.h_name();
  auto path = [&] { return (spool_->input(entry.subdirectory) / name).string(); };

  // Non-blocking, so that a fifo in a message's place cannot hold the listing.
  base::Fd h(::openat(at, name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!h) return base::system_failure(path(), errno);
  if (!read_usual(h.get(), queued.h_text))
    queued.h_text = TRY(base::read_all(h.get(), path(), kLargestH));

  name.back() = 'D';
  struct stat status{};
  if (::fstatat(at, name.c_str(), &status, 0) == 0)
    queued.d_size = static_cast<std::uint64_t>(status.st_size);

  name.back() = 'J';
  if (!entry.has_no_journal) read_journal(at, name, queued);
  name.back() = 'H';
  read_h_file(queued.h_text, name, queued.h);
  return {};
}

base::Result<SpoolEntry> find_entry(const Spool& spool, const MessageId& id) {
  SpoolEntry entry;
  auto text = id.text();
  std::copy(text.begin(), text.end(), entry.stem_bytes.begin());
  entry.stem_size = static_cast<std::uint8_t>(text.size());
  auto subdirectory = spool.locate(id, "-H");
  if (!subdirectory) {
    if (subdirectory.error().code != base::Code::not_found)
      return std::unexpected(subdirectory.error());
    return base::fail(base::Code::not_found,
                      id.str() + ": no such message in this queue");
  }
  entry.subdirectory = *subdirectory;
  return entry;
}

std::string format_listing_size(std::int64_t size) {
  char text[32];
  if (size == 0) return "     ";
  if (size < 1024)
    std::snprintf(text, sizeof text, "%5lld", static_cast<long long>(size));
  else if (size < 10 * 1024)
    std::snprintf(text, sizeof text, "%4.1fK", static_cast<double>(size) / 1024.0);
  else if (size < 1024 * 1024)
    std::snprintf(text, sizeof text, "%4lldK",
                  static_cast<long long>((size + 512) / 1024));
  else if (size < 10 * 1024 * 1024)
    std::snprintf(text, sizeof text, "%4.1fM",
                  static_cast<double>(size) / (1024.0 * 1024.0));
  else
    std::snprintf(text, sizeof text, "%4lldM",
                  static_cast<long long>((size + 512 * 1024) / (1024 * 1024)));
  return text;
}

std::string format_listing_age(std::int64_t seconds) {
  char text[32];
  std::int64_t age = seconds / 60;
  char unit = 'm';
  if (age > 90) {
    unit = 'h';
    age = (age + 30) / 60;
    if (age > 72) {
      unit = 'd';
      age = (age + 12) / 24;
    }
  }
  std::snprintf(text, sizeof text, "%2lld%c", static_cast<long long>(age), unit);
  return text;
}

}  // namespace spoolfmt
