// SPDX-License-Identifier: Apache-2.0
#include "base/cli.h"

#include <unistd.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <limits>

#include "base/failures.h"
#include "base/fd.h"
#include "base/version.h"

namespace base {

namespace po = boost::program_options;

Result<void> parse_argument(std::string_view text, std::string& target) {
  target = text;
  return {};
}

Result<void> parse_argument(std::string_view text, std::filesystem::path& target) {
  if (text.empty()) return fail(Code::usage, "an empty path: name a file or directory");
  target = std::filesystem::path(std::string(text));
  return {};
}

Result<void> parse_argument(std::string_view text, std::uint64_t& target) {
  auto number = to_number(text);
  if (!number)
    return fail(Code::usage,
                "'" + std::string(text) + "' is not a number: write digits");
  target = *number;
  return {};
}

Result<void> parse_argument(std::string_view text, unsigned& target) {
  std::uint64_t number = 0;
  TRY(parse_argument(text, number));
  if (number > std::numeric_limits<unsigned>::max())
    return fail(Code::usage, "'" + std::string(text) + "' is too large");
  target = static_cast<unsigned>(number);
  return {};
}

Result<void> parse_argument(std::string_view text, Size& target) {
  target.bytes = TRY(parse_size(text));
  return {};
}

Result<void> parse_argument(std::string_view text, std::chrono::seconds& target) {
  target = TRY(parse_span(text));
  return {};
}

void Cli::about(std::string name, std::string synopsis, std::string purpose) {
  name_ = std::move(name);
  synopsis_ = std::move(synopsis);
  purpose_ = std::move(purpose);
}

void Cli::custom(std::string name, char letter, std::string argument, std::string help,
                 Setter set) {
  Row row;
  row.group = group_;
  row.name = std::move(name);
  row.letter = letter;
  row.argument = std::move(argument);
  row.help = std::move(help);
  row.set = std::move(set);
  row.actions = only_for_;
  rows_.push_back(std::move(row));
}

void Cli::choice(std::string name, char letter, std::vector<std::string> words,
                 std::string& target, std::string help) {
  std::string argument;
  for (const auto& word : words) argument += (argument.empty() ? "" : "|") + word;
  custom(std::move(name), letter, argument, std::move(help),
         [words, argument, &target](std::string_view text) -> Result<void> {
           if (std::find(words.begin(), words.end(), text) == words.end())
             return fail(Code::usage,
                         "'" + std::string(text) + "' is not one of " + argument);
           target = text;
           return {};
         });
  rows_.back().words = std::move(words);
}

void Cli::flag(std::string name, char letter, bool& target, std::string help) {
  custom(std::move(name), letter, "", std::move(help),
         [&target](std::string_view) -> Result<void> {
           target = true;
           return {};
         });
}

void Cli::letters(char letter, std::string argument, std::string help, Setter set) {
  custom("", letter, std::move(argument), std::move(help), std::move(set));
  rows_.back().glued = true;
}

void Cli::letters_and_word(char letter, std::string argument, std::string help,
                           PairSetter set) {
  letters(letter, std::move(argument), std::move(help), {});
  rows_.back().set_pair = std::move(set);
}

void Cli::operands(std::string name, std::vector<std::string>& target,
                   std::string help) {
  operand_name_ = std::move(name);
  operand_help_ = std::move(help);
  operands_ = &target;
}

void Cli::group(std::string heading) {
  group_ = std::move(heading);
  only_for_.clear();
}

void Cli::action(std::string& target, std::string word, std::string synopsis,
                 std::string help) {
  action_ = &target;
  actions_.push_back({std::move(word), std::move(synopsis), std::move(help)});
}

void Cli::only_for(std::vector<std::string> actions) {
  std::string words;
  for (const auto& action : actions) {
    bool last = &action == &actions.back();
    words += (words.empty() ? " " : last ? " and " : ", ") + action;
  }
  group("Options of" + words);
  only_for_ = std::move(actions);
}

void Cli::afterwards(std::function<Result<void>()> check) {
  afterwards_.push_back(std::move(check));
}

void Cli::common(CommonOptions& target) {
  std::string before = std::exchange(group_, "Common options");
  std::vector<std::string> actions = std::exchange(only_for_, {});
  option("config", 'C', "FILE", target.config, "configuration file");
  option("define", 'D', "NAME=VALUE", target.macros, "define a macro (repeatable)");
  option("spool", 's', "DIR", target.spool, "the spool directory");
  option("queue", 'G', "NAME", target.queue, "a named queue of that spool");
  flag("verbose", 'v', target.verbose, "say more on standard error");
  group_ = before;
  only_for_ = actions;
}

namespace {

const Cli::Row* find_glued(const std::vector<Cli::Row>& rows, std::string_view word) {
  if (word.size() < 2 || word[0] != '-') return nullptr;
  for (const Cli::Row& row : rows)
    if (row.glued && row.letter == word[1]) return &row;
  return nullptr;
}

// True if `word` ends in an option whose argument is the next word.
bool takes_next(const std::vector<Cli::Row>& rows, std::string_view word) {
  if (word.size() < 2 || word[0] != '-') return false;
  if (word[1] == '-')
    return std::any_of(rows.begin(), rows.end(), [&](const Cli::Row& row) {
      return !row.argument.empty() && row.name == word.substr(2);
    });
  for (std::size_t i = 1; i < word.size(); ++i)
    for (const Cli::Row& row : rows)
      if (row.letter == word[i] && !row.argument.empty()) return i + 1 == word.size();
  return false;
}

}  // namespace

Result<void> Cli::parse(int argc, const char* const* argv) {
  // Glued letters are cut off here: Program_options would split -qqif into -q -q -i -f
  // or swallow the next operand.  Everything behind "--" is an operand.
  std::vector<std::string> rest;
  bool options_over = false;
  bool is_argument = false;
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    bool literal = options_over || is_argument;
    if (const Row* glued = literal ? nullptr : find_glued(rows_, word)) {
      if (glued->set_pair && i + 1 == argc)
        return fail(Code::usage, std::string(word) + ": an argument is missing");
      auto set = glued->set_pair ? glued->set_pair(word.substr(2), argv[++i])
                                 : glued->set(word.substr(2));
      if (!set) return std::unexpected(at(word, set.error()));
      continue;
    }
    options_over = options_over || (!is_argument && word == "--");
    is_argument = !literal && takes_next(rows_, word);
    rest.emplace_back(word);
  }
  return parse_tokens(rest);
}

