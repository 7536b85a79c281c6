// SPDX-License-Identifier: Apache-2.0
#include "policy/lines.h"

#include <algorithm>
#include <span>
#include <tuple>
#include <utility>

#include "base/text.h"

namespace policy {
namespace {

constexpr unsigned kDeepestInclude = 16;
// Far beyond any policy, and what keeps a hostile file from costing much.
constexpr std::size_t kMostBytes = std::size_t{32} << 20;  // of all files together
constexpr std::size_t kMostErrors = 1000;
constexpr std::size_t kMostLines = 500'000;
constexpr std::size_t kLongestLine = std::size_t{1} << 20;
constexpr std::size_t kMostSearching = std::size_t{1} << 31;  // macros times bytes

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
      : macros_(std::move(macros)), features_(macros_.count()), read_(read) {}

  Lines read(const std::filesystem::path& name, std::string_view text) {
    read_file(name.string(), {}, std::string(text));
    if (continuing_)
      error(pending_end_,
            "the file ends with a continued line: remove the backslash or write the "
            "line that follows");
    finish_logical_line();
    for (const Condition& open : conditions_)
      error(open.opened, "the condition is never closed: write '.endif'");
    out_.macros = macros_.names();
    out_.macro_definitions = macros_.definitions();
    return std::move(out_);
  }

 private:
  // Who made so many mistakes gave us another kind of file.
  void error(Origin origin, std::string text) {
    out_.errors.push_back({origin, std::move(text)});
    if (out_.errors.size() >= kMostErrors) stopped_ = true;
  }

  bool active() const {
    return std::ranges::all_of(conditions_, [](const Condition& condition) {
      return condition.state == Condition::State::active;
    });
  }

  void read_file(std::string name, Origin included_at, std::string text) {
    auto number = static_cast<std::uint32_t>(out_.files.size());
    bytes_ += text.size();
    out_.files.push_back({std::move(name), {}, included_at});
    std::string_view rest = text;
    std::uint32_t line = 0;
    while (!rest.empty() && !stopped_) {
      std::size_t end = std::min(rest.find('\n'), rest.size());
      physical_line(rest.substr(0, end), number, ++line);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      limit({number, line, 1, 0});
    }
    out_.files[number].text = std::move(text);
  }

  void limit(Origin here) {
    if (stopped_) return;
    if (bytes_ > kMostBytes)
      stop(here, "the policy is longer than 32 MiB: include less");
    else if (out_.lines.size() > kMostLines)
      stop(here, "the policy has more than 500000 lines: use lookups in files");
    else if (searched_ > kMostSearching)
      stop(here, "looking for macros takes too long: use fewer of them");
  }

  void stop(Origin here, std::string text) {
    error(here, std::move(text));
    stopped_ = true;
  }

  void physical_line(std::string_view bytes, std::uint32_t file, std::uint32_t number) {
    if (bytes.find('\0') != bytes.npos) {
      error({file, number, 1, 0},
            "the line holds a NUL byte: a policy is plain text, remove it");
      return;
    }
    if (bytes.size() > kLongestLine) {
      error({file, number, 1, 0},
            "the line is longer than 1 MiB: put long lists into a file of their own");
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
    searched_ += line.bytes().size() * (macros_.count() - features_);
    limit(line.origin());
    if (stopped_) return;
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
      // Else every level would go on and include again.
      stop(here, "files are included more than 16 deep: does one include itself?");
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
    read_file(path.string(), here, *std::move(text));
    --depth_;
  }

  void join(SourceText line) {
    pending_end_ = line.origin(line.bytes().size());
    continuing_ = line.bytes().ends_with('\\');
    if (continuing_) line.remove_back(1);
    pending_.append(line);
    if (pending_.bytes().size() > kLongestLine) {
      error(pending_.origin(),
            "the line is longer than 1 MiB: put long lists into a file of their own");
      pending_ = {};
    }
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
    auto defined = again ? macros_.redefine(name, text)
                         : macros_.define(name, text, line.origin());
    if (!defined) error(line.origin(), defined.error().text);
  }

  Macros macros_;
  std::size_t features_;  // set before the file; what those cost is not counted
  const ReadFile& read_;
  Lines out_;
  std::vector<Condition> conditions_;  // across files: an included one may close ours
  SourceText pending_;                 // the logical line so far
  Origin pending_end_;
  bool continuing_ = false;
  bool stopped_ = false;
  unsigned depth_ = 0;
  std::size_t bytes_ = 0, searched_ = 0;
};

}  // namespace

std::vector<std::string_view> with_notes(std::string_view text) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'') {
      bool opens = i == 0 || text[i - 1] == ' ' || text[i - 1] == '(';
      bool closes = i + 1 == text.size() || !is_name_char(text[i + 1]);
      quoted = quoted ? !closes : opens;
    }
    if (quoted || text.compare(i, 2, "; ") != 0) continue;
    parts.push_back(text.substr(begin, i - begin));
    begin = i + 2;
  }
  parts.push_back(text.substr(begin));
  return parts;
}

