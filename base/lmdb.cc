// SPDX-License-Identifier: Apache-2.0
#include "base/lmdb.h"

#include <lmdb.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <mutex>
#include <shared_mutex>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/handle.h"

namespace base {

namespace {

bool is_damage(int error) {
  return error == MDB_INVALID || error == MDB_CORRUPTED || error == MDB_PAGE_NOTFOUND ||
         error == MDB_VERSION_MISMATCH;
}

// What a failed call says about `place`.
Error lmdb_error(std::string_view place, int error) {
  if (error > 0) return system_error(place, error);
  return {is_damage(error) ? Code::syntax : Code::temporary,
          std::string(place) + ": " + mdb_strerror(error)};
}

// Is the file as long as its pages need it?
Result<void> check_whole(MDB_env* env, const std::string& place) {
  MDB_envinfo info;
  MDB_stat pages;
  mdb_env_info(env, &info);
  mdb_env_stat(env, &pages);
  int fd = -1;
  mdb_env_get_fd(env, &fd);
  struct stat status;
  if (fstat(fd, &status) != 0) return system_failure(place, errno);
  if (static_cast<std::size_t>(status.st_size) <
      (info.me_last_pgno + 1) * pages.ms_psize)
    return fail(Code::syntax, place + ": the database was cut short");
  return {};
}

MDB_val as_value(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};
}
std::string_view as_text(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

using Transaction = Handle<MDB_txn, mdb_txn_abort>;

// Read transactions that wait for their next use: renewing one costs a fraction of
// beginning it.  A thread looks first where it was last time.
class IdleTransactions {
 public:
  ~IdleTransactions() { clear(); }
  void clear() {
    for (auto& slot : slots_) Transaction(slot.exchange(nullptr));
  }
  Transaction take() {
    for (std::size_t i = 0; i < slots_.size(); ++i)
      if (MDB_txn* idle = slot(i).exchange(nullptr)) return Transaction(idle);
    return nullptr;
  }
  void give_back(Transaction transaction) {
    mdb_txn_reset(transaction.get());
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      MDB_txn* none = nullptr;
      if (!slot(i).compare_exchange_strong(none, transaction.get())) continue;
      static_cast<void>(transaction.release());
      return;
    }
  }

 private:
  std::atomic<MDB_txn*>& slot(std::size_t offset) {
    static std::atomic<std::size_t> threads{0};
    thread_local const std::size_t number = threads++;
    return slots_[(number + offset) % slots_.size()];
  }
  std::array<std::atomic<MDB_txn*>, 16> slots_{};
};

// An open database and those who read it.
class Environment {
 public:
  explicit Environment(std::string named) : place(std::move(named)) {}

  // Runs `work` in a read transaction; its answer is that of LMDB.
  int read(const std::function<int(MDB_txn*, MDB_dbi)>& work);
  // Some entries from the key `from` on, in one read transaction, and the key to go on
  // with; empty: that was all.
  int read_some(std::string& from,
                std::vector<std::pair<std::string, std::string>>& out);
  void close();

  std::string place;
  Handle<MDB_env, mdb_env_close> env;
  MDB_dbi database = 0;
  // Held by who writes, and by who makes the map larger; taken before `map`.
  std::mutex writing;
  // Shared by those who read; alone while the map is made larger, which no transaction
  // may see.
  std::shared_mutex map;

 private:
  int try_begin(Transaction& transaction);

