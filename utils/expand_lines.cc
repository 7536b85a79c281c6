// SPDX-License-Identifier: Apache-2.0
#include "utils/expand_lines.h"

#include <algorithm>
#include <array>
#include <functional>
#include <unordered_map>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "policy/expression.h"
#include "utils/expression.h"
#include "utils/policy_tool.h"

namespace utils {

namespace {

using base::Result;

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
  Expander expander(policy, context, json);
  bool all_well = true;
  while (true) {
    Block block = TRY(source());
    if (!block) return all_well;
    std::string answers;
    for (std::string_view lines = *block; !lines.empty();)
      all_well = expander.expand(next_line(lines), answers) && all_well;
    TRY(answer(answers));
  }
}

}  // namespace utils
