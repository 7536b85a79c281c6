// SPDX-License-Identifier: Apache-2.0
#include "base/lmdb.h"

#include <lmdb.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <shared_mutex>

#include "base/handle.h"

namespace base {

namespace {

// What a failed call says about `place`.
Error lmdb_error(std::string_view place, int error) {
  if (error > 0) return system_error(place, error);
  bool broken = error == MDB_INVALID || error == MDB_CORRUPTED ||
                error == MDB_PAGE_NOTFOUND || error == MDB_VERSION_MISMATCH;
  return {broken ? Code::syntax : Code::temporary,
          std::string(place) + ": " + mdb_strerror(error)};
}

using Transaction = Handle<MDB_txn, mdb_txn_abort>;

// Read transactions that wait for their next use: renewing one costs a fraction of
// beginning it.  A thread looks first where it was last time.
class IdleTransactions {
 public:
  ~IdleTransactions() {
    for (auto& slot : slots_) Transaction(slot.load());
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

}  // namespace

struct LmdbReader::Environment {
  std::string place;
  Handle<MDB_env, mdb_env_close> env;
  MDB_dbi database = 0;
  IdleTransactions idle;  // gone before the environment
  // Shared by those who read; alone while the map is made larger, which no transaction
  // may see.
  std::shared_mutex map;

  int try_begin(Transaction& transaction);
};

int LmdbReader::Environment::try_begin(Transaction& transaction) {
  transaction = idle.take();
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

LmdbReader::LmdbReader(std::unique_ptr<Environment> environment)
    : environment_(std::move(environment)) {}
LmdbReader::LmdbReader(LmdbReader&&) noexcept = default;
LmdbReader& LmdbReader::operator=(LmdbReader&&) noexcept = default;
LmdbReader::~LmdbReader() = default;

Result<LmdbReader> LmdbReader::open(const std::filesystem::path& path) {
  auto made = std::make_unique<Environment>();
  made->place = path.string();
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
  Environment& environment = *reader.environment_;
  Transaction transaction;
  error = environment.try_begin(transaction);
  if (error == 0)
    error = mdb_dbi_open(transaction.get(), nullptr, 0, &environment.database);
  if (error == 0) error = mdb_txn_commit(transaction.release());
  if (error != 0) return std::unexpected(lmdb_error(environment.place, error));
  return reader;
}

Result<void> LmdbReader::check_size() const {
  const Environment& environment = *environment_;
  MDB_envinfo info;
  MDB_stat pages;
  mdb_env_info(environment.env.get(), &info);
  mdb_env_stat(environment.env.get(), &pages);
  int fd = -1;
  mdb_env_get_fd(environment.env.get(), &fd);
  struct stat status;
  if (fstat(fd, &status) != 0) return system_failure(environment.place, errno);
  if (static_cast<std::size_t>(status.st_size) <
      (info.me_last_pgno + 1) * pages.ms_psize)
    return fail(Code::syntax, environment.place + ": the database was cut short");
  return {};
}

Result<bool> LmdbReader::get(std::string_view key, std::string& value) const {
  Environment& environment = *environment_;
  std::shared_lock reading(environment.map);
  Transaction transaction;
  int error = environment.try_begin(transaction);
  if (error == MDB_MAP_RESIZED) {  // its writer made the map larger
    reading.unlock();
    {
      std::unique_lock alone(environment.map);
      mdb_env_set_mapsize(environment.env.get(), 0);
    }
    reading.lock();
    error = transaction ? mdb_txn_renew(transaction.get())
                        : environment.try_begin(transaction);
  }
  if (error != 0) return std::unexpected(lmdb_error(environment.place, error));
  MDB_val wanted{key.size(), const_cast<char*>(key.data())};
  MDB_val found{};
  error = mdb_get(transaction.get(), environment.database, &wanted, &found);
  if (error == 0) value.assign(static_cast<const char*>(found.mv_data), found.mv_size);
  environment.idle.give_back(std::move(transaction));
  if (error == 0) return true;
  // An empty key, or one that is too long for any.
  if (error == MDB_NOTFOUND || error == MDB_BAD_VALSIZE) return false;
  return std::unexpected(lmdb_error(environment.place, error));
}

}  // namespace base