namespace {

std::string_view nth_line(std::string_view text, std::uint32_t number) {
  for (; number > 1; --number)
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  text = text.substr(0, text.find('\n'));
  return text.ends_with('\r') ? text.substr(0, text.size() - 1) : text;
}

// The line with a mark under `column`, of a long one what is near.
std::string marked(std::string_view line, std::size_t column) {
  constexpr std::size_t kBefore = 60, kShown = 100;
  std::size_t at = std::min(column == 0 ? 0 : column - 1, line.size());
  std::size_t indent = std::min(line.find_first_not_of(" \t"), at);
  std::size_t begin = at - indent > kBefore ? at - kBefore : indent;
  auto shown = [](std::string part) {
    std::ranges::replace(part, '\t', ' ');
    return base::printable(part);
  };
  std::string before = shown(std::string(line.substr(begin, at - begin)));
  return "    " + before + shown(std::string(line.substr(at, kShown - (at - begin)))) +
         "\n    " + std::string(before.size(), ' ') + "^";
}

}  // namespace

std::string Places::place(const Origin& origin) const {
  if (origin.file >= files.size() || origin.line == 0) return "policy";
  std::string out = files[origin.file].name + ":" + std::to_string(origin.line);
  return origin.column == 0 ? out : out + ":" + std::to_string(origin.column);
}

std::string Places::format(const Diagnostic& diagnostic,
                           std::string_view severity) const {
  const Origin& origin = diagnostic.origin;
  auto parts = with_notes(diagnostic.text);
  std::string out = place(origin) + ": " + std::string(severity) + ": ";
  out += parts[0];
  auto note = [&](std::string_view text) { out += "\n    note: " + std::string(text); };
  bool known = origin.file < files.size() && origin.line > 0;
  if (known && !secret_lines.contains({origin.file, origin.line}))
    out += "\n" + marked(nth_line(files[origin.file].text, origin.line), origin.column);
  for (std::string_view part : std::span(parts).subspan(1)) note(part);
  if (origin.macro > 0 && origin.macro <= macros.size()) {
    const Origin& definition = macro_definitions[origin.macro - 1];
    note("written by macro '" + macros[origin.macro - 1] + "'" +
         (definition.line > 0 ? ", defined at " + place(definition) : ""));
  }
  for (Origin at = origin; known && files[at.file].included_at.line > 0;) {
    at = files[at.file].included_at;
    note("included at " + place(at));
  }
  return out;
}

std::string Places::format(std::vector<Diagnostic> diagnostics,
                           std::string_view severity, std::size_t more) const {
  std::ranges::stable_sort(diagnostics, {}, [](const Diagnostic& diagnostic) {
    const Origin& origin = diagnostic.origin;
    return std::tuple(origin.file, origin.line, origin.column);
  });
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics)
    out += format(diagnostic, severity) + "\n";
  if (more > 0)
    out += "and " + std::to_string(more) + " more " + std::string(severity) + "s\n";
  return out;
}

Lines parse_lines(const std::filesystem::path& name, std::string_view text,
                  Macros macros, const ReadFile& read) {
  return LineReader(std::move(macros), read).read(name, text);
}

}  // namespace policy
