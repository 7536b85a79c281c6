// SPDX-License-Identifier: Apache-2.0
#include "policy/analysis.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <set>

#include "policy/ip.h"
#include "policy/routing.h"

namespace policy {
namespace {

// Who refers to whom: lists to lists, ACLs to ACLs.
struct Reference {
  std::size_t to;
  Origin origin;
};
using Graph = std::vector<std::vector<Reference>>;

// For each reference that closes a circle, the nodes of that circle and where the first
// of them leads into it.  A stack of our
// own: a hostile file makes long chains.
template <class Visit>
void for_each_circle(const Graph& graph, Visit visit) {
  enum class Color : std::uint8_t { fresh, on_the_way, done };
  std::vector<Color> colors(graph.size(), Color::fresh);
  struct Step {
    std::size_t node, next = 0;
  };
  for (std::size_t start = 0; start < graph.size(); ++start) {
    if (colors[start] != Color::fresh) continue;
    std::vector<Step> way{{start}};
    colors[start] = Color::on_the_way;
    while (!way.empty()) {
      Step& step = way.back();
      if (step.next == graph[step.node].size()) {
        colors[step.node] = Color::done;
        way.pop_back();
        continue;
      }
      const Reference& reference = graph[step.node][step.next++];
      if (colors[reference.to] == Color::fresh) {
        colors[reference.to] = Color::on_the_way;
        way.push_back({reference.to});
      } else if (colors[reference.to] == Color::on_the_way) {
        auto first = std::ranges::find(way, reference.to, &Step::node);
        std::vector<std::size_t> circle;
        for (auto each = first; each != way.end(); ++each) circle.push_back(each->node);
        visit(circle, graph[first->node][first->next - 1].origin);
      }
    }
  }
}

// "a -> b -> a".
template <class Name>
std::string show_circle(const std::vector<std::size_t>& circle, Name name) {
  constexpr std::size_t kShown = 6;
  std::string out;
  for (std::size_t i = 0; i < std::min(circle.size(), kShown); ++i)
    out += std::string(name(circle[i])) + " -> ";
  if (circle.size() > kShown) out += "... -> ";
  return out + std::string(name(circle[0]));
}

// The names that a list refers to with "+name".
template <class Visit>
void for_each_named(const SourceText& text, Visit visit) {
  std::string_view bytes = text.bytes();
  std::size_t at = 0;
  while (at < bytes.size() && is_blank(bytes[at])) ++at;
  char separator = ':';
  if (at + 1 < bytes.size() && bytes[at] == '<') {
    separator = bytes[at + 1];
    at += 2;
  }
  while (at < bytes.size()) {
    std::size_t end = std::min(bytes.find(separator, at), bytes.size());
    std::size_t item = at;
    while (item < end && (is_blank(bytes[item]) || bytes[item] == '!')) ++item;
    if (item < end && bytes[item] == '+') {
      std::string_view name = bytes.substr(item + 1, end - item - 1);
      visit(name.substr(0, name_length(name)), text.origin(item));
    }
    at = end + 1;
  }
}

class Analysis {
 public:
  Analysis(Policy& policy, Parsing& gathered) : policy_(policy), gathered_(gathered) {}

  void lists(std::span<const NamedListLine> lists) {
    for (std::size_t kind = 0; kind < kNamedListKinds; ++kind) {
      const Names& names = gathered_.symbols.lists[kind];
      Graph graph(names.size());
      for (const NamedListLine& list : lists) {
        if (std::size_t(list.kind) != kind) continue;
        Id from = names.find(list.name)->second;
        for_each_named(list.value, [&](std::string_view name, Origin origin) {
          auto found = names.find(name);
          if (found != names.end()) graph[from].push_back({found->second, origin});
        });
      }
      for_each_circle(graph, [&](const std::vector<std::size_t>& circle, Origin at) {
        auto name = [&](std::size_t id) { return policy_.lists[kind][id].name; };
        gathered_.error(at, std::string(list_kind_name(ListKind(kind))) + " " +
                                quote(name(circle[0])) +
                                " contains itself: " + show_circle(circle, name));
      });
    }
  }

