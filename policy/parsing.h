// SPDX-License-Identifier: Apache-2.0
//
// What every parser of the policy shares: where complaints go, which names exist, and
// where the expression being read will be evaluated.
//
// Names are collected from the whole file before anything is parsed, so forward
// references need no second pass: a parser turns a name into an index, or complains.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/phase.h"
#include "policy/source.h"

namespace policy {

class Template;

// Collects what is wrong.  The text names the word and the remedy; notes follow it
// after "; ".  A file that is all wrong says so a bounded number of times.
class Diagnostics {
 public:
  static constexpr std::size_t kMost = 100;

  void error(Origin origin, std::string text);
  void warning(Origin origin, std::string text);
  bool full() const { return errors.size() >= kMost; }
  // Is not part of what is wrong: an option that is known and does nothing here.
  void note(Origin origin, std::string text);
  std::vector<Diagnostic> errors, warnings, notes;
  std::size_t more_errors = 0, more_warnings = 0;  // beyond kMost: only counted
};

enum class ListKind { domain, host, address, local_part, text, ip };
constexpr std::size_t kNamedListKinds = 4;  // the first four have named lists
// "domainlist", "hostlist", "addresslist", "localpartlist".
std::string_view list_kind_name(ListKind kind);

// Index into Policy::acls, ::lists[kind], ::transports, ::routers.
using Id = std::size_t;
using Names = std::map<std::string, Id, std::less<>>;

struct Symbols {
  Names acls;
  Names lists[kNamedListKinds];
  Names routers, transports, authenticators;
};

// "; did you mean 'sender_address'?" for the nearest of `known`, or nothing.
std::string did_you_mean(std::string_view word,
                         const std::vector<std::string_view>& known);

// A whole-item expansion that is split and interpreted like text of the policy, unless
// data of strangers can flow into it (spec/policy.md D4).  Which of the two is known
// only when the whole file is read: then `*splice` is set.
struct SpliceCandidate {
  const Template* text;
  bool* splice;
  Origin origin;
  bool quiet = false;  // no warning if not: it means the same to most
};

// ACL variables: what is assigned where, for provenance (19.4) and "set, never read".
struct AclVariableUse {
  std::string name;                    // "acl_m_x"
  const Template* assigned = nullptr;  // none: it is read here
  Origin origin;
};

// A call of an ACL: its arguments flow into $acl_argN, its phases into the called one.
struct AclCall {
  std::optional<Id> caller;  // none: from an option or an expansion outside of ACLs
  Id callee = 0;
  std::vector<const Template*> arguments;
  Origin origin;
  Phases here = {};  // without a caller: what the call stands in
};

// What is used under a condition of phase, judged when all phases of all ACLs are
// known.
struct PhaseUse {
  std::optional<Id> acl;  // the ACL it stands in; none: `phases` says where we are
  Phases here;            // of what it stands in, if that is no ACL
  Phases available;       // where it can be used
  std::string what;       // "condition 'senders'"
  Origin origin;
  bool only_warn = false;  // variables: never set there, so always empty
};

struct NamedListId {
  std::size_t kind;  // of ListKind
  Id id;
  auto operator<=>(const NamedListId&) const = default;
};

// What may have to ask the DNS when it is evaluated: by itself, for a feature that
// does, or through a named list that does.
struct Waiting {
  std::optional<NamedListId> list;  // the list it stands in, or else
  std::optional<Id> acl;            // the ACL, or else
  Phases here;                      // what it stands in
  Feature feature = Feature::none;
  std::optional<NamedListId> through{};
  bool operator==(const Waiting&) const = default;
};

struct Parsing {
  const Symbols& symbols;
  const Program& program;
  Diagnostics& diagnostics;

  // Where the text being read stands.
  std::optional<Id> acl{};
  Phases phases = {Phase::other};
  std::optional<NamedListId> list{};  // the named list whose value it is

  // Gathered for the checks of the whole policy (policy/analysis.h).
  std::vector<SpliceCandidate> splices{};
  std::vector<AclVariableUse> acl_variables{};
  std::vector<AclCall> acl_calls{};
  std::vector<PhaseUse> phase_uses{};
  std::vector<Waiting> waitings{};

  void error(Origin origin, std::string text) {
    diagnostics.error(origin, std::move(text));
  }
  void warning(Origin origin, std::string text) {
    diagnostics.warning(origin, std::move(text));
  }
  // Complains at once if `program` cannot serve `feature`.
  void need(Feature feature, std::string_view what, Origin origin);
  void call(Id callee, std::vector<const Template*> arguments, Origin origin) {
    acl_calls.push_back({acl, callee, std::move(arguments), origin, phases});
  }
  // Whatever is being read may ask the DNS, itself or through a named list.
  void may_wait(std::optional<NamedListId> through = {}) {
    note({list, acl, phases, Feature::none, through});
  }
  void use(std::string what, Phases available, Origin origin, bool only_warn = false) {
    phase_uses.push_back({acl, phases, available, std::move(what), origin, only_warn});
  }
  void note(Waiting waiting) {
    if (waitings.empty() || waitings.back() != waiting) waitings.push_back(waiting);
  }
};

}  // namespace policy
