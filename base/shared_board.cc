// SPDX-License-Identifier: Apache-2.0
#include "base/shared_board.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/interprocess/file_mapping.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>

#include "base/fd.h"
#include "base/file_lock.h"
#include "base/text.h"

namespace base {

namespace ipc = boost::interprocess;

namespace {

using Word = std::atomic<std::uint64_t>;
static_assert(Word::is_always_lock_free && sizeof(Word) == sizeof(std::uint64_t));

// The last byte is the version of all that follows.
constexpr std::array<char, 8> kMagic = {'b', 'o', 'b', 'b', 'o', 'a', 'r', 1};
constexpr std::size_t kWords = SharedBoard::kPageSize / sizeof(Word);
constexpr std::size_t kSlots = 4;
// An asker that died would keep its slot for ever.
constexpr std::uint64_t kOldestWish = 60'000;  // milliseconds
constexpr std::chrono::milliseconds kLookAgain{2};

// What a slot is in.  Its word also tells when it came there, in milliseconds of the
// machine's monotonic clock, so that no two turns of a slot look the same.
enum Stage : std::uint64_t { empty, being_written, asked, answered };
constexpr std::uint64_t kStages = 4;

std::uint64_t now() {
  auto since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::milliseconds>(since).count());
}

std::uint64_t word_of(Stage stage) {
  return now() * kStages + stage;
}

std::uint64_t stage_of(std::uint64_t word) {
  return word % kStages;
}

struct Slot {
  Word word{};
  std::uint64_t size = 0;  // of the wish, or of the answer
  std::array<char, SharedBoard::kLongestWish> text{};
};

struct Layout {
  std::array<char, 8> magic{};
  std::int64_t pid = 0;
  std::int64_t since = 0;  // microseconds since 1970
  Word shown{};            // page shown % 2 is whole; 0: none is
  std::array<Slot, kSlots> slots{};
  // The first word is how many bytes follow.
  std::array<std::array<Word, kWords>, 2> pages{};
};

// Files that root makes must stay readable for those whose directory it is.
Result<void> give_to_owner(int fd, const std::filesystem::path& path) {
  struct stat owner{};
  std::filesystem::path directory = path.parent_path();
  if (::geteuid() != 0) return {};
  if (::stat(directory.c_str(), &owner) != 0 ||
      ::fchown(fd, owner.st_uid, owner.st_gid) != 0)
    return system_failure(path.string(), errno);
  return {};
}

// The boards below a directory, by name: KIND-PID.  No directory: none.
Result<std::vector<std::filesystem::path>> board_files(
    const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> found;
  std::error_code error;
  std::filesystem::directory_iterator files(directory, error), end;
  if (error == std::errc::no_such_file_or_directory) return found;
  for (; !error && files != end; files.increment(error)) {
    std::string name = files->path().filename().string();
    auto hyphen = name.find('-');
    if (hyphen != name.npos && to_number(name.substr(hyphen + 1)))
      found.push_back(files->path());
  }
  if (error) return system_failure(directory.string(), error.value());
  return found;
}

// A board gets its name when it is locked, so one that is not has no owner any more.
void remove_dead(const std::filesystem::path& directory) {
  auto files = board_files(directory);
  if (!files) return;
  for (const auto& path : *files) {
    auto file = open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (file && !FileLock::is_held(file->get(), 1)) ::unlink(path.c_str());
  }
}

}  // namespace

struct SharedBoard::Mapping {
  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (ours) ::unlink(path.c_str());
  }

  std::filesystem::path path;
  bool ours = false;             // we made it
  std::optional<FileLock> lock;  // the owner's
  bool writable = false;
  ipc::mapped_region region;

  Layout& layout() const { return *static_cast<Layout*>(region.get_address()); }

  Result<void> map() {
    auto mode = writable ? ipc::read_write : ipc::read_only;
    try {
      ipc::file_mapping file(path.c_str(), mode);
      region = ipc::mapped_region(file, mode);
    } catch (const ipc::interprocess_exception& e) {
      return system_failure(path.string(), e.get_native_error());
    }
    return {};
  }
};

