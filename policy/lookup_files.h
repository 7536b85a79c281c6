// SPDX-License-Identifier: Apache-2.0
//
// The data files and databases of a process, opened once and read again when they
// change (spec/policy.md 8.1 and 19.6).
//
// A file has changed when its device, inode, size or time of change has.  Asking costs
// more than a lookup, so nobody asks twice within one tick of the system's coarse
// clock, a few milliseconds.  Safe from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/lmdb.h"
#include "base/result.h"

namespace policy {

class LookupFiles {
 public:
  LookupFiles();
  // Files of its own, so that threads do not wait for each other; databases are those
  // of `lender`, since a process must open each but once.
  explicit LookupFiles(LookupFiles& lender);
  ~LookupFiles();
  LookupFiles(const LookupFiles&) = delete;
  LookupFiles& operator=(const LookupFiles&) = delete;

  // What `parse` makes of the file's text, kept as long as the file stays as it is.
  // `form` tells apart what is made of one file in several ways.
  template <class T>
  base::Result<std::shared_ptr<const T>> parsed(
      std::string_view form, std::string_view path,
      base::Result<std::shared_ptr<const T>> (*parse)(std::string text)) {
    auto made = kept(form, path, [&]() -> base::Result<Kept> {
      auto whole = parse(TRY(read(path)));
      if (!whole) return std::unexpected(base::at(path, std::move(whole).error()));
      return *std::move(whole);
    });
    if (!made) return std::unexpected(std::move(made).error());
    return std::static_pointer_cast<const T>(*std::move(made));
  }

  base::Result<std::shared_ptr<const base::LmdbReader>> lmdb(std::string_view path);

 private:
  struct State;
  using Kept = std::shared_ptr<const void>;

  base::Result<Kept> kept(std::string_view form, std::string_view path,
                          const std::function<base::Result<Kept>()>& make);
  static base::Result<std::string> read(std::string_view path);

  std::unique_ptr<State> state_;
  LookupFiles* lender_ = nullptr;
};

}  // namespace policy
