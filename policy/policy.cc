// SPDX-License-Identifier: Apache-2.0
//
// Lines, then names, then everything that uses them, then what only the whole shows
// (spec/policy.md 19.1).
#include "policy/policy.h"

#include <algorithm>
#include <utility>

#include "policy/analysis.h"
#include "policy/log_selector.h"
#include "policy/manualroute.h"
#include "policy/sections.h"

namespace policy {
namespace {

// One of the sections that hold drivers.
struct DriverSection {
  std::string_view word;  // "router"
  Sections::Part lines;
  std::span<const OptionInfo> options;
  std::span<const DriverInfo> known;
  Phase phase;
  std::vector<Driver>& drivers;
  Names& names;
};

class Loader {
 public:
  Loader(Policy& policy, const Program& program, Diagnostics& diagnostics)
      : policy_(policy), program_(program), diagnostics_(diagnostics) {}

  void load(std::span<const SourceText> lines) {
    Sections sections = split_sections(lines, diagnostics_);
    if (program_.requiretls_if_promised && promises_requiretls(sections.main))
      program_.features[std::size_t(Feature::requiretls)] = true;
    DriverSection drivers[] = {
        {"router", sections.routers, router_option_table(), router_drivers(),
         Phase::router, policy_.routers, symbols_.routers},
        {"transport", sections.transports, transport_option_table(),
         transport_drivers(), Phase::transport, policy_.transports,
         symbols_.transports},
        {"authenticator", sections.authenticators, authenticator_option_table(),
         authenticator_drivers(), Phase::authenticator, policy_.authenticators,
         symbols_.authenticators}};
    collect_lists(sections.main);
    collect_acls(sections.acl);
    for (DriverSection& section : drivers) collect_drivers(section);

    Parsing parsing{
        .symbols = symbols_, .program = program_, .diagnostics = diagnostics_};
    parse_main(sections.main, parsing);
    parse_acl_section(sections.acl, policy_.acls, parsing);
    parsing.acl.reset();
    for (DriverSection& section : drivers) {
      parsing.phases = {section.phase};
      parse_drivers(section, parsing);
    }
    parsing.phases = {Phase::retry};
    parse_retry_section(sections.retry, policy_.retry, parsing);
    settle();
    parsing.phases = {Phase::other};
    analyse(policy_, list_lines_, parsing);
  }

 private:
  // Known before anything that may use it is read.  What is wrong is told later.
  static bool promises_requiretls(Sections::Part lines) {
    return std::ranges::any_of(lines, [](const SourceText& line) {
      Diagnostics unheard;
      if (!line.bytes().contains("requiretls_consumer")) return false;
      auto option = read_option(line, main_option_table(), "", unheard);
      if (!option || option->info->name != "requiretls_consumer") return false;
      auto value = parse_plain_value(*option, unheard);
      return value && std::get<bool>(value->value);
    });
  }

  // Names first, so that what comes later in the file can be referred to.
  void collect_lists(Sections::Part lines) {
    for (const SourceText& line : lines) {
      if (!is_named_list(line)) continue;
      auto list = parse_named_list(line, diagnostics_);
      if (!list) continue;
      Names& names = symbols_.lists[std::size_t(list->kind)];
      if (names.emplace(list->name, names.size()).second)
        list_lines_.push_back(*std::move(list));
      else
        diagnostics_.error(list->origin,
                           std::string(list_kind_name(list->kind)) + " " +
                               quote(list->name) +
                               " is defined for the second time: remove one of the "
                               "two");
    }
  }

  void collect_acls(Sections::Part lines) {
    for (const SourceText& line : lines)
      if (auto name = heading(line)) symbols_.acls.emplace(*name, symbols_.acls.size());
  }

  void collect_drivers(DriverSection& section) {
    for (const SourceText& line : section.lines) {
      auto name = heading(line);
      if (!name) continue;
      if (section.names.emplace(*name, section.names.size()).second) continue;
      diagnostics_.error(line.origin(), "there are two " + std::string(section.word) +
                                            "s called " + quote(*name) +
                                            ": give one another name");
    }
  }

  void parse_main(Sections::Part lines, Parsing& parsing) {
    for (const NamedListLine& line : list_lines_) {
      auto& lists = policy_.lists[std::size_t(line.kind)];
      parsing.list = NamedListId{std::size_t(line.kind), lists.size()};
      lists.push_back(
          {line.name, parse_list(line.kind, line.value, parsing), line.origin});
    }
    parsing.list.reset();
    for (const SourceText& line : lines)
      if (!is_named_list(line))
        parse_option(line, main_option_table(), "", policy_.main, parsing);
  }

