// SPDX-License-Identifier: Apache-2.0
#include "utils/expand_lines.h"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/in_order.h"
#include "base/json.h"
#include "base/text.h"
#include "policy/expression.h"
#include "utils/expression.h"
#include "utils/policy_tool.h"
#include "utils/trial_context.h"

namespace utils {

namespace {

using base::Result;

constexpr std::size_t kMany = 32768;  // bytes of lines that are there at once

struct Parsed {
  policy::Template text;
  std::string complaint;  // empty: none
  bool has_turn = false;  // what it comes to depends on when it is evaluated
};

// Texts that come again, a macro's with other data behind their variables, are parsed
// once.
class ParsedTexts {
 public:
  ParsedTexts(const policy::Policy& policy, const policy::Program& program)
      : parser_(policy, program) {}

  // To be called now and then: what was found or parsed before is gone.
  void make_room() {
    if (kept_.size() > kMost) kept_.clear();
  }
  // Null: it has to be parsed.
  Parsed* find(std::string_view text) {
    auto found = kept_.find(text);
    return found == kept_.end() ? nullptr : &found->second;
  }
  // A long text is forgotten when another one is parsed.
  Parsed& parse(std::string_view text) {
    if (text.size() > kLongest) return once_ = parse_now(text);
    return kept_.try_emplace(std::string(text), parse_now(text)).first->second;
  }

 private:
  static constexpr std::size_t kMost = 1024;
  static constexpr std::size_t kLongest = 1024;

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  Parsed parse_now(std::string_view text) const {
    policy::Diagnostics diagnostics;
    Parsed parsed{parser_.parse(text, diagnostics), ""};
    if (auto judged = judge(diagnostics); !judged)
      parsed.complaint = std::move(judged).error().text;
    return parsed;
  }

  policy::Expressions parser_;
  std::unordered_map<std::string, Parsed, Hash, std::equal_to<>> kept_;
  Parsed once_;
};

// Takes a line, without its end.
std::string_view next_line(std::string_view& lines) {
  std::string_view line = lines.substr(0, lines.find('\n'));
  lines.remove_prefix(std::min(line.size() + 1, lines.size()));
  return line;
}

class Expander {
 public:
  Expander(const policy::Policy& policy, policy::Context& context, bool json)
      : policy_(policy), context_(context), json_(json), texts_(policy, program_) {}

  struct Line {
    std::string_view text;
    Parsed* known;  // null: it has to be parsed
  };
  // Takes some lines, which are valid until the next call.  They are looked up together
  // so that their memory, which is seldom in the cache, is fetched at the same time.
  std::span<const Line> take_lines(std::string_view& lines) {
    texts_.make_room();
    std::size_t count = 0;
    for (; count < lines_.size() && !lines.empty(); ++count) {
      std::string_view text = next_line(lines);
      lines_[count] = {text, texts_.find(text)};
    }
    return std::span(lines_).first(count);
  }
  Parsed& parsed(const Line& line) {
    return line.known ? *line.known : texts_.parse(line.text);
  }

  // Appends the answer.  False: there is no value.
  bool expand(std::string_view text, std::string& out) {
    texts_.make_room();
    return expand(parsed({text, texts_.find(text)}), out);
  }
  bool expand(const Parsed& parsed, std::string& out) {
    if (!parsed.complaint.empty()) return failed("failed", parsed.complaint, out);
    policy::Evaluation evaluation{.policy = policy_, .context = context_};
    value_.clear();
    auto done = policy::expand(parsed.text, evaluation, value_);
    if (!done) return failed(word_of(done.error().kind), done.error().text, out);
    if (json_) {
      append_json("value", value_, out);
    } else {
      out += value_;
      out += '\n';
    }
    return true;
  }

 private:
  bool failed(std::string_view word, std::string_view why, std::string& out) const {
    if (json_) {
      append_json(word, why, out);
    } else {
      out += word == "deferred" ? "Deferred: " : "Failed: ";
      out += base::printable(why);
      out += '\n';
    }
    return false;
  }
  static void append_json(std::string_view key, std::string_view text,
                          std::string& out) {
    base::Json(out).begin_object().member(key, text).end_object();
    out += '\n';
  }

  const policy::Program program_ = policy::Program::any();
  const policy::Policy& policy_;
  policy::Context& context_;
  bool json_;
  ParsedTexts texts_;
  std::array<Line, 16> lines_{};
  std::string value_;
};

// A block, expanded ahead of its turn but for the lines that have to wait for it.
struct Tried {
  struct Waiting {
    std::size_t begin, size;  // of the line, in lines
    std::size_t place;        // of its answer, in answers
  };
  std::string lines;
  std::string answers;
  std::vector<Waiting> waiting;
  bool all_well = true;
};

// One for each thread.
class Trial {
 public:
  Trial(const policy::Policy& policy, policy::ScriptedContext& world, bool json)
      : context_(world), expander_(policy, context_, json) {}

