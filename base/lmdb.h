// SPDX-License-Identifier: Apache-2.0
//
// LMDB databases: one file each, the unnamed database, keys byte for byte
// (spec/mail-auth.md section 11).  Those that others write are only read; those of our
// own hold hints, which may be lost.
//
// A database must be open once only in a process (its locks would be lost with the
// first descriptor that is closed); who opens them keeps them by device and inode.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace base {

// Sees one entry; false ends the walk.
using LmdbVisit = std::function<bool(std::string_view key, std::string_view value)>;

class LmdbReader {
 public:
  // Code::syntax if the file is no database or was cut short; system codes otherwise.
  static Result<LmdbReader> open(const std::filesystem::path& path);

  LmdbReader(LmdbReader&&) noexcept;
  LmdbReader& operator=(LmdbReader&&) noexcept;
  ~LmdbReader();

  // The value of `key` as the database stands now, or false; `value` is left alone
  // then. A key that no database can hold is not there.  Safe from any thread.
  Result<bool> get(std::string_view key, std::string& value) const;

  // The entries from the key `from` on, in the order of the keys, some hundred in one
  // read transaction: what others write meanwhile may be among them or not.
  Result<void> for_each(std::string_view from, const LmdbVisit& visit) const;

  // Is the file as long as its pages need it?  Reading one that was cut short ends the
  // process.
  Result<void> check_size() const;

 private:
  struct State;
  explicit LmdbReader(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

// What may be forgotten and is written all the time, by several processes: without
// syncs, so a power cut may leave anything.  A file that is damaged, or was there
// before the machine was started, is begun anew; one that somebody removes, too.
class LmdbHints {
 public:
  // `lasting` ones are synced, and kept when the machine starts; of `nearly_lasting`
  // ones a power cut may take the last change, and what is there stays sound.
  enum class Life { until_restart, nearly_lasting, lasting };
  // The directory must exist.  The map grows from `map_size` as it is filled.
  static Result<LmdbHints> open(std::filesystem::path path,
                                std::size_t map_size = std::size_t{1} << 20,
                                Life life = Life::until_restart);

  LmdbHints(LmdbHints&&) noexcept;
  LmdbHints& operator=(LmdbHints&&) noexcept;
  ~LmdbHints();

  // The value of `key` as it stands now, or false; waits for nobody who writes.  A file
  // that was replaced is not followed before the next change of our own.
  Result<bool> get(std::string_view key, std::string& value) const;
  Result<void> for_each(std::string_view from, const LmdbVisit& visit) const;

  // Lets `change` see the value of `key`, nothing if there is none, and keeps what it
  // makes of it if it says so.  Nobody else writes in between; where the map has to
  // grow, `change` is asked again.  From any thread.
  Result<void> update(std::string_view key,
                      const std::function<bool(std::optional<std::string>&)>& change);

  // All of them in one transaction; nothing as a value drops the key.
  using Changes = std::map<std::string, std::optional<std::string>>;
  Result<void> write(const Changes& changes);
  // What was written is on the disk, whatever the file's life.
  Result<void> sync();

  // Drops all entries that `drop` says yes to, some hundred at a time, so that nobody
  // waits for the whole of it.
  Result<void> erase_if(
      const std::function<bool(std::string_view key, std::string_view value)>& drop);

 private:
  struct State;
  explicit LmdbHints(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace base