Result<void> Cli::parse_tokens(const std::vector<std::string>& arguments) {
  po::options_description description;
  auto add = description.add_options();
  add("help,h", "");
  add("version", "");
  add("describe-options", "");
  for (const Row& row : rows_) {
    if (row.glued) continue;
    std::string key = row.name;
    if (row.letter) key += std::string(",") + row.letter;
    if (row.argument.empty())
      add(key.c_str(), "");
    else
      add(key.c_str(), po::value<std::vector<std::string>>(), "");
  }
  std::vector<po::option> parsed;
  try {
    // No guessing: an abbreviation that works today would bind us for ever.
    int style =
        po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    parsed = po::command_line_parser(arguments)
                 .options(description)
                 .style(style)
                 .run()
                 .options;
  } catch (const po::error& e) {
    return fail(Code::usage, std::string(e.what()) + ": see --help");
  }
  std::vector<const Row*> given;
  for (const po::option& option : parsed) {
    if (option.position_key >= 0) {
      if (!operands_)
        return fail(Code::usage, "'" + option.value.front() +
                                     "': this tool takes no operands: see --help");
      operands_->insert(operands_->end(), option.value.begin(), option.value.end());
    } else if (option.string_key == "help") {
      wants_help = true;
    } else if (option.string_key == "version") {
      wants_version = true;
    } else if (option.string_key == "describe-options") {
      wants_table = true;
    } else {
      for (const Row& row : rows_) {
        if (row.name != option.string_key) continue;
        std::string_view value;
        if (!option.value.empty()) value = option.value.front();
        if (auto set = row.set(value); !set)
          return std::unexpected(at("--" + row.name, set.error()));
        given.push_back(&row);
      }
    }
  }
  if (wants_help || wants_version || wants_table) return {};
  if (action_) TRY(take_action(given));
  for (const auto& check : afterwards_) TRY(check());
  return {};
}

