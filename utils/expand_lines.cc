// SPDX-License-Identifier: Apache-2.0
#include "utils/expand_lines.h"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
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
};

// Texts that come again, a macro's with other data behind their variables, are parsed
// once.  Of a text seen for the first time only the hash is kept, so that a stream of
// different ones costs no memory.
class ParsedTexts {
 public:
  ParsedTexts(const policy::Policy& policy, const policy::Program& program)
      : parser_(policy, program) {}

  // Valid until the next call.
  const Parsed& parse(std::string_view text) {
    if (auto found = kept_.find(text); found != kept_.end()) return found->second;
    if (!seen_before(Hash()(text)) || text.size() > kLongest)
      return once_ = parse_now(text);
    if (kept_.size() == kMost) kept_.clear();
    return kept_.emplace(text, parse_now(text)).first->second;
  }

 private:
  static constexpr std::size_t kMost = 4096;
  static constexpr std::size_t kLongest = 1024;

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  bool seen_before(std::size_t hash) {
    auto& some = seen_[hash % seen_.size()];
    if (std::ranges::find(some, hash) != some.end()) return true;
    std::ranges::copy_backward(some.begin(), some.end() - 1, some.end());
    some.front() = hash;
    return false;
  }

  Parsed parse_now(std::string_view text) const {
    policy::Diagnostics diagnostics;
    Parsed parsed{parser_.parse(text, diagnostics), ""};
    if (auto judged = judge(diagnostics); !judged)
      parsed.complaint = std::move(judged).error().text;
    return parsed;
  }

  policy::Expressions parser_;
  std::unordered_map<std::string, Parsed, Hash, std::equal_to<>> kept_;
  std::array<std::array<std::size_t, 4>, kMost / 2> seen_{};  // hashes, the last first
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
  Expander(const policy::Policy& policy, policy::ScriptedContext& context, bool json)
      : policy_(policy), context_(context), json_(json), texts_(policy, program_) {}

  // Appends the answer.  False: there is no value.
  bool expand(std::string_view text, std::string& out) {
    const Parsed& parsed = texts_.parse(text);
    if (!parsed.complaint.empty()) return failed("failed", parsed.complaint, out);
    policy::Evaluation evaluation{.policy = policy_, .context = context_};
    value_.clear();
    auto done = policy::expand(parsed.text, evaluation, value_);
    if (!context_.effects.empty()) context_.effects.clear();  // nobody asks for them
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
  policy::ScriptedContext& context_;
  bool json_;
  ParsedTexts texts_;
  std::string value_;
};

// A line that asked for variables or set some, and its answer.
struct Touching {
  std::string_view line;
  std::size_t begin = 0, end = 0;  // of the answer
  bool well = true;
  TrialContext::Traces traces;
};

// A block as it is without what lines before set, each line for itself.
struct Tried {
  std::unique_ptr<const std::string> lines;
  std::string answers;
  std::vector<Touching> touching;
  bool others_well = true;
};

// One for each thread.
class Trial {
 public:
  Trial(const policy::Policy& policy, const policy::ScriptedContext& outset,
        policy::LookupFiles& files, bool json)
      : context_(outset, files), expander_(policy, context_, json) {}

  Tried expand(std::string lines) {
    Tried tried;
    tried.lines = std::make_unique<const std::string>(std::move(lines));
    for (std::string_view rest = *tried.lines; !rest.empty();) {
      std::string_view line = next_line(rest);
      const std::size_t begin = tried.answers.size();
      const bool well = expander_.expand(line, tried.answers);
      if (context_.has_traces())
        tried.touching.push_back(
            {line, begin, tried.answers.size(), well, context_.take_traces()});
      else
        tried.others_well = tried.others_well && well;
    }
    return tried;
  }

 private:
  TrialContext context_;
  Expander expander_;
};

// Lines in their turn, with what those before have set.
class Turns {
 public:
  Turns(const policy::Policy& policy, policy::ScriptedContext& context, bool json)
      : context_(context), expander_(policy, context, json) {}

  std::string expand(std::string_view lines) {
    std::string answers;
    while (!lines.empty()) count(expander_.expand(next_line(lines), answers));
    return answers;
  }
  // From here on blocks may be tried.
  const policy::ScriptedContext& set_out() {
    outset_.look_like(context_);
    return outset_;
  }
  std::string answers(Tried tried) {
    std::string answers;
    std::size_t copied = 0;
    for (Touching& touching : tried.touching) {
      if (same_values(touching.traces, outset_, context_)) {
        count(touching.well);
        leave_behind(std::move(touching.traces), context_);
        continue;
      }
      answers.append(tried.answers, copied, touching.begin - copied);
      copied = touching.end;
      count(expander_.expand(touching.line, answers));
    }
    count(tried.others_well);
    if (copied == 0) return std::move(tried.answers);
    return answers.append(tried.answers, copied);
  }
  bool all_well() const { return all_well_; }

 private:
  void count(bool well) { all_well_ = all_well_ && well; }

  policy::ScriptedContext& context_;
  policy::ScriptedContext outset_;
  Expander expander_;
  bool all_well_ = true;
};

}  // namespace

Result<bool> expand_each(const policy::Policy& policy, policy::ScriptedContext& context,
                         bool json, std::span<const std::string> texts,
                         const Answer& answer) {
  Expander expander(policy, context, json);
  std::string answers;
  bool all_well = true;
  for (const std::string& text : texts)
    all_well = expander.expand(text, answers) && all_well;
  TRY(answer(answers));
  return all_well;
}

Result<bool> expand_lines(const policy::Policy& policy,
                          policy::ScriptedContext& context, bool json,
                          const std::function<Result<Block>()>& source,
                          const Answer& answer) {
  Turns turns(policy, context, json);
  Block block;
  do {
    block = TRY(source());
    if (!block) return turns.all_well();
    TRY(answer(turns.expand(*block)));
  } while (block->size() < kMany);

  const policy::ScriptedContext& outset = turns.set_out();
  Result<void> read, written;
  using Threads = base::InOrder<std::string, Tried>;
  Threads threads(
      [&]() -> Block {
        auto lines = source();
        if (lines) return *std::move(lines);
        read = std::unexpected(std::move(lines).error());
        return std::nullopt;
      },
      [&]() -> Threads::Worker {
        auto trial = std::make_shared<Trial>(policy, outset, context.files(), json);
        return [trial](std::string& lines) { return trial->expand(std::move(lines)); };
      },
      std::max(1U, std::thread::hardware_concurrency()));
  threads.run([&](Tried tried) {
    written = answer(turns.answers(std::move(tried)));
    return written.has_value();
  });
  TRY(std::move(written));
  TRY(std::move(read));
  return turns.all_well();
}

}  // namespace utils
