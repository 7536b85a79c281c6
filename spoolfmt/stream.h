// SPDX-License-Identifier: Apache-2.0
//
// Messages in a pipe: a tar whose entries are spool files.
//
// A message is `<id>-D`, then `<id>-J` if there is one, then `<id>-H`: the spool's own
// rule, the arrival of -H makes it a message.  So a body streams through a filter while
// it is hashed and the changed -H follows it, `tar tv` shows a stream, and one that is
// cut loses at most its last message, and says so.  (libarchive; entries are ustar, pax
// where a size needs it.)
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "spoolfmt/locked_message.h"

namespace spoolfmt {

class StreamWriter {
 public:
  // Writes to `fd`, which the caller keeps open and owns.
  static base::Result<StreamWriter> open(int fd);
  StreamWriter(StreamWriter&&) noexcept;
  ~StreamWriter();

  // One file of a message; `kind` is 'D', 'J' or 'H'.  write() its bytes, `size` in
  // all.
  base::Result<void> begin(const MessageId& id, char kind, std::uint64_t size,
                           base::Time received);
  base::Result<void> write(std::string_view piece);

  // A whole message as it lies in the spool.
  base::Result<void> add(const LockedMessage& message);

  // The end of the stream: without it a reader says that it was cut.
  base::Result<void> finish();

 private:
  struct State;
  explicit StreamWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class StreamReader {
 public:
  struct Entry {
    MessageId id;
    char kind = 0;  // 'D', 'J' or 'H'
    std::uint64_t size = 0;
  };

  // Code::syntax: what comes is no tar.
  static base::Result<StreamReader> open(int fd);
  StreamReader(StreamReader&&) noexcept;
  ~StreamReader();

  // The next file; nothing at the end of a whole stream.  Code::syntax: an entry that
  // is no spool file or stands out of order (it is passed over, and next() may be
  // called again), or a stream that is cut, after which there is nothing more (see
  // over()).
  base::Result<std::optional<Entry>> next();
  // Bytes of the current file; an empty piece at its end.  Valid until the next call.
  base::Result<std::string_view> read();
  bool over() const;

 private:
  struct State;
  explicit StreamReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace spoolfmt
