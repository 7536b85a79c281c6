// SPDX-License-Identifier: Apache-2.0
#include "utils/policy_reference.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "policy/acl_words.h"
#include "policy/conditions.h"
#include "policy/expansion_items.h"
#include "policy/operators.h"
#include "policy/options.h"
#include "policy/phase.h"
#include "policy/variables.h"

namespace utils {

namespace {

using policy::Phase;
using policy::Phases;

// Text for a macro's line or a line of its own.
std::string escaped(std::string_view text) {
  std::string out;
  if (text.starts_with('.') || text.starts_with('\'')) out = "\\&";
  for (char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '"')
      out += "\\(dq";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out;
}

// A heading of a list's item, none of its words being taken for a macro.
std::string item(std::string_view word, std::string_view rest = "") {
  std::string out = ".It Ic \"" + escaped(word) + "\"";
  if (!rest.empty()) out += " Li \"" + escaped(rest) + "\"";
  return out + "\n";
}

// "rcpt" of "the RCPT ACL (acl_smtp_rcpt)", "routers" of "a router".
std::string short_name(Phase phase) {
  std::string name(policy::phase_name(phase));
  if (auto open = name.find("(acl_"); open != std::string::npos) {
    name = name.substr(open + 5, name.size() - open - 6);
    if (name.starts_with("smtp_")) name.erase(0, 5);
    return name;
  }
  switch (phase) {
    case Phase::router:
      return "routers";
    case Phase::transport:
      return "transports";
    case Phase::authenticator:
      return "authenticators";
    default:
      return "";  // retry rules and main options: nobody asks
  }
}

// "Everywhere.", "Not in: connect, helo.", "Only in: rcpt, routers."
std::string places(Phases phases) {
  std::string in, out;
  std::size_t within = 0, without = 0;
  for (std::size_t i = 0; i < policy::kPhases; ++i) {
    auto phase = static_cast<Phase>(i);
    std::string name = short_name(phase);
    if (name.empty()) continue;
    bool contained = phases.contains(phase);
    std::string& list = contained ? in : out;
    list += (list.empty() ? "" : ", ") + name;
    ++(contained ? within : without);
  }
  if (without == 0) return "";
  if (within > without) return "Not in: " + out + ".\n";
  return "Only in: " + in + ".\n";
}

std::string sentence(std::string_view text) {
  std::string out(text);
  if (!out.empty() && out.front() >= 'a' && out.front() <= 'z')
    out.front() = static_cast<char>(out.front() - 'a' + 'A');
  if (!out.empty() && !out.ends_with('.') && !out.ends_with('?')) out += '.';
  return out.empty() ? out : escaped(out) + "\n";
}

std::string needs(policy::Feature feature) {
  if (feature == policy::Feature::none) return "";
  return "Where the program has " + std::string(policy::feature_name(feature)) + ".\n";
}

class Page {
 public:
  void section(std::string_view title, std::string_view introduction = "") {
    text_ += ".Sh " + std::string(title) + "\n" + std::string(introduction);
  }
  void subsection(std::string_view title) {
    text_ += ".Ss " + std::string(title) + "\n";
  }
  void begin_list() { text_ += ".Bl -tag -width Ds\n"; }
  void row(const std::string& heading, const std::string& body) {
    text_ += heading + (body.empty() ? ".Pp\n" : body);
  }
  void end_list() { text_ += ".El\n"; }

  // What is known and refused, with the reasons.
  void left_out(const std::vector<std::pair<std::string, std::string>>& rows) {
    if (rows.empty()) return;
    text_ += "Known, and left out of the language:\n";
    begin_list();
    for (const auto& [name, why] : rows) row(item(name), sentence(why));
    end_list();
  }

  void words(std::span<const policy::AclWord> table, policy::AclWord::Kind kind) {
    std::vector<std::pair<std::string, std::string>> refused;
    begin_list();
    for (const policy::AclWord& word : table) {
      if (word.kind != kind) continue;
      if (word.left_out)
        refused.emplace_back(word.name, word.about);
      else
        row(item(word.name, word.argument),
            sentence(word.about) + places(word.where) + needs(word.feature));
    }
    end_list();
    left_out(refused);
  }

