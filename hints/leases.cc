// SPDX-License-Identifier: Apache-2.0
#include "hints/leases.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/failures.h"
#include "base/fd.h"
#include "base/lmdb.h"
#include "base/text.h"
#include "hints/bytes.h"
#include "spoolfmt/spool.h"

namespace hints {

namespace {

constexpr std::uint8_t kVersion = 1;

// What /proc/<pid>/stat says: state letter and start, fields 3 and 22 (proc(5)).  The
// name before them stands in brackets and may hold anything.
struct ProcessFacts {
  char state = 0;
  std::uint64_t start = 0;
};
std::optional<ProcessFacts> facts_of(std::int32_t pid) {
  auto fd = base::open_file("/proc/" + std::to_string(pid) + "/stat", O_RDONLY);
  if (!fd) return std::nullopt;
  auto text = base::read_all(fd->get(), "stat", std::size_t{1} << 16);
  auto name_end = text ? text->rfind(") ") : std::string::npos;
  if (name_end == std::string::npos) return std::nullopt;
  std::string_view rest = std::string_view(*text).substr(name_end + 2);
  ProcessFacts facts{.state = rest.empty() ? '\0' : rest[0], .start = 0};
  constexpr int kFieldsBetween = 19;  // from state to start
  for (int i = 0; i < kFieldsBetween; ++i)
    rest.remove_prefix(std::min(rest.find(' ') + 1, rest.size()));
  facts.start = base::to_number(rest.substr(0, rest.find(' '))).value_or(0);
  return facts;
}

// The id that the kernel makes at each start, "9c2e…-…": 32 hexadecimal digits.
std::array<char, 16> boot_id() {
  std::array<char, 16> id{};
  auto fd = base::open_file("/proc/sys/kernel/random/boot_id", O_RDONLY);
  auto text = fd ? base::read_all(fd->get(), "boot_id", 1 << 10) : std::string();
  std::size_t digits = 0;
  for (char c : text.value_or("")) {
    int digit = base::is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0 || digits >= 2 * id.size()) continue;
    char& byte = id[digits++ / 2];
    byte = static_cast<char>(static_cast<unsigned char>(byte) << 4 | digit);
  }
  return id;
}

std::uint64_t pid_space() {
  struct stat space{};
  return ::stat("/proc/self/ns/pid", &space) == 0 ? space.st_ino : 0;
}

struct Holder {
  Owner owner;
  unsigned count = 0;
  base::Time expires;
};

std::string format(const std::vector<Holder>& holders) {
  ByteWriter out;
  out.put(kVersion);
  for (const Holder& holder : holders) {
    out.put(holder.owner.pid);
    out.put(holder.owner.start);
    out.put(holder.owner.space);
    out.put(std::string_view(holder.owner.boot.data(), holder.owner.boot.size()));
    out.put(static_cast<std::uint32_t>(holder.count));
    out.put(holder.expires);
  }
  return out.take();
}

std::vector<Holder> parse(const std::optional<std::string>& bytes) {
  std::vector<Holder> holders;
  if (!bytes) return holders;
  ByteReader in(*bytes);
  if (in.take<std::uint8_t>() != kVersion) return holders;
  while (!in.at_end()) {
    Holder holder;
    holder.owner.pid = in.take<std::int32_t>();
    holder.owner.start = in.take<std::uint64_t>();
    holder.owner.space = in.take<std::uint64_t>();
    auto boot = in.take_bytes(holder.owner.boot.size());
    std::copy(boot.begin(), boot.end(), holder.owner.boot.begin());
    holder.count = in.take<std::uint32_t>();
    holder.expires = in.take_time();
    if (!in.good()) break;
    holders.push_back(holder);
  }
  return holders;
}

unsigned sum(const std::vector<Holder>& holders) {
  unsigned all = 0;
  for (const Holder& holder : holders) all += holder.count;
  return all;
}

// Out go those who did not renew; a time too far ahead is from before the clock was
// stepped back.
void drop_expired(std::vector<Holder>& holders, base::Time now) {
  std::erase_if(holders, [&](const Holder& holder) {
    return holder.expires <= now || holder.expires > now + 2 * kLeaseLife;
  });
}

void drop_dead(std::vector<Holder>& holders) {
  std::erase_if(holders, [](const Holder& holder) {
    return is_alive(holder.owner) == Alive::no;
  });
}

base::Result<base::LmdbHints> open_file(const std::filesystem::path& spool) {
  const std::filesystem::path directory = spool / "db" / "bobbin";
  TRY(spoolfmt::make_directory(directory.parent_path()));
  TRY(spoolfmt::make_directory(directory));
  return base::LmdbHints::open(directory / "leases");
}

}  // namespace