Result<void> Cli::take_action(const std::vector<const Row*>& given) {
  std::string known;
  for (const Action& action : actions_)
    known += (known.empty() ? "" : ", ") + action.word;
  if (operands_->empty())
    return fail(Code::usage, "an action is missing: write one of " + known);
  *action_ = operands_->front();
  operands_->erase(operands_->begin());
  auto named = [&](const Action& action) { return action.word == *action_; };
  if (std::none_of(actions_.begin(), actions_.end(), named))
    return fail(Code::usage, "'" + *action_ + "' is no action: write one of " + known);
  for (const Row* row : given)
    if (!row->actions.empty() && std::find(row->actions.begin(), row->actions.end(),
                                           *action_) == row->actions.end())
      return fail(Code::usage,
                  "--" + row->name + ": not with " + *action_ + ": see --help");
  return {};
}

namespace {

std::string left_column(const Cli::Row& row) {
  std::string text = row.letter ? std::string("-") + row.letter : "   ";
  if (row.glued)
    return "  " + text + "[" + row.argument + (row.set_pair ? "] TEXT" : "]");
  text += row.letter ? ", --" : " --";
  text += row.name;
  if (!row.argument.empty()) text += " " + row.argument;
  return "  " + text;
}

void put_row(std::string& out, const std::string& left, const std::string& help) {
  constexpr std::size_t kColumn = 30;
  out += left;
  if (left.size() + 2 > kColumn)
    out += "\n" + std::string(kColumn, ' ');
  else
    out.append(kColumn - left.size(), ' ');
  out += help + "\n";
}

}  // namespace

std::string Cli::help() const {
  std::string out = "Usage: " + name_ + " " + synopsis_ + "\n" + purpose_ + "\n";
  if (!actions_.empty()) {
    out += "\nActions:\n";
    for (const Action& action : actions_)
      put_row(
          out,
          "  " + action.word + (action.synopsis.empty() ? "" : " ") + action.synopsis,
          action.help);
  } else if (operands_) {
    out += "\n";
    put_row(out, "  " + operand_name_, operand_help_);
  }
  std::vector<std::string> groups;
  for (const Row& row : rows_)
    if (std::find(groups.begin(), groups.end(), row.group) == groups.end())
      groups.push_back(row.group);
  for (const std::string& group : groups) {
    out += "\n" + (group.empty() ? "Options" : group) + ":\n";
    for (const Row& row : rows_)
      if (row.group == group) put_row(out, left_column(row), row.help);
  }
  out += "\nHelp:\n";
  put_row(out, "  -h, --help", "print this text");
  put_row(out, "      --version", "print the version");
  return out;
}

std::string Cli::table() const {
  std::string out = "help\th\t\t\tprint this text\nversion\t\t\t\tprint the version\n";
  if (!actions_.empty()) {
    std::string words;
    for (const Action& action : actions_)
      words += (words.empty() ? "" : " ") + action.word;
    out += "\t\tACTION\t" + words + "\twhat to do\n";
  }
  for (const Row& row : rows_) {
    std::string words;
    for (const auto& word : row.words) words += (words.empty() ? "" : " ") + word;
    out += row.name + "\t" + (row.letter ? std::string(1, row.letter) : "") + "\t" +
           row.argument + "\t" + words + "\t" + row.help + "\n";
  }
  return out;
}

namespace detail {

namespace {

int print(const std::string& text) {
  return write_all(STDOUT_FILENO, text, "stdout") ? 0 : exit_status(Code::disk);
}

}  // namespace

int tool_main(int argc, char** argv, Cli& cli,
              const std::function<Result<void>()>& run) {
  set_program_name(cli.name());
  // `bobbin list | head` must end the writer with an error it can see, not a signal.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    auto parsed = cli.parse(argc, argv);
    if (parsed && cli.wants_help) return print(cli.help());
    if (parsed && cli.wants_version)
      return print(cli.name() + " " + std::string(kVersion) + "\n");
    if (parsed && cli.wants_table) return print(cli.table());
    auto done = parsed ? run() : parsed;
    if (std::fflush(stdout) != 0 && done) done = system_failure("stdout", errno);
    if (done) return 0;
    if (!done.error().text.empty()) complain(done.error().text);
    return exit_status(done.error().code);
  } catch (const std::exception& e) {
    complain(std::string("bug: ") + e.what());
    return 70;
  }
}

}  // namespace detail

}  // namespace base