  Tried expand(std::string lines) {
    Tried tried;
    tried.lines = std::move(lines);
    tried.answers.reserve(tried.lines.size());
    for (std::string_view rest = tried.lines; !rest.empty();)
      for (const Expander::Line& line : expander_.take_lines(rest)) expand(line, tried);
    return tried;
  }

 private:
  void expand(const Expander::Line& line, Tried& tried) {
    Parsed& parsed = expander_.parsed(line);
    const std::size_t place = tried.answers.size();
    if (!parsed.has_turn) {
      const bool well = expander_.expand(parsed, tried.answers);
      parsed.has_turn = context_.take_premature();
      if (!parsed.has_turn) tried.all_well = well && tried.all_well;
    }
    if (!parsed.has_turn) return;
    tried.answers.resize(place);
    tried.waiting.push_back(
        {static_cast<std::size_t>(line.text.data() - tried.lines.data()),
         line.text.size(), place});
  }

  TrialContext context_;
  Expander expander_;
};

// Lines in their turn, with what those before have set.
class Turns {
 public:
  Turns(const policy::Policy& policy, policy::ScriptedContext& context, bool json)
      : context_(context), expander_(policy, context, json) {}

  // Appends the answer, as all of these do.
  void expand_text(std::string_view text, std::string& answers) {
    all_well_ = expander_.expand(text, answers) && all_well_;
    if (!context_.effects.empty()) context_.effects.clear();  // nobody asks for them
  }
  void expand(std::string_view lines, std::string& answers) {
    while (!lines.empty()) expand_text(next_line(lines), answers);
  }
  void finish(const Tried& tried, std::string& answers) {
    all_well_ = tried.all_well && all_well_;
    std::size_t copied = 0;
    for (const Tried::Waiting& waiting : tried.waiting) {
      answers.append(tried.answers, copied, waiting.place - copied);
      copied = waiting.place;
      expand_text(std::string_view(tried.lines).substr(waiting.begin, waiting.size),
                  answers);
    }
    answers.append(tried.answers, copied);
  }
  bool all_well() const { return all_well_; }

 private:
  policy::ScriptedContext& context_;
  Expander expander_;
  bool all_well_ = true;
};

// All that `first` begins.
Result<void> expand_stream(std::string first, const policy::Policy& policy,
                           policy::ScriptedContext& context, bool json,
                           const std::function<Result<Block>()>& source, Turns& turns,
                           const Answer& answer) {
  Block next = std::move(first);
  Result<void> read, written;
  using Threads = base::InOrder<std::string, Tried>;
  Threads threads(
      [&]() -> Block {
        auto block = next ? std::exchange(next, std::nullopt) : source();
        if (block) return *std::move(block);
        read = std::unexpected(std::move(block).error());
        return std::nullopt;
      },
      [&]() -> Threads::Worker {
        auto trial = std::make_shared<Trial>(policy, context, json);
        return [trial](std::string& lines) { return trial->expand(std::move(lines)); };
      },
      std::max(1U, std::thread::hardware_concurrency()));
  std::string answers;
  threads.run([&](const Tried& tried) {
    answers.clear();
    turns.finish(tried, answers);
    written = answer(answers);
    return written.has_value();
  });
  TRY(std::move(written));
  return read;
}

}  // namespace

Result<bool> expand_each(const policy::Policy& policy, policy::ScriptedContext& context,
                         bool json, std::span<const std::string> texts,
                         const Answer& answer) {
  Turns turns(policy, context, json);
  std::string answers;
  for (const std::string& text : texts) turns.expand_text(text, answers);
  TRY(answer(answers));
  return turns.all_well();
}

Result<bool> expand_lines(const policy::Policy& policy,
                          policy::ScriptedContext& context, bool json,
                          const std::function<Result<Block>()>& source,
                          const Answer& answer) {
  Turns turns(policy, context, json);
  while (Block block = TRY(source())) {
    if (block->size() < kMany) {
      std::string answers;
      turns.expand(*block, answers);
      TRY(answer(answers));
      continue;
    }
    TRY(expand_stream(*std::move(block), policy, context, json, source, turns, answer));
    break;
  }
  return turns.all_well();
}

}  // namespace utils
