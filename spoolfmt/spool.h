// SPDX-License-Identifier: Apache-2.0
//
// A spool directory: where the files of a message are, and which messages there are.
//
// Below the spool, input/ holds -H, -D and -J files and msglog/ the message logs, each
// either flat or split into one-character subdirectories; NAME/input and NAME/msglog
// are a named queue.  A spool may be both flat and split, whatever the setting says, so
// a lookup tries both (Exim manual, "How Exim receives and delivers mail").  Nothing
// here takes a lock.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "spoolfmt/message_id.h"

namespace spoolfmt {

// A -H file as a directory scan sees it: any name of 18 or 25 characters ending in
// "-H", which is what Exim counts as a message, id or not.
struct SpoolEntry {
  std::array<char, MessageId::kLongLength> stem_bytes{};
  std::uint8_t stem_size = 0;
  char subdirectory = 0;        // 0: in input/ itself
  bool has_no_journal = false;  // when its directory was read; false: not known

  std::string_view stem() const { return {stem_bytes.data(), stem_size}; }
  std::string h_name() const { return std::string(stem()) + "-H"; }
};

class Spool {
 public:
  // Code::not_found naming the directory if it has no input/ (of that queue).  `split`
  // says where new messages go; both places are always read.
  static base::Result<Spool> open(std::filesystem::path directory,
                                  std::string queue = {}, bool split = false);
  // The same, making the directories (0750) that are missing.
  static base::Result<Spool> create(std::filesystem::path directory,
                                    std::string queue = {}, bool split = false);

  const std::filesystem::path& directory() const { return directory_; }
  const std::string& queue() const { return queue_; }
  bool split() const { return split_; }

  // `subdirectory` as in SpoolEntry: 0 or the letter.
  std::filesystem::path input(char subdirectory = 0) const;
  std::filesystem::path msglog(char subdirectory = 0) const;
  // The same, and a file there, as text: to make a path costs more than most system
  // calls, which matters to who does it for each message.
  std::string input_name(char subdirectory) const;
  std::string file_name(char subdirectory, const MessageId& id,
                        std::string_view suffix) const;
  std::string message_log_name(char subdirectory, const MessageId& id) const;
  // Where a new message of that id goes.
  char subdirectory_for(const MessageId& id) const;

  // The subdirectories that may hold the files of `id`: the one of the setting first.
  std::array<char, 2> places_of(const MessageId& id) const;
  // The one of them that holds `id` + `suffix` ("-H", "-D").  Code::not_found if
  // neither has it.
  base::Result<char> locate(const MessageId& id, std::string_view suffix) const;

  // Every -H file, in directory order: input/ itself, then its subdirectories.  Stops
  // when `visit` returns false.  A subdirectory that cannot be read is reported through
  // `trouble` and passed over.
  base::Result<void> for_each(
      const std::function<bool(const SpoolEntry&)>& visit,
      const std::function<void(const base::Error&)>& trouble) const;
  // The same as a list in the order of a sorted queue.  Since it has seen every name,
  // an entry also knows whether it had a journal, and nobody need ask the disk again.
  base::Result<std::vector<SpoolEntry>> sorted(
      const std::function<void(const base::Error&)>& trouble) const;

 private:
  Spool(std::filesystem::path directory, std::string queue, bool split);
  // Every name in input/ and its subdirectories that a message's file could have.
  base::Result<void> for_each_name(
      const std::function<bool(std::string_view name, char subdirectory)>& visit,
      const std::function<void(const base::Error&)>& trouble) const;

  std::filesystem::path directory_;
  std::string queue_;
  std::filesystem::path root_;  // the spool, or its named queue
  bool split_;
};

// Makes `directory` (0750, owner as its parent's when we are root) and syncs the
// parent, so that what is put into it cannot vanish with it.  Nothing happens if it
// exists.
base::Result<void> make_directory(const std::filesystem::path& directory);

// Gives a new file mode 0640 and, when we are root, the owner of the directory it is
// in: files that root makes must stay readable for Exim.
base::Result<void> settle_file(int fd, const std::string& path);

}  // namespace spoolfmt
