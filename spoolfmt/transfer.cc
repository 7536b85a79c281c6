// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/transfer.h"

#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/safe_file.h"

namespace spoolfmt {

namespace {

namespace fs = std::filesystem;

base::Result<void> link_file(const fs::path& from, const fs::path& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return {};
  return base::system_failure(to.string(), errno);
}

base::Result<void> copy_bytes(int from, int to, const fs::path& place) {
  off_t offset = 0;
  for (;;) {
    ssize_t n = ::sendfile(to, from, &offset, std::size_t{1} << 30);
    if (n == 0) return {};
    if (n < 0 && errno != EINTR) return base::system_failure(place.string(), errno);
  }
}

// A copy under a temporary name that is linked to its final one when it is whole and
// synced: link, unlike rename, refuses a name that is taken.
base::Result<void> copy_whole(const fs::path& from, const fs::path& to) {
  base::Fd source = TRY(base::open_file(from, O_RDONLY | O_NOFOLLOW));
  fs::path temporary = to.parent_path() / ("tmp." + to.filename().string());
  auto copy = TRY(base::SafeFile::create(temporary));
  TRY(settle_file(copy.fd(), temporary));
  TRY(copy_bytes(source.get(), copy.fd(), temporary));
  TRY(base::sync(copy.fd(), temporary.string()));
  return link_file(temporary, to);  // the temporary name goes with `copy`
}

}  // namespace

base::Result<void> move_message(const LockedMessage& message, const fs::path& input,
                                const fs::path& msglog) {
  if (::access(message.path("-J").c_str(), F_OK) == 0)
    return base::fail(
        base::Code::usage,
        message.path("-J").string() + ": merge this journal before moving the message");
  fs::path new_d = input / message.path("-D").filename();
  fs::path new_h = input / message.path("-H").filename();
  fs::path new_log = msglog / message.id().str();
  TRY(make_directory(input));
  TRY(make_directory(msglog));
  bool has_log = ::link(message.msglog_name().c_str(), new_log.c_str()) == 0;
  TRY(link_file(message.path("-D"), new_d));
  if (auto linked = link_file(message.path("-H"), new_h); !linked) {
    ::unlink(new_d.c_str());
    if (has_log) ::unlink(new_log.c_str());
    return linked;
  }
  TRY(base::sync_directory(input));
  // From here the message exists twice until -H is gone from its old place; both names
  // are the same locked inode, so nobody delivers it twice meanwhile.
  for (const fs::path& old : {message.path("-H"), message.path("-D")})
    if (::unlink(old.c_str()) != 0) return base::system_failure(old.string(), errno);
  if (has_log) ::unlink(message.msglog_name().c_str());
  return base::sync_directory(message.path("-H").parent_path());
}

base::Result<void> copy_message(const LockedMessage& message, const fs::path& directory,
                                CopyMode mode) {
  auto put = [&](const fs::path& from, const fs::path& to) {
    return mode == CopyMode::link ? link_file(from, to) : copy_whole(from, to);
  };
  fs::path d = directory / message.path("-D").filename();
  fs::path h = directory / message.path("-H").filename();
  if (::access(h.c_str(), F_OK) == 0) return base::system_failure(h.string(), EEXIST);
  TRY(put(message.path("-D"), d));
  if (auto copied = put(message.path("-H"), h); !copied) {
    ::unlink(d.c_str());
    return copied;
  }
  return base::sync_directory(directory);
}

}  // namespace spoolfmt
