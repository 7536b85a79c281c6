// SPDX-License-Identifier: Apache-2.0
#include "policy/options.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>
#include <utility>

#include "policy/option_value.h"

namespace policy {

const OptionValue* Options::find(std::string_view name) const {
  auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second.front();
}

std::span<const OptionValue> Options::all(std::string_view name) const {
  auto found = values_.find(name);
  if (found == values_.end()) return {};
  return found->second;
}

bool Options::boolean(std::string_view name, bool otherwise) const {
  const OptionValue* option = find(name);
  const bool* value = option ? std::get_if<bool>(&option->value) : nullptr;
  return value ? *value : otherwise;  // a template for it is asked with expanded()
}

std::optional<double> Options::fixed(std::string_view name) const {
  const OptionValue* value = find(name);
  const auto* number = value ? std::get_if<double>(&value->value) : nullptr;
  return number ? std::optional(*number) : std::nullopt;
}

std::int64_t Options::integer(std::string_view name, std::int64_t otherwise) const {
  const OptionValue* option = find(name);
  return option ? std::get<std::int64_t>(option->value) : otherwise;
}

std::chrono::seconds Options::time(std::string_view name,
                                   std::chrono::seconds otherwise) const {
  const OptionValue* option = find(name);
  return option ? std::get<std::chrono::seconds>(option->value) : otherwise;
}

std::string_view Options::text(std::string_view name,
                               std::string_view otherwise) const {
  const OptionValue* option = find(name);
  return option ? std::get<std::string>(option->value) : otherwise;
}

const Template* Options::expanded(std::string_view name) const {
  const OptionValue* option = find(name);
  return option ? std::get_if<Template>(&option->value) : nullptr;
}

const List* Options::list(std::string_view name) const {
  const OptionValue* option = find(name);
  return option ? std::get<ListPtr>(option->value).get() : nullptr;
}

const AclChoice* Options::acl(std::string_view name) const {
  const OptionValue* option = find(name);
  return option ? std::get<std::shared_ptr<const AclChoice>>(option->value).get()
                : nullptr;
}

void Options::add(OptionValue value) {
  std::vector<OptionValue>& values = values_[std::string(value.info->name)];
  values.push_back(std::move(value));
}

namespace {

bool is_boolean(OptionType type) {
  return type == OptionType::boolean || type == OptionType::expanded_boolean;
}

// Is `driver` in the blank separated `drivers`?
bool has_word(std::string_view drivers, std::string_view driver) {
  while (!drivers.empty()) {
    std::size_t end = std::min(drivers.find(' '), drivers.size());
    if (drivers.substr(0, end) == driver) return true;
    drivers.remove_prefix(std::min(end + 1, drivers.size()));
  }
  return false;
}

std::span<const OptionInfo> rows_named(std::span<const OptionInfo> table,
                                       std::string_view name) {
  auto found = std::ranges::equal_range(table, name, {}, &OptionInfo::name);
  return {found.begin(), found.end()};
}

// The row for `driver` out of the rows of one name, or null.
const OptionInfo* row_for(std::span<const OptionInfo> rows, std::string_view driver) {
  for (const OptionInfo& row : rows)
    if (row.drivers.empty() || has_word(row.drivers, driver)) return &row;
  return nullptr;
}

struct Found {
  std::span<const OptionInfo> rows;
  bool negated = false;
};

Found find_rows(std::span<const OptionInfo> table, std::string_view name) {
  Found found{rows_named(table, name)};
  for (std::string_view prefix : {"no_", "not_"}) {
    if (!found.rows.empty() || !name.starts_with(prefix)) continue;
    auto rows = rows_named(table, name.substr(prefix.size()));
    if (rows.empty()) continue;
    if (is_boolean(rows[0].type) || !rows[0].left_out.empty()) found = {rows, true};
  }
  return found;
}

// Before the line is understood.
bool is_hidden(std::string_view line, std::span<const OptionInfo> table) {
  std::string_view word = line.substr(0, name_length(line));
  auto rows = rows_named(table, word);
  return word == "hide" || (!rows.empty() && rows[0].secret);
}

std::string unknown_option(std::span<const OptionInfo> table, std::string_view driver,
                           std::string_view name) {
  std::vector<std::string_view> known;
  bool main = true;
  for (const OptionInfo& row : table) {
    main = main && row.drivers.empty();
    if (row.left_out.empty() &&
        (driver.empty() || row.drivers.empty() || has_word(row.drivers, driver)))
      known.push_back(row.name);
  }
  std::string text = "there is no ";
  if (main) text += "main ";
  text += "option " + quote(name);
  if (!main && !driver.empty()) text += " of driver " + quote(driver);
  return text + ": remove the line" + did_you_mean(name, known);
}

std::string wrong_driver(const OptionInfo& row, std::string_view driver) {
  if (driver.empty())
    return "option " + quote(row.name) +
           " stands before 'driver': write 'driver = ...' first";
  return "option " + quote(row.name) + " belongs to driver " + quote(row.drivers) +
         ", not to " + quote(driver);
}

}  // namespace

std::string_view option_type_name(OptionType type) {
  constexpr std::array<std::string_view, 20> kNames{
      "boolean",  "boolean", "integer",   "octal",  "number",    "time",       "string",
      "template", "path",    "domains",   "hosts",  "addresses", "localparts", "words",
      "acl",      "times",   "transport", "router", "setting",   "templates"};
  return kNames[static_cast<std::size_t>(type)];
}

std::string set_twice(std::string_view name) {
  return quote(name) + " is set for the second time: remove one of the two";
}

std::optional<WrittenOption> read_option(const SourceText& line,
                                         std::span<const OptionInfo> table,
                                         std::string_view driver,
                                         Diagnostics& diagnostics) {
  auto complain = [&](Origin origin, std::string text) {
    diagnostics.error(origin, std::move(text));
    return std::nullopt;
  };
  auto written = parse_option_line(line);
  if (!written)
    return complain(written.error().origin, is_hidden(line.bytes(), table)
                                                ? "the hidden value is wrong here"
                                                : written.error().text);
  const std::string& name = written->name;
  auto [rows, negated] = find_rows(table, name);
  if (rows.empty()) {
    if (diagnostics.full()) return complain({}, "");  // only counted
    return complain(written->origin, unknown_option(table, driver, name));
  }
  const OptionInfo* info = row_for(rows, driver);
  if (!info) return complain(written->origin, wrong_driver(rows[0], driver));
  if (!info->left_out.empty())
    return complain(written->origin, quote(name) +
                                         " is not part of the policy language; " +
                                         std::string(info->left_out));
  bool boolean = is_boolean(info->type);
  if (negated && written->value)
    return complain(written->origin, "a value follows " + quote(name) + ": write '" +
                                         std::string(info->name) + " = no'");
  if (!written->value && !boolean)
    return complain(written->origin, "'=' is missing after " + quote(name) +
                                         ": write '" + name + " = value'");
  WrittenOption option{info, written->origin, written->hidden || info->secret, {}};
  if (written->value)
    option.value = *std::move(written->value);
  else
    option.value.append(negated ? "no" : "yes", written->origin);
  return option;
}

bool is_plain(OptionType type) {
  switch (type) {
    case OptionType::boolean:
    case OptionType::integer:
    case OptionType::octal:
    case OptionType::fixed:
    case OptionType::time:
    case OptionType::text:
    case OptionType::times:
      return true;
    default:
      return false;
  }
}

namespace {

base::Result<std::int64_t> parse_signed(std::string_view text) {
  bool negative = text.starts_with('-');
  auto number = TRY(parse_integer(text.substr(negative ? 1 : 0)));
  if (number > std::uint64_t(std::numeric_limits<std::int64_t>::max()))
    return base::fail(base::Code::config, quote(text) + " is too large");
  return negative ? -std::int64_t(number) : std::int64_t(number);
}

base::Result<std::int64_t> parse_octal(std::string_view text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, number, 8);
  if (text.empty() || error != std::errc() || stop != end || number < 0)
    return base::fail(base::Code::config,
                      quote(text) + " is not an octal number: write one such as 0640");
  return number;
}

base::Result<std::vector<std::chrono::seconds>> parse_times(std::string_view text) {
  std::vector<std::chrono::seconds> times;
  while (!trimmed(text).empty()) {
    std::size_t end = std::min(text.find(':'), text.size());
    times.push_back(TRY(parse_time(trimmed(text.substr(0, end)))));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return times;
}

base::Result<void> parse_plain(OptionType type, std::string_view text,
                               OptionValue& out) {
  switch (type) {
    case OptionType::boolean:
      out.value = TRY(parse_boolean(text));
      break;
    case OptionType::integer:
      out.value = TRY(parse_signed(text));
      break;
    case OptionType::octal:
      out.value = TRY(parse_octal(text));
      break;
    case OptionType::fixed:
      out.value = TRY(parse_fixed(text));
      break;
    case OptionType::time:
      out.value = TRY(parse_time(text));
      break;
    case OptionType::times:
      out.value = TRY(parse_times(text));
      break;
    default:
      out.value = std::string(text);
  }
  return {};
}

ListKind list_kind(OptionType type) {
  switch (type) {
    case OptionType::domains:
      return ListKind::domain;
    case OptionType::hosts:
      return ListKind::host;
    case OptionType::addresses:
      return ListKind::address;
    case OptionType::local_parts:
      return ListKind::local_part;
    default:
      return ListKind::text;
  }
}

void check_name(const Names& names, std::string_view kind, std::string_view name,
                Origin origin, Parsing& parsing) {
  if (names.contains(name)) return;
  std::vector<std::string_view> known;
  for (const auto& entry : names) known.push_back(entry.first);
  parsing.error(origin, "there is no " + std::string(kind) + " " + quote(name) +
                            ": define it, or name another one" +
                            did_you_mean(name, known));
}

Template parse_transport(const SourceText& text, Parsing& parsing) {
  Template name = parse_template(text, parsing);
  if (const std::string* literal = name.literal())
    check_name(parsing.symbols.transports, "transport", *literal, text.origin(),
               parsing);
  return name;
}

// Cuts at colons, or at what follows "<"; doubled ones stand for themselves.  Braces
// of expansions are not cut.
std::vector<SourceText> cut_list(const SourceText& text) {
  std::string_view bytes = text.bytes();
  std::size_t at = 0;
  char separator = ':';
  if (bytes.size() >= 2 && bytes[0] == '<' && std::ispunct(bytes[1])) {
    separator = bytes[1];
    at = 2;
  }
  std::vector<SourceText> parts(1);
  int depth = 0;
  for (; at < bytes.size(); ++at) {
    char c = bytes[at];
    if (c == '{') ++depth;
    if (c == '}' && depth > 0) --depth;
    if (c == '\\' && at + 1 < bytes.size()) {
      parts.back().append(text, at++, 2);
    } else if (c != separator || depth > 0) {
      parts.back().append(text, at, 1);
    } else if (bytes.substr(at).starts_with(std::string(2, separator))) {
      parts.back().append(text, at++, 1);
    } else {
      parts.emplace_back();
    }
  }
  for (SourceText& part : parts) part.trim();
  std::erase_if(parts, [](const SourceText& part) { return part.empty(); });
  return parts;
}

// "r_x = template"; false, and a complaint, if it is not that.
bool parse_setting(const SourceText& text, OptionValue& out, Parsing& parsing) {
  std::string_view bytes = text.bytes();
  std::size_t length = name_length(bytes);
  std::string_view rest = trimmed(bytes.substr(length));
  if (!bytes.starts_with("r_") || length < 3 || !rest.starts_with('=')) {
    parsing.error(text.origin(), quote(bytes.substr(0, 40)) +
                                     " sets no variable: write 'set = r_name = value'");
    return false;
  }
  SourceText value = text.part(bytes.find('=') + 1);
  value.trim();
  out.word = bytes.substr(0, length);
  out.value = parse_template(value, parsing);
  return true;
}

void parse_settings(const WrittenOption& option, Options& options, Parsing& parsing) {
  std::string_view bytes = option.value.bytes();
  for (std::size_t at = 0; at <= bytes.size();) {
    std::size_t end = at;
    for (int depth = 0; end < bytes.size() && (bytes[end] != ';' || depth > 0); ++end)
      depth += bytes[end] == '{' ? 1 : bytes[end] == '}' && depth > 0 ? -1 : 0;
    OptionValue value{
        option.info, option.origin, option.value.part(at, end - at), option.hidden, {},
        {}};
    value.source.trim();
    bool good = !value.source.empty() || at == 0;
    if (good && parse_setting(SourceText(value.source), value, parsing))
      options.add(std::move(value));
    at = end + 1;
  }
}

void parse_value(const WrittenOption& option, OptionValue& out, Parsing& parsing) {
  const SourceText& text = option.value;
  switch (option.info->type) {
    case OptionType::expanded:
    case OptionType::path:
      out.value = parse_template(text, parsing);
      break;
    case OptionType::expanded_boolean:
      if (auto literal = parse_boolean(text.bytes())) {
        out.value = *literal;
      } else if (text.bytes().find('$') == std::string_view::npos) {
        parsing.error(text.origin(),
                      std::string(option.info->name) + ": " + literal.error().text);
      } else {
        out.value = parse_template(text, parsing);
      }
      break;
    case OptionType::transport:
      out.value = parse_transport(text, parsing);
      break;
    case OptionType::router:
      out.value = std::string(text.bytes());
      check_name(parsing.symbols.routers, "router", text.bytes(), text.origin(),
                 parsing);
      break;
    case OptionType::templates: {
      std::vector<Template> templates;
      for (const SourceText& part : cut_list(text))
        templates.push_back(parse_template(part, parsing));
      out.value = std::move(templates);
      break;
    }
    case OptionType::acl: {
      Phases around = parsing.phases;
      parsing.phases = {acl_option_phase(option.info->name).value_or(Phase::other)};
      out.value = parse_acl_choice(text, parsing);
      parsing.phases = around;
      break;
    }
    default:
      out.value = parse_list(list_kind(option.info->type), text, parsing);
  }
}

}  // namespace

std::optional<OptionValue> parse_plain_value(const WrittenOption& option,
                                             Diagnostics& diagnostics) {
  OptionValue value{option.info, option.origin, option.value, option.hidden, {}, {}};
  auto parsed = parse_plain(option.info->type, option.value.bytes(), value);
  if (parsed) return value;
  Origin origin = option.value.empty() ? option.origin : option.value.origin();
  diagnostics.error(origin, std::string(option.info->name) + ": " +
                                (option.hidden ? "the hidden value is wrong here"
                                               : parsed.error().text));
  return std::nullopt;
}

void parse_option(const SourceText& line, std::span<const OptionInfo> table,
                  std::string_view driver, Options& options, Parsing& parsing) {
  auto option = read_option(line, table, driver, parsing.diagnostics);
  if (!option) return;
  const OptionInfo& info = *option->info;
  if (info.ignored)
    parsing.diagnostics.note(option->origin,
                             quote(info.name) + " is accepted and ignored");
  if (options.has(info.name) && !info.accumulates) {
    parsing.error(option->origin, set_twice(info.name));
    return;
  }
  parsing.need(info.feature, "option " + quote(info.name), option->origin);
  // What is wrong in a secret is told without its words.
  std::size_t errors = parsing.diagnostics.errors.size();
  if (info.type == OptionType::setting) {
    parse_settings(*option, options, parsing);
  } else if (is_plain(info.type)) {
    if (auto value = parse_plain_value(*option, parsing.diagnostics))
      options.add(*std::move(value));
  } else {
    OptionValue value{&info, option->origin, option->value, option->hidden, {}, {}};
    parse_value(*option, value, parsing);
    options.add(std::move(value));
  }
  if (!option->hidden) return;
  for (std::size_t i = errors; i < parsing.diagnostics.errors.size(); ++i)
    parsing.diagnostics.errors[i].text =
        std::string(info.name) + ": the hidden value is wrong here";
}

}  // namespace policy
