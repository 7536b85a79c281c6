// SPDX-License-Identifier: Apache-2.0
//
// Options of the main section and of drivers, as one table a section says them
// (spec/policy.md 2.4, 13 to 15 and 19.2; Exim manual, "Common option syntax").
//
// A row of a table names an option, its type, the drivers that have it and what is
// special about it; the tables give the parser, the hints for misspelt names, the
// reasons for what is left out, and the reference page bobbin-language(7).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "policy/acl.h"
#include "policy/list.h"
#include "policy/parsing.h"
#include "policy/template.h"

namespace policy {

enum class OptionType : std::uint8_t {
  boolean,           // name, no_name, not_name, = yes
  expanded_boolean,  // the same, or a template that comes to one
  integer,
  octal,
  fixed,
  time,
  text,      // taken as it stands
  expanded,  // a template
  path,      // a template for a file name, checked when it is used (18.5)
  domains,
  hosts,
  addresses,
  local_parts,
  words,      // lists
  acl,        // what acl_smtp_rcpt takes
  times,      // "2h:4h:8h"
  transport,  // a template; as a literal, the name of a transport
  router,     // the name of a router
  setting,    // "r_x = template"
  templates,  // a list cut at colons, each element a template
};
std::string_view option_type_name(OptionType type);  // as the manual says it

struct OptionInfo {
  std::string_view name;
  OptionType type;
  std::string_view drivers = "";  // blank separated; empty: all of the section
  std::string_view preset = "";   // the default as one would write it; "" none
  std::string_view about = "";    // a line for the reference page
  Feature feature = Feature::none;
  bool accumulates = false;        // may stand several times
  bool secret = false;             // never shown
  bool ignored = false;            // accepted, with a note
  bool mandatory = false;          // for its drivers
  std::string_view left_out = "";  // why it is known and refused
};

// What stands after "driver =".
struct DriverInfo {
  std::string_view name;
  std::string_view left_out = "";  // why it is known and refused
  Feature feature = Feature::none;
};

// The tables, each sorted by name; where an option's meaning depends on the driver it
// has a row for each.
std::span<const OptionInfo> main_option_table();
std::span<const OptionInfo> router_option_table();
std::span<const OptionInfo> transport_option_table();
std::span<const OptionInfo> authenticator_option_table();
std::span<const DriverInfo> router_drivers();
std::span<const DriverInfo> transport_drivers();
std::span<const DriverInfo> authenticator_drivers();

struct OptionValue {
  const OptionInfo* info = nullptr;
  Origin origin;
  SourceText source;    // as written, for `bobbin policy print`
  bool hidden = false;  // never show it
  std::string word;     // of a setting its name, "r_x"
  std::variant<bool, std::int64_t, double, std::chrono::seconds, std::string, Template,
               ListPtr, std::shared_ptr<const AclChoice>,
               std::vector<std::chrono::seconds>, std::vector<Template>>
      value;
};

// What was set.  Several values only of options that accumulate, in their order.
class Options {
 public:
  bool has(std::string_view name) const { return find(name) != nullptr; }
  const OptionValue* find(std::string_view name) const;  // the first
  std::span<const OptionValue> all(std::string_view name) const;

  // Each gives its `otherwise` for what is not set; a wrong type is a bug.
  bool boolean(std::string_view name, bool otherwise) const;
  std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
  std::optional<double> fixed(std::string_view name) const;  // nothing: not set
  std::chrono::seconds time(std::string_view name,
                            std::chrono::seconds otherwise) const;
  std::string_view text(std::string_view name, std::string_view otherwise = "") const;
  const Template* expanded(std::string_view name) const;  // null: not set
  const List* list(std::string_view name) const;          // null: not set
  const AclChoice* acl(std::string_view name) const;      // null: not set

  void add(OptionValue value);
  const std::map<std::string, std::vector<OptionValue>, std::less<>>& values() const {
    return values_;
  }

 private:
  std::map<std::string, std::vector<OptionValue>, std::less<>> values_;
};

// A rule of manualroute: for which domains, which hosts.
struct Route {
  ListPtr domains;  // one item
  Template hosts;
  Template options;  // "randomize byname", or the name of a transport
  Origin origin;
};

// A router, transport or authenticator.
struct Driver {
  std::string name;
  std::string driver;  // "redirect"
  Options options;
  Origin origin;
  std::vector<Route> routes;      // manualroute
  ListPtr caseful_local_parts{};  // `local_parts` of a router that is caseful
};

// An option line whose option is known, with what follows the '='.
struct WrittenOption {
  const OptionInfo* info = nullptr;
  Origin origin;  // of the name
  bool hidden = false;
  SourceText value;  // "yes" or "no" for a boolean's name alone
};

// Looks the option of `line` up and judges its shape, not its value.  `driver`: of the
// driver it stands in, or "".  Nothing, and a complaint, if it is none of `table`.
std::optional<WrittenOption> read_option(const SourceText& line,
                                         std::span<const OptionInfo> table,
                                         std::string_view driver,
                                         Diagnostics& diagnostics);

std::string set_twice(std::string_view name);

// Values that need to know nothing but themselves: all but templates, lists and names.
bool is_plain(OptionType type);
std::optional<OptionValue> parse_plain_value(const WrittenOption& option,
                                             Diagnostics& diagnostics);

// Parses one option line into `options`.
void parse_option(const SourceText& line, std::span<const OptionInfo> table,
                  std::string_view driver, Options& options, Parsing& parsing);

}  // namespace policy
