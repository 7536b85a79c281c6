// SPDX-License-Identifier: Apache-2.0
#include "utils/scan.h"

#include <algorithm>
#include <filesystem>

namespace utils {

namespace {
// Enough to make a hand-over cheap and to keep a disk busy, few enough that the first
// lines come at once and that threads share a queue of a few hundred.
constexpr std::size_t kChunk = 32;
}  // namespace

base::Result<std::unique_ptr<EntrySource>> EntrySource::open(
    const spoolfmt::Spool& spool, const Selection& selection, Order order, bool verbose,
    base::Failures& failures) {
  std::unique_ptr<EntrySource> source(new EntrySource);
  if (!selection.operands.empty()) {
    auto ids = TRY(operand_ids(selection, verbose));
    for (const auto& id : ids) {
      if (auto entry = spoolfmt::find_entry(spool, id))
        source->entries_.push_back(*entry);
      else
        failures.add(entry.error());
    }
    if (source->entries_.empty() && !ids.empty())
      return base::fail(base::Code::not_found, "");
  } else if (order == Order::queue) {
    source->entries_ = TRY(spool.sorted(
        [&](const base::Error& trouble) { source->troubles_.push_back(trouble); }));
  } else {
    source->complete_ = false;
    source->reader_ =
        std::thread([&spool, raw = source.get()] { raw->read_directories(spool); });
  }
  return source;
}

EntrySource::EntrySource(Entries entries) : entries_(std::move(entries)) {}

EntrySource::~EntrySource() {
  {
    std::lock_guard guard(mutex_);
    stopped_ = true;
  }
  if (reader_.joinable()) reader_.join();
}

void EntrySource::read_directories(const spoolfmt::Spool& spool) {
  Entries chunk;
  auto hand_over = [&] {
    std::lock_guard guard(mutex_);
    entries_.insert(entries_.end(), chunk.begin(), chunk.end());
    chunk.clear();
    changed_.notify_one();
    return !stopped_;
  };
  auto trouble = [&](const base::Error& error) {
    std::lock_guard guard(mutex_);
    troubles_.push_back(error);
  };
  auto read = spool.for_each(
      [&](const spoolfmt::SpoolEntry& entry) {
        chunk.push_back(entry);
        return chunk.size() < kChunk || hand_over();
      },
      trouble);
  if (!read) trouble(read.error());
  hand_over();
  std::lock_guard guard(mutex_);
  complete_ = true;
  changed_.notify_one();
}

std::optional<Entries> EntrySource::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return complete_ || given_out_ < entries_.size(); });
  if (given_out_ == entries_.size()) return std::nullopt;
  auto first = entries_.begin() + static_cast<std::ptrdiff_t>(given_out_);
  auto size = std::min(kChunk, entries_.size() - given_out_);
  given_out_ += size;
  return Entries(first, first + static_cast<std::ptrdiff_t>(size));
}

std::size_t EntrySource::widest_id() {
  std::lock_guard guard(mutex_);
  std::size_t width = spoolfmt::MessageId::kOldLength;
  for (const auto& entry : entries_) width = std::max(width, entry.stem().size());
  return width;
}

void EntrySource::report(base::Failures& failures) {
  std::lock_guard guard(mutex_);
  for (const auto& trouble : troubles_) failures.add(trouble);
  troubles_.clear();
}

std::optional<base::Error> look(const spoolfmt::Spool& spool, spoolfmt::Looker& looker,
                                const spoolfmt::SpoolEntry& entry,
                                const Selection& selection, base::Time now,
                                spoolfmt::Queued& queued) {
  auto looked = looker.look(entry, queued);
  auto path = [&] { return spool.input(entry.subdirectory) / entry.h_name(); };
  if (!looked) {
    if (looked.error().code == base::Code::not_found) {
      if (!std::filesystem::is_symlink(path())) return std::nullopt;
      return base::Error{base::Code::not_found,
                         path().string() + ": a symbolic link that leads nowhere"};
    }
    queued.entry = entry;
    queued.h.clear();
    queued.h.damage = spoolfmt::Damage::envelope;
    queued.d_size.reset();
    return looked.error();
  }
  const spoolfmt::ParsedH& h = queued.h;
  if (h.damage != spoolfmt::Damage::envelope) {
    auto selected = matches(selection, spool, queued, now);
    if (!selected) return selected.error();
    if (!*selected) return std::nullopt;
  }
  if (h.damage == spoolfmt::Damage::none) return base::Error{base::Code::syntax, ""};
  return base::Error{base::Code::syntax, path().string() + ": line " +
                                             std::to_string(h.line) + ": " + h.what};
}

}  // namespace utils
