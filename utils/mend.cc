// SPDX-License-Identifier: Apache-2.0
#include "utils/mend.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/fd.h"
#include "base/file_lock.h"
#include "spoolfmt/locked_message.h"

namespace utils {

namespace {

namespace fs = std::filesystem;
using base::Code;
using base::fail;
using base::Result;
using spoolfmt::LockedMessage;
using spoolfmt::MessageId;
using spoolfmt::Spool;

Result<void> unlink_file(const fs::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return base::system_failure(path.string(), errno);
  return {};
}

bool is_same_file(const fs::path& a, const fs::path& b) {
  struct stat one{};
  struct stat other{};
  return ::lstat(a.c_str(), &one) == 0 && ::lstat(b.c_str(), &other) == 0 &&
         one.st_ino == other.st_ino && one.st_dev == other.st_dev;
}

// A second name for the file; one that it has already is a move to be finished.
Result<void> link_file(const fs::path& from, const fs::path& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return {};
  if (errno != EEXIST) return base::system_failure(to.string(), errno);
  if (is_same_file(from, to)) return {};
  return fail(Code::permanent, from.string() + " and " + to.string() +
                                   " are different files: decide which one to remove");
}

bool is_found_by_id(char subdirectory, const MessageId& id) {
  return subdirectory == 0 || subdirectory == id.split_letter();
}

// Where the pair belongs: where -D is found now, best if -H is there too.
char destination(const Spool& spool, const MessageId& id, const MessagePlaces& places) {
  std::string found = places.d;
  std::erase_if(found, [&](char c) { return !is_found_by_id(c, id); });
  for (char place : found)
    if (places.h.contains(place)) return place;
  return found.empty() ? spool.subdirectory_for(id) : found.front();
}

Result<base::FileLock> lock_data(const fs::path& path, const MessageId& id) {
  auto fd = TRY(base::open_file(path, O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK));
  return base::FileLock::acquire(std::move(fd),
                                 static_cast<off_t>(id.first_line_length()), id.str());
}

}  // namespace

bool is_held(const fs::path& d_file, const MessageId& id) {
  auto fd = base::open_file(d_file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd) return false;
  struct flock range{};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_len = static_cast<off_t>(id.first_line_length());
  return ::fcntl(fd->get(), F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

Result<std::string> remove_temporary(const Spool& spool, const MessageId& id,
                                     const fs::path& path) {
  auto message = LockedMessage::lock(spool, id);
  if (!message && message.error().code != Code::not_found)
    return std::unexpected(std::move(message).error());
  TRY(unlink_file(path));
  return "removed";
}

Result<std::string> remove_journal(const fs::path& path) {
  TRY(unlink_file(path));
  return "removed";
}

Result<std::string> merge_journal(const Spool& spool, const MessageId& id) {
  auto message = TRY(LockedMessage::lock(spool, id));
  spoolfmt::HFile file = TRY(message.read_h());
  bool merged = TRY(message.recover_journal(file));
  if (!merged) return "gone meanwhile";
  TRY(message.remove_journal());
  return "merged into -H";
}

Result<std::string> remove_empty_data(const Spool& spool, const MessageId& id) {
  auto message = TRY(LockedMessage::lock(spool, id));
  struct stat status{};
  bool empty = ::fstat(message.d_fd(), &status) == 0 &&
               status.st_size <= static_cast<off_t>(id.first_line_length());
  if (!empty || spool.locate(id, "-H"))
    return fail(Code::temporary, id.str() + ": changed meanwhile");
  TRY(message.remove());
  return "removed";
}

Result<std::string> remove_finished(const Spool& spool, const MessageId& id,
                                    char subdirectory) {
  fs::path stem = spool.input(subdirectory) / id.str();
  TRY(unlink_file(spool.msglog(subdirectory) / id.str()));
  TRY(unlink_file(stem.string() + "-H"));
  TRY(unlink_file(stem.string() + "-J"));
  return "removed";
}

Result<std::string> move_together(const Spool& spool, const MessageId& id,
                                  const MessagePlaces& places) {
  char to = destination(spool, id, places);
  auto path = [&](char place, std::string_view suffix) {
    return spool.input(place) / (id.str() + std::string(suffix));
  };
  auto lock = TRY(lock_data(path(places.d.front(), "-D"), id));
  if (to != 0) TRY(spoolfmt::make_directory(spool.input(to)));

  struct File {
    const char* suffix;
    const std::string& places;
  };
  const File files[] = {{"-D", places.d}, {"-J", places.j}, {"-H", places.h}};
  for (const File& file : files)
    for (char from : file.places)
      if (from != to) TRY(link_file(path(from, file.suffix), path(to, file.suffix)));
  TRY(base::sync_directory(spool.input(to)));

  for (const char* suffix : {"-H", "-J", "-D"})
    for (const File& file : files)
      for (char from : file.places)
        if (from != to && suffix == std::string_view(file.suffix))
          TRY(unlink_file(path(from, suffix)));
  // The message log follows its message; Exim starts a new one if it does not find it.
  for (char from : places.d)
    if (from != to) {
      if (to != 0) TRY(spoolfmt::make_directory(spool.msglog(to)));
      ::rename((spool.msglog(from) / id.str()).c_str(),
               (spool.msglog(to) / id.str()).c_str());
    }
  std::string where =
      path(to, "-H").parent_path().lexically_relative(spool.directory());
  return "moved to " + where;
}

}  // namespace utils