  IdleTransactions idle_;  // gone before the environment
};

int Environment::try_begin(Transaction& transaction) {
  if (!env) return EBADF;  // it could not be opened again
  transaction = idle_.take();
  if (transaction) return mdb_txn_renew(transaction.get());
  MDB_txn* begun = nullptr;
  int error = mdb_txn_begin(env.get(), nullptr, MDB_RDONLY, &begun);
  if (error == MDB_READERS_FULL) {  // places of processes that died
    int dead = 0;
    mdb_reader_check(env.get(), &dead);
    error = mdb_txn_begin(env.get(), nullptr, MDB_RDONLY, &begun);
  }
  transaction.reset(begun);
  return error;
}

int Environment::read(const std::function<int(MDB_txn*, MDB_dbi)>& work) {
  std::shared_lock reading(map);
  Transaction transaction;
  int error = try_begin(transaction);
  if (error == MDB_MAP_RESIZED) {  // its writer made the map larger
    transaction.reset();
    reading.unlock();
    {
      std::lock_guard nobody_writes(writing);
      std::unique_lock alone(map);
      if (env) mdb_env_set_mapsize(env.get(), 0);
    }
    reading.lock();
    error = try_begin(transaction);
  }
  if (error != 0) return error;
  error = work(transaction.get(), database);
  idle_.give_back(std::move(transaction));
  return error;
}

int Environment::read_some(std::string& from,
                           std::vector<std::pair<std::string, std::string>>& out) {
  constexpr int kAtOnce = 1000;
  return read([&](MDB_txn* transaction, MDB_dbi dbi) {
    MDB_cursor* made = nullptr;
    if (int error = mdb_cursor_open(transaction, dbi, &made)) return error;
    Handle<MDB_cursor, mdb_cursor_close> cursor(made);
    MDB_val key = as_value(from), value{};
    int error =
        mdb_cursor_get(made, &key, &value, from.empty() ? MDB_FIRST : MDB_SET_RANGE);
    for (int seen = 0; error == 0 && seen < kAtOnce; ++seen) {
      out.emplace_back(as_text(key), as_text(value));
      error = mdb_cursor_get(made, &key, &value, MDB_NEXT);
    }
    from = error == 0 ? std::string(as_text(key)) : std::string();
    return error == MDB_NOTFOUND ? 0 : error;
  });
}

void Environment::close() {
  idle_.clear();
  env.reset();
}

Result<bool> get_from(Environment& environment, std::string_view key,
                      std::string& value) {
  int error = environment.read([&](MDB_txn* transaction, MDB_dbi dbi) {
    MDB_val wanted = as_value(key);
    MDB_val found{};
    int missing = mdb_get(transaction, dbi, &wanted, &found);
    if (missing == 0) value = as_text(found);
    return missing;
  });
  if (error == 0) return true;
  // An empty key, or one that is too long for any.
  if (error == MDB_NOTFOUND || error == MDB_BAD_VALSIZE) return false;
  return std::unexpected(lmdb_error(environment.place, error));
}

Result<void> visit_all(Environment& environment, std::string_view from,
                       const LmdbVisit& visit) {
  std::string next(from);
  do {
    std::vector<std::pair<std::string, std::string>> some;
    if (int error = environment.read_some(next, some))
      return std::unexpected(lmdb_error(environment.place, error));
    for (const auto& [key, value] : some)
      if (!visit(key, value)) return {};
  } while (!next.empty());
  return {};
}

}  // namespace

struct LmdbReader::State : Environment {
  using Environment::Environment;
};

LmdbReader::LmdbReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
LmdbReader::LmdbReader(LmdbReader&&) noexcept = default;
LmdbReader& LmdbReader::operator=(LmdbReader&&) noexcept = default;
LmdbReader::~LmdbReader() = default;

Result<LmdbReader> LmdbReader::open(const std::filesystem::path& path) {
  auto made = std::make_unique<State>(path.string());
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return system_failure(made->place, errno);
  if (!S_ISREG(status.st_mode) || status.st_size == 0)
    return fail(Code::syntax, made->place + ": not an LMDB database: " +
                                  (status.st_size == 0 ? "empty" : "no plain file"));
  constexpr unsigned kFlags = MDB_NOSUBDIR | MDB_RDONLY | MDB_NOTLS;
  auto try_open = [&](unsigned more) {
    MDB_env* env = nullptr;
    if (int error = mdb_env_create(&env)) return error;
    made->env.reset(env);
    return mdb_env_open(env, made->place.c_str(), kFlags | more, 0640);
  };
  int error = try_open(0);
  // Where the lock file cannot be made, nobody writes either, or not often.
  if (error == EACCES || error == EROFS || error == EPERM) error = try_open(MDB_NOLOCK);
  if (error != 0) return std::unexpected(lmdb_error(made->place, error));

  LmdbReader reader(std::move(made));
  TRY(reader.check_size());
  State& state = *reader.state_;
  MDB_txn* begun = nullptr;
  error = mdb_txn_begin(state.env.get(), nullptr, MDB_RDONLY, &begun);
  if (error == 0) {
    Transaction transaction(begun);
    error = mdb_dbi_open(begun, nullptr, 0, &state.database);
    if (error == 0) error = mdb_txn_commit(transaction.release());
  }
  if (error != 0) return std::unexpected(lmdb_error(state.place, error));
  return reader;
}

Result<void> LmdbReader::check_size() const {
  return check_whole(state_->env.get(), state_->place);
}

Result<bool> LmdbReader::get(std::string_view key, std::string& value) const {
  return get_from(*state_, key, value);
}

Result<void> LmdbReader::for_each(std::string_view from, const LmdbVisit& visit) const {
  return visit_all(*state_, from, visit);
}

// ---- hints

