// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/message_log.h"

#include <fcntl.h>

#include "base/fd.h"
#include "base/log.h"

namespace spoolfmt {

void append_message_log(const Spool& spool, char subdirectory, const MessageId& id,
                        std::string_view line, base::Time now) {
  auto path = spool.message_log_name(subdirectory, id);
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW;
  auto fd = base::open_at(AT_FDCWD, path, kFlags);
  if (!fd) {
    (void)make_directory(spool.msglog(subdirectory));
    fd = base::open_at(AT_FDCWD, path, kFlags);
    if (!fd) return;
  }
  (void)settle_file(fd->get(), path);
  std::string text = base::format_log_time(now) + " " + std::string(line) + "\n";
  (void)base::write_all(fd->get(), text, path);
}

}  // namespace spoolfmt
