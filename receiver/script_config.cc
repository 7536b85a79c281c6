// SPDX-License-Identifier: Apache-2.0
#include "receiver/script_config.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/text.h"

namespace receiver {

namespace {

using base::Result;

constexpr std::chrono::seconds kLongestTotal{170};
constexpr std::string_view kBlanks = " \t\r";

std::string_view trim(std::string_view text) {
  std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::unexpected<base::Error> wrong(std::string text) {
  return base::fail(base::Code::config, std::move(text));
}

base::Error at_line(unsigned line, base::Error error) {
  return base::at("line " + std::to_string(line), std::move(error));
}

// A semicolon behind a blank begins a comment.
std::string_view without_comment(std::string_view value) {
  for (std::size_t at = value.find(';'); at != std::string_view::npos;
       at = value.find(';', at + 1))
    if (at == 0 || kBlanks.contains(value[at - 1])) return trim(value.substr(0, at));
  return value;
}

bool is_name(std::string_view text) {
  auto fits = [](char c) {
    char letter = base::to_lower(c);
    return (letter >= 'a' && letter <= 'z') || base::is_digit(c) || c == '-' ||
           c == '_';
  };
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, fits);
}

std::vector<std::string> split(std::string_view text, std::string_view separators) {
  std::vector<std::string> words;
  while (true) {
    std::size_t begin = text.find_first_not_of(separators);
    if (begin == std::string_view::npos) return words;
    std::size_t end = std::min(text.find_first_of(separators, begin), text.size());
    words.emplace_back(text.substr(begin, end - begin));
    text.remove_prefix(end);
  }
}

// One setter for each kind of value.  Each says what would be right.

template <class T>
Result<void> choose(T& target, std::string_view text,
                    std::initializer_list<std::pair<std::string_view, T>> words) {
  std::string all;
  for (const auto& [word, value] : words) {
    if (word == text) {
      target = value;
      return {};
    }
    all += (all.empty() ? "" : " or ") + std::string(word);
  }
  return wrong("write " + all);
}

Result<void> set_flag(bool& target, std::string_view text) {
  return choose(target, text, {{"yes", true}, {"no", false}});
}

Result<void> set_span(std::chrono::seconds& target, std::string_view text,
                      std::chrono::seconds least = std::chrono::seconds(1)) {
  auto span = base::parse_span(text);
  if (!span) return wrong(span.error().text);
  if (*span < least) return wrong("at least " + std::to_string(least.count()) + "s");
  target = *span;
  return {};
}

Result<void> set_size(std::uint64_t& target, std::string_view text) {
  auto size = base::parse_size(text);
  if (!size) return wrong(size.error().text);
  target = *size;
  return {};
}

Result<void> set_number(unsigned& target, std::string_view text, unsigned least) {
  auto number = base::to_number(text);
  if (!number || *number < least || *number > 1'000'000)
    return wrong("write a number from " + std::to_string(least));
  target = static_cast<unsigned>(*number);
  return {};
}

Result<void> set_path(std::filesystem::path& target, std::string_view text) {
  if (!text.starts_with('/')) return wrong("write an absolute path");
  target = std::filesystem::path(text).lexically_normal();
  return {};
}

// "500M / 14d"
Result<void> set_keep_max(ScriptConfig& config, std::string_view text) {
  std::size_t slash = text.find('/');
  if (slash == std::string_view::npos)
    return wrong("write a size and an age, as 500M / 14d");
  TRY(set_size(config.keep_bytes, trim(text.substr(0, slash))));
  return set_span(config.keep_age, trim(text.substr(slash + 1)));
}

Result<void> set_exec(Script& script, std::string_view text) {
  std::vector<std::string> words = split(text, kBlanks);
  if (words.empty()) return wrong("write a program and its arguments");
  bool in_dir = words.front().find('/') == std::string::npos;
  if (!in_dir && !words.front().starts_with('/'))
    return wrong("write the name of a program in dir, or an absolute path");
  script.executable = std::filesystem::path(words.front()).lexically_normal();
  script.arguments.assign(words.begin() + 1, words.end());
  return {};
}

using Setter = std::function<Result<void>(std::string_view)>;
using Keys = std::map<std::string_view, Setter>;

Keys data_keys(ScriptConfig& config) {
  return {
      {"dir", [&](auto text) { return set_path(config.dir, text); }},
      {"user",
       [&](auto text) -> Result<void> {
         config.user = text;
         return {};
       }},
      {"total_timeout",
       [&](auto text) -> Result<void> {
         TRY(set_span(config.total_timeout, text));
         if (config.total_timeout > kLongestTotal)
           return wrong("clients do not wait for ever: 170s at most");
         return {};
       }},
      {"reply_reserve",
       [&](auto text) { return set_span(config.reply_reserve, text, {}); }},
      {"max_running",
       [&](auto text) { return set_number(config.max_running, text, 1); }},
      {"queue_wait", [&](auto text) { return set_span(config.queue_wait, text); }},
      {"on_client_gone",
       [&](auto text) {
         return choose(config.finish_when_gone, text,
                       {{"discard", false}, {"finish", true}});
       }},
      {"early_quit",
       [&](auto text) {
         return choose(config.skip_optional_on_quit, text,
                       {{"note", false}, {"skip-optional", true}});
       }},
      {"keepalive",
       [&](auto text) {
         return choose(config.keep_alive, text,
                       {{"off", false}, {"after-required", true}});
       }},
      {"late_fail",
       [&](auto text) {
         return choose(config.mark_late_fail, text,
                       {{"quarantine", false}, {"mark", true}});
       }},
      {"keepalive_every",
       [&](auto text) { return set_span(config.keepalive_every, text); }},
      {"keep_dir", [&](auto text) { return set_path(config.keep_dir, text); }},
      {"keep_max", [&](auto text) { return set_keep_max(config, text); }},
  };
}

Keys script_keys(Script& script) {
  return {
      {"order", [&](auto text) { return set_number(script.order, text, 1); }},
      {"exec", [&](auto text) { return set_exec(script, text); }},
      {"timeout", [&](auto text) { return set_span(script.timeout, text); }},
      {"required", [&](auto text) { return set_flag(script.required, text); }},
      {"on_error",
       [&](auto text) {
         return choose(script.pass_on_error, text,
                       {{"pass", true}, {"tempfail", false}});
       }},
      {"max_size", [&](auto text) { return set_size(script.max_size, text); }},
      {"when",
       [&](auto text) -> Result<void> {
         if (text != "always") script.when = text;
         return {};
       }},
      {"group",
       [&](auto text) -> Result<void> {
         if (!is_name(text)) return wrong("write letters, digits, - and _");
         script.group = text;
         return {};
       }},
      {"readonly", [&](auto text) { return set_flag(script.readonly, text); }},
      {"may_stop", [&](auto text) { return set_flag(script.may_stop, text); }},
      {"network", [&](auto text) { return set_flag(script.network, text); }},
      {"user",
       [&](auto text) -> Result<void> {
         script.user = text;
         return {};
       }},
      {"state", [&](auto text) { return set_path(script.state, text); }},
      {"read",
       [&](auto text) -> Result<void> {
         for (const std::string& word : split(text, " \t,"))
           TRY(set_path(script.read.emplace_back(), word));
         return {};
       }},
      {"memory", [&](auto text) { return set_size(script.memory, text); }},
  };
}

// `run` names scripts that may come later in the file.
struct EventText {
  std::string run;
  unsigned line = 0;
};

Keys event_keys(ScriptEventList& list, EventText& names, unsigned& line) {
  return {
      {"run",
       [&](auto text) -> Result<void> {
         names = {std::string(text), line};
         return {};
       }},
      {"budget", [&](auto text) { return set_span(list.budget, text); }},
  };
}

class Reader {
 public:
  Result<ScriptConfig> read(std::string_view text);