  void options(std::span<const policy::OptionInfo> table) {
    std::vector<std::pair<std::string, std::string>> refused;
    begin_list();
    for (const policy::OptionInfo& option : table) {
      if (!option.left_out.empty()) {
        refused.emplace_back(option.name, option.left_out);
        continue;
      }
      std::string type(policy::option_type_name(option.type));
      std::string body = sentence(option.about);
      if (!option.drivers.empty()) body += "Of: " + escaped(option.drivers) + ".\n";
      if (!option.preset.empty()) type += ", default: " + std::string(option.preset);
      if (option.mandatory) body += "Must be given.\n";
      if (option.accumulates) body += "May be given several times.\n";
      if (option.ignored) body += "Accepted, and ignored.\n";
      row(item(option.name, type), body + needs(option.feature));
    }
    end_list();
    left_out(refused);
  }

  void drivers(std::span<const policy::DriverInfo> table) {
    std::vector<std::pair<std::string, std::string>> refused;
    std::string known;
    for (const policy::DriverInfo& driver : table) {
      if (driver.left_out.empty())
        known += (known.empty() ? "" : ", ") + std::string(driver.name);
      else
        refused.emplace_back(driver.name, driver.left_out);
    }
    text_ += "Drivers: " + escaped(known) + ".\n";
    left_out(refused);
  }

  // Items and conditions: a name, a form, a line.
  template <class Table>
  void forms(const Table& table, std::string_view before, std::string_view after) {
    std::vector<std::pair<std::string, std::string>> refused;
    begin_list();
    for (const auto& info : table) {
      if (!info.parse) {
        refused.emplace_back(info.name, info.about);
        continue;
      }
      std::string form(info.form);
      if (form.starts_with(info.name)) form.erase(0, info.name.size());
      if (!form.empty() && form.front() >= 'A' && form.front() <= 'Z')
        form.insert(0, " ");
      row(item(std::string(before) + std::string(info.name) + form +
               std::string(after)),
          sentence(info.about));
    }
    end_list();
    left_out(refused);
  }

  void rows(std::span<const std::pair<std::string_view, std::string_view>> table) {
    begin_list();
    for (const auto& [name, about] : table) row(item(name), sentence(about));
    end_list();
  }

  std::string text() const { return text_; }
  void add(std::string_view text) { text_ += text; }