  void calls() {
    std::size_t count = policy_.acls.size();
    Graph graph(count);
    std::vector<Phases> reached(count);
    std::deque<Id> changed;
    for (const AclCall& call : gathered_.acl_calls) {
      if (call.callee >= count) continue;
      if (call.caller && *call.caller < count) {
        graph[*call.caller].push_back({call.callee, call.origin});
      } else {
        reached[call.callee] = reached[call.callee] | call.here;
        changed.push_back(call.callee);
      }
    }
    while (!changed.empty()) {
      Id caller = changed.front();
      changed.pop_front();
      for (const Reference& call : graph[caller]) {
        Phases both = reached[call.to] | reached[caller];
        if (both == reached[call.to]) continue;
        reached[call.to] = both;
        changed.push_back(call.to);
      }
    }
    for (Id id = 0; id < count; ++id) policy_.acls[id].phases = reached[id];
    for_each_circle(graph, [&](const std::vector<std::size_t>& circle, Origin at) {
      auto name = [&](std::size_t id) { return policy_.acls[id].name; };
      gathered_.warning(at, "ACL " + quote(name(circle[0])) +
                                " calls itself: " + show_circle(circle, name) +
                                "; calls may be 20 deep, then they fail");
    });
  }

  void phases() {
    for (const PhaseUse& use : gathered_.phase_uses) {
      bool in_acl = use.acl && *use.acl < policy_.acls.size();
      Phases here = in_acl ? policy_.acls[*use.acl].phases : use.here;
      Phases missing = here & ~use.available & ~Phases{Phase::other};
      if (missing.empty() || (here & gathered_.program.phases).empty()) continue;
      if (use.only_warn) {
        if (missing == here)
          gathered_.warning(use.origin,
                            use.what + " is never set in " + names(missing));
      } else if (missing == here) {
        gathered_.error(use.origin, use.what + " cannot be used in " + names(missing));
      } else {
        gathered_.warning(use.origin, use.what + " cannot be used in " +
                                          names(missing) +
                                          "; it fails there, and works elsewhere");
      }
    }
  }

  // Which phases may have to wait for the DNS.
  void waiting() {
    std::map<NamedListId, std::vector<NamedListId>> users;
    std::deque<NamedListId> found;
    auto add = [&](const NamedListId& list) {
      if (waiting_lists_.insert(list).second) found.push_back(list);
    };
    for (const Waiting& one : gathered_.waitings) {
      if (!one.list) continue;
      if (one.through)
        users[*one.through].push_back(*one.list);
      else
        add(*one.list);
    }
    for (; !found.empty(); found.pop_front())
      for (const NamedListId& user : users[found.front()]) add(user);
    // Verifying an address is routing it.
    routing_waits_ = std::ranges::any_of(policy_.routers, asks_for_hosts) ||
                     waiting_phases().contains(Phase::router);
    policy_.waiting = waiting_phases();
  }

  // Where data of strangers can flow: more and more, until nothing changes.
  void provenance() {
    constexpr int kMostRounds = 30;  // then all may be remote: only a hostile file asks
    std::set<std::string, std::less<>> variables;
    std::array<bool, 10> arguments{};
    bool all = false;
    Provenance provenance{
        [&](std::string_view name) { return all || variables.contains(name); },
        [&](std::size_t number) {
          return all || arguments[std::min(number, arguments.size() - 1)];
        }};
    bool changed = true;
    auto note = [&](const std::string& name, const Template& text) {
      if (variables.contains(name) || !text.remote(provenance)) return;
      variables.insert(name);
      changed = true;
    };
    for (int round = 0; changed; ++round) {
      all = round == kMostRounds;
      changed = false;
      if (all) break;
      for (const AclVariableUse& use : gathered_.acl_variables)
        if (use.assigned) note(use.name, *use.assigned);
      for (const Driver& router : policy_.routers)
        for (const OptionValue& set : router.options.all("set"))
          note(set.word, std::get<Template>(set.value));
      for (const AclCall& call : gathered_.acl_calls)
        for (std::size_t i = 0; i < call.arguments.size() && i + 1 < arguments.size();
             ++i) {
          if (arguments[i + 1] || !call.arguments[i]->remote(provenance)) continue;
          arguments[i + 1] = true;
          changed = true;
        }
    }
    for (const AclVariableUse& use : gathered_.acl_variables)
      if (use.assigned)
        explain(use.origin, quote(use.name) + (variables.contains(use.name)
                                                   ? " may hold what a stranger wrote"
                                                   : " holds nothing of strangers"));
    for (const SpliceCandidate& candidate : gathered_.splices) {
      bool remote = candidate.text->remote(provenance);
      *candidate.splice = !remote;
      explain(candidate.origin,
              remote ? "may be what a stranger wrote: it is taken as one item"
                     : "holds nothing of strangers: it is read as if it stood here");
      if (remote && !candidate.quiet)
        gathered_.warning(candidate.origin,
                          "the value can carry data of the client, the message or the "
                          "DNS: it is taken as one item, not as a list");
    }
  }

