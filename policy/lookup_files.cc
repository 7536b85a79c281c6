// SPDX-License-Identifier: Apache-2.0
#include "policy/lookup_files.h"

#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <ctime>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "base/fd.h"

namespace policy {

namespace {

constexpr std::size_t kMostFiles = 256;
constexpr std::size_t kLargestFile = std::size_t{256} << 20;

// In nanoseconds; changes every few milliseconds.
std::int64_t coarse_now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

struct Identity {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  timespec changed{};

  bool operator==(const Identity& other) const {
    return same_file(other) && size == other.size &&
           changed.tv_sec == other.changed.tv_sec &&
           changed.tv_nsec == other.changed.tv_nsec;
  }
  bool same_file(const Identity& other) const {
    return device == other.device && inode == other.inode;
  }
};

base::Result<Identity> identity_of(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return base::system_failure(path, errno);
  return Identity{status.st_dev, status.st_ino, status.st_size, status.st_mtim};
}

}  // namespace

struct LookupFiles::State {
  struct File {
    std::mutex making;  // one reads a changed file, the others wait for it
    std::atomic<std::int64_t> looked_at{-1};
    std::atomic<std::int64_t> used{0};
    std::mutex reading;  // guards what follows
    Identity identity;
    Kept made;
  };
  using FilePtr = std::shared_ptr<File>;

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  FilePtr file(std::string_view key);

  std::shared_mutex mutex;
  std::unordered_map<std::string, FilePtr, Hash, std::equal_to<>> files;  // form, path

  // Open databases: one environment a file, whatever its names.
  std::mutex databases_mutex;
  std::map<std::pair<dev_t, ino_t>, std::weak_ptr<const base::LmdbReader>> databases;
};

LookupFiles::State::FilePtr LookupFiles::State::file(std::string_view key) {
  {
    std::shared_lock lock(mutex);
    auto found = files.find(key);
    if (found != files.end()) return found->second;
  }
  std::unique_lock lock(mutex);
  if (files.size() >= kMostFiles && !files.contains(key)) {
    auto oldest = files.begin();
    for (auto at = files.begin(); at != files.end(); ++at)
      if (at->second->used < oldest->second->used) oldest = at;
    files.erase(oldest);
  }
  FilePtr& file = files[std::string(key)];
  if (!file) file = std::make_shared<File>();
  return file;
}

LookupFiles::LookupFiles() : state_(std::make_unique<State>()) {}
LookupFiles::LookupFiles(LookupFiles& lender)
    : state_(std::make_unique<State>()), lender_(&lender) {}
LookupFiles::~LookupFiles() = default;

base::Result<LookupFiles::Kept> LookupFiles::kept(
    std::string_view form, std::string_view path,
    const std::function<base::Result<Kept>()>& make) {
  thread_local std::string key;
  key.assign(form).append(1, '\0').append(path);
  State::FilePtr file = state_->file(key);
  std::int64_t now = coarse_now();
  file->used.store(now, std::memory_order_relaxed);
  auto known = [&] {
    std::lock_guard lock(file->reading);
    return file->made;
  };
  if (file->looked_at.load(std::memory_order_acquire) == now)
    if (Kept made = known()) return made;

  std::lock_guard making(file->making);
  // Asked before it is read: what changes meanwhile is seen the next time.
  Identity identity = TRY(identity_of(std::string(path)));
  if (Kept made = known(); made && file->identity == identity) {
    file->looked_at.store(now, std::memory_order_release);
    return made;
  }
  Kept made = TRY(make());
  std::lock_guard lock(file->reading);
  file->made = made;
  file->identity = identity;
  file->looked_at.store(now, std::memory_order_release);
  return made;
}

base::Result<std::string> LookupFiles::read(std::string_view path) {
  return base::read_file(path, kLargestFile);
}

base::Result<std::shared_ptr<const base::LmdbReader>> LookupFiles::lmdb(
    std::string_view path) {
  if (lender_ != nullptr) return lender_->lmdb(path);
  auto open = [&]() -> base::Result<Kept> {
    std::string place(path);
    Identity identity = TRY(identity_of(place));
    std::lock_guard lock(state_->databases_mutex);
    std::erase_if(state_->databases,
                  [](const auto& entry) { return entry.second.expired(); });
    auto& known = state_->databases[{identity.device, identity.inode}];
    if (auto database = known.lock()) {
      TRY(database->check_size());
      return Kept(std::move(database));
    }
    auto opened =
        std::make_shared<const base::LmdbReader>(TRY(base::LmdbReader::open(place)));
    known = opened;
    return Kept(std::move(opened));
  };
  return std::static_pointer_cast<const base::LmdbReader>(
      TRY(kept("lmdb", path, open)));
}

}  // namespace policy