SharedBoard::SharedBoard(std::string kind, std::unique_ptr<Mapping> mapping)
    : kind_(std::move(kind)), mapping_(std::move(mapping)) {}
SharedBoard::SharedBoard(SharedBoard&&) noexcept = default;
SharedBoard& SharedBoard::operator=(SharedBoard&&) noexcept = default;
SharedBoard::~SharedBoard() = default;

Result<SharedBoard> SharedBoard::create(const std::filesystem::path& directory,
                                        std::string_view kind, Time since) {
  auto mapping = std::make_unique<Mapping>();
  std::filesystem::path path =
      directory / (std::string(kind) + "-" + std::to_string(::getpid()));
  remove_dead(directory);
  // Readers know it by its name, which it gets when it is locked and whole.
  mapping->path = path.string() + ".new";
  ::unlink(mapping->path.c_str());
  Fd file = TRY(open_file(mapping->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW));
  mapping->ours = true;
  if (::fchmod(file.get(), 0640) != 0)
    return system_failure(mapping->path.string(), errno);
  // A full disk is an error here, and no signal when a page is written.
  if (int error = ::posix_fallocate(file.get(), 0, sizeof(Layout)); error != 0)
    return system_failure(mapping->path.string(), error);
  TRY(give_to_owner(file.get(), path));
  mapping->lock = TRY(FileLock::acquire(std::move(file), 1, path.string()));
  mapping->writable = true;
  TRY(mapping->map());
  Layout& layout = mapping->layout();  // all zeros as the file is
  layout.pid = ::getpid();
  layout.since = since.time_since_epoch().count();
  layout.magic = kMagic;
  if (::rename(mapping->path.c_str(), path.c_str()) != 0)
    return system_failure(path.string(), errno);
  mapping->path = path;
  return SharedBoard(std::string(kind), std::move(mapping));
}

Result<SharedBoard> SharedBoard::open(const std::filesystem::path& path) {
  auto mapping = std::make_unique<Mapping>();
  mapping->path = path;
  Fd file = TRY(open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return system_failure(path.string(), errno);
  if (!S_ISREG(status.st_mode) ||
      static_cast<std::uintmax_t>(status.st_size) != sizeof(Layout))
    return fail(Code::syntax, path.string() + ": not a board of this version");
  if (!FileLock::is_held(file.get(), 1))
    return fail(Code::not_found, path.string() + ": its process has ended");
  mapping->writable = ::access(path.c_str(), W_OK) == 0;
  TRY(mapping->map());
  if (mapping->layout().magic != kMagic)
    return fail(Code::syntax, path.string() + ": not a board of this version");
  std::string name = path.filename().string();
  return SharedBoard(name.substr(0, name.find('-')), std::move(mapping));
}

Result<std::vector<SharedBoard>> SharedBoard::open_all(
    const std::filesystem::path& directory) {
  std::vector<SharedBoard> boards;
  for (const auto& path : TRY(board_files(directory))) {
    auto board = open(path);
    if (board) boards.push_back(std::move(*board));
  }
  std::ranges::sort(boards, {}, [](const SharedBoard& board) {
    return std::pair(board.since(), board.pid());
  });
  return boards;
}

long SharedBoard::pid() const {
  return static_cast<long>(mapping_->layout().pid);
}

Time SharedBoard::since() const {
  return Time(std::chrono::microseconds(mapping_->layout().since));
}

// A reader that meets a word of a later page has met what was stored before it, too:
// that another page was shown meanwhile.  So a word is stored with release and loaded
// with acquire, and no fence is needed.
void SharedBoard::show(const BoardPage& page) {
  Layout& layout = mapping_->layout();
  std::uint64_t next = layout.shown.load(std::memory_order_relaxed) + 1;
  auto& words = layout.pages[next % 2];
  std::string bytes = format_board_page(page, kPageSize - sizeof(Word));
  words[0].store(bytes.size(), std::memory_order_release);
  bytes.resize((bytes.size() + sizeof(Word) - 1) / sizeof(Word) * sizeof(Word));
  for (std::size_t i = 0; i * sizeof(Word) < bytes.size(); ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i * sizeof(Word), sizeof word);
    words[i + 1].store(word, std::memory_order_release);
  }
  layout.shown.store(next, std::memory_order_release);
}

