// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/spool.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <set>

#include "base/handle.h"

namespace spoolfmt {

namespace {

using Directory = base::Handle<DIR, ::closedir>;

bool is_letter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// What Exim counts as a message: any 18- or 25-character name ending in "-H".
bool looks_like_message(std::string_view name) {
  return (name.size() == MessageId::kOldLength + 2 ||
          name.size() == MessageId::kLongLength + 2) &&
         name.ends_with("-H");
}

SpoolEntry make_entry(std::string_view name, char subdirectory) {
  SpoolEntry entry;
  entry.stem_size = static_cast<std::uint8_t>(name.size() - 2);
  std::copy_n(name.begin(), entry.stem_size, entry.stem_bytes.begin());
  entry.subdirectory = subdirectory;
  return entry;
}

base::Result<Directory> open_directory(const std::filesystem::path& path) {
  base::Fd fd = TRY(base::open_file(path, O_RDONLY | O_DIRECTORY | O_NOATIME));
  Directory directory(::fdopendir(fd.get()));
  if (!directory) return base::system_failure(path.string(), errno);
  fd.release();  // the stream's from here on
  return directory;
}

std::filesystem::path parent_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : ".";
}

// Gives `path` this mode and, if we are root, the owner of the directory it is in.  A
// change costs the file system more than a look, and mostly there is nothing to change.
base::Result<void> settle(int fd, const std::string& path, mode_t mode) {
  auto failure = [&] { return base::system_failure(path, errno); };
  struct stat status{};
  if (::fstat(fd, &status) != 0) return failure();
  if ((status.st_mode & 07777) != mode && ::fchmod(fd, mode) != 0) return failure();
  if (::geteuid() != 0) return {};
  auto parent = parent_of(path);
  struct stat above{};
  if (::stat(parent.c_str(), &above) != 0)
    return base::system_failure(parent.string(), errno);
  bool same = status.st_uid == above.st_uid && status.st_gid == above.st_gid;
  if (!same && ::fchown(fd, above.st_uid, above.st_gid) != 0) return failure();
  return {};
}

}  // namespace

base::Result<void> make_directory(const std::filesystem::path& directory) {
  if (::mkdir(directory.c_str(), 0750) != 0) {
    if (errno == EEXIST) return {};
    return base::system_failure(directory.string(), errno);
  }
  base::Fd fd = TRY(base::open_file(directory, O_RDONLY | O_DIRECTORY));
  TRY(settle(fd.get(), directory, 0750));
  return base::sync_directory(parent_of(directory));
}

base::Result<void> settle_file(int fd, const std::string& path) {
  return settle(fd, path, 0640);
}

Spool::Spool(std::filesystem::path directory, std::string queue, bool split)
    : directory_(std::move(directory)),
      queue_(std::move(queue)),
      root_(queue_.empty() ? directory_ : directory_ / queue_),
      split_(split) {}

base::Result<Spool> Spool::open(std::filesystem::path directory, std::string queue,
                                bool split) {
  if (queue.find('/') != std::string::npos || queue == "." || queue == "..")
    return base::fail(base::Code::usage, "'" + queue + "' is not the name of a queue");
  Spool spool(std::move(directory), std::move(queue), split);
  struct stat status{};
  if (::stat(spool.input().c_str(), &status) != 0) {
    if (errno != ENOENT) return base::system_failure(spool.input().string(), errno);
    return base::fail(base::Code::not_found, spool.input().string() +
                                                 ": no such directory: is " +
                                                 spool.directory_.string() +
                                                 " a spool? (--spool names another)");
  }
  if (!S_ISDIR(status.st_mode))
    return base::system_failure(spool.input().string(), ENOTDIR);
  return spool;
}

base::Result<Spool> Spool::create(std::filesystem::path directory, std::string queue,
                                  bool split) {
  Spool spool(std::move(directory), std::move(queue), split);
  TRY(make_directory(spool.directory_));
  TRY(make_directory(spool.root_));
  TRY(make_directory(spool.input()));
  TRY(make_directory(spool.msglog()));
  return open(spool.directory_, spool.queue_, split);
}

std::filesystem::path Spool::input(char subdirectory) const {
  auto path = root_ / "input";
  return subdirectory == 0 ? path : path / std::string(1, subdirectory);
}