 private:
  std::string text_;
};

using Rows = std::pair<std::string_view, std::string_view>;

constexpr auto kListItems = std::to_array<Rows>({
    {"+name", "a named list of that kind; that it says no does not end the list"},
    {"!item", "not: the answer is no if the item fits"},
    {"/file", "each line of the file is an item"},
    {"type;rest", "a lookup: the subject is the key"},
    {"^regex", "a pattern, in any case; of hosts: on the verified name"},
    {"*text", "ends in the text; of hosts: the verified name does"},
    {"*", "anything, but not the null sender"},
    {"@", "of domains and hosts: this machine's own name"},
    {"@[]", "an address of this machine"},
    {"@mx_any, @mx_primary, @mx_secondary", "of domains: the MX records lead here"},
    {"192.0.2.0/24", "of hosts: an address or a network"},
    {"net24-type;file", "of hosts: a lookup of the network the client is in"},
    {"local@domain", "of addresses: both parts fit"},
    {"@@lookup", "of addresses: local parts looked up under the domain"},
    {"+include_unknown, +ignore_unknown, +include_defer, +ignore_defer",
     "of hosts, from here on: what becomes of a client without a verified name"},
    {"+caseful", "of local parts and addresses, from here on: in the case as written"},
});

constexpr auto kLookups = std::to_array<Rows>({
    {"lsearch;file", "a text file, KEY: DATA a line, searched from its beginning"},
    {"nwildlsearch;file", "the same, but the keys are items of a list"},
    {"iplsearch;file", "the same, but the keys are addresses and networks"},
    {"lmdb;file", "an LMDB database, keys byte for byte"},
    {"dsearch;directory", "is there a file of that name?"},
    {"dnsdb query", "records of the DNS, as mx=example.org"},
    {"spf query", "what SPF says"},
    {"partial-type, partial2-type", "also *.b.c for a.b.c, down to two components"},
    {"type*, type*@", "the key * (or *@domain) if nothing else is there"},
    {"type,ret=full", "the whole line"},
});

}  // namespace

std::string language_reference() {
  Page page;
  page.add(
      ".\\\" SPDX-License-Identifier: Apache-2.0\n"
      ".\\\" Written by `bobbin policy print --reference`: change the tables in "
      "policy/.\n"
      ".Dd November 21, 2026\n.Dt BOBBIN-LANGUAGE 7\n.Os\n"
      ".Sh NAME\n.Nm bobbin-language\n.Nd reference of the policy language\n");
  page.section("DESCRIPTION",
               "All words of the language that\n.Xr bobbin.conf 5\nis written in, with "
               "a line on each.\nIt is Exim's; its manual tells more, and what a word "
               "does there it does here.\nA word that is used where it cannot mean "
               "anything is reported when the policy is\nread;\n.Ql Only in\nand\n.Ql "
               "Not in\nname the ACLs by what follows\n.Cm acl_smtp_ .\n");
  page.section("MAIN OPTIONS");
  page.options(policy::main_option_table());
  page.section(
      "ACCESS CONTROL LISTS",
      "A statement is one of\n.Cm accept , defer , deny , discard , drop , "
      "require\nor\n.Cm warn\nwith conditions and modifiers in their order.\n");
  page.subsection("Conditions");
  page.words(policy::acl_words(), policy::AclWord::Kind::condition);
  page.subsection("Modifiers");
  page.words(policy::acl_words(), policy::AclWord::Kind::modifier);
  page.subsection("Controls");
  page.words(policy::acl_controls(), policy::AclWord::Kind::control);
  page.subsection("What verify verifies");
  page.words(policy::acl_verify_items(), policy::AclWord::Kind::verify);
  page.section("EXPANSIONS");
  page.subsection("Items");
  page.forms(policy::items(), "${", "}");
  page.subsection("Operators");
  page.begin_list();
  for (const policy::OperatorInfo& info : policy::operators()) {
    std::string body = sentence(info.summary);
    if (!info.short_name.empty())
      body += "Also written " + escaped(info.short_name) + ".\n";
    page.row(item("${" + std::string(info.form) + ":TEXT}"), body);
  }
  page.end_list();
  page.subsection("Conditions of ${if}, and of --where");
  page.forms(policy::conditions(), "", "");
  page.subsection("Variables");
  page.begin_list();
  for (const policy::VariableInfo& variable : policy::variables())
    page.row(item("$" + std::string(variable.name)),
             sentence(variable.about) + places(variable.phases) +
                 (variable.origins == policy::Origins::remote
                      ? "May be chosen by a stranger.\n"
                      : "") +
                 needs(variable.feature));
  page.end_list();
  page.section("LISTS");
  page.rows(kListItems);
  page.section("LOOKUPS");
  page.rows(kLookups);
  page.section("ROUTERS");
  page.drivers(policy::router_drivers());
  page.options(policy::router_option_table());
  page.section("TRANSPORTS");
  page.drivers(policy::transport_drivers());
  page.options(policy::transport_option_table());
  page.section("AUTHENTICATORS");
  page.drivers(policy::authenticator_drivers());
  page.options(policy::authenticator_option_table());
  page.section("RETRY RULES",
               "A rule is a pattern, an error or\n.Li * ,\nperhaps\n.Li "
               "senders=LIST ,\nand parameters:\n");
  constexpr auto kParameters = std::to_array<Rows>({
      {"F,CUTOFF,INTERVAL", "until CUTOFF after the first failure, every INTERVAL"},
      {"G,CUTOFF,INTERVAL,FACTOR", "the same, each interval FACTOR times the last"},
      {"H,CUTOFF,INTERVAL,FACTOR", "the same, at random up to that"},
  });
  page.rows(kParameters);
  page.section("SEE ALSO", ".Xr bobbin-policy 1 ,\n.Xr bobbin.conf 5 ,\n.Xr exim 8\n");
  return page.text();
}

}  // namespace utils