Owner Owner::self() {
  Owner owner;
  owner.pid = ::getpid();
  if (auto facts = facts_of(owner.pid)) owner.start = facts->start;
  owner.space = pid_space();
  owner.boot = boot_id();
  return owner;
}

Alive is_alive(const Owner& owner) {
  static const std::array<char, 16> boot = boot_id();
  static const std::uint64_t space = pid_space();
  if (owner.boot != boot) return Alive::no;
  if (owner.start == 0 || owner.space != space) return Alive::unknown;
  auto facts = facts_of(owner.pid);
  bool gone = !facts || facts->start != owner.start || facts->state == 'Z' ||
              facts->state == 'X';
  return gone ? Alive::no : Alive::yes;
}

struct Leases::State {
  State(const base::Clock& of_all, Owner process) : clock(of_all), owner(process) {}

  const base::Clock& clock;
  Owner owner;
  std::function<void(const base::Error&)> warn;
  std::optional<base::LmdbHints> file;  // none: this process counts for itself
  std::mutex mutex;
  std::map<std::string, unsigned, std::less<>> own;
  bool warned = false;

  // Lets `decide` see what the others hold and set what we do; writes it down.  Under
  // the mutex.
  void update(std::string_view key,
              const std::function<unsigned(std::vector<Holder>& others)>& decide);
  void set_own(std::string_view key, unsigned count);
  void complain(const base::Error& error);
};

void Leases::State::complain(const base::Error& error) {
  if (std::exchange(warned, true)) return;
  if (warn)
    warn(error);
  else
    base::complain(error.text + ": connections are counted in this process only");
}

void Leases::State::set_own(std::string_view key, unsigned count) {
  if (count > 0)
    own.insert_or_assign(std::string(key), count);
  else if (auto found = own.find(key); found != own.end())
    own.erase(found);
}

void Leases::State::update(
    std::string_view key,
    const std::function<unsigned(std::vector<Holder>& others)>& decide) {
  base::Time now = clock.now();
  unsigned count = 0;
  auto change = [&](std::optional<std::string>& value) {
    std::vector<Holder> holders = parse(value);
    std::erase_if(holders, [&](const Holder& each) { return each.owner == owner; });
    drop_expired(holders, now);
    count = decide(holders);
    if (count > 0) holders.push_back({owner, count, now + kLeaseLife});
    value.reset();
    if (!holders.empty()) value = format(holders);
    return true;
  };
  if (file) {
    auto written = file->update(key, change);
    if (!written) {
      complain(written.error());
      file.reset();
    }
  }
  if (!file) {
    std::vector<Holder> nobody;
    count = decide(nobody);
  }
  set_own(key, count);
}

Leases::Leases(std::unique_ptr<State> state) : state_(std::move(state)) {}
Leases::Leases(Leases&&) noexcept = default;

Leases Leases::open(const std::filesystem::path& spool, const base::Clock& clock,
                    std::function<void(const base::Error&)> warn, Owner owner) {
  auto state = std::make_unique<State>(clock, owner);
  state->warn = std::move(warn);
  auto file = open_file(spool);
  if (file)
    state->file.emplace(*std::move(file));
  else
    state->complain(file.error());
  return Leases(std::move(state));
}

Leases::~Leases() {
  if (!state_) return;
  while (!state_->own.empty()) {
    std::string key = state_->own.begin()->first;
    state_->update(key, [](auto&) { return 0U; });
  }
}

bool Leases::take(std::string_view key, unsigned limit) {
  std::lock_guard guard(state_->mutex);
  auto found = state_->own.find(key);
  unsigned own = found == state_->own.end() ? 0 : found->second;
  bool taken = false;
  state_->update(key, [&](std::vector<Holder>& others) {
    if (own + sum(others) >= limit) drop_dead(others);
    taken = own + sum(others) < limit;
    return taken ? own + 1 : own;
  });
  return taken;
}

void Leases::give_back(std::string_view key) {
  std::lock_guard guard(state_->mutex);
  auto found = state_->own.find(key);
  if (found == state_->own.end()) return;
  unsigned left = found->second - 1;
  state_->update(key, [&](auto&) { return left; });
}

void Leases::renew() {
  std::lock_guard guard(state_->mutex);
  for (const auto& [key, count] : std::map(state_->own))
    state_->update(key, [&](auto&) { return count; });
}

unsigned Leases::held(std::string_view key) {
  std::lock_guard guard(state_->mutex);
  auto found = state_->own.find(key);
  unsigned own = found == state_->own.end() ? 0 : found->second;
  unsigned all = own;
  state_->update(key, [&](std::vector<Holder>& others) {
    drop_dead(others);
    all = own + sum(others);
    return own;
  });
  return all;
}

}  // namespace hints