 private:
  Result<void> take_line(std::string_view line);
  Result<void> open_section(std::string_view head);
  Result<void> set(std::string_view key, std::string_view value);
  Result<void> check();
  Result<void> check_script(const Script& script) const;
  Result<void> check_groups() const;
  Result<void> list_event(ScriptEventList& list, const EventText& names) const;

  ScriptConfig config_;
  EventText gone_names_, timeout_names_;
  std::set<std::string, std::less<>> sections_;
  std::set<std::string, std::less<>> seen_;  // keys of this section
  Keys keys_;
  std::string section_;
  unsigned line_ = 0;
};

Result<ScriptConfig> Reader::read(std::string_view text) {
  while (!text.empty()) {
    ++line_;
    std::size_t end = std::min(text.find('\n'), text.size());
    auto taken = take_line(trim(text.substr(0, end)));
    if (!taken) return std::unexpected(at_line(line_, taken.error()));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  TRY(check());
  return std::move(config_);
}

Result<void> Reader::take_line(std::string_view line) {
  if (line.empty() || line.front() == ';' || line.front() == '#') return {};
  if (line.front() == '[') {
    line = without_comment(line);
    if (line.back() != ']') return wrong("a section ends with ]");
    return open_section(trim(line.substr(1, line.size() - 2)));
  }
  std::size_t equals = line.find('=');
  if (equals == std::string_view::npos)
    return wrong("write KEY = VALUE, or a section as [data] or [script NAME]");
  return set(trim(line.substr(0, equals)),
             without_comment(trim(line.substr(equals + 1))));
}

Result<void> Reader::open_section(std::string_view head) {
  section_ = head;
  seen_.clear();
  if (!sections_.insert(section_).second)
    return wrong("[" + section_ + "] stands here a second time: merge them");
  if (head == "data") {
    keys_ = data_keys(config_);
  } else if (head == "event client-gone") {
    keys_ = event_keys(config_.client_gone, gone_names_, line_);
  } else if (head == "event timeout") {
    keys_ = event_keys(config_.timeout, timeout_names_, line_);
  } else if (head.starts_with("script ")) {
    std::string_view name = trim(head.substr(7));
    if (!is_name(name))
      return wrong("[" + section_ +
                   "]: a script's name is of letters, digits, - and _");
    // The keys refer to the script until the next section makes another.
    config_.scripts.push_back({});
    config_.scripts.back().name = name;
    config_.scripts.back().line = line_;
    keys_ = script_keys(config_.scripts.back());
  } else {
    return wrong("[" + section_ +
                 "]: write [data], [script NAME], [event client-gone] or [event "
                 "timeout]");
  }
  return {};
}

Result<void> Reader::set(std::string_view key, std::string_view value) {
  if (section_.empty()) return wrong("a section as [data] must come first");
  auto found = keys_.find(key);
  if (found == keys_.end()) {
    std::string all;
    for (const auto& row : keys_)
      all += (all.empty() ? "" : ", ") + std::string(row.first);
    return wrong("[" + section_ + "] has no key '" + base::printable(key) +
                 "'; it has " + all);
  }
  if (!seen_.emplace(key).second)
    return wrong("'" + std::string(key) + "' stands here a second time");
  if (value.empty())
    return wrong("'" + std::string(key) + "' has no value: write one or drop the line");
  auto done = found->second(value);
  if (!done)
    return std::unexpected(
        base::at(std::string(key) + " = " + base::printable(value), done.error()));
  if (key == "when") config_.scripts.back().when_line = line_;
  return {};
}

Result<void> Reader::check() {
  if (config_.dir.empty()) return wrong("[data] has no dir: say where the scripts are");
  if (config_.reply_reserve >= config_.total_timeout)
    return wrong("reply_reserve takes all of total_timeout: make it smaller");
  std::ranges::stable_sort(config_.scripts, {}, &Script::order);
  for (const Script& script : config_.scripts)
    if (auto sound = check_script(script); !sound)
      return std::unexpected(at_line(
          script.line, base::at("[script " + script.name + "]", sound.error())));
  for (std::size_t i = 1; i < config_.scripts.size(); ++i) {
    const Script &one = config_.scripts[i - 1], &two = config_.scripts[i];
    if (one.order == two.order)
      return std::unexpected(at_line(
          std::max(one.line, two.line),
          {base::Code::config, "scripts " + one.name + " and " + two.name +
                                   " have the same order " + std::to_string(one.order) +
                                   ": change one"}));
  }
  TRY(check_groups());
  TRY(list_event(config_.client_gone, gone_names_));
  return list_event(config_.timeout, timeout_names_);
}

Result<void> Reader::check_script(const Script& script) const {
  if (script.executable.empty()) return wrong("no exec: say what to run");
  if (script.order == 0) return wrong("no order: give it a number");
  if (script.required && script.pass_on_error)
    return wrong(
        "required = yes and on_error = pass exclude each other: a required script must "
        "have passed the message");
  if (!script.group.empty() && !script.readonly)
    return wrong("group = " + script.group + " needs readonly = yes");
  return {};
}

// What runs side by side must stand side by side.
Result<void> Reader::check_groups() const {
  std::set<std::string> closed;
  std::string open;
  for (const Script& script : config_.scripts) {
    if (script.group == open) continue;
    closed.insert(open);
    open = script.group;
    if (!open.empty() && closed.contains(open))
      return std::unexpected(at_line(
          script.line, {base::Code::config, "[script " + script.name +
                                                "]: others stand in "
                                                "the order between it and its group " +
                                                open}));
  }
  return {};
}

Result<void> Reader::list_event(ScriptEventList& list, const EventText& names) const {
  std::set<std::size_t> run;
  for (const std::string& name : split(names.run, " \t,")) {
    auto script = std::ranges::find(config_.scripts, name, &Script::name);
    if (script == config_.scripts.end())
      return std::unexpected(
          at_line(names.line,
                  {base::Code::config, "run = " + names.run + ": there is no [script " +
                                           base::printable(name) + "]"}));
    run.insert(static_cast<std::size_t>(script - config_.scripts.begin()));
  }
  list.run.assign(run.begin(), run.end());
  return {};
}

// Nobody but root and the list's owner may change what stands at `path`.
Result<void> check_owner(const std::filesystem::path& path, const struct stat& status,
                         uid_t admin) {
  bool shared = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  // In a directory like /tmp others may write, but not rename what is ours.
  bool sticky = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
  if (status.st_uid != 0 && status.st_uid != admin)
    return wrong(path.string() + " belongs to another user: chown it to root");
  if (shared && !sticky)
    return wrong(path.string() + " can be written by others: chmod go-w");
  return {};
}

Result<struct stat> look_at(const std::filesystem::path& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) return status;
  base::Error error = base::system_error(path.string(), errno);
  return wrong(error.text);
}

// The directory and all above it.
Result<void> check_directories(std::filesystem::path path, uid_t admin) {
  while (true) {
    struct stat status = TRY(look_at(path));
    if (!S_ISDIR(status.st_mode))
      return wrong(path.string() + " is no directory: links are not followed");
    TRY(check_owner(path, status, admin));
    if (path == path.parent_path()) return {};
    path = path.parent_path();
  }
}

}  // namespace

Result<ScriptConfig> parse_script_config(std::string_view text, std::string_view file) {
  auto config = Reader().read(text);
  if (!config) return std::unexpected(base::at(file, config.error()));
  return config;
}

Result<void> check_executable(const std::filesystem::path& path,
                              const struct stat& status, uid_t admin) {
  if (!S_ISREG(status.st_mode))
    return wrong(path.string() + " is no regular file: links are not followed");
  if ((status.st_mode & S_IXUSR) == 0)
    return wrong(path.string() + " is not executable: chmod +x");
  return check_owner(path, status, admin);
}

Result<void> check_scripts(const ScriptConfig& config, std::string_view file,
                           uid_t admin) {
  auto check = [&](const Script& script) -> Result<void> {
    std::filesystem::path path = config.dir / script.executable;
    TRY(check_directories(path.parent_path(), admin));
    return check_executable(path, TRY(look_at(path)), admin);
  };
  auto checked = check_directories(config.dir, admin);
  if (!checked) return std::unexpected(base::at(file, checked.error()));
  for (const Script& script : config.scripts) {
    auto sound = check(script);
    if (sound) continue;
    base::Error error = base::at("[script " + script.name + "]", sound.error());
    return std::unexpected(base::at(file, at_line(script.line, std::move(error))));
  }
  return {};
}

}  // namespace receiver
