// SPDX-License-Identifier: Apache-2.0
//
// Which addresses a router sees (spec/policy.md 13.2; Exim manual, "Router
// preconditions"): in the order of the manual, since each may set what the next uses.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "policy/path_template.h"
#include "policy/routing.h"
#include "policy/variable_table.h"

namespace policy {
namespace {

// `allowed` unless the option says otherwise; the general option before the special.
bool allows(const Options& options, std::string_view special) {
  return options.boolean(special, options.boolean("verify", true));
}

bool serves_purpose(const Options& options, RoutePurpose purpose) {
  switch (purpose) {
    case RoutePurpose::deliver:
      return !options.boolean("verify_only", false);
    case RoutePurpose::test:
      return options.boolean("address_test", true) &&
             !options.boolean("verify_only", false);
    case RoutePurpose::verify_recipient:
      return allows(options, "verify_recipient");
    case RoutePurpose::verify_sender:
      return allows(options, "verify_sender");
    case RoutePurpose::expn:
      return options.boolean("expn", true) && !options.boolean("verify_only", false);
  }
  return true;
}

// How much of the front of `text` is one of `prefixes`; "*" before one takes anything.
std::size_t prefix_length(std::string_view prefixes, std::string_view text) {
  for (std::string_view rest = prefixes; !rest.empty();) {
    std::size_t colon = std::min(rest.find(':'), rest.size());
    std::string_view prefix = trimmed(rest.substr(0, colon));
    rest.remove_prefix(std::min(colon + 1, rest.size()));
    bool wild = prefix.starts_with('*');
    if (wild) prefix.remove_prefix(1);
    if (prefix.size() > text.size() || (prefix.empty() && !wild)) continue;
    // The longest, as in Exim.
    for (std::size_t at = wild ? text.size() - prefix.size() : 0;; --at) {
      if (base::equal_nocase(text.substr(at, prefix.size()), prefix))
        return at + prefix.size();
      if (at == 0) break;
    }
  }
  return 0;
}

std::size_t suffix_length(std::string_view suffixes, std::string_view text) {
  for (std::string_view rest = suffixes; !rest.empty();) {
    std::size_t colon = std::min(rest.find(':'), rest.size());
    std::string_view suffix = trimmed(rest.substr(0, colon));
    rest.remove_prefix(std::min(colon + 1, rest.size()));
    bool wild = suffix.ends_with('*');
    if (wild) suffix.remove_suffix(1);
    if (suffix.size() > text.size() || (suffix.empty() && !wild)) continue;
    std::size_t last = text.size() - suffix.size();
    for (std::size_t at = wild ? 0 : last; at <= last; ++at)
      if (base::equal_nocase(text.substr(at, suffix.size()), suffix))
        return text.size() - at;
  }
  return 0;
}

bool strip_affixes(Attempt& attempt) {
  const Options& options = attempt.router.options;
  Context& context = attempt.routing.context;
  RoutedAddress& address = attempt.address;
  std::string_view part = attempt.whole_local_part;
  std::size_t prefix = prefix_length(options.text("local_part_prefix"), part);
  address.local_part_prefix = part.substr(0, prefix);
  part.remove_prefix(prefix);
  std::size_t suffix = suffix_length(options.text("local_part_suffix"), part);
  address.local_part_suffix = part.substr(part.size() - suffix);
  part.remove_suffix(suffix);
  if (options.has("local_part_prefix") && prefix == 0 &&
      !options.boolean("local_part_prefix_optional", false))
    return false;
  if (options.has("local_part_suffix") && suffix == 0 &&
      !options.boolean("local_part_suffix_optional", false))
    return false;
  attempt.local_part = part;
  if (!options.boolean("caseful_local_part", false))
    attempt.local_part = base::lower(attempt.local_part);
  context.set_variable(variable_id("local_part"), attempt.local_part);
  if (address.ancestors.empty())  // the same, but for the affixes
    context.set_variable(variable_id("original_local_part"),
                         options.boolean("caseful_local_part", false)
                             ? attempt.whole_local_part
                             : base::lower(attempt.whole_local_part));
  context.set_variable(variable_id("local_part_prefix"), address.local_part_prefix);
  context.set_variable(variable_id("local_part_suffix"), address.local_part_suffix);
  return true;
}

// True if there is no such list.
Outcome<bool> in_list(Attempt& attempt, std::string_view option,
                      std::string_view subject, std::optional<VariableId> data) {
  const List* list = attempt.router.options.list(option);
  if (option == "local_parts" && attempt.router.caseful_local_parts)
    list = attempt.router.caseful_local_parts.get();
  if (!list) return true;
  ListSubject what;
  what.text = subject;
  auto matched = match(*list, what, attempt.evaluation);
  if (!matched) return std::unexpected(matched.error());
  if (matched->matched && data)
    attempt.routing.context.set_variable(*data, matched->data);
  return matched->matched;
}

Outcome<bool> is_account(Attempt& attempt) {
  if (!attempt.router.options.boolean("check_local_user", false)) return true;
  auto account = attempt.routing.find_account(attempt.local_part);
  if (!account) return false;
  Context& context = attempt.routing.context;
  attempt.account_home = account->home;
  context.set_variable(variable_id("home"), account->home);
  context.set_variable(variable_id("local_part_data"), attempt.local_part);
  return true;
}

Outcome<void> set_home(Attempt& attempt) {
  const Template* home = attempt.router.options.expanded("router_home_directory");
  if (!home) return {};
  auto path = expand_path(*home, attempt.evaluation);
  if (!path) {
    if (path.error().kind == Failure::Kind::forced) return {};
    return std::unexpected(path.error());
  }
  attempt.router_home = *path;
  attempt.routing.context.set_variable(variable_id("home"), *std::move(path));
  return {};
}

Outcome<bool> sender_fits(Attempt& attempt) {
  if (!attempt.router.options.list("senders")) return true;
  auto sender = attempt.routing.context.variable(variable_id("sender_address"));
  if (!sender) return std::unexpected(sender.error());
  std::string subject(*sender);
  return in_list(attempt, "senders", subject, std::nullopt);
}

Outcome<bool> file_exists(const std::string& path, bool lax) {
  struct stat status{};
  if (stat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT || (lax && errno == EACCES)) return false;
  return defer("cannot look for " + quote(path) + " of require_files");
}

Outcome<bool> files_are_there(Attempt& attempt) {
  const OptionValue* option = attempt.router.options.find("require_files");
  if (!option) return true;
  for (const Template& item : std::get<std::vector<Template>>(option->value)) {
    auto text = expand_path(item, attempt.evaluation);
    if (!text && text.error().kind == Failure::Kind::forced) continue;
    if (!text) return std::unexpected(text.error());
    std::string_view path = trimmed(*text);
    auto take = [&](char sign) {
      bool there = path.starts_with(sign);
      if (there) path = trimmed(path.substr(1));
      return there;
    };
    bool lax = take('+');  // what may not be looked at is not there
    bool wanted = !take('!');
    if (path.empty()) continue;
    // Exim looks as the user that is named before the files; we look as ourselves.
    if (path.find('/') == path.npos) continue;
    if (!path.starts_with('/'))
      return cannot(quote(path) + " of require_files is not an absolute path");
    auto there = file_exists(std::string(path), lax);
    if (!there) return there;
    if (*there != wanted) return false;
  }
  return true;
}

// Empty, "0", "no" and "false" are false (13.2).
bool is_true(std::string_view text) {
  text = trimmed(text);
  return !text.empty() && text != "0" && !base::equal_nocase(text, "no") &&
         !base::equal_nocase(text, "false");
}

Outcome<bool> conditions_hold(Attempt& attempt) {
  for (const OptionValue& option : attempt.router.options.all("condition")) {
    auto text = expand(std::get<Template>(option.value), attempt.evaluation);
    if (!text && text.error().kind == Failure::Kind::forced) return false;
    if (!text) return std::unexpected(text.error());
    if (!is_true(*text)) return false;
  }
  return true;
}

Outcome<bool> brightmail_agrees(Attempt& attempt) {
  const Options& options = attempt.router.options;
  Context& context = attempt.routing.context;
  if (options.has("bmi_rule")) {
    auto fired = context.check("bmi", options.text("bmi_rule"));
    if (!fired) return std::unexpected(fired.error());
    if (fired->answer == Answer::defer) return defer(fired->log_message);
    if (fired->answer == Answer::no) return false;
  }
  auto asked = [&](std::string_view name) { return options.boolean(name, false); };
  if (!asked("bmi_dont_deliver") && !asked("bmi_deliver_alternate") &&
      !asked("bmi_deliver_default"))
    return true;
  auto deliver = context.variable(variable_id("bmi_deliver"));
  if (!deliver) return std::unexpected(deliver.error());
  bool refused = *deliver == "0";
  auto place = context.variable(variable_id("bmi_alt_location"));
  if (!place) return std::unexpected(place.error());
  bool elsewhere = !place->empty();
  return (!asked("bmi_dont_deliver") || refused) &&
         (!asked("bmi_deliver_alternate") || (!refused && elsewhere)) &&
         (!asked("bmi_deliver_default") || (!refused && !elsewhere));
}

}  // namespace

Outcome<bool> meets_preconditions(Attempt& attempt) {
  const Options& options = attempt.router.options;
  if (!serves_purpose(options, attempt.routing.purpose)) return false;
  if (!strip_affixes(attempt)) return false;
  auto domain = in_list(attempt, "domains", attempt.domain, variable_id("domain_data"));
  if (!domain || !*domain) return domain;
  auto local_part = in_list(attempt, "local_parts", attempt.local_part,
                            variable_id("local_part_data"));
  if (!local_part || !*local_part) return local_part;
  if (auto account = is_account(attempt); !account || !*account) return account;
  if (auto home = set_home(attempt); !home) return std::unexpected(home.error());
  for (auto check :
       {sender_fits, files_are_there, conditions_hold, brightmail_agrees}) {
    auto good = check(attempt);
    if (!good || !*good) return good;
  }
  return true;
}

}  // namespace policy
