// SPDX-License-Identifier: Apache-2.0
#include "policy/macros.h"

#include <algorithm>
#include <utility>

namespace policy {
namespace {

constexpr std::size_t kLongestLine = std::size_t{1} << 20;

}  // namespace

base::Result<Macros> Macros::create(std::span<const std::string> settings,
                                    std::span<const std::string> features) {
  Macros macros;
  for (const std::string& name : features)
    macros.macros_.push_back({name, "y", false, true});
  for (const std::string& setting : settings) {
    std::size_t equals = std::min(setting.find('='), setting.size());
    std::string_view name = trimmed(std::string_view(setting).substr(0, equals));
    std::string_view text;
    if (equals < setting.size())
      text = trimmed(std::string_view(setting).substr(equals + 1));
    if (name.empty() || !is_upper(name[0]) || name_length(name) != name.size())
      return base::fail(
          base::Code::usage,
          "-D " + setting +
              ": not a macro: write NAME=text, the name beginning with an "
              "upper-case letter, then letters, digits, underscores");
    if (macros.find(name))
      return base::fail(base::Code::usage, "-D " + setting + ": macro " + quote(name) +
                                               " is set twice: leave one out");
    auto defined = macros.define(name, text);
    if (!defined)
      return base::fail(base::Code::usage,
                        "-D " + setting + ": " + defined.error().text);
    macros.macros_.back().from_command_line = true;
  }
  return macros;
}

Macros::Macro* Macros::find(std::string_view name) {
  auto found = std::ranges::find(macros_, name, &Macro::name);
  return found == macros_.end() ? nullptr : &*found;
}

base::Result<void> Macros::define(std::string_view name, std::string_view text) {
  if (const Macro* old = find(name)) {
    if (old->from_command_line) return {};
    return base::fail(
        base::Code::config,
        "macro " + quote(name) + " is defined already: write '==' to redefine it");
  }
  for (const Macro& earlier : macros_)
    if (!earlier.feature && name.find(earlier.name) != name.npos)
      return base::fail(
          base::Code::config,
          "macro " + quote(name) +
              " could never be used, its name contains the earlier macro " +
              quote(earlier.name) + ": choose another name or define it first");
  macros_.push_back({std::string(name), std::string(text), false, false});
  return {};
}

base::Result<void> Macros::redefine(std::string_view name, std::string_view text) {
  Macro* old = find(name);
  if (!old)
    return base::fail(
        base::Code::config,
        "macro " + quote(name) + " is not defined yet: write '=' to define it");
  if (!old->from_command_line) old->text = text;
  return {};
}

base::Result<std::size_t> Macros::replace(SourceText& line, std::size_t start,
                                          std::vector<Diagnostic>& warnings) const {
  std::size_t count = 0;
  for (std::uint32_t number = 0; number < macros_.size(); ++number) {
    const Macro& macro = macros_[number];
    std::string_view bytes = line.bytes();
    SourceText made;       // a new line, so that many uses cost one copy
    std::size_t done = 0;  // what of `line` is in it
    bool used = false;
    for (std::size_t found = bytes.find(macro.name, start); found != bytes.npos;
         found = bytes.find(macro.name, found + macro.name.size())) {
      std::size_t end = found + macro.name.size();
      bool inside = (found > 0 && is_name_char(bytes[found - 1])) ||
                    (end < bytes.size() && is_name_char(bytes[end]));
      if (inside && macro.feature) continue;
      Origin use = line.origin(found);
      if (inside)
        warnings.push_back({use, "macro " + quote(macro.name) +
                                     " is replaced inside a longer word: rename it if "
                                     "that is not meant"});
      use.macro = number + 1;
      made.append(line, done, found - done);
      made.append(macro.text, use);
      done = end;
      used = true;
      ++count;
      if (made.bytes().size() > kLongestLine)
        return base::fail(base::Code::config,
                          "the line grows beyond 1 MiB: use fewer macros in macros");
    }
    if (!used) continue;
    made.append(line, done, bytes.size() - done);
    line = std::move(made);
  }
  return count;
}

std::vector<std::string> Macros::names() const {
  std::vector<std::string> names;
  for (const Macro& macro : macros_) names.push_back(macro.name);
  return names;
}

std::optional<std::size_t> definition_name(std::string_view line) {
  std::size_t length = name_length(line);
  if (length == 0 || !is_upper(line[0])) return std::nullopt;
  if (!trimmed(line.substr(length)).starts_with('=')) return std::nullopt;
  return length;
}

}  // namespace policy