std::filesystem::path Spool::msglog(char subdirectory) const {
  auto path = root_ / "msglog";
  return subdirectory == 0 ? path : path / std::string(1, subdirectory);
}

namespace {

std::string below(const std::filesystem::path& root, std::string_view name,
                  char subdirectory) {
  constexpr std::size_t kFile = 40;  // "/input/A/<id>-H" and some
  std::string place;
  place.reserve(root.native().size() + kFile);
  place += root.native();
  if (!place.ends_with('/')) place += '/';
  place += name;
  if (subdirectory != 0) place.append({'/', subdirectory});
  return place;
}

}  // namespace

std::string Spool::input_name(char subdirectory) const {
  return below(root_, "input", subdirectory);
}

std::string Spool::file_name(char subdirectory, const MessageId& id,
                             std::string_view suffix) const {
  return input_name(subdirectory).append("/").append(id.text()).append(suffix);
}

std::string Spool::message_log_name(char subdirectory, const MessageId& id) const {
  return below(root_, "msglog", subdirectory).append("/").append(id.text());
}

char Spool::subdirectory_for(const MessageId& id) const {
  return split_ ? id.split_letter() : '\0';
}

std::array<char, 2> Spool::places_of(const MessageId& id) const {
  return {subdirectory_for(id), split_ ? '\0' : id.split_letter()};
}

base::Result<char> Spool::locate(const MessageId& id, std::string_view suffix) const {
  std::string name = id.str() + std::string(suffix);
  for (char subdirectory : places_of(id)) {
    struct stat status{};
    auto path = input(subdirectory) / name;
    if (::lstat(path.c_str(), &status) == 0) return subdirectory;
    if (errno != ENOENT && errno != ENOTDIR)
      return base::system_failure(path.string(), errno);
  }
  return base::fail(base::Code::not_found, name + ": no such file in this queue");
}

base::Result<void> Spool::for_each_name(
    const std::function<bool(std::string_view, char)>& visit,
    const std::function<void(const base::Error&)>& trouble) const {
  std::string subdirectories;
  bool go_on = true;
  auto read = [&](char subdirectory) -> base::Result<void> {
    Directory directory = TRY(open_directory(input(subdirectory)));
    while (go_on) {
      errno = 0;
      const dirent* item = ::readdir(directory.get());
      if (item == nullptr) {
        if (errno != 0)
          return base::system_failure(input(subdirectory).string(), errno);
        return {};
      }
      std::string_view name = item->d_name;
      if (subdirectory == 0 && name.size() == 1 && is_letter(name[0])) {
        if (item->d_type == DT_DIR || item->d_type == DT_UNKNOWN)
          subdirectories += name;
      } else {
        go_on = visit(name, subdirectory);
      }
    }
    return {};
  };
  TRY(read(0));
  std::sort(subdirectories.begin(), subdirectories.end());
  for (char subdirectory : subdirectories) {
    if (!go_on) break;
    auto done = read(subdirectory);
    // An empty subdirectory may be removed by Exim while we are on our way to it.
    if (!done && done.error().code != base::Code::not_found) trouble(done.error());
  }
  return {};
}

base::Result<void> Spool::for_each(
    const std::function<bool(const SpoolEntry&)>& visit,
    const std::function<void(const base::Error&)>& trouble) const {
  return for_each_name(
      [&](std::string_view name, char subdirectory) {
        return !looks_like_message(name) || visit(make_entry(name, subdirectory));
      },
      trouble);
}

base::Result<std::vector<SpoolEntry>> Spool::sorted(
    const std::function<void(const base::Error&)>& trouble) const {
  std::vector<SpoolEntry> entries;
  std::set<std::string, std::less<>> journals;  // few: only deliveries at work have one
  TRY(for_each_name(
      [&](std::string_view name, char subdirectory) {
        if (looks_like_message(name))
          entries.push_back(make_entry(name, subdirectory));
        else if (name.ends_with("-J"))
          journals.emplace(name.substr(0, name.size() - 2));
        return true;
      },
      trouble));
  for (SpoolEntry& entry : entries)
    entry.has_no_journal = journals.find(entry.stem()) == journals.end();
  std::stable_sort(entries.begin(), entries.end(),
                   [](const SpoolEntry& a, const SpoolEntry& b) {
                     return queue_order(a.stem(), b.stem());
                   });
  return entries;
}

}  // namespace spoolfmt
