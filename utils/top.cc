// SPDX-License-Identifier: Apache-2.0
//
// bobbin-top: receivers and queue runs at work, and a hand for an operator.
//
// Every process hangs out a board (base/shared_board.h); here they are read.  What is
// shown and what a key means is top_screen.h's affair.
#include "base/cli.h"
#include "base/failures.h"
#include "base/shared_board.h"
#include "policy/main_options.h"
#include "spoolfmt/boards.h"
#include "utils/board_table.h"
#include "utils/print.h"
#include "utils/terminal.h"
#include "utils/top_screen.h"

namespace {

using base::Result;
using base::SharedBoard;
using namespace std::chrono_literals;

constexpr auto kPatience = 2s;  // with a process that is asked for something

struct Options {
  base::CommonOptions common;
  bool snapshot = false;
  bool json = false;
  std::string sort = "ready";
  std::chrono::seconds interval{1};
  std::optional<std::uint64_t> pid;
  std::vector<std::string> wishes;  // in the order given
};

// "SITE=N": N messages a second.
Result<void> add_pace(std::string_view text, std::vector<std::string>& wishes) {
  auto equals = text.rfind('=');
  if (equals == text.npos || equals == 0 || equals + 1 == text.size())
    return base::fail(base::Code::usage,
                      "'" + std::string(text) +
                          "': write SITE=N, N messages a second, 0 for no limit");
  wishes.push_back("pace " + std::string(text.substr(equals + 1)) + " " +
                   std::string(text.substr(0, equals)));
  return {};
}

void describe(base::Cli& cli, Options& options) {
  cli.about("bobbin-top", "[OPTION...]", "Watch receivers and queue runs at work.");
  auto site = [&](const std::string& verb) {
    return [&options, verb](std::string_view text) -> Result<void> {
      options.wishes.push_back(verb + " " + std::string(text));
      return {};
    };
  };
  cli.flag("snapshot", 0, options.snapshot, "print what is now, once");
  cli.flag("json", 0, options.json, "the same as JSON, one object per process");
  std::vector<std::string> columns(utils::sort_columns().begin(),
                                   utils::sort_columns().end());
  cli.choice("sort", 0, columns, options.sort, "which sites come first (ready)");
  cli.option("interval", 0, "T", options.interval, "look again so often (1s)");
  cli.option("pid", 0, "N", options.pid, "only that process");
  cli.custom("pause", 0, "SITE", "send nothing there for now", site("pause"));
  cli.custom("resume", 0, "SITE", "go on with it", site("resume"));
  cli.custom("pace", 0, "SITE=N", "N messages a second there, 0: as it goes",
             [&](std::string_view text) { return add_pace(text, options.wishes); });
  cli.common(options.common);
}

class Boards {
 public:
  Boards(std::filesystem::path directory, const Options& options)
      : directory_(std::move(directory)), options_(options) {}

  Result<std::vector<SharedBoard>> open() const {
    auto boards = TRY(SharedBoard::open_all(directory_));
    if (options_.pid)
      std::erase_if(boards, [&](const SharedBoard& board) {
        return std::cmp_not_equal(board.pid(), *options_.pid);
      });
    return boards;
  }

  // One that shows nothing yet is left out.
  Result<std::vector<utils::Process>> look() const {
    std::vector<utils::Process> processes;
    for (const SharedBoard& board : TRY(open())) {
      auto page = board.read();
      if (page)
        processes.push_back(
            {board.kind(), board.pid(), board.since(), std::move(*page)});
    }
    return processes;
  }

 private:
  std::filesystem::path directory_;
  const Options& options_;
};

// Every run that has the site is asked.
Result<void> ask_all(const Boards& boards, const std::string& wish) {
  base::Error refused{base::Code::not_found, "no queue run is at work"};
  bool granted = false;
  auto runs = TRY(boards.open());
  for (const SharedBoard& board : runs) {
    if (board.kind() != "run") continue;
    auto asked = board.ask(wish, kPatience);
    granted = granted || asked;
    if (!asked) refused = asked.error();
  }
  if (granted) return {};
  return std::unexpected(refused);
}

std::string ask_one(const Boards& boards, const utils::TopScreen::Wish& wish) {
  auto runs = boards.open();
  if (!runs) return runs.error().text;
  for (const SharedBoard& board : *runs) {
    if (board.pid() != wish.pid) continue;
    auto asked = board.ask(wish.text, kPatience);
    return asked ? "" : asked.error().text;
  }
  return "process " + std::to_string(wish.pid) + " has ended";
}

Result<void> print_once(const Boards& boards, const Options& options) {
  auto processes = TRY(boards.look());
  std::string out;
  for (utils::Process& process : processes)
    utils::sort_rows(process.page, options.sort);
  if (options.json)
    for (const utils::Process& process : processes) utils::append_json(out, process);
  else
    out = utils::format_table(processes, base::SystemClock().now());
  return utils::put(out);
}

Result<void> watch(const Boards& boards, const Options& options) {
  using Clock = std::chrono::steady_clock;
  utils::TopScreen screen(options.sort);
  utils::Terminal terminal;
  while (!screen.quits() && !terminal.ended()) {
    screen.see(TRY(boards.look()));
    auto next = Clock::now() + std::max(options.interval, 1s);
    for (auto left = next - Clock::now(); left > 0s && !terminal.ended();
         left = next - Clock::now()) {
      auto drawing = screen.draw(terminal.size().lines, base::SystemClock().now());
      TRY(terminal.show(drawing.lines, drawing.selected));
      auto key = terminal.wait_key(std::chrono::ceil<std::chrono::milliseconds>(left));
      if (!key) continue;
      auto wish = screen.press(*key);
      if (screen.quits()) break;
      if (!wish) continue;
      screen.tell(ask_one(boards, *wish));
      break;  // and see what it did
    }
  }
  return {};
}

Result<void> run(const Options& options) {
  auto main = TRY(policy::load_main_options(options.common));
  Boards boards(spoolfmt::board_directory(main.spool_directory), options);
  for (const std::string& wish : options.wishes) TRY(ask_all(boards, wish));
  if (!options.wishes.empty() && !options.snapshot && !options.json) return {};
  if (options.snapshot || options.json || !utils::Terminal::is_there())
    return print_once(boards, options);
  return watch(boards, options);
}

}  // namespace

int main(int argc, char** argv) {
  return base::tool_main(argc, argv, describe, run);
}
