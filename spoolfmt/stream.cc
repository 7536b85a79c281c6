// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/fd.h"
#include "base/handle.h"

namespace spoolfmt {

namespace {

constexpr std::size_t kBufferSize = 65536;

base::Error archive_error(archive* handle, base::Code code) {
  const char* text = archive_error_string(handle);
  return {code, std::string("stream: ") + (text ? text : "unknown trouble")};
}

}  // namespace

// --- writing -----------------------------------------------------------------

struct StreamWriter::State {
  base::Handle<archive, archive_write_free> handle;
  base::Handle<archive_entry, archive_entry_free> entry;
  int fd = -1;
  bool abandoned = false;
  std::uint64_t left = 0;  // bytes of the current file still to come

  static la_ssize_t drain(archive* handle, void* self, const void* bytes,
                          std::size_t size) {
    auto* state = static_cast<State*>(self);
    // Freeing the handle writes the end marker, which only finish() may send.
    if (!state->abandoned) {
      std::string_view piece(static_cast<const char*>(bytes), size);
      if (auto written = base::write_all(state->fd, piece, "stream"); !written) {
        archive_set_error(handle, EIO, "%s", written.error().text.c_str());
        return -1;
      }
    }
    return static_cast<la_ssize_t>(size);
  }
};

StreamWriter::StreamWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
StreamWriter::StreamWriter(StreamWriter&&) noexcept = default;

StreamWriter::~StreamWriter() {
  if (state_) state_->abandoned = true;
}

base::Result<StreamWriter> StreamWriter::open(int fd) {
  auto state = std::make_unique<State>();
  state->fd = fd;
  state->handle.reset(archive_write_new());
  state->entry.reset(archive_entry_new());
  archive* handle = state->handle.get();
  // No blocking: a message must be through the pipe before the next one comes.
  if (archive_write_set_format_pax_restricted(handle) != ARCHIVE_OK ||
      archive_write_set_bytes_per_block(handle, 0) != ARCHIVE_OK ||
      archive_write_open(handle, state.get(), nullptr, State::drain, nullptr) !=
          ARCHIVE_OK)
    return std::unexpected(archive_error(handle, base::Code::disk));
  return StreamWriter(std::move(state));
}

base::Result<void> StreamWriter::begin(const MessageId& id, char kind,
                                       std::uint64_t size, base::Time received) {
  archive_entry* entry = state_->entry.get();
  archive_entry_clear(entry);
  std::string name = id.str() + "-" + kind;
  archive_entry_set_pathname(entry, name.c_str());
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_entry_set_perm(entry, 0640);
  archive_entry_set_size(entry, static_cast<la_int64_t>(size));
  auto seconds = std::chrono::floor<std::chrono::seconds>(received);
  archive_entry_set_mtime(entry, seconds.time_since_epoch().count(), 0);
  if (archive_write_header(state_->handle.get(), entry) != ARCHIVE_OK)
    return std::unexpected(archive_error(state_->handle.get(), base::Code::disk));
  state_->left = size;
  return write("");
}

base::Result<void> StreamWriter::write(std::string_view piece) {
  archive* handle = state_->handle.get();
  if (piece.size() > state_->left)
    return base::fail(base::Code::usage, "stream: more bytes than announced");
  while (!piece.empty()) {
    auto n = archive_write_data(handle, piece.data(), piece.size());
    if (n < 0) return std::unexpected(archive_error(handle, base::Code::disk));
    piece.remove_prefix(static_cast<std::size_t>(n));
    state_->left -= static_cast<std::uint64_t>(n);
  }
  // Its padding too, so that a message is through the pipe before the next one comes.
  if (state_->left == 0 && archive_write_finish_entry(handle) != ARCHIVE_OK)
    return std::unexpected(archive_error(handle, base::Code::disk));
  return {};
}

base::Result<void> StreamWriter::add(const LockedMessage& message) {
  HFile file = TRY(message.read_h());
  base::Time received = file.received_time();
  struct stat status{};
  if (::fstat(message.d_fd(), &status) != 0)
    return base::system_failure(message.path("-D").string(), errno);
  auto left = static_cast<std::uint64_t>(status.st_size);
  TRY(begin(message.id(), 'D', left, received));
  std::array<char, kBufferSize> buffer;
  for (off_t offset = 0; left > 0;) {
    ssize_t n = ::pread(message.d_fd(), buffer.data(), buffer.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      return base::system_failure(message.path("-D").string(), n < 0 ? errno : EIO);
    TRY(write({buffer.data(), static_cast<std::size_t>(n)}));
    offset += n;
    left -= static_cast<std::uint64_t>(n);
  }
  if (auto journal = base::read_file(message.path("-J"))) {
    TRY(begin(message.id(), 'J', journal->size(), received));
    TRY(write(*journal));
  } else if (journal.error().code != base::Code::not_found) {
    return std::unexpected(journal.error());
  }
  std::string text = format_h_file(file);
  TRY(begin(message.id(), 'H', text.size(), received));
  return write(text);
}

base::Result<void> StreamWriter::finish() {
  if (archive_write_close(state_->handle.get()) != ARCHIVE_OK)
    return std::unexpected(archive_error(state_->handle.get(), base::Code::disk));
  return {};
}

// --- reading -----------------------------------------------------------------

struct StreamReader::State {
  base::Handle<archive, archive_read_free> handle;
  int fd = -1;
  std::array<char, kBufferSize> input;
  std::array<char, kBufferSize> output;
  // Zero bytes at the end of what came: libarchive takes an end of file between two
  // entries for the end of the archive, so we look for the marker ourselves.
  std::uint64_t zeros = 0;
  MessageId body_of;  // -D has come, -H not yet, or not all of it
  bool h_came = false;
  bool journal_came = false;
  bool over = false;

  static la_ssize_t fill(archive*, void* self, const void** bytes) {
    auto* state = static_cast<State*>(self);
    ssize_t n = 0;
    do n = ::read(state->fd, state->input.data(), state->input.size());
    while (n < 0 && errno == EINTR);
    *bytes = state->input.data();
    if (n > 0) state->count_zeros({state->input.data(), static_cast<std::size_t>(n)});
    return n;
  }

  void count_zeros(std::string_view bytes) {
    std::size_t last = bytes.find_last_not_of('\0');
    zeros =
        last == std::string_view::npos ? zeros + bytes.size() : bytes.size() - last - 1;
  }

  // What a stream that stops here has lost.
  base::Error cut() {
    over = true;
    return {base::Code::syntax,
            "stream: cut short" +
                (body_of.empty() ? std::string(": there may have been more messages")
                                 : ": message " + body_of.str() + " is not complete")};
  }

  base::Result<Entry> judge(std::string_view name, std::uint64_t size) {
    auto refuse = [&](const char* why) {
      return base::fail(base::Code::syntax,
                        "stream: entry '" + std::string(name) + "': " + why);
    };
    std::string_view stem = name.size() > 2 ? name.substr(0, name.size() - 2) : "";
    auto id = MessageId::parse(stem);
    if (!id || name[name.size() - 2] != '-') return refuse("not a spool file");
    Entry entry{*id, name.back(), size};
    switch (entry.kind) {
      case 'D':
        body_of = *id;
        journal_came = h_came = false;
        return entry;
      case 'J':
        if (body_of != *id || journal_came || h_came)
          return refuse("a -J without its -D before it");
        journal_came = true;
        return entry;
      case 'H':
        if (body_of != *id || h_came) return refuse("an -H without its -D before it");
        h_came = true;
        return entry;
      default:
        return refuse("not a -D, -J or -H file");
    }
  }
};

StreamReader::StreamReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
StreamReader::StreamReader(StreamReader&&) noexcept = default;
StreamReader::~StreamReader() = default;

base::Result<StreamReader> StreamReader::open(int fd) {
  auto state = std::make_unique<State>();
  state->fd = fd;
  state->handle.reset(archive_read_new());
  archive* handle = state->handle.get();
  if (archive_read_support_format_tar(handle) != ARCHIVE_OK ||
      archive_read_support_format_empty(handle) != ARCHIVE_OK ||
      archive_read_open(handle, state.get(), nullptr, State::fill, nullptr) !=
          ARCHIVE_OK)
    return std::unexpected(archive_error(handle, base::Code::syntax));
  return StreamReader(std::move(state));
}

bool StreamReader::over() const {
  return state_->over;
}

base::Result<std::optional<StreamReader::Entry>> StreamReader::next() {
  constexpr std::uint64_t kEndMarker = 1024;
  if (state_->over) return std::nullopt;
  archive_entry* entry = nullptr;
  int status = archive_read_next_header(state_->handle.get(), &entry);
  if (status != ARCHIVE_FATAL && state_->h_came) state_->body_of = MessageId();
  if (status == ARCHIVE_EOF) {
    if (state_->zeros < kEndMarker || !state_->body_of.empty())
      return std::unexpected(state_->cut());
    state_->over = true;
    return std::nullopt;
  }
  if (status == ARCHIVE_FATAL) return std::unexpected(state_->cut());
  const char* name = archive_entry_pathname(entry);
  if (name == nullptr || archive_entry_filetype(entry) != AE_IFREG ||
      archive_entry_size(entry) < 0)
    return base::fail(base::Code::syntax, "stream: an entry that is no file");
  auto judged =
      state_->judge(name, static_cast<std::uint64_t>(archive_entry_size(entry)));
  if (!judged) return std::unexpected(judged.error());
  return *judged;
}

base::Result<std::string_view> StreamReader::read() {
  auto n = archive_read_data(state_->handle.get(), state_->output.data(),
                             state_->output.size());
  if (n < 0) return std::unexpected(state_->cut());
  return std::string_view(state_->output.data(), static_cast<std::size_t>(n));
}

}  // namespace spoolfmt
