// SPDX-License-Identifier: Apache-2.0
#include "policy/lines.h"

#include <algorithm>
#include <utility>

namespace policy {
namespace {

constexpr unsigned kDeepestInclude = 16;

// One open .ifdef.
struct Condition {
  enum class State { waiting, active, done };  // no part yet, in its part, past it
  Origin opened;
  State state;
  bool in_else = false;
};

class LineReader {
 public:
  LineReader(Macros macros, const ReadFile& read)
      : macros_(std::move(macros)), read_(read) {}

  Lines read(const std::filesystem::path& name, std::string_view text) {
    read_file({name.string(), {}}, text);
    if (continuing_)
      error(pending_end_,
            "the file ends with a continued line: remove the backslash or write the "
            "line that follows");
    finish_logical_line();
    for (const Condition& open : conditions_)
      error(open.opened, "the condition is never closed: write '.endif'");
    out_.macros = macros_.names();
    return std::move(out_);
  }

 private:
  void error(Origin origin, std::string text) {
    out_.errors.push_back({origin, std::move(text)});
  }

  bool active() const {
    return std::ranges::all_of(conditions_, [](const Condition& condition) {
      return condition.state == Condition::State::active;
    });
  }

  void read_file(SourceFile file, std::string_view text) {
    auto number = static_cast<std::uint32_t>(out_.files.size());
    out_.files.push_back(std::move(file));
    std::uint32_t line = 0;
    while (!text.empty() && !stopped_) {
      std::size_t end = std::min(text.find('\n'), text.size());
      physical_line(text.substr(0, end), number, ++line);
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

  void physical_line(std::string_view bytes, std::uint32_t file, std::uint32_t number) {
    if (bytes.find('\0') != bytes.npos) {
      error({file, number, 1, 0},
            "the line holds a NUL byte: a policy is plain text, remove it");
      return;
    }
    SourceText line(bytes, file, number);
    line.trim();
    if (line.empty()) {
      if (active()) finish_logical_line();
      return;
    }
    if (line.bytes()[0] == '#') return;
    // What is skipped is not looked at, but for the conditions that may end it.
    if (!active() && !is_condition(word(line))) return;
    std::size_t start = 0;
    if (!continuing_) start = definition_name(line.bytes()).value_or(0);
    auto replaced = macros_.replace(line, start, out_.warnings);
    if (!replaced) {
      error(line.origin(), replaced.error().text);
      return;
    }
    if (line.bytes().starts_with('#')) return;  // a macro may hide the rest of a line
    if (is_condition(word(line)))
      condition(line, *replaced > 0);
    else if (word(line) == ".include" || word(line) == ".include_if_exists")
      include(line);
    else
      join(std::move(line));
  }

  // The directive that a line starts with; empty if it starts with anything else.
  static std::string_view word(const SourceText& line) {
    std::string_view bytes = line.bytes();
    if (!bytes.starts_with('.')) return {};
    return bytes.substr(0, 1 + name_length(bytes.substr(1)));
  }

  static bool is_condition(std::string_view word) {
    return word == ".ifdef" || word == ".ifndef" || word == ".elifdef" ||
           word == ".elifndef" || word == ".else" || word == ".endif";
  }

  void condition(const SourceText& line, bool any_replaced) {
    using State = Condition::State;
    std::string_view directive = word(line);
    bool holds = directive == ".else" || any_replaced != directive.ends_with("ndef");
    if (directive == ".ifdef" || directive == ".ifndef") {
      State state = holds ? State::active : State::waiting;
      conditions_.push_back({line.origin(), active() ? state : State::done});
      return;
    }
    if (conditions_.empty()) {
      error(line.origin(), std::string(directive) +
                               " without an open condition: write '.ifdef' first");
      return;
    }
    Condition& open = conditions_.back();
    if (directive == ".endif") {
      conditions_.pop_back();
      return;
    }
    if (open.in_else)
      error(line.origin(),
            std::string(directive) + " after '.else': only '.endif' can follow");
    open.in_else = open.in_else || directive == ".else";
    if (open.state == State::active)
      open.state = State::done;
    else if (open.state == State::waiting && holds)
      open.state = State::active;
  }

  void include(const SourceText& line) {
    bool may_be_absent = word(line) == ".include_if_exists";
    std::string_view name = trimmed(line.bytes().substr(word(line).size()));
    if (name.size() >= 2 && name.front() == '"' && name.back() == '"')
      name = name.substr(1, name.size() - 2);
    std::filesystem::path path(name);
    Origin here = line.origin();
    if (name.empty()) {
      error(here, std::string(word(line)) + " names no file: write its name");
      return;
    }
    if (path.is_relative()) {
      if (may_be_absent) {
        error(here, ".include_if_exists " + std::string(name) +
                        ": the name is relative: write an absolute one");
        return;
      }
      path = std::filesystem::path(out_.files[here.file].name).parent_path() / path;
    }
    if (depth_ == kDeepestInclude) {
      error(here, "files are included more than 16 deep: does one include itself?");
      stopped_ = true;  // else every level would go on and include again
      return;
    }
    auto text = read_(path);
    if (!text) {
      if (text.error().code == base::Code::not_found && may_be_absent) return;
      error(here, "cannot include " + text.error().text +
                      ": correct the name, or write '.include_if_exists'");
      return;
    }
    ++depth_;
    read_file({path.string(), here}, *text);
    --depth_;
  }

  void join(SourceText line) {
    pending_end_ = line.origin(line.bytes().size());
    continuing_ = line.bytes().ends_with('\\');
    if (continuing_) line.remove_back(1);
    pending_.append(line);
    if (!continuing_) finish_logical_line();
  }

  void finish_logical_line() {
    continuing_ = false;
    SourceText line = std::exchange(pending_, {});
    line.trim();
    if (line.empty()) return;
    if (definition_name(line.bytes()))
      define(line);
    else
      out_.lines.push_back(std::move(line));
  }

  void define(const SourceText& line) {
    std::string_view name = line.bytes().substr(0, *definition_name(line.bytes()));
    std::string_view rest = trimmed(line.bytes().substr(name.size()));
    bool again = rest.starts_with("==");
    std::string_view text = trimmed(rest.substr(again ? 2 : 1));
    auto defined = again ? macros_.redefine(name, text) : macros_.define(name, text);
    if (!defined) error(line.origin(), defined.error().text);
  }

  Macros macros_;
  const ReadFile& read_;
  Lines out_;
  std::vector<Condition> conditions_;  // across files: an included one may close ours
  SourceText pending_;                 // the logical line so far
  Origin pending_end_;
  bool continuing_ = false;
  bool stopped_ = false;
  unsigned depth_ = 0;
};

}  // namespace

std::string Lines::format(const Diagnostic& diagnostic) const {
  const Origin& origin = diagnostic.origin;
  auto place = [&](const Origin& at) {
    return files[at.file].name + ":" + std::to_string(at.line);
  };
  std::string out = place(origin) + ": " + diagnostic.text;
  if (origin.macro > 0) out += " (written by macro '" + macros[origin.macro - 1] + "')";
  const Origin& parent = files[origin.file].included_at;
  if (parent.line > 0) out += " (included at " + place(parent) + ")";
  return out;
}

Lines parse_lines(const std::filesystem::path& name, std::string_view text,
                  Macros macros, const ReadFile& read) {
  return LineReader(std::move(macros), read).read(name, text);
}

}  // namespace policy
