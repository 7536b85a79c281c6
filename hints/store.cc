// SPDX-License-Identifier: Apache-2.0
#include "hints/store.h"

#include <sys/statfs.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/crypto.h"
#include "base/failures.h"
#include "base/lmdb.h"
#include "base/text.h"
#include "hints/bytes.h"
#include "spoolfmt/message_id.h"
#include "spoolfmt/spool.h"

namespace hints {

namespace {

using Changes = base::LmdbHints::Changes;
using Visit = base::LmdbVisit;

// First byte of each key in the file: which table it belongs to.
constexpr char kRetry = 'r';
constexpr char kHashedRetry = 'R';  // key too long for LMDB, so its digest
constexpr char kSite = 's';
constexpr std::string_view kSwept = "w";  // when the file was last swept

constexpr std::size_t kMapSize = std::size_t{256} << 20;
constexpr std::size_t kLongestKey = 480;
constexpr std::size_t kMostInMemory = 200'000;  // entries, when there is no file
constexpr std::chrono::hours kRetryLife{24 * 30};
constexpr std::chrono::hours kBetweenSweeps{1};

// How an entry of the table of retry times lies in the file.  A key that is too long
// becomes its class letter and a digest, and its text stands before the value.
struct Placed {
  std::string key;
  std::string before;  // the value
};
Placed place_retry(std::string_view key) {
  if (key.size() <= kLongestKey) return {kRetry + std::string(key), ""};
  auto sum = base::digest(base::DigestKind::sha2_256, key);
  return {std::string{kHashedRetry, key[0]} + sum.value_or(""),
          std::string(key) + '\0'};
}

struct Found {
  std::string_view key;
  std::optional<RetryRecord> record;  // nothing: of another layout
};
Found parse_placed(std::string_view key, std::string_view value) {
  if (key[0] == kRetry) return {key.substr(1), parse_retry_record(value)};
  auto end = std::min(value.find('\0'), value.size());
  auto rest = std::min(end + 1, value.size());
  return {value.substr(0, end), parse_retry_record(value.substr(rest))};
}

std::string place_site(const SiteHash& site) {
  return kSite + std::string(site.data(), site.size());
}

// LMDB's locks mean nothing to the other machines.
bool is_remote(const std::filesystem::path& directory) {
  constexpr std::array<std::uint32_t, 5> kRemote{0x6969, 0xff534d42, 0xfe534d42, 0x517b,
                                                 0x00c36400};  // NFS, CIFS, SMB, Ceph
  struct statfs status{};
  if (::statfs(directory.c_str(), &status) != 0) return false;
  for (auto kind : kRemote)
    if (static_cast<std::uint32_t>(status.f_type) == kind) return true;
  return false;
}

base::Result<base::LmdbHints> open_file(const std::filesystem::path& spool) {
  const std::filesystem::path path = store_path(spool);
  TRY(spoolfmt::make_directory(path.parent_path().parent_path()));
  TRY(spoolfmt::make_directory(path.parent_path()));
  if (is_remote(path.parent_path()))
    return base::fail(base::Code::permanent,
                      path.string() + ": not on a file system of this machine");
  return base::LmdbHints::open(path, kMapSize, base::LmdbHints::Life::nearly_lasting);
}

// Is it about one message at a host, and which?
std::optional<std::string_view> message_of(std::string_view key) {
  auto colon = key.rfind(':');
  if (!key.starts_with("T:") || colon < 2) return std::nullopt;
  auto id = key.substr(colon + 1);
  if (!spoolfmt::MessageId::parse(id)) return std::nullopt;
  return id;
}

}  // namespace

std::filesystem::path store_path(const std::filesystem::path& spool) {
  return spool / "db" / "bobbin" / "run";
}

struct Store::State {
  Settings settings;
  std::optional<base::LmdbHints> file;  // none: memory only
  std::thread writer;

