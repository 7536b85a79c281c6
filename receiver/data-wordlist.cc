// SPDX-License-Identifier: Apache-2.0
//
// bobbin-data-wordlist: a DATA-stage script that weighs the words of a message.
//
// What is read stands in mail_text.h, how it is searched in word_search.h.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/cli.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "receiver/mail_text.h"
#include "receiver/word_search.h"

namespace {

using base::Result;

constexpr int kPass = 0;
constexpr int kFail = 10;
constexpr int kFailKeep = 11;
constexpr int kMessage = 3;  // the descriptor
constexpr std::size_t kShownWords = 10;

struct Options {
  std::filesystem::path list;
  std::uint64_t threshold = 10;
  base::Size limit{std::uint64_t{256} << 10};
  bool keep = false;
  bool mark = false;
};

void describe(base::Cli& cli, Options& options) {
  cli.about("bobbin-data-wordlist", "--list FILE [OPTION...]",
            "A DATA-stage script: refuse messages whose words weigh too much.");
  cli.option("list", 0, "FILE", options.list, "the words, one a line: WEIGHT WORD...");
  cli.option("threshold", 0, "N", options.threshold, "the weight that is too much; 10");
  cli.option("limit", 0, "SIZE", options.limit, "read so much of each text part; 256k");
  cli.flag("keep", 0, options.keep, "keep a copy of what is refused");
  cli.flag("mark", 0, options.mark, "add X-Wordlist-Score: to what is not");
}

struct WordList {
  std::vector<std::string> words;  // as written
  std::vector<std::int64_t> weights;
  std::vector<std::string> patterns;
};

// "3 buy now", "-5 our newsletter"; a hash begins a comment line.
Result<WordList> read_list(const std::filesystem::path& path) {
  if (path.empty()) return base::fail(base::Code::usage, "no --list FILE");
  std::string text = TRY(base::read_file(path, std::size_t{64} << 20));
  WordList list;
  unsigned number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    auto weight = base::scan_number(line);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    std::string pattern = receiver::plain_pattern(line);
    if (!weight || pattern.empty())
      return base::fail(base::Code::config,
                        path.string() + ": line " + std::to_string(number) +
                            ": write a weight and a word, as: 5 buy now");
    list.words.emplace_back(line);
    list.weights.push_back(*weight);
    list.patterns.push_back(std::move(pattern));
  }
  return list;
}

// The message, mapped: of most messages only the beginning is ever looked at.
class Message {
 public:
  static Result<Message> map() {
    struct stat status{};
    if (::fstat(kMessage, &status) != 0)
      return base::system_failure("descriptor 3, the message", errno);
    auto size = static_cast<std::size_t>(status.st_size);
    if (size == 0) return Message(nullptr, 0);
    void* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, kMessage, 0);
    if (at == MAP_FAILED)
      return base::system_failure("descriptor 3, the message", errno);
    return Message(at, size);
  }
  Message(Message&& other) noexcept
      : at_(std::exchange(other.at_, nullptr)), size_(other.size_) {}
  Message& operator=(Message&&) = delete;
  ~Message() {
    if (at_) ::munmap(at_, size_);
  }
  std::string_view bytes() const { return {static_cast<const char*>(at_), size_}; }

 private:
  Message(void* at, std::size_t size) : at_(at), size_(size) {}
  void* at_;
  std::size_t size_;
};

// Which words are there, each counted once.
std::vector<bool> find_words(const WordList& list, std::string_view message,
                             std::size_t limit) {
  std::vector<bool> there(list.words.size());
  receiver::WordSearch search(list.patterns);
  receiver::PlainText plain;
  std::string text;
  auto found = [&](std::size_t word) { there[word] = true; };
  receiver::read_mail_text(message, limit, [&](std::string_view piece) {
    text.clear();
    plain.part(text);
    plain.add(piece, text);
    plain.part(text);
    search.feed(text, found);
  });
  return there;
}

Result<int> run(const Options& options) {
  WordList list = TRY(read_list(options.list));
  Message message = TRY(Message::map());
  std::vector<bool> there = find_words(list, message.bytes(), options.limit.bytes);
  std::int64_t score = 0;
  std::string words;
  std::size_t shown = 0;
  for (std::size_t i = 0; i < there.size(); ++i) {
    if (!there[i]) continue;
    score += list.weights[i];
    if (++shown <= kShownWords) words += (shown > 1 ? ", " : "") + list.words[i];
  }
  bool refused = score >= static_cast<std::int64_t>(options.threshold);
  if (shown == 0) return refused ? kFail : kPass;
  std::string answer, weight = std::to_string(score);
  base::Json json(answer);
  json.begin_object().member("log", "score " + weight + ": " + base::printable(words));
  if (refused)
    json.key("text").begin_array().value("Message refused for its words").end_array();
  else if (options.mark)
    json.key("headers_add")
        .begin_array()
        .value("X-Wordlist-Score: " + weight)
        .end_array();
  json.end_object();
  TRY(base::write_all(STDOUT_FILENO, answer, "standard output"));
  if (!refused) return kPass;
  return options.keep ? kFailKeep : kFail;
}

}  // namespace

int main(int argc, char** argv) {
  return base::tool_main(argc, argv, describe, run);
}
