// SPDX-License-Identifier: Apache-2.0
#include "policy/macros.h"

#include <algorithm>
#include <utility>

namespace policy {
namespace {

constexpr std::size_t kLongestLine = std::size_t{1} << 20;
constexpr std::size_t kMostMacros = 1000;
constexpr std::size_t kMostWarnings = 1000;

}  // namespace

base::Result<Macros> Macros::create(std::span<const std::string> settings,
                                    std::span<const std::string> features) {
  Macros macros;
  for (const std::string& name : features) {
    macros.numbers_.emplace(name, macros.macros_.size());
    macros.macros_.push_back({name, "y", {}, false});
  }
  macros.features_ = macros.macros_.size();
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
    if (macros.numbers_.contains(name))
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

base::Result<void> Macros::define(std::string_view name, std::string_view text,
                                  Origin where) {
  if (auto old = numbers_.find(name); old != numbers_.end()) {
    if (macros_[old->second].from_command_line) return {};
    return base::fail(
        base::Code::config,
        "macro " + quote(name) + " is defined already: write '==' to redefine it");
  }
  for (const Macro& earlier : std::span(macros_).subspan(features_))
    if (name.find(earlier.name) != name.npos)
      return base::fail(
          base::Code::config,
          "macro " + quote(name) +
              " could never be used, its name contains the earlier macro " +
              quote(earlier.name) + ": choose another name or define it first");
  if (macros_.size() - features_ == kMostMacros)
    return base::fail(base::Code::config,
                      "more than 1000 macros are defined: use fewer");
  numbers_.emplace(name, macros_.size());
  macros_.push_back({std::string(name), std::string(text), where, false});
  return {};
}

base::Result<void> Macros::redefine(std::string_view name, std::string_view text) {
  auto old = numbers_.find(name);
  if (old == numbers_.end())
    return base::fail(
        base::Code::config,
        "macro " + quote(name) + " is not defined yet: write '=' to define it");
  Macro& macro = macros_[old->second];
  if (!macro.from_command_line) macro.text = text;
  return {};
}

std::size_t Macros::replace_features(SourceText& line, std::size_t start) const {
  std::string_view bytes = line.bytes();
  if (bytes.find('_', start) == bytes.npos) return 0;
  SourceText made;
  std::size_t done = 0, count = 0;
  for (std::size_t at = start; at < bytes.size();) {
    std::size_t length = name_length(bytes.substr(at));
    auto found = bytes[at] == '_' && length > 1
                     ? numbers_.find(bytes.substr(at, length))
                     : numbers_.end();
    if (found != numbers_.end() && found->second < features_) {
      Origin use = line.origin(at);
      use.macro = static_cast<std::uint32_t>(found->second + 1);
      made.append(line, done, at - done);
      made.append(macros_[found->second].text, use);
      done = at + length;
      ++count;
    }
    at += std::max<std::size_t>(length, 1);
  }
  if (count == 0) return 0;
  made.append(line, done, bytes.size() - done);
  line = std::move(made);
  return count;
}

base::Result<std::size_t> Macros::replace(SourceText& line, std::size_t start,
                                          std::vector<Diagnostic>& warnings) const {
  std::size_t count = replace_features(line, start);
  if (std::ranges::none_of(line.bytes(), is_upper)) return count;
  for (std::size_t number = features_; number < macros_.size(); ++number) {
    const Macro& macro = macros_[number];
    std::string_view bytes = line.bytes();
    SourceText made;       // a new line, so that many uses cost one copy
    std::size_t done = 0;  // what of `line` is in it
    bool used = false;
    for (std::size_t found = bytes.find(macro.name, start); found != bytes.npos;
         found = bytes.find(macro.name, found + macro.name.size())) {
      std::size_t end = found + macro.name.size();
      Origin use = line.origin(found);
      bool inside_word = (found > 0 && is_name_char(bytes[found - 1])) ||
                         (end < bytes.size() && is_name_char(bytes[end]));
      if (inside_word && warnings.size() < kMostWarnings)
        warnings.push_back({use, "macro " + quote(macro.name) +
                                     " is replaced inside a longer word: rename it if "
                                     "that is not meant"});
      use.macro = static_cast<std::uint32_t>(number + 1);
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

std::vector<Origin> Macros::definitions() const {
  std::vector<Origin> origins;
  for (const Macro& macro : macros_) origins.push_back(macro.where);
  return origins;
}

std::optional<std::size_t> definition_name(std::string_view line) {
  std::size_t length = name_length(line);
  if (length == 0 || !is_upper(line[0])) return std::nullopt;
  if (!trimmed(line.substr(length)).starts_with('=')) return std::nullopt;
  return length;
}

}  // namespace policy
