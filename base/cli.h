// SPDX-License-Identifier: Apache-2.0
//
// A tool's command line from one table: parsing (Boost.Program_options), --help, shell
// completions and the check against the manual page all read the same rows.
//
//   struct Options { base::CommonOptions common; bool json = false; ... };
//   void describe(base::Cli& cli, Options& options) {
//     cli.about("bobbin-list", "[OPTION...] [ID...]", "show the messages of a queue");
//     cli.common(options.common);
//     cli.flag("json", 0, options.json, "one JSON object per line");
//   }
//   base::Result<void> run(const Options& options);
//   int main(int argc, char** argv) { return base::tool_main(argc, argv, describe,
//   run); }
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/text.h"

namespace base {

// A number of bytes on the command line: "10k", "5M".
struct Size {
  std::uint64_t bytes = 0;
};

// What every tool takes (bobbin(1), OPTIONS COMMON TO ALL TOOLS).
struct CommonOptions {
  std::filesystem::path config;     // -C; empty: /etc/bobbin/bobbin.conf if it is there
  std::vector<std::string> macros;  // -D NAME=VALUE
  std::filesystem::path spool;      // -s; empty: the configuration's spool_directory
  std::string queue;                // -G; empty: the default queue
  bool verbose = false;             // -v
};

// One option's argument.  Code::usage with what to write instead.
Result<void> parse_argument(std::string_view text, std::string& target);
Result<void> parse_argument(std::string_view text, std::filesystem::path& target);
Result<void> parse_argument(std::string_view text, std::uint64_t& target);
Result<void> parse_argument(std::string_view text, unsigned& target);
Result<void> parse_argument(std::string_view text, Size& target);
Result<void> parse_argument(std::string_view text, std::chrono::seconds& target);
template <class T>
Result<void> parse_argument(std::string_view text, std::optional<T>& target) {
  T value{};
  auto parsed = parse_argument(text, value);
  if (parsed) target = std::move(value);
  return parsed;
}
template <class T>
Result<void> parse_argument(std::string_view text, std::vector<T>& target) {
  T value{};
  auto parsed = parse_argument(text, value);
  if (parsed) target.push_back(std::move(value));
  return parsed;
}

class Cli {
 public:
  using Setter = std::function<Result<void>(std::string_view)>;

  // Name as installed, the operands' synopsis, and one line of purpose.
  void about(std::string name, std::string synopsis, std::string purpose);

  // --name/-letter ARGUMENT.  `letter` 0: none.  A vector target: repeatable.
  template <class T>
  void option(std::string name, char letter, std::string argument, T& target,
              std::string help) {
    custom(std::move(name), letter, std::move(argument), std::move(help),
           [&target](std::string_view text) { return parse_argument(text, target); });
  }
  // One of a fixed set of words.
  void choice(std::string name, char letter, std::vector<std::string> words,
              std::string& target, std::string help);
  void flag(std::string name, char letter, bool& target, std::string help);
  void custom(std::string name, char letter, std::string argument, std::string help,
              Setter set);
  // -letter[letters]: an option whose argument is glued to it and may be absent, as
  // -qqif.
  void letters(char letter, std::string argument, std::string help, Setter set);
  // -letter[letters] WORD, as -Rff example.org: `set` gets both.
  using PairSetter =
      std::function<Result<void>(std::string_view glued, std::string_view word)>;
  void letters_and_word(char letter, std::string argument, std::string help,
                        PairSetter set);
  void operands(std::string name, std::vector<std::string>& target, std::string help);
  // A heading in --help for the options that follow.
  void group(std::string heading);
  // A tool of several actions: the first operand is one of these words, put into
  // `target`; what operands() names follows it.
  void action(std::string& target, std::string word, std::string synopsis,
              std::string help);
  // A heading too; with another action the options that follow are an error.
  void only_for(std::vector<std::string> actions);
  // Called when the whole command line has been read, unless help is all it wants.
  void afterwards(std::function<Result<void>()> check);

  void common(CommonOptions& target);

  struct Row {
    std::string group;
    std::string name;       // long name without hyphens; empty for letters()
    char letter = 0;        // 0: none
    std::string argument;   // empty for a flag
    bool glued = false;     // letters(): argument glued and optional
    PairSetter set_pair{};  // letters_and_word(): instead of `set`
    std::vector<std::string> words;
    std::string help;
    Setter set;
    std::vector<std::string> actions{};  // only_for(); empty: any
  };

  // Code::usage: unknown option, missing or unfit argument, operands not wanted.
  Result<void> parse(int argc, const char* const* argv);
  std::string help() const;
  // One row an option, tab separated: long, letter, argument, words, help.  For
  // scripts/check-man and the completions; printed by the hidden --describe-options.
  std::string table() const;

  bool wants_help = false;
  bool wants_version = false;
  bool wants_table = false;
  const std::string& name() const { return name_; }

 private:
  struct Action {
    std::string word, synopsis, help;
  };

  Result<void> parse_tokens(const std::vector<std::string>& arguments);
  Result<void> take_action(const std::vector<const Row*>& given);

  std::string name_, synopsis_, purpose_;
  std::string group_;
  std::vector<Row> rows_;
  std::string operand_name_, operand_help_;
  std::vector<std::string>* operands_ = nullptr;
  std::vector<Action> actions_;
  std::string* action_ = nullptr;
  std::vector<std::string> only_for_;
  std::vector<std::function<Result<void>()>> afterwards_;
};

namespace detail {
// Parses, answers --help and --version, runs, prints the error, returns the exit
// status.
int tool_main(int argc, char** argv, Cli& cli,
              const std::function<Result<void>()>& run);
}  // namespace detail

template <class Options>
int tool_main(int argc, char** argv, void (*describe)(Cli&, Options&),
              Result<void> (*run)(const Options&)) {
  Options options;
  Cli cli;
  describe(cli, options);
  return detail::tool_main(argc, argv, cli, [&] { return run(options); });
}

// The same for a program whose exit status is its answer.
template <class Options>
int tool_main(int argc, char** argv, void (*describe)(Cli&, Options&),
              Result<int> (*run)(const Options&)) {
  Options options;
  Cli cli;
  describe(cli, options);
  int answer = 0;
  int failed = detail::tool_main(argc, argv, cli, [&]() -> Result<void> {
    answer = TRY(run(options));
    return {};
  });
  return failed != 0 ? failed : answer;
}

}  // namespace base