  void parse_drivers(DriverSection& section, Parsing& parsing) {
    Sections::Part rest = section.lines;
    if (!rest.empty() && !heading(rest[0]))
      parsing.error(rest[0].origin(),
                    quote(rest[0].bytes().substr(0, 40)) + " stands before the first " +
                        std::string(section.word) + ": write 'name:' first");
    while (!rest.empty() && !heading(rest[0])) rest = rest.subspan(1);
    while (!rest.empty()) {
      std::size_t end = 1;
      while (end < rest.size() && !heading(rest[end])) ++end;
      parse_driver(section, *heading(rest[0]), rest.first(end), parsing);
      rest = rest.subspan(end);
    }
  }

  void parse_driver(DriverSection& section, std::string name, Sections::Part lines,
                    Parsing& parsing) {
    Driver driver{std::move(name), "", {}, lines[0].origin(), {}};
    bool known = true;
    for (const SourceText& line : lines.subspan(1)) {
      std::size_t errors = parsing.diagnostics.errors.size();
      parse_option(line, section.options, driver.driver, driver.options, parsing);
      if (!driver.driver.empty() || !driver.options.has("driver")) continue;
      driver.driver = driver.options.text("driver");
      if (errors == parsing.diagnostics.errors.size())
        known = check_driver(section, driver, parsing);
      if (!known) break;  // its options would all be wrong
    }
    if (known) check_options(section, driver, parsing);
    if (section.phase == Phase::router) {
      if (driver.driver == "manualroute") parse_route_list(driver, parsing);
      read_casefully(driver, parsing);
    }
    if (section.names.at(driver.name) == section.drivers.size())
      section.drivers.push_back(std::move(driver));
  }

  bool check_driver(DriverSection& section, const Driver& driver, Parsing& parsing) {
    const OptionValue& option = *driver.options.find("driver");
    Origin origin = option.source.origin();
    std::vector<std::string_view> names;
    for (const DriverInfo& info : section.known) {
      if (info.name != driver.driver) {
        if (info.left_out.empty()) names.push_back(info.name);
        continue;
      }
      if (info.left_out.empty()) {
        parsing.need(info.feature, "driver " + quote(info.name), origin);
        return true;
      }
      parsing.error(origin, std::string(section.word) + " driver " + quote(info.name) +
                                " is not part of the policy language; " +
                                std::string(info.left_out));
      return false;
    }
    std::string text = "there is no " + std::string(section.word) + " driver " +
                       quote(driver.driver) + ": write one of";
    for (std::string_view name : names) text += " " + std::string(name);
    parsing.error(origin, text + did_you_mean(driver.driver, names));
    return false;
  }

  void check_options(DriverSection& section, const Driver& driver, Parsing& parsing) {
    std::string place = std::string(section.word) + " " + quote(driver.name);
    if (driver.driver.empty()) {
      parsing.error(driver.origin,
                    "no driver is defined for " + place + ": write 'driver = ...'");
      return;
    }
    for (const OptionInfo& info : section.options)
      if (info.mandatory && (info.drivers.empty() || info.drivers == driver.driver) &&
          !driver.options.has(info.name))
        parsing.error(driver.origin, place + " has no " + quote(info.name) +
                                         ": driver " + quote(driver.driver) +
                                         " needs it");
    if (section.phase == Phase::router) check_router(driver, place, parsing);
  }

  // The same list once more, as if it began with +caseful.
  static void read_casefully(Driver& router, Parsing& parsing) {
    const OptionValue* written = router.options.find("local_parts");
    if (!written || !router.options.boolean("caseful_local_part", false)) return;
    if (!parsing.diagnostics.errors.empty()) return;  // told once is enough
    SourceText text;
    SourceText rest = written->source;
    rest.trim();
    char separator = ':';
    if (rest.bytes().size() > 1 && rest.bytes()[0] == '<' &&
        std::ispunct(static_cast<unsigned char>(rest.bytes()[1]))) {
      separator = rest.bytes()[1];
      text = rest.part(0, 2);
      rest = rest.part(2);
    }
    text.append(std::string("+caseful ") + separator + " ", written->origin);
    text.append(rest);
    router.caseful_local_parts = parse_list(ListKind::local_part, text, parsing);
  }

