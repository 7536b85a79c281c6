// SPDX-License-Identifier: Apache-2.0
#include "policy/main_options.h"

#include <netdb.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <memory>
#include <set>
#include <tuple>
#include <variant>

#include "base/fd.h"
#include "base/text.h"
#include "policy/option_value.h"

namespace policy {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDefaultFile = "/etc/bobbin/bobbin.conf";
constexpr std::size_t kLargestFile = std::size_t{16} << 20;

using Member =
    std::variant<bool MainOptions::*, unsigned MainOptions::*,
                 std::optional<unsigned> MainOptions::*, std::uint64_t MainOptions::*,
                 std::chrono::seconds MainOptions::*,
                 std::optional<std::string> MainOptions::*, fs::path MainOptions::*>;

// Says why a value of the right type will not do.
using Check = base::Result<void> (*)(const MainOptions&);

struct Option {
  const char* name;
  Member member;
  const char* preset;  // the default as one would write it
  Check check = nullptr;
};

std::unexpected<base::Error> wrong(std::string text) {
  return base::fail(base::Code::config, std::move(text));
}

base::Result<void> check_hostname(const MainOptions& options) {
  const std::string& name = *options.primary_hostname;
  bool good = !name.empty() && name.size() <= 255 && name.front() != '.' &&
              std::ranges::all_of(
                  name, [](char c) { return is_name_char(c) || c == '.' || c == '-'; });
  if (good) return {};
  return wrong(quote(name) + " is not a host name: write one such as mx.example.net");
}

base::Result<void> check_spool(const MainOptions& options) {
  if (options.spool_directory.is_absolute()) return {};
  return wrong(quote(options.spool_directory.string()) +
               " is not an absolute path: write one that begins with '/'");
}

base::Result<void> check_id_format(const MainOptions& options) {
  if (options.message_id_format == 16 || options.message_id_format == 23) return {};
  return wrong(quote(std::to_string(options.message_id_format)) +
               " is no length of a message id: write 16 (before Exim 4.97) or 23");
}

base::Result<void> check_localhost_number(const MainOptions& options) {
  if (*options.localhost_number <= 16) return {};
  return wrong(quote(std::to_string(*options.localhost_number)) +
               " is too large: write a number from 0 to 16");
}

// Exim also takes a list, "syslog" and date stamps; we write one file a log.
base::Result<void> check_log(const MainOptions& options) {
  const std::string& path = *options.log_file_path;
  if (path.empty()) return {};  // the default, as in Exim
  std::size_t percent = path.find('%');
  bool good = path.starts_with('/') && path.find(':') == path.npos &&
              (percent == path.npos || (path.compare(percent, 2, "%s") == 0 &&
                                        path.find('%', percent + 1) == path.npos));
  if (good) return {};
  return wrong(quote(path) +
               " is not one absolute path with at most one %s: write one such as "
               "/var/log/bobbin/%slog");
}

using O = MainOptions;
constexpr std::array kOptions{
    Option{"localhost_number", &O::localhost_number, "unset", check_localhost_number},
    Option{"log_file_path", &O::log_file_path, "spool_directory/log/%slog", check_log},
    Option{"message_id_format", &O::message_id_format, "16", check_id_format},
    Option{"message_logs", &O::message_logs, "true"},
    Option{"message_size_limit", &O::message_size_limit, "50M"},
    Option{"preserve_message_logs", &O::preserve_message_logs, "false"},
    Option{"primary_hostname", &O::primary_hostname, "the machine's name",
           check_hostname},
    Option{"queue_fast_ramp", &O::queue_fast_ramp, "true"},
    Option{"queue_run_in_order", &O::queue_run_in_order, "false"},
    Option{"recipients_max", &O::recipients_max, "50000"},
    Option{"smtp_accept_max", &O::smtp_accept_max, "20"},
    Option{"smtp_max_synprot_errors", &O::smtp_max_synprot_errors, "3"},
    Option{"smtp_max_unknown_commands", &O::smtp_max_unknown_commands, "3"},
    Option{"smtp_receive_timeout", &O::smtp_receive_timeout, "5m"},
    Option{"split_spool_directory", &O::split_spool_directory, "false"},
    Option{"spool_directory", &O::spool_directory, "/var/spool/bobbin", check_spool},
};

constexpr std::array<const char*, std::variant_size_v<Member>> kTypes{
    "boolean", "integer", "integer", "integer", "time", "string", "string"};

const Option* find_option(std::string_view name) {
  auto found = std::ranges::find(kOptions, name, &Option::name);
  return found == kOptions.end() ? nullptr : &*found;
}

bool is_boolean(const Option* option) {
  return option && std::holds_alternative<bool MainOptions::*>(option->member);
}

// One overload for each type a member can have.
base::Result<void> assign(const std::string& text, bool& target) {
  target = TRY(parse_boolean(text));
  return {};
}
base::Result<void> assign(const std::string& text, std::uint64_t& target) {
  target = TRY(parse_integer(text));
  return {};
}
base::Result<void> assign(const std::string& text, unsigned& target) {
  std::uint64_t number = TRY(parse_integer(text));
  if (number > INT_MAX)
    return wrong(quote(text) + " is too large: write at most 2147483647");
  target = static_cast<unsigned>(number);
  return {};
}
base::Result<void> assign(const std::string& text, std::optional<unsigned>& target) {
  return assign(text, target.emplace());
}
base::Result<void> assign(const std::string& text, std::chrono::seconds& target) {
  target = TRY(parse_time(text));
  return {};
}
base::Result<void> assign(const std::string& text, std::optional<std::string>& target) {
  target = text;
  return {};
}
base::Result<void> assign(const std::string& text, fs::path& target) {
  target = text;
  return {};
}

base::Result<void> set_option(const Option& option, const std::string& value,
                              MainOptions& options) {
  if (value.find('$') != value.npos)
    return wrong(
        "expansions are not available in this version: write the value itself");
  TRY(std::visit([&](auto member) { return assign(value, options.*member); },
                 option.member));
  return option.check ? option.check(options) : base::Result<void>();
}

bool is_named_list(std::string_view word) {
  if (word.ends_with("_cache")) word.remove_suffix(6);
  return word == "domainlist" || word == "hostlist" || word == "addresslist" ||
         word == "localpartlist";
}

base::Result<void> set_from_line(std::string_view line, std::set<std::string>& seen,
                                 MainOptions& options) {
  if (is_named_list(line.substr(0, name_length(line))))
    return wrong("named lists are not available in this version of bobbin: remove " +
                 quote(line.substr(0, line.find('='))));
  OptionLine written = TRY(parse_option_line(line));
  std::string name = written.name;
  const Option* option = find_option(name);
  bool negated = false;
  for (std::string_view prefix : {"no_", "not_"}) {
    if (option || !name.starts_with(prefix)) continue;
    const Option* positive = find_option(std::string_view(name).substr(prefix.size()));
    if (!is_boolean(positive)) continue;
    option = positive;
    negated = true;
  }
  if (!seen.insert(option ? option->name : name).second)
    return wrong(quote(name) + " is set for the second time: remove one of the two");
  if (!option)
    return wrong("there is no main option " + quote(name) +
                 " in this version of bobbin: remove the line, or see bobbin.conf(5)");
  if (negated && written.value)
    return wrong("a value follows " + quote(name) + ": write '" + option->name +
                 " = no'");
  if (!written.value && is_boolean(option)) written.value = negated ? "no" : "yes";
  if (!written.value)
    return wrong("'=' is missing after " + quote(name) + ": write '" + name +
                 " = value'");
  auto set = set_option(*option, *written.value, options);
  if (!set) return std::unexpected(base::at(name, std::move(set).error()));
  return {};
}

// What to say of "begin NAME".
std::string about_section(std::string_view line) {
  std::string name = base::lower(trimmed(line.substr(name_length(line))));
  for (std::string_view later :
       {"acl", "routers", "transports", "retry", "authenticators"})
    if (name == later)
      return "section " + quote(name) +
             " is not available in this version of bobbin: remove it";
  for (std::string_view never : {"rewrite", "local_scan"})
    if (name == never)
      return "section " + quote(name) +
             " is not part of the policy language: remove it";
  return "there is no section " + quote(name) +
         ": write acl, routers, transports, retry or authenticators";
}

bool is_begin(std::string_view line) {
  return line.substr(0, name_length(line)) == "begin" &&
         (line.size() == 5 || is_blank(line[5])) &&
         !trimmed(line.substr(5)).starts_with('=');
}

// /etc/hosts and the resolver know the domain of a name that has none.
std::string qualified(std::string name) {
  addrinfo hints{};
  hints.ai_flags = AI_CANONNAME;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(name.c_str(), nullptr, &hints, &found) != 0) return name;
  std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  if (!found->ai_canonname) return name;
  std::string canonical = found->ai_canonname;
  return canonical.find('.') == canonical.npos ? name : canonical;
}

}  // namespace