namespace {

// Who opens or replaces a file of hints does it alone: two that found it damaged would
// else remove each other's new one.
Result<Fd> lock_directory(const std::filesystem::path& directory) {
  Fd fd = TRY(open_file(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  while (::flock(fd.get(), LOCK_EX) != 0)
    if (errno != EINTR) return system_failure(directory.string(), errno);
  return fd;
}

// Nobody knows what of it was on the disk when the machine went down.
bool is_older_than_the_machine(const struct stat& status) {
  timespec now{}, up{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  ::clock_gettime(CLOCK_BOOTTIME, &up);
  return status.st_mtim.tv_sec < now.tv_sec - up.tv_sec - 1;
}

}  // namespace

struct LmdbHints::State : Environment {
  State(std::filesystem::path file, std::size_t size, Life kept)
      : Environment(file.string()), path(std::move(file)), map_size(size), life(kept) {}

  std::filesystem::path path;
  std::size_t map_size;
  Life life;
  struct stat opened{};

  // The rest is for who holds `writing`.
  Result<void> open();
  Result<void> begin_anew();
  Result<void> follow();
  int try_open();
  void remove();
  void give_to_owner_of_directory() const;
  // Runs `work` in a write transaction until it is through.
  Result<void> write(const std::function<int(MDB_txn*)>& work);
  int try_write(const std::function<int(MDB_txn*)>& work);
  void set_map_size(std::size_t size);
};

int LmdbHints::State::try_open() {
  close();
  MDB_env* made = nullptr;
  if (int error = mdb_env_create(&made)) return error;
  Handle<MDB_env, mdb_env_close> opening(made);
  mdb_env_set_mapsize(made, map_size);
  unsigned flags = MDB_NOSUBDIR | MDB_NOTLS;
  if (life == Life::until_restart) flags |= MDB_NOSYNC | MDB_NOMETASYNC;
  if (life == Life::nearly_lasting) flags |= MDB_NOMETASYNC;
  if (int error = mdb_env_open(made, place.c_str(), flags, 0640)) return error;
  if (!check_whole(made, place)) return MDB_CORRUPTED;
  env = std::move(opening);
  int error = try_write([&](MDB_txn* transaction) {
    return mdb_dbi_open(transaction, nullptr, 0, &database);
  });
  if (error != 0) close();
  return error;
}

void LmdbHints::State::remove() {
  close();
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  std::filesystem::remove(place + "-lock", ignored);
}

// What root makes must stay writable for the user whose directory it is.
void LmdbHints::State::give_to_owner_of_directory() const {
  struct stat directory{};
  if (::geteuid() != 0 || ::stat(path.parent_path().c_str(), &directory) != 0) return;
  for (const std::string& file : {place, place + "-lock"}) {
    struct stat status{};
    if (::lstat(file.c_str(), &status) == 0 && status.st_uid == 0 &&
        ::lchown(file.c_str(), directory.st_uid, directory.st_gid) != 0)
      return;
  }
}

// With the directory locked, so that what is opened belongs together.
Result<void> LmdbHints::State::open() {
  std::unique_lock nobody_reads(map);
  Fd alone = TRY(lock_directory(path.parent_path()));
  struct stat status{};
  if (life == Life::until_restart && ::stat(path.c_str(), &status) == 0 &&
      is_older_than_the_machine(status))
    remove();
  int error = try_open();
  if (is_damage(error)) {
    remove();
    error = try_open();
  }
  if (error != 0) return std::unexpected(lmdb_error(place, error));
  give_to_owner_of_directory();
  int fd = -1;
  mdb_env_get_fd(env.get(), &fd);
  if (::fstat(fd, &opened) != 0) return system_failure(place, errno);
  return {};
}

// Unless somebody else was faster, and it is another file already.
Result<void> LmdbHints::State::begin_anew() {
  {
    std::unique_lock nobody_reads(map);
    close();
    Fd alone = TRY(lock_directory(path.parent_path()));
    struct stat named{};
    if (::stat(path.c_str(), &named) == 0 && named.st_ino == opened.st_ino) remove();
  }
  return open();
}

Result<void> LmdbHints::State::follow() {
  struct stat named{};
  bool same = env && ::stat(path.c_str(), &named) == 0 &&
              named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
  if (!same) TRY(open());
  return {};
}

int LmdbHints::State::try_write(const std::function<int(MDB_txn*)>& work) {
  MDB_txn* begun = nullptr;
  if (int error = mdb_txn_begin(env.get(), nullptr, 0, &begun)) return error;
  Transaction transaction(begun);
  if (int error = work(begun)) return error;
  return mdb_txn_commit(transaction.release());
}

void LmdbHints::State::set_map_size(std::size_t size) {
  std::unique_lock nobody_reads(map);
  mdb_env_set_mapsize(env.get(), size);
}

Result<void> LmdbHints::State::write(const std::function<int(MDB_txn*)>& work) {
  constexpr int kMostTries = 50;  // each doubles the map, or takes over a larger one
  int error = 0;
  TRY(follow());
  for (int tries = 0; tries < kMostTries; ++tries) {
    error = try_write(work);
    if (error == 0) return {};
    if (error == MDB_MAP_RESIZED) {  // by another process
      set_map_size(0);
    } else if (error == MDB_MAP_FULL) {
      MDB_envinfo info;
      mdb_env_info(env.get(), &info);
      set_map_size(info.me_mapsize * 2);
    } else if (is_damage(error) || error == MDB_PANIC || error == MDB_BAD_TXN) {
      TRY(begin_anew());
    } else {
      break;
    }
  }
  return std::unexpected(lmdb_error(place, error));
}

LmdbHints::LmdbHints(std::unique_ptr<State> state) : state_(std::move(state)) {}
LmdbHints::LmdbHints(LmdbHints&&) noexcept = default;
LmdbHints& LmdbHints::operator=(LmdbHints&&) noexcept = default;
LmdbHints::~LmdbHints() = default;

Result<LmdbHints> LmdbHints::open(std::filesystem::path path, std::size_t map_size,
                                  Life life) {
  auto state = std::make_unique<State>(std::move(path), map_size, life);
  TRY(state->open());
  return LmdbHints(std::move(state));
}

Result<bool> LmdbHints::get(std::string_view key, std::string& value) const {
  return get_from(*state_, key, value);
}

Result<void> LmdbHints::for_each(std::string_view from, const LmdbVisit& visit) const {
  return visit_all(*state_, from, visit);
}

Result<void> LmdbHints::write(const Changes& changes) {
  auto work = [&](MDB_txn* transaction) {
    for (const auto& [name, text] : changes) {
      MDB_val key = as_value(name), value = as_value(text ? *text : std::string_view());
      int error = text ? mdb_put(transaction, state_->database, &key, &value, 0)
                       : mdb_del(transaction, state_->database, &key, nullptr);
      if (error != 0 && (text || error != MDB_NOTFOUND)) return error;
    }
    return 0;
  };
  std::lock_guard guard(state_->writing);
  return state_->write(work);
}

Result<void> LmdbHints::sync() {
  std::lock_guard guard(state_->writing);
  if (!state_->env) return fail(Code::temporary, state_->place + ": is not open");
  if (int error = mdb_env_sync(state_->env.get(), 1))
    return std::unexpected(lmdb_error(state_->place, error));
  return {};
}

Result<void> LmdbHints::update(
    std::string_view key,
    const std::function<bool(std::optional<std::string>&)>& change) {
  auto work = [&](MDB_txn* transaction) {
    MDB_val wanted = as_value(key);
    MDB_val found{};
    std::optional<std::string> value;
    int error = mdb_get(transaction, state_->database, &wanted, &found);
    if (error == 0) value = as_text(found);
    if (error != 0 && error != MDB_NOTFOUND) return error;
    if (!change(value)) return 0;
    if (!value)
      return error == 0 ? mdb_del(transaction, state_->database, &wanted, nullptr) : 0;
    MDB_val kept = as_value(*value);
    return mdb_put(transaction, state_->database, &wanted, &kept, 0);
  };
  std::lock_guard guard(state_->writing);
  return state_->write(work);
}

Result<void> LmdbHints::erase_if(
    const std::function<bool(std::string_view key, std::string_view value)>& drop) {
  constexpr int kAtOnce = 500;
  std::string next;  // the key to go on with
  bool more = true;
  while (more) {
    std::string from = std::exchange(next, {});
    auto work = [&](MDB_txn* transaction) {
      MDB_cursor* made = nullptr;
      if (int error = mdb_cursor_open(transaction, state_->database, &made))
        return error;
      Handle<MDB_cursor, mdb_cursor_close> cursor(made);
      MDB_val key = as_value(from), value{};
      int error =
          mdb_cursor_get(made, &key, &value, from.empty() ? MDB_FIRST : MDB_SET_RANGE);
      for (int seen = 0; error == 0 && seen < kAtOnce; ++seen) {
        if (drop(as_text(key), as_text(value))) error = mdb_cursor_del(made, 0);
        if (error == 0) error = mdb_cursor_get(made, &key, &value, MDB_NEXT);
      }
      more = error == 0;
      if (more) next = as_text(key);
      return error == MDB_NOTFOUND ? 0 : error;
    };
    std::lock_guard guard(state_->writing);
    TRY(state_->write(work));
  }
  return {};
}

}  // namespace base