  // What one row of a table cannot say.
  void check_router(const Driver& router, const std::string& place, Parsing& parsing) {
    auto has = [&](std::string_view name) { return router.options.has(name); };
    auto needs_one = [&](std::string_view one, std::string_view other) {
      if (has(one) && has(other))
        parsing.error(router.options.find(other)->origin,
                      place + " has both " + quote(one) + " and " + quote(other) +
                          ": remove one of the two");
      if (has(one) || has(other)) return true;
      parsing.error(router.origin, place + " has neither " + quote(one) + " nor " +
                                       quote(other) + ": driver " +
                                       quote(router.driver) + " needs one of the two");
      return false;
    };
    if (router.driver == "manualroute" && !needs_one("route_list", "route_data"))
      return;
    if (router.driver == "redirect") {
      needs_one("data", "file");
      if (!router.options.boolean("one_time", false)) return;
      for (std::string_view name : {"headers_add", "headers_remove", "unseen"})
        if (has(name))
          parsing.error(router.options.find(name)->origin,
                        place + " has " + quote(name) +
                            ", which 'one_time' does not allow: remove one of the two");
      return;
    }
    bool by_rule = router.driver == "manualroute";  // a rule may name a transport
    if (!by_rule && !has("transport") && !router.options.boolean("verify_only", false))
      parsing.error(router.origin, place + " has no 'transport': driver " +
                                       quote(router.driver) +
                                       " needs it, or 'verify_only'");
  }

  // What the policy says it cannot do without.
  void check_features() {
    const OptionValue* option = policy_.main.find("require_features");
    if (!option) return;
    std::vector<std::string_view> known = {"lmdb", "lsearch"};
    std::vector<Feature> features(known.size(), Feature::none);
    for (std::size_t i = 1; i < kFeatures; ++i) {
      known.push_back(feature_name(Feature(i)));
      features.push_back(Feature(i));
    }
    std::string_view rest = std::get<std::string>(option->value);
    while (!rest.empty()) {
      std::size_t colon = std::min(rest.find(':'), rest.size());
      std::string_view word = trimmed(rest.substr(0, colon));
      rest.remove_prefix(std::min(colon + 1, rest.size()));
      if (word.empty()) continue;
      auto found = std::ranges::find(known, word);
      if (found == known.end())
        diagnostics_.error(option->source.origin(),
                           "there is no feature " + quote(word) +
                               ": remove it from require_features" +
                               did_you_mean(word, known));
      else if (!program_.serves(features[std::size_t(found - known.begin())]))
        diagnostics_.error(option->source.origin(),
                           "the policy requires " + quote(word) + ", which program " +
                               quote(program_.name) + " does not have");
    }
  }

  // The programs read it when they start; it is to be known before.
  void check_log_selector() {
    const OptionValue* option = policy_.main.find("log_selector");
    if (!option) return;
    auto read = LogSelector::parse(std::get<std::string>(option->value));
    if (!read) diagnostics_.error(option->source.origin(), read.error().text);
  }

  void settle() {
    check_features();
    check_log_selector();
    MainOptions main = main_options(policy_.main, diagnostics_);
    policy_.primary_hostname = primary_hostname(main);
    policy_.qualify_domain =
        policy_.main.text("qualify_domain", policy_.primary_hostname);
    policy_.qualify_recipient =
        policy_.main.text("qualify_recipient", policy_.qualify_domain);
    policy_.text.headers_charset = policy_.main.text("headers_charset", "UTF-8");
    policy_.text.print_topbitchars = policy_.main.boolean("print_topbitchars", false);
    policy_.text.check_rfc2047_length =
        policy_.main.boolean("check_rfc2047_length", true);
  }

  Policy& policy_;
  Program program_;
  Diagnostics& diagnostics_;
  Symbols symbols_;
  std::vector<NamedListLine> list_lines_;
};

}  // namespace

Loaded load_policy(const std::filesystem::path& name, std::string_view text,
                   Macros macros, const ReadFile& read, const Program& program) {
  Loaded loaded;
  auto policy = std::make_shared<Policy>();
  Lines lines = parse_lines(name, text, std::move(macros), read);
  for (Diagnostic& error : lines.errors)
    loaded.diagnostics.error(error.origin, std::move(error.text));
  for (Diagnostic& warning : lines.warnings)
    loaded.diagnostics.warning(warning.origin, std::move(warning.text));
  conceal_secrets(lines.lines, lines);
  policy->source = std::move(static_cast<Places&>(lines));
  Loader(*policy, program, loaded.diagnostics).load(lines.lines);
  loaded.source = policy->source;
  if (loaded.diagnostics.errors.empty()) loaded.policy = std::move(policy);
  return loaded;
}

}  // namespace policy
