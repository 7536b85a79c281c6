// SPDX-License-Identifier: Apache-2.0
#include "policy/sections.h"

#include <array>
#include <set>

#include "base/text.h"
#include "policy/option_value.h"
#include "policy/options.h"

namespace policy {
namespace {

struct SectionName {
  std::string_view name;
  Sections::Part Sections::* part;
};
constexpr std::array kSections{
    SectionName{"acl", &Sections::acl},
    SectionName{"routers", &Sections::routers},
    SectionName{"transports", &Sections::transports},
    SectionName{"retry", &Sections::retry},
    SectionName{"authenticators", &Sections::authenticators},
};

bool is_begin(std::string_view line) {
  return line.substr(0, name_length(line)) == "begin" &&
         (line.size() == 5 || is_blank(line[5])) &&
         !trimmed(line.substr(5)).starts_with('=');
}

const SectionName* find_section(std::string_view name) {
  for (const SectionName& section : kSections)
    if (base::equal_nocase(section.name, name)) return &section;
  return nullptr;
}

void complain_of_section(std::string_view name, Origin origin,
                         Diagnostics& diagnostics) {
  for (std::string_view left_out : {"rewrite", "local_scan"})
    if (base::equal_nocase(name, left_out)) {
      diagnostics.error(origin, "section " + quote(name) +
                                    " is not part of the policy language: remove it");
      return;
    }
  diagnostics.error(origin,
                    "there is no section " + quote(name) +
                        ": write acl, routers, transports, retry or authenticators");
}

std::optional<ListKind> list_kind(std::string_view word) {
  if (word.ends_with("_cache")) word.remove_suffix(6);
  for (std::size_t kind = 0; kind < kNamedListKinds; ++kind)
    if (word == list_kind_name(ListKind(kind))) return ListKind(kind);
  return std::nullopt;
}

bool is_secret(std::string_view option) {
  static const auto names = [] {
    std::set<std::string_view> out;
    for (auto table : {main_option_table(), router_option_table(),
                       transport_option_table(), authenticator_option_table()})
      for (const OptionInfo& info : table)
        if (info.secret) out.insert(info.name);
    return out;
  }();
  return names.contains(option);
}

}  // namespace

Sections split_sections(std::span<const SourceText> lines, Diagnostics& diagnostics) {
  Sections sections;
  std::array<bool, kSections.size()> seen{};
  Sections::Part* part = &sections.main;
  std::size_t begin = 0;
  auto finish = [&](std::size_t end) {
    if (part) *part = lines.subspan(begin, end - begin);
    begin = end + 1;
  };
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::string_view bytes = lines[i].bytes();
    if (!is_begin(bytes)) continue;
    finish(i);
    part = nullptr;
    std::string_view name = trimmed(bytes.substr(5));
    Origin origin = lines[i].origin(bytes.size() - name.size());
    const SectionName* section = find_section(name);
    if (!section) {
      complain_of_section(name, origin, diagnostics);
    } else if (std::exchange(seen[std::size_t(section - kSections.data())], true)) {
      diagnostics.error(origin, "section " + quote(name) +
                                    " begins for the second time: put all of it in "
                                    "one place");
    } else {
      part = &(sections.*section->part);
    }
  }
  finish(lines.size());
  return sections;
}

bool is_named_list(const SourceText& line) {
  std::string_view bytes = line.bytes();
  std::string_view word = bytes.substr(0, name_length(bytes));
  return list_kind(word) && word.size() < bytes.size() && is_blank(bytes[word.size()]);
}

std::optional<NamedListLine> parse_named_list(const SourceText& line,
                                              Diagnostics& diagnostics) {
  std::string_view bytes = line.bytes();
  std::string_view word = bytes.substr(0, name_length(bytes));
  SourceText rest = line.part(word.size());
  rest.trim();
  auto option = parse_option_line(rest);
  if (!option) {
    diagnostics.error(option.error().origin, option.error().text);
    return std::nullopt;
  }
  if (!option->value) {
    diagnostics.error(option->origin, "'=' is missing after " + quote(option->name) +
                                          ": write '" + std::string(word) + " " +
                                          option->name + " = items'");
    return std::nullopt;
  }
  return NamedListLine{*list_kind(word), option->name, option->origin,
                       *std::move(option->value)};
}

std::optional<std::string> heading(const SourceText& line) {
  std::string_view bytes = line.bytes();
  std::string_view name = bytes.substr(0, name_length(bytes));
  if (name.empty() || trimmed(bytes.substr(name.size())) != ":") return std::nullopt;
  return std::string(name);
}

void conceal_secrets(std::span<const SourceText> lines, Places& places) {
  for (const SourceText& line : lines) {
    std::string_view bytes = line.bytes();
    std::string_view word = bytes.substr(0, name_length(bytes));
    if (word != "hide" && !is_secret(word)) continue;
    Origin first = line.origin(), last = line.origin(bytes.size());
    for (std::uint32_t number = first.line; number <= last.line; ++number)
      places.secret_lines.insert({first.file, number});
  }
}

}  // namespace policy