  mutable std::mutex mutex;
  std::condition_variable wake, committed;
  Changes pending;           // in memory only: all there is
  Changes writing;           // what the writer commits just now
  std::uint64_t queued = 0;  // changes so far
  std::uint64_t done = 0;    // of those, committed
  bool persistent = false;   // a writer works
  bool hurry = false;        // somebody waits for the commit
  bool stopping = false;
  bool warned = false;

  ~State();
  void warn(const base::Error& error);
  void start();
  void work();
  void change(std::string key, std::optional<std::string> value);
  std::optional<std::string> value_of(const std::string& key);
  void flush();
  // Entries of the file and of the queue whose keys begin with `prefix`, in order.
  void for_each(const std::string& prefix, const Visit& visit);
};

void Store::State::warn(const base::Error& error) {
  {
    std::lock_guard guard(mutex);
    if (std::exchange(warned, true)) return;
  }
  if (settings.warn)
    settings.warn(error);
  else
    base::complain(error.text + ": retry times are kept in memory only");
}

void Store::State::start() {
  persistent = true;
  writer = std::thread([this] { work(); });
}

void Store::State::work() {
  std::unique_lock lock(mutex);
  while (persistent) {
    wake.wait(lock, [&] { return stopping || !pending.empty(); });
    if (pending.empty()) return;
    wake.wait_for(lock, settings.commit_every, [&] {
      return stopping || hurry || pending.size() >= settings.commit_at;
    });
    writing = std::exchange(pending, {});
    std::uint64_t up_to = queued;
    hurry = false;
    lock.unlock();
    auto written = file->write(writing);
    lock.lock();
    if (!written) {  // what is newer stays, what is older joins it
      pending.merge(writing);
      persistent = false;
    }
    writing.clear();
    done = up_to;
    committed.notify_all();
    if (written) continue;
    lock.unlock();
    warn(written.error());
    lock.lock();
  }
}

void Store::State::change(std::string key, std::optional<std::string> value) {
  std::lock_guard guard(mutex);
  if (!persistent && pending.size() >= kMostInMemory && !pending.contains(key)) return;
  pending[std::move(key)] = std::move(value);
  ++queued;
  if (persistent && (pending.size() == 1 || pending.size() == settings.commit_at))
    wake.notify_one();
}

std::optional<std::string> Store::State::value_of(const std::string& key) {
  {
    std::lock_guard guard(mutex);
    for (const Changes* changes : {&pending, &writing})
      if (auto found = changes->find(key); found != changes->end())
        return found->second;
  }
  if (!file) return std::nullopt;
  std::string value;
  auto there = file->get(key, value);
  if (!there) {
    warn(there.error());
    return std::nullopt;
  }
  return *there ? std::optional(std::move(value)) : std::nullopt;
}

void Store::State::flush() {
  std::unique_lock lock(mutex);
  std::uint64_t wanted = queued;
  hurry = true;
  wake.notify_one();
  committed.wait(lock, [&] { return done >= wanted || !persistent; });
}

void Store::State::for_each(const std::string& prefix, const Visit& visit) {
  Changes newer;
  {
    std::lock_guard guard(mutex);
    for (const Changes* changes : {&pending, &writing})
      for (auto at = changes->lower_bound(prefix);
           at != changes->end() && at->first.starts_with(prefix); ++at)
        newer.insert(*at);
  }
  bool more = true;
  auto next = newer.begin();
  // Those of the queue before `key`; does it have a word on `key` itself?
  auto catch_up = [&](std::optional<std::string_view> key) {
    for (; more && next != newer.end() && (!key || next->first <= *key); ++next) {
      if (next->second) more = visit(next->first, *next->second);
      if (key && next->first == *key) return ++next, true;
    }
    return false;
  };
  if (file) {
    auto walked = file->for_each(prefix, [&](auto key, auto value) {
      if (!key.starts_with(prefix)) return false;
      if (!catch_up(key) && more) more = visit(key, value);
      return more;
    });
    if (!walked) warn(walked.error());
  }
  catch_up(std::nullopt);
}

Store::State::~State() {
  if (!writer.joinable()) return;
  {
    std::lock_guard guard(mutex);
    stopping = true;
  }
  wake.notify_one();
  writer.join();
  if (!persistent) return;
  if (auto synced = file->sync(); !synced) warn(synced.error());
}

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::Store(Store&&) noexcept = default;
Store::~Store() = default;

Store Store::open(const std::filesystem::path& spool, Settings settings) {
  auto state = std::make_unique<State>();
  state->settings = std::move(settings);
  auto file = open_file(spool);
  if (!file) {
    state->warn(file.error());
    return Store(std::move(state));
  }
  state->file.emplace(*std::move(file));
  state->start();
  return Store(std::move(state));
}

Store Store::open(const std::filesystem::path& spool) {
  return open(spool, Settings());
}

Store Store::in_memory() {
  return Store(std::make_unique<State>());
}

bool Store::persistent() const {
  std::lock_guard guard(state_->mutex);
  return state_->persistent;
}

std::optional<RetryRecord> Store::retry(std::string_view key) const {
  Placed placed = place_retry(key);
  auto value = state_->value_of(placed.key);
  if (!value) return std::nullopt;
  Found found = parse_placed(placed.key, *value);
  if (found.key != key) return std::nullopt;
  return std::move(found.record);
}

void Store::remember(std::string_view key, const RetryRecord& record) {
  Placed placed = place_retry(key);
  state_->change(std::move(placed.key), placed.before + format_retry_record(record));
}

void Store::forget(std::string_view key) {
  state_->change(place_retry(key).key, std::nullopt);
}

void Store::for_each_retry(
    const std::function<bool(std::string_view, const RetryRecord&)>& visit) const {
  bool more = true;
  for (char table : {kRetry, kHashedRetry})
    if (more)
      state_->for_each(std::string(1, table), [&](auto key, auto value) {
        Found found = parse_placed(key, value);
        if (found.record) more = visit(found.key, *found.record);
        return more;
      });
}

std::optional<SiteHint> Store::site(const SiteHash& site, base::Time now) const {
  auto value = state_->value_of(place_site(site));
  if (!value) return std::nullopt;
  auto hint = parse_site_hint(*value);
  if (hint && now - hint->updated > kSiteHintLife) hint.reset();
  return hint;
}

void Store::remember(const SiteHash& site, const SiteHint& hint) {
  state_->change(place_site(site), format_site_hint(hint));
}

void Store::flush() {
  state_->flush();
}

void Store::sweep(base::Time now,
                  const std::function<bool(std::string_view id)>& is_queued) {
  if (!persistent()) return;
  const std::string swept_at(kSwept);
  base::Time last = ByteReader(state_->value_of(swept_at).value_or("")).take_time();
  if (last <= now && now - last < kBetweenSweeps) return;
  ByteWriter time;
  time.put(now);
  state_->change(swept_at, time.take());
  state_->flush();
  auto swept = state_->file->erase_if([&](auto key, auto value) {
    if (key[0] == kSite) {
      auto hint = parse_site_hint(value);
      return !hint || now - hint->updated > kSiteHintLife;
    }
    if (key[0] != kRetry && key[0] != kHashedRetry) return false;
    Found found = parse_placed(key, value);
    if (!found.record || now - found.record->last > kRetryLife) return true;
    auto id = message_of(found.key);
    return id && is_queued && !is_queued(*id);
  });
  if (!swept) state_->warn(swept.error());
}

base::Result<void> read_retry_records(
    const std::filesystem::path& spool,
    const std::function<bool(std::string_view, const RetryRecord&)>& visit) {
  auto file = base::LmdbReader::open(store_path(spool));
  if (!file && file.error().code == base::Code::not_found) return {};
  if (!file) return std::unexpected(std::move(file).error());
  bool more = true;
  for (char table : {kRetry, kHashedRetry}) {
    if (!more) break;
    TRY(file->for_each(std::string(1, table), [&](auto key, auto value) {
      if (key[0] != table) return false;
      Found found = parse_placed(key, value);
      if (found.record) more = visit(found.key, *found.record);
      return more;
    }));
  }
  return {};
}

}  // namespace hints