Result<BoardPage> SharedBoard::read() const {
  const Layout& layout = mapping_->layout();
  std::string bytes;
  // To be overtaken twice takes an owner that shows pages all the time.
  for (int tries = 0; tries < 1000; ++tries) {
    std::uint64_t shown = layout.shown.load(std::memory_order_acquire);
    if (shown == 0) break;
    const auto& words = layout.pages[shown % 2];
    std::uint64_t size = words[0].load(std::memory_order_acquire);
    std::size_t count = (size + sizeof(Word) - 1) / sizeof(Word);
    if (count < kWords) {
      bytes.resize(count * sizeof(Word));
      for (std::size_t i = 0; i < count; ++i) {
        std::uint64_t word = words[i + 1].load(std::memory_order_acquire);
        std::memcpy(bytes.data() + i * sizeof(Word), &word, sizeof word);
      }
    }
    if (layout.shown.load(std::memory_order_acquire) != shown) continue;
    if (count >= kWords) return fail(Code::syntax, "no page of a board");
    bytes.resize(size);
    return parse_board_page(bytes);
  }
  return fail(Code::temporary, "nothing is shown yet");
}

namespace {

// A free slot, or one whose asker is gone, is ours from here on.
Slot* take_slot(Layout& layout) {
  for (Slot& slot : layout.slots) {
    std::uint64_t word = slot.word.load(std::memory_order_acquire);
    if (stage_of(word) != empty && now() - word / kStages < kOldestWish) continue;
    if (slot.word.compare_exchange_strong(word, word_of(being_written),
                                          std::memory_order_acq_rel))
      return &slot;
  }
  return nullptr;
}

void put_text(Slot& slot, std::string_view text) {
  slot.size = std::min(text.size(), slot.text.size());
  std::ranges::copy(text.substr(0, slot.size), slot.text.begin());
}

std::string text_of(const Slot& slot) {
  return {slot.text.data(), std::min<std::size_t>(slot.size, slot.text.size())};
}

}  // namespace

Result<void> SharedBoard::ask(std::string_view wish,
                              std::chrono::milliseconds patience) const {
  const std::string& place = mapping_->path.string();
  if (!mapping_->writable)
    return fail(Code::permanent, place + ": only who may write there can ask");
  if (wish.size() > kLongestWish) return fail(Code::usage, "that is too long to ask");
  Slot* slot = take_slot(mapping_->layout());
  if (!slot) return fail(Code::temporary, place + ": too many ask: try again");
  put_text(*slot, wish);
  const std::uint64_t ours = word_of(asked);
  slot->word.store(ours, std::memory_order_release);
  auto deadline = std::chrono::steady_clock::now() + patience;
  while (stage_of(slot->word.load(std::memory_order_acquire)) != answered) {
    // A slot that the owner has in hand is left to it, and free when that is long ago.
    std::uint64_t word = ours;
    if (std::chrono::steady_clock::now() > deadline &&
        (slot->word.compare_exchange_strong(word, word_of(empty)) ||
         stage_of(word) != answered))
      return fail(Code::temporary,
                  "process " + std::to_string(pid()) + " does not answer: try again");
    std::this_thread::sleep_for(kLookAgain);
  }
  std::string answer = text_of(*slot);
  slot->word.store(word_of(empty), std::memory_order_release);
  if (!answer.empty()) return fail(Code::permanent, answer);
  return {};
}

void SharedBoard::serve(
    const std::function<Result<void>(std::string_view wish)>& grant) {
  for (Slot& slot : mapping_->layout().slots) {
    std::uint64_t word = slot.word.load(std::memory_order_acquire);
    if (stage_of(word) != asked) continue;
    // Ours while it is being written: the asker may give up no more.
    if (!slot.word.compare_exchange_strong(word, word_of(being_written),
                                           std::memory_order_acq_rel))
      continue;
    Result<void> granted = grant(text_of(slot));
    put_text(slot, granted ? "" : granted.error().text);
    slot.word.store(word_of(answered), std::memory_order_release);
  }
}

}  // namespace base