  void acl_variables() {
    struct Uses {
      bool set = false, read = false;
      Origin first;
    };
    std::map<std::string_view, Uses> all;
    for (const AclVariableUse& use : gathered_.acl_variables) {
      auto [found, fresh] = all.try_emplace(use.name);
      if (fresh) found->second.first = use.origin;
      (use.assigned ? found->second.set : found->second.read) = true;
    }
    for (const auto& [name, uses] : all) {
      // The client of DCC reads these.
      if (name == "acl_m_dcc_override_client_ip" || name == "acl_m_dcc_add_header")
        continue;
      if (!name.starts_with("acl_") || (uses.set && uses.read)) continue;
      gathered_.warning(uses.first,
                        "ACL variable " + quote(name) +
                            (uses.set ? " is set, but never read: is its name right?"
                                      : " is read, but never set: is its name right?"));
    }
  }

 private:
  bool waits(const Waiting& one) const {
    if (one.through) return waiting_lists_.contains(*one.through);
    return one.feature != Feature::verify || routing_waits_;
  }

  Phases waiting_phases() const {
    Phases phases;
    for (const Waiting& one : gathered_.waitings) {
      if (one.list || !waits(one)) continue;
      bool in_acl = one.acl && *one.acl < policy_.acls.size();
      phases = phases | (in_acl ? policy_.acls[*one.acl].phases : one.here);
    }
    return phases;
  }

  // Is the address of one of its hosts, "is it this machine?", not written there?
  static bool asks_for_hosts(const Driver& router) {
    if (router.driver == "dnslookup") return true;
    if (router.driver != "manualroute") return false;
    return router.routes.empty() ||
           !std::ranges::all_of(router.routes, [](const Route& route) {
             const std::string* hosts = route.hosts.literal();
             return hosts &&
                    std::ranges::all_of(parse_hosts(*hosts, {}), [](const auto& host) {
                      return parse_ip(host.name).has_value();
                    });
           });
  }

  // What `bobbin policy check --provenance` shows.
  void explain(Origin origin, std::string text) {
    gathered_.diagnostics.note(origin, "provenance: " + std::move(text));
  }

  static std::string names(Phases phases) {
    std::string out;
    for (std::size_t i = 0; i < kPhases; ++i)
      if (phases.contains(Phase(i)))
        out += (out.empty() ? "" : ", ") + std::string(phase_name(Phase(i)));
    return out;
  }

  Policy& policy_;
  Parsing& gathered_;
  std::set<NamedListId> waiting_lists_;
  bool routing_waits_ = false;
};

}  // namespace

void analyse(Policy& policy, std::span<const NamedListLine> lists, Parsing& gathered) {
  Analysis analysis(policy, gathered);
  analysis.lists(lists);
  analysis.calls();
  analysis.phases();
  analysis.waiting();
  check_verbs_at_end(policy.acls, gathered);
  // What was complained of is not kept, and its templates are gone: nothing to follow,
  // and nothing will be evaluated.
  if (gathered.diagnostics.errors.empty()) analysis.provenance();
  analysis.acl_variables();
}

}  // namespace policy
