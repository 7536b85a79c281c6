// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/queued.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "spoolfmt/journal.h"

namespace spoolfmt {

namespace {

// A -H of 50,000 recipients and a megabyte of headers is some 5 MB; this is beyond any.
constexpr std::size_t kLargestH = std::size_t{256} << 20;

// Where -H is, from input/.
std::string h_place(const SpoolEntry& entry) {
  std::string place;
  if (entry.subdirectory != 0) place = {entry.subdirectory, '/'};
  place += entry.stem();
  place += "-H";
  return place;
}

// Non-blocking, so that a fifo in a message's place cannot hold the listing; and
// without a note of when it was read (base::open_at tells why), where we may leave that
// out.
base::Fd open_h(int directory, const std::string& name) {
  constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
  base::Fd h(::openat(directory, name.c_str(), kFlags | O_NOATIME));
  if (h || errno != EPERM) return h;
  return base::Fd(::openat(directory, name.c_str(), kFlags));
}

// Reads a file of usual size in one call, into the bytes `text` has already: a listing
// spends its time in system calls and allocations.  False, and no text, for any other,
// and whatever is no file; read_all tells why.  With RWF_NOWAIT also false if it is not
// in memory, and then the disk has been told to fetch it.
bool read_usual(int fd, std::string& text, int flags = 0) {
  constexpr std::size_t kUsual = std::size_t{16} << 10;
  constexpr std::size_t kPage = 4096;  // what memory has is a number of these
  ssize_t got = 0;
  text.resize_and_overwrite(kUsual, [&](char* to, std::size_t size) {
    iovec piece{to, size};
    got = ::preadv2(fd, &piece, 1, 0, flags);
    bool whole = got > 0 && static_cast<std::size_t>(got) < size &&
                 (flags == 0 || static_cast<std::size_t>(got) % kPage != 0);
    return whole ? static_cast<std::size_t>(got) : 0;
  });
  return !text.empty();
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

base::Result<int> Looker::input() {
  if (!input_) input_ = TRY(base::open_file(spool_->input(), O_RDONLY | O_DIRECTORY));
  return input_.get();
}

void Looker::expect(std::span<const SpoolEntry> entries) {
  if (expected_.size() < entries.size()) expected_.resize(entries.size());
  next_ = 0;
  end_ = entries.size();
  for (std::size_t i = 0; i < end_; ++i) {
    Opened& opened = expected_[i];
    opened.text.clear();
    opened.fd.reset();
    auto at = input();
    if (!at) continue;
    opened.fd = open_h(*at, h_place(entries[i]));
    if (opened.fd && read_usual(opened.fd.get(), opened.text, RWF_NOWAIT))
      opened.fd.reset();
  }
}

base::Result<void> Looker::look(const SpoolEntry& entry, Queued& queued) {
  queued.entry = entry;
  queued.h.clear();
  queued.journal.clear();
  queued.d_size.reset();
  queued.h_text.clear();
  base::Fd h;
  if (next_ < end_) {
    Opened& opened = expected_[next_++];
    h = std::move(opened.fd);
    queued.h_text.swap(opened.text);
  }
  int at = TRY(input());
  std::string name = h_place(entry);
  auto path = [&] { return (spool_->input(entry.subdirectory) / name).string(); };

  if (queued.h_text.empty()) {
    if (!h) h = open_h(at, name);
    if (!h) return base::system_failure(path(), errno);
    if (!read_usual(h.get(), queued.h_text))
      queued.h_text = TRY(base::read_all(h.get(), path(), kLargestH));
  }

  name.back() = 'D';
  struct stat status{};
  if (::fstatat(at, name.c_str(), &status, 0) == 0)
    queued.d_size = static_cast<std::uint64_t>(status.st_size);

  name.back() = 'J';
  if (!entry.has_no_journal) read_journal(at, name, queued);
  read_h_file(queued.h_text, entry.h_name(), queued.h);
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
