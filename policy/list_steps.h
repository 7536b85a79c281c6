// SPDX-License-Identifier: Apache-2.0
//
// The elements of lists that have to be asked one by one: patterns, files, lookups,
// named lists, what is made when it is asked, and questions to the DNS (spec/policy.md
// 9.2 to 9.5 and 9.7).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/regex.h"
#include "policy/list_elements.h"
#include "policy/lookup.h"

namespace policy {

using StepPtr = std::unique_ptr<const Step>;

// What switches earlier in the list say ("+caseful", "+include_unknown" ...).
struct Switches {
  bool caseful = false;
  Fit unknown = Fit::stop_no;   // no name or address is found: no, yes or the next
  std::optional<Fit> deferred;  // the DNS does not answer; nothing: the list defers
};

// A pattern: of the policy's text and compiled, or made when it is asked.
struct ListPattern {
  Template text;
  std::optional<base::Regex> regex;
  bool caseful = false;

  Outcome<bool> matches(std::string_view subject, Question& question) const;
};

// A text that is equal to the subject, or that it ends with.
struct Words {
  Template text;
  bool ending = false;
};

StepPtr make_pattern_step(ListPattern pattern);
StepPtr make_words_step(Words words, bool caseful);
StepPtr make_named_step(ListKind kind, Id id, Origin origin);
StepPtr make_file_step(ListKind kind, Template path, const Switches& switches);
StepPtr make_lookup_step(LookupSpec spec, Template file, bool caseful);
// A single expansion: read like the policy's text if `splice` is set, which is known
// only when the whole policy is, else one literal element.  Its sign is its own affair.
struct Splice : Step {
  Template text;
  bool negated = false;  // "!" stands before it
  char separator = ':';
  Switches switches;
  ListKind kind = ListKind::domain;
  bool last = false;  // nothing follows it in its list
  bool splice = false;
};
std::unique_ptr<Splice> make_splice();

// Looks for the key in what `file` comes to, as an element of a list does.
Outcome<std::optional<LookupAnswer>> look_up_element(const LookupSpec& spec,
                                                     const Template& file,
                                                     std::string_view key,
                                                     Question& question);
// Is it an address of this machine?
bool is_local_address(const Ip& ip, Context& context);

// Domains.
StepPtr make_primary_name_step();
StepPtr make_local_literal_step();
enum class Mx : std::uint8_t { any, primary, secondary };
StepPtr make_mx_step(Mx which, std::unique_ptr<const Elements> ignored);

// Addresses: a local part (none: any) at a domain that fits the only element of a list.
StepPtr make_address_step(std::optional<Words> local,
                          std::unique_ptr<const Elements> domain, bool caseful);
// "@@lookup": the domain's data lists local parts.
StepPtr make_local_parts_step(LookupSpec spec, Template file, bool caseful);

// Hosts.
// An address or name, or where a '/' is written a network.
StepPtr make_host_text_step(Template text, bool network, const Switches& switches);
StepPtr make_host_name_step(std::string name, const Switches& switches);  // "": ours
StepPtr make_local_address_step();
StepPtr make_name_pattern_step(ListPattern pattern, const Switches& switches);
StepPtr make_name_ending_step(Template ending, const Switches& switches);
StepPtr make_name_lookup_step(LookupSpec spec, Template file, const Switches& switches);
// bits: of the mask; nothing: the address alone is the key.
StepPtr make_network_lookup_step(std::optional<unsigned> bits, LookupSpec spec,
                                 Template file);

}  // namespace policy
