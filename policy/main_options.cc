// SPDX-License-Identifier: Apache-2.0
#include "policy/main_options.h"

#include <netdb.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <limits>
#include <memory>
#include <set>

#include "policy/programs.h"
#include "policy/sections.h"

namespace policy {
namespace {

namespace fs = std::filesystem;

std::unexpected<base::Error> wrong(std::string text) {
  return base::fail(base::Code::config, std::move(text));
}

// Says why a value of the right type will not do; "" if it will.
using Check = std::string (*)(const std::string& value);

std::string check_hostname(const std::string& name) {
  bool good = !name.empty() && name.size() <= 255 && name.front() != '.' &&
              std::ranges::all_of(
                  name, [](char c) { return is_name_char(c) || c == '.' || c == '-'; });
  if (good) return "";
  return quote(name) + " is not a host name: write one such as mx.example.net";
}

std::string check_absolute(const std::string& path) {
  if (path.starts_with('/')) return "";
  return quote(path) + " is not an absolute path: write one that begins with '/'";
}

// Exim also takes a list, "syslog" and date stamps; we write one file a log.
std::string check_log(const std::string& path) {
  if (path.empty()) return "";  // the default, as in Exim
  std::size_t percent = path.find('%');
  bool good = path.starts_with('/') && path.find(':') == path.npos &&
              (percent == path.npos || (path.compare(percent, 2, "%s") == 0 &&
                                        path.find('%', percent + 1) == path.npos));
  if (good) return "";
  return quote(path) +
         " is not one absolute path with at most one %s: write one such as "
         "/var/log/bobbin/%slog";
}

std::string check_id_format(const std::string& length) {
  if (length == "16" || length == "23") return "";
  return quote(length) +
         " is no length of a message id: write 16 (before Exim 4.97) or 23";
}

std::string check_localhost_number(const std::string& number) {
  if (number.size() < 2 || (number.size() == 2 && number <= "16")) return "";
  return quote(number) + " is too large: write a number from 0 to 16";
}

std::string check_line_endings(const std::string& word) {
  if (word == "reject" || word == "exim" || word == "lenient") return "";
  return quote(word) + " is not known: write reject, exim or lenient";
}

// Takes options over into members, one overload for each type that a member can have.
class Reader {
 public:
  Reader(const Options& options, Diagnostics& diagnostics)
      : options_(options), diagnostics_(diagnostics) {}

  void read(std::string_view name, bool& target) {
    target = options_.boolean(name, target);
  }
  void read(std::string_view name, std::chrono::seconds& target) {
    target = options_.time(name, target);
  }
  void read(std::string_view name, std::uint64_t& target) {
    if (auto number = integer(name, std::numeric_limits<std::int64_t>::max(), nullptr))
      target = *number;
  }
  void read(std::string_view name, unsigned& target, Check check = nullptr) {
    if (auto number = integer(name, INT_MAX, check))
      target = static_cast<unsigned>(*number);
  }
  void read(std::string_view name, std::optional<unsigned>& target, Check check) {
    if (auto number = integer(name, INT_MAX, check))
      target = static_cast<unsigned>(*number);
  }
  void read(std::string_view name, std::optional<std::string>& target, Check check) {
    if (auto value = text(name, check)) target = *std::move(value);
  }
  void read(std::string_view name, std::string& target, Check check) {
    if (auto value = text(name, check)) target = *std::move(value);
  }
  void read(std::string_view name, fs::path& target, Check check) {
    if (auto value = text(name, check)) target = *std::move(value);
  }
  // Of the receiver alone, who asks for it by its name.
  void check_count(std::string_view name) { (void)integer(name, INT_MAX, nullptr); }

 private:
  bool passes(const OptionValue& option, const std::string& complaint) {
    if (complaint.empty()) return true;
    Origin at = option.source.empty() ? option.origin : option.source.origin();
    diagnostics_.error(
        at, std::string(option.info->name) + ": " +
                (option.hidden ? "the hidden value is wrong here" : complaint));
    return false;
  }
  std::optional<std::uint64_t> integer(std::string_view name, std::int64_t most,
                                       Check check) {
    const OptionValue* option = options_.find(name);
    if (!option) return std::nullopt;
    std::int64_t number = std::get<std::int64_t>(option->value);
    std::string complaint;
    if (number < 0)
      complaint = quote(option->source.bytes()) + " is below zero: write 0 or more";
    else if (number > most)
      complaint = quote(option->source.bytes()) + " is too large: write at most " +
                  std::to_string(most);
    else if (check)
      complaint = check(std::to_string(number));
    if (!passes(*option, complaint)) return std::nullopt;
    return static_cast<std::uint64_t>(number);
  }
  std::optional<std::string> text(std::string_view name, Check check) {
    const OptionValue* option = options_.find(name);
    if (!option) return std::nullopt;
    const auto& value = std::get<std::string>(option->value);
    std::string complaint = value.find('$') == value.npos
                                ? check(value)
                                : "the value is not expanded: write it out";
    if (!passes(*option, complaint)) return std::nullopt;
    return value;
  }