base::Result<MainOptions> parse_main_options(Lines lines) {
  MainOptions options;
  std::set<std::string> seen;
  bool in_section = false;  // its lines are not ours to read
  for (const SourceText& line : lines.lines) {
    if (is_begin(line.bytes())) {
      in_section = true;
      lines.errors.push_back({line.origin(), about_section(line.bytes())});
    } else if (!in_section) {
      auto set = set_from_line(line.bytes(), seen, options);
      if (!set) lines.errors.push_back({line.origin(), set.error().text});
    }
  }
  if (lines.errors.empty()) return options;
  std::ranges::sort(lines.errors, {}, [](const Diagnostic& error) {
    return std::tuple(error.origin.file, error.origin.line, error.origin.column);
  });
  std::string text;
  for (const Diagnostic& error : lines.errors)
    text += (text.empty() ? "" : "\n") + lines.format(error);
  return wrong(std::move(text));
}

base::Result<MainOptions> load_main_options(const base::CommonOptions& common) {
  std::vector<std::string> features;  // so that ".ifdef _OPT_MAIN_..." works
  for (const Option& option : kOptions) {
    std::string& feature = features.emplace_back("_OPT_MAIN_");
    for (char c : std::string_view(option.name))
      feature += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  Macros macros = TRY(Macros::create(common.macros, features));
  ReadFile read = [](const fs::path& path) {
    return base::read_file(path, kLargestFile);
  };
  fs::path file = common.config.empty() ? fs::path(kDefaultFile) : common.config;
  auto text = read(file);
  MainOptions options;
  if (text)
    options =
        TRY(parse_main_options(parse_lines(file, *text, std::move(macros), read)));
  else if (!common.config.empty() || text.error().code != base::Code::not_found)
    return wrong(text.error().text + ": name a readable file with -C");
  if (!common.spool.empty()) options.spool_directory = common.spool;
  return options;
}

std::string primary_hostname(const MainOptions& options) {
  if (options.primary_hostname) return *options.primary_hostname;
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0')
    return "localhost";
  std::string host = name.data();
  return host.find('.') == host.npos ? qualified(host) : host;
}

fs::path log_path(const MainOptions& options, std::string_view log) {
  std::string path = options.log_file_path.value_or("");
  if (path.empty()) path = "%slog";
  if (std::size_t mark = path.find("%s"); mark != path.npos) path.replace(mark, 2, log);
  return options.spool_directory / "log" / path;  // an absolute path stands alone
}

std::vector<MainOptionInfo> describe_main_options() {
  std::vector<MainOptionInfo> infos;
  for (const Option& option : kOptions)
    infos.push_back({option.name, kTypes[option.member.index()], option.preset});
  return infos;
}

}  // namespace policy
