// SPDX-License-Identifier: Apache-2.0
//
// The -H file: a queued message's envelope, status and header lines.
//
// Layout: Exim manual, "Format of spool files"; man/spoolfmt.5 is ours.  We keep what
// we do not know: options stay as they stood, in the order found, so that
// format_h_file(parse_h_file(x)) == x for every x that Exim writes.  The one structure
// comes in two forms: HFile owns its bytes and can be changed, HFileView borrows them
// from the text that was parsed and costs nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/safe_file.h"
#include "spoolfmt/message_id.h"
#include "spoolfmt/non_recipients.h"
#include "spoolfmt/recipient.h"

namespace spoolfmt {

// "aclm NAME ...", "aclc NAME ...", or "acl N ..." (to Exim 4.60).
inline bool starts_acl_variable(std::string_view text) {
  return text.starts_with("aclc ") || text.starts_with("aclm ") ||
         text.starts_with("acl ");
}

// One "-name value" line.
template <class Text>
struct BasicOption {
  Text name;   // "frozen", "host_address", "aclm _foo", "acl 12"; may be empty
  Text value;  // bytes; an ACL variable's may hold anything, others no LF
  bool has_value = false;  // "-ident " has an empty one, "-local" has none
  bool tainted = false;    // written "--name": Exim does not trust the value
  Text quoter{};           // written "--(quoter)name": quoted for that lookup; or empty

  // Does the file state the value's length, so that it may hold line breaks?
  bool is_acl_variable() const { return starts_acl_variable(name); }
};

// One header line, folds and final newline kept.
template <class Text>
struct BasicHeader {
  char type = ' ';  // one of " BCFIPRST", or '*': replaced or removed, never sent
  Text text;
};

template <class Text>
struct BasicHFile {
  MessageId id;  // empty only when the file's name is no id
  Text login;    // who handed the message to Exim, with uid and gid; may be empty
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  Text sender;                // envelope sender, no <>; empty for a bounce
  std::int64_t received = 0;  // seconds since 1970 when reception began
  std::int64_t warnings = 0;  // delay warnings sent so far
  std::vector<BasicOption<Text>> options;
  BasicNonRecipients<Text> delivered;
  std::vector<BasicRecipient<Text>> recipients;  // all of them, delivered or not
  std::vector<BasicHeader<Text>> headers;

  // The option of that name that counts: the last one.  Null if there is none.
  const BasicOption<Text>* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }

  // Seconds since 1970 at which it was frozen; nothing if it is not.
  std::optional<std::int64_t> frozen() const;
  base::Time received_time() const;  // with its microseconds, if the file has them
  bool wire_format() const { return has("spool_file_wireformat"); }
  // Bytes of the header lines that would be sent: all but '*'.
  std::uint64_t header_size() const;
};

using Option = BasicOption<std::string>;
using OptionView = BasicOption<std::string_view>;
using Header = BasicHeader<std::string>;
using HeaderView = BasicHeader<std::string_view>;
using HFileView = BasicHFile<std::string_view>;

struct HFile : BasicHFile<std::string> {
  // Sets the option, in the place Exim writes it, replacing one of that name.
  void set(Option option);
  void set_flag(std::string_view name) {
    set({std::string(name), "", false, false, ""});
  }
  void set_value(std::string_view name, std::string value) {
    set({std::string(name), std::move(value), true, false, ""});
  }
  void remove(std::string_view name);
  void mark_delivered(const std::vector<std::string>& names);
};

// How far a -H file can be read.
enum class Damage {
  none,
  envelope,  // up to the blank line: nothing of the message is known
  headers,   // from the blank line on: the envelope is known, and headers up to there
};

// More recipients than this Exim accepts, and then cannot read back.
inline constexpr std::size_t kMostRecipientsForExim = 16384;

struct ParsedH {
  HFileView file;  // borrows from the text; what could be read before the damage
  Damage damage = Damage::none;
  std::size_t line = 0;  // of the damage, from 1
  std::string what;      // "no such thing as ..." without place
  // What the header line with the damage says its size is; Exim's listing counts it.
  std::uint64_t damaged_header_size = 0;

  void clear();  // for reuse without new allocations
};

// Reads a whole -H file whose name is `leaf` ("1xUYvJ-0004Zg-2C-H"), as far as it goes.
// Never throws, never reads past `text`, never recurses, whatever the bytes are.
void read_h_file(std::string_view text, std::string_view leaf, ParsedH& parsed);

// A sound -H file, owning its bytes.  Code::syntax naming the line (from 1) if there is
// any damage or `leaf` is not the name of a -H file.
base::Result<HFile> parse_h_file(std::string_view text, std::string_view leaf);

HFile to_owned(const HFileView& view);
// Borrows from `file`, which must stay as it is.
HFileView view_of(const HFile& file);

// The bytes Exim would write for `file`.  The caller has checked it: see
// check_writable.
template <class Text>
std::string format_h_file(const BasicHFile<Text>& file);

// Fails with Code::usage, naming the field, if a line break or NUL has got into a field
// that is one line of the file: it would let a stranger write other lines.
base::Result<void> check_writable(const HFile& file);

// Writes hdr.<id> in `directory`; it becomes <id>-H when the caller, who holds the lock
// of the message, commits it.
base::Result<base::SafeFile> prepare_h_file(const std::filesystem::path& directory,
                                            const HFile& file);

// Puts `file` into `directory` as <id>-H: hdr.<id>, fsync, rename, fsync of the
// directory.  The caller holds the lock of the message, and -D is durable already.
base::Result<void> publish_h_file(const std::filesystem::path& directory,
                                  const HFile& file);

// "[192.0.2.1]:25", "192.0.2.1.25" (to 4.95), "2001:db8::1.25" or a bare address.
struct HostPort {
  std::string_view address;
  unsigned port = 0;  // 0: not known
};
HostPort parse_host(std::string_view value);

// The type letter Exim gives to a header line of that name ("From" -> 'F'); ' ' for
// most. Message-ID and Resent-Message-ID are 'I' here; only the first that counts keeps
// it.
char header_type(std::string_view name);

}  // namespace spoolfmt