  const Options& options_;
  Diagnostics& diagnostics_;
};

// What can be read of the main section without the rest of the policy.
Options read_plain_options(Sections::Part lines, Diagnostics& diagnostics) {
  Options options;
  std::set<std::string_view> seen;
  for (const SourceText& line : lines) {
    if (is_named_list(line)) continue;
    auto option = read_option(line, main_option_table(), "", diagnostics);
    if (!option) continue;
    if (!seen.insert(option->info->name).second)
      diagnostics.error(option->origin, set_twice(option->info->name));
    else if (is_plain(option->info->type))
      if (auto value = parse_plain_value(*option, diagnostics))
        options.add(*std::move(value));
  }
  return options;
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

std::string machine_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0')
    return "localhost";
  std::string host = name.data();
  return host.find('.') == host.npos ? qualified(host) : host;
}

}  // namespace

MainOptions main_options(const Options& options, Diagnostics& diagnostics) {
  MainOptions out;
  Reader reader(options, diagnostics);
  reader.read("line_endings", out.line_endings, check_line_endings);
  reader.read("localhost_number", out.localhost_number, check_localhost_number);
  reader.read("log_file_path", out.log_file_path, check_log);
  reader.read("message_id_format", out.message_id_format, check_id_format);
  reader.read("message_logs", out.message_logs);
  reader.read("message_size_limit", out.message_size_limit);
  reader.read("preserve_message_logs", out.preserve_message_logs);
  reader.read("primary_hostname", out.primary_hostname, check_hostname);
  reader.read("queue_fast_ramp", out.queue_fast_ramp);
  reader.read("queue_run_in_order", out.queue_run_in_order);
  reader.read("recipients_max", out.recipients_max);
  reader.read("smtp_max_synprot_errors", out.smtp_max_synprot_errors);
  reader.read("smtp_max_unknown_commands", out.smtp_max_unknown_commands);
  reader.read("smtp_receive_timeout", out.smtp_receive_timeout);
  reader.read("split_spool_directory", out.split_spool_directory);
  reader.read("spool_directory", out.spool_directory, check_absolute);
  for (auto name : {"smtp_accept_max", "smtp_accept_reserve", "smtp_connect_backlog"})
    reader.check_count(name);
  return out;
}

base::Result<MainOptions> parse_main_options(Lines lines) {
  Diagnostics diagnostics;
  for (Diagnostic& error : lines.errors)
    diagnostics.error(error.origin, std::move(error.text));
  conceal_secrets(lines.lines, lines);
  Sections sections = split_sections(lines.lines, diagnostics);
  MainOptions options =
      main_options(read_plain_options(sections.main, diagnostics), diagnostics);
  if (diagnostics.errors.empty()) return options;
  std::string text =
      lines.format(std::move(diagnostics.errors), "error", diagnostics.more_errors);
  text.pop_back();  // the last newline
  return wrong(std::move(text));
}

base::Result<MainOptions> load_main_options(const base::CommonOptions& common) {
  PolicyFile file = TRY(read_policy_file(common));
  Lines lines = TRY(read_lines(file, common));
  MainOptions options = TRY(parse_main_options(std::move(lines)));
  if (!common.spool.empty()) options.spool_directory = common.spool;
  return options;
}

std::string primary_hostname(const MainOptions& options) {
  if (options.primary_hostname) return *options.primary_hostname;
  static const std::string machine = machine_name();  // one question to the resolver
  return machine;
}

fs::path log_path(const MainOptions& options, std::string_view log) {
  std::string path = options.log_file_path.value_or("");
  if (path.empty()) path = "%slog";
  if (std::size_t mark = path.find("%s"); mark != path.npos) path.replace(mark, 2, log);
  return options.spool_directory / "log" / path;  // an absolute path stands alone
}

std::vector<MainOptionInfo> describe_main_options() {
  std::vector<MainOptionInfo> infos;
  for (const OptionInfo& option : main_option_table())
    if (option.left_out.empty())
      infos.push_back({std::string(option.name),
                       std::string(option_type_name(option.type)),
                       option.preset.empty() ? "none" : std::string(option.preset),
                       std::string(option.about)});
  return infos;
}

}  // namespace policy
