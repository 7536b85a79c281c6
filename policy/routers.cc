// SPDX-License-Identifier: Apache-2.0
//
// Running the routers (spec/policy.md 13.1; Exim manual, "How Exim delivers mail").
#include "policy/routers.h"

#include <pwd.h>

#include <algorithm>
#include <array>
#include <ranges>
#include <set>

#include "base/text.h"
#include "policy/mail_address.h"
#include "policy/path_template.h"
#include "policy/routing.h"
#include "policy/variable_table.h"

namespace policy {
namespace {

constexpr std::size_t kMostAncestors = 100;
constexpr std::size_t kMostResults = 50'000;
constexpr std::string_view kUnrouteable = "Unrouteable address";

using Kind = Verdict::Kind;

// What routing shows to expansions, put back when it is over: an ACL that verifies a
// recipient keeps its own $local_part.
class SavedVariables {
 public:
  explicit SavedVariables(Context& context) : context_(context) {
    for (std::size_t i = 0; i < kIds.size(); ++i)
      if (auto value = context.variable(kIds[i])) values_[i] = *value;
  }
  SavedVariables(const SavedVariables&) = delete;
  SavedVariables& operator=(const SavedVariables&) = delete;
  ~SavedVariables() {
    for (std::size_t i = 0; i < kIds.size(); ++i)
      context_.set_variable(kIds[i], std::move(values_[i]));
  }

 private:
  static constexpr std::array kIds{
      variable_id("local_part"),
      variable_id("domain"),
      variable_id("original_local_part"),
      variable_id("original_domain"),
      variable_id("parent_local_part"),
      variable_id("parent_domain"),
      variable_id("local_part_prefix"),
      variable_id("local_part_suffix"),
      variable_id("local_part_data"),
      variable_id("domain_data"),
      variable_id("home"),
      variable_id("router_name"),
      variable_id("self_hostname"),
  };
  Context& context_;
  std::array<std::string, kIds.size()> values_;
};

class Run {
 public:
  Run(Routing& routing, std::string_view address) : routing_(routing) {
    auto parsed = parse_mail_address(address);
    RoutedAddress first;
    first.address = address;
    if (!parsed || parsed->empty()) {
      finish(std::move(first), RoutedAddress::Outcome::fail,
             parsed ? std::string(kUnrouteable) : parsed.error().text);
      return;
    }
    if (parsed->domain.empty()) first.address += "@" + routing.policy.qualify_recipient;
    original_ = take_apart(first.address);
    waiting_.push_back({std::move(first), 0, {}});
  }

  std::vector<RoutedAddress> run() {
    while (!waiting_.empty() && done_.size() < kMostResults) {
      Pending next = std::move(waiting_.back());
      waiting_.pop_back();
      if (next.address.target.empty())
        consider(std::move(next));
      else
        done_.push_back(std::move(next.address));
    }
    forget_variables();
    // What was not looked at must not be forgotten.
    if (!waiting_.empty())
      finish(std::move(waiting_.back().address), RoutedAddress::Outcome::defer,
             "it fans out to too many addresses");
    mark_duplicates();
    return std::move(done_);
  }

 private:
  void finish(RoutedAddress address, RoutedAddress::Outcome outcome,
              std::string message = "") {
    address.outcome = outcome;
    address.message = std::move(message);
    done_.push_back(std::move(address));
  }

  // Tells expansions which address it is.
  void show(const Pending& pending, const AddressParts& parts) {
    Context& context = routing_.context;
    auto set = [&](VariableId id, std::string value) {
      context.set_variable(id, std::move(value));
    };
    set(variable_id("domain"), parts.domain);
    // As the router saw them that had the ancestor.
    auto seen = [&](const std::string& local_part, std::size_t router) {
      bool caseful =
          routing_.policy.routers[router].options.boolean("caseful_local_part", false);
      return caseful ? local_part : base::lower(local_part);
    };
    const auto& handled = pending.handled;
    set(variable_id("original_local_part"),
        handled.empty() ? original_.local_part
                        : seen(original_.local_part, handled.front().second));
    set(variable_id("original_domain"), original_.domain);
    AddressParts parent = take_apart(pending.address.parent);
    set(variable_id("parent_local_part"),
        handled.empty() ? parent.local_part
                        : seen(parent.local_part, handled.back().second));
    set(variable_id("parent_domain"), parent.domain);
    set(variable_id("address_data"), pending.address.address_data);
    forget_variables();  // of the address before
    for (const auto& [name, value] : pending.address.variables) {
      context.set_named_variable(name, value);
      shown_.push_back(name);
    }
  }

  void forget_variables() {
    for (const std::string& name : shown_)
      routing_.context.set_named_variable(name, "");
    shown_.clear();
  }

  bool was_here(const Pending& pending, std::size_t router) const {
    const Options& options = routing_.policy.routers[router].options;
    const std::string& address = pending.address.address;
    auto is_it = [&](const std::string& before) {
      return base::equal_nocase(before, address) &&
             (!options.boolean("caseful_local_part", false) ||
              before.substr(0, before.rfind('@')) ==
                  address.substr(0, address.rfind('@')));
    };
    bool repeats = options.boolean("repeat_use", true);
    return std::ranges::any_of(pending.handled, [&](const auto& before) {
      return before.second == router && (!repeats || is_it(before.first));
    });
  }

  void consider(Pending pending) {
    if (pending.address.ancestors.size() > kMostAncestors) {
      finish(std::move(pending.address), RoutedAddress::Outcome::defer,
             "too many redirections: do they go in a circle?");
      return;
    }
    AddressParts parts = take_apart(pending.address.address);
    show(pending, parts);
    const auto& routers = routing_.policy.routers;
    std::string message;  // what a router that declined has to say
    std::size_t last = routers.size();
    for (std::size_t i = pending.first_router; i < routers.size();) {
      last = i;
      if (was_here(pending, i)) {
        ++i;
        continue;
      }
      routing_.context.set_variable(variable_id("router_name"), routers[i].name);
      for (VariableId found : {variable_id("local_part_data"),
                               variable_id("domain_data"), variable_id("home")})
        routing_.context.set_variable(found, "");  // by the router before
      Attempt attempt = begin(routers[i], pending, parts);
      auto next = try_router(attempt, pending, i, message);
      if (!next) return;
      i = *next;
    }
    if (message.empty() && last < routers.size())
      message = cannot_route(routers[last], pending);
    finish(std::move(pending.address), RoutedAddress::Outcome::fail,
           message.empty() ? std::string(kUnrouteable) : message);
  }

  Attempt begin(const Driver& router, Pending& pending, const AddressParts& parts) {
    return {routing_,
            router,
            pending.address,
            Evaluation{.policy = routing_.policy,
                       .context = routing_.context,
                       .phase = Phase::router},
            parts.local_part,
            parts.local_part,
            parts.domain};
  }

  // The router to go on with; nothing if the address is done.
  std::optional<std::size_t> try_router(Attempt& attempt, Pending& pending,
                                        std::size_t index, std::string& message) {
    std::size_t end = routing_.policy.routers.size();
    auto meets = meets_preconditions(attempt);
    if (!meets) return put_off(attempt, meets.error());
    if (!*meets) return index + 1;
    auto prepared = prepare(attempt);
    if (!prepared) return put_off(attempt, prepared.error());
    Verdict verdict = *prepared ? drive(attempt) : Verdict();
    const Options& options = attempt.router.options;
    switch (verdict.kind) {
      case Kind::declined: {
        auto more = option_truth(attempt, "more", true);
        if (!more) return put_off(attempt, more.error());
        if (!verdict.message.empty()) message = verdict.message;
        return *more ? index + 1 : end;
      }
      case Kind::passed:
        if (options.has("pass_router"))
          return number_of(options.text("pass_router"), index + 1);
        return index + 1;
      case Kind::failed:
        attempt.address.router = attempt.router.name;
        push_children(attempt, pending, index, verdict);
        finish(std::move(attempt.address), RoutedAddress::Outcome::fail,
               verdict.message);
        return std::nullopt;
      case Kind::deferred:
        attempt.address.freeze = verdict.freeze;
        push_children(attempt, pending, index, verdict);
        return put_off(attempt, defer(verdict.message).error());
      case Kind::discarded:
        attempt.address.router = attempt.router.name;
        finish(std::move(attempt.address), RoutedAddress::Outcome::discard);
        return std::nullopt;
      case Kind::accepted:
      case Kind::redirected:
        break;
    }
    return take(attempt, pending, index, std::move(verdict));
  }

  std::optional<std::size_t> put_off(Attempt& attempt, const Failure& failure) {
    attempt.address.router = attempt.router.name;
    finish(std::move(attempt.address), RoutedAddress::Outcome::defer, failure.text);
    return std::nullopt;
  }

  std::size_t number_of(std::string_view router, std::size_t otherwise) const {
    const auto& routers = routing_.policy.routers;
    auto found = std::ranges::find(routers, router, &Driver::name);
    return found == routers.end() ? otherwise : std::size_t(found - routers.begin());
  }

  // Of the last router that was considered, even if it was skipped.
  std::string cannot_route(const Driver& router, Pending& pending) {
    Attempt attempt = begin(router, pending, take_apart(pending.address.address));
    auto text = option_text(attempt, "cannot_route_message");
    return text && *text ? **text : "";
  }

  // What the router remembers for others: $r_ variables, $address_data, headers, who is
  // told of errors.  False: forced failure, the router declines.
  Outcome<bool> prepare(Attempt& attempt) {
    RoutedAddress& address = attempt.address;
    const Options& options = attempt.router.options;
    Context& context = routing_.context;
    for (const OptionValue& set : options.all("set")) {
      auto value = expand(std::get<Template>(set.value), attempt.evaluation);
      if (!value && value.error().kind == Failure::Kind::forced) return false;
      if (!value) return std::unexpected(value.error());
      context.set_named_variable(set.word, *value);
      shown_.push_back(set.word);
      address.variables[set.word] = *std::move(value);
    }
    if (const Template* data = options.expanded("address_data")) {
      auto value = expand(*data, attempt.evaluation);
      if (!value && value.error().kind == Failure::Kind::forced) return false;
      if (!value) return std::unexpected(value.error());
      context.set_variable(variable_id("address_data"), *value);
      address.address_data = *std::move(value);
    }
    return true;
  }

  Verdict drive(Attempt& attempt) {
    std::string_view driver = attempt.router.driver;
    if (driver == "redirect") return run_redirect(attempt);
    if (driver == "manualroute") return run_manualroute(attempt);
    if (driver == "dnslookup") return run_dnslookup(attempt);
    return Verdict::of(Kind::accepted);
  }

  bool fails_verification(const Options& options) const {
    bool both = options.boolean("fail_verify", false);
    if (routing_.purpose == RoutePurpose::verify_recipient)
      return options.boolean("fail_verify_recipient", both);
    if (routing_.purpose == RoutePurpose::verify_sender)
      return options.boolean("fail_verify_sender", both);
    return false;
  }

  // The router has the address.  With `unseen` the next ones have it, too.
  std::optional<std::size_t> take(Attempt& attempt, const Pending& pending,
                                  std::size_t index, Verdict verdict) {
    const Options& options = attempt.router.options;
    if (fails_verification(options)) {
      finish(std::move(attempt.address), RoutedAddress::Outcome::fail,
             std::string(kUnrouteable));
      return std::nullopt;
    }
    auto unseen = option_truth(attempt, "unseen", false);
    if (!unseen) return put_off(attempt, unseen.error());
    bool any_next = index + 1 < routing_.policy.routers.size();
    if (routing_.verifies() || !any_next) *unseen = false;
    Pending rest = pending;
    if (*unseen) {
      rest.first_router = index + 1;
      rest.handled.emplace_back(pending.address.address, index);
      descend(rest.address);
      descend(attempt.address);
    }
    if (auto errors_to = option_text(attempt, "errors_to"); !errors_to)
      return put_off(attempt, errors_to.error());
    else if (*errors_to)
      attempt.address.errors_to = std::string(trimmed(**errors_to));
    if (auto added = add_header_changes(attempt.router, attempt.evaluation,
                                        attempt.address.headers_add,
                                        attempt.address.headers_remove);
        !added)
      return put_off(attempt, added.error());
    if (verdict.kind == Kind::accepted)
      deliver(attempt, std::move(verdict));
    else
      redirect(attempt, pending, index, std::move(verdict));
    if (*unseen) waiting_.push_back(std::move(rest));
    return std::nullopt;
  }

  // Both ways of an unseen address come from it.
  static void descend(RoutedAddress& address) {
    address.parent = address.address;
    address.ancestors.insert(address.ancestors.begin(), address.address);
  }

  void deliver(Attempt& attempt, Verdict verdict) {
    RoutedAddress& address = attempt.address;
    address.router = attempt.router.name;
    address.transport = std::move(verdict.transport);
    if (address.transport.empty()) {
      auto transport = option_text(attempt, "transport");
      if (!transport) {
        put_off(attempt, transport.error());
        return;
      }
      if (*transport) address.transport = **transport;
    }
    if (!find_transport(routing_.policy, address.transport) && !routing_.verifies()) {
      std::string why = address.transport.empty()
                            ? "router " + attempt.router.name + " has no transport"
                            : "there is no transport " + quote(address.transport);
      finish(std::move(address), RoutedAddress::Outcome::defer, std::move(why));
      return;
    }
    if (auto shown = show_transport(attempt); !shown) {
      put_off(attempt, shown.error());
      return;
    }
    address.hosts = std::move(verdict.hosts);
    address.by_mx = verdict.by_mx;
    if (auto fallback = option_text(attempt, "fallback_hosts"); fallback && *fallback)
      address.fallback_hosts = parse_hosts(**fallback, {});
    finish(std::move(address), RoutedAddress::Outcome::deliver);
  }

  // What expansions of the transport see of the address.
  Outcome<void> show_transport(Attempt& attempt) {
    RoutedAddress& address = attempt.address;
    address.local_part = attempt.local_part;
    auto data = TRY(routing_.context.variable(variable_id("local_part_data")));
    address.local_part_data = data;
    data = TRY(routing_.context.variable(variable_id("domain_data")));
    address.domain_data = data;
    address.home = attempt.account_home.value_or(attempt.router_home.value_or(""));
    const Template* home = attempt.router.options.expanded("transport_home_directory");
    if (!home) return {};
    auto path = expand_path(*home, attempt.evaluation);
    if (!path && path.error().kind != Failure::Kind::forced)
      return std::unexpected(path.error());
    if (path) address.home = *std::move(path);
    return {};
  }

  void redirect(Attempt& attempt, const Pending& pending, std::size_t index,
                Verdict verdict) {
    bool one_address =
        verdict.children.size() == 1 && verdict.children[0].target.empty();
    if (routing_.verifies() && !one_address) {  // good enough (10.6)
      attempt.address.router = attempt.router.name;
      finish(std::move(attempt.address), RoutedAddress::Outcome::redirected);
      return;
    }
    push_children(attempt, pending, index, verdict);
  }

  void push_children(Attempt& attempt, const Pending& pending, std::size_t index,
                     Verdict& verdict) {
    auto handled = pending.handled;
    handled.emplace_back(pending.address.address, index);
    const Options& options = attempt.router.options;
    std::size_t first = options.has("redirect_router")
                            ? number_of(options.text("redirect_router"), 0)
                            : 0;
    // The first child is to be considered first, so it comes last.
    for (RoutedAddress& child : verdict.children | std::views::reverse) {
      child.errors_to = attempt.address.errors_to;
      child.headers_add = attempt.address.headers_add;
      child.headers_remove = attempt.address.headers_remove;
      waiting_.push_back({std::move(child), first, handled});
    }
  }

  // The same router gave the same address, or a file or pipe the same of it, before.
  void mark_duplicates() {
    std::set<std::string> seen;
    for (RoutedAddress& address : done_)
      if (address.outcome == RoutedAddress::Outcome::deliver || !address.target.empty())
        address.duplicate = !seen.insert(base::lower(address.address) + "\n" +
                                         address.router + "\n" + address.target)
                                 .second;
  }

  Routing& routing_;
  AddressParts original_;
  std::vector<Pending> waiting_;  // the next one is the last
  std::vector<RoutedAddress> done_;
  std::vector<std::string> shown_;  // names of $r_ variables that are set now
};

bool is_remote(const Policy& policy, const RoutedAddress& address) {
  const Driver* transport = find_transport(policy, address.transport);
  return transport && transport->driver == "smtp";
}

// A file or pipe.
void describe_target(const RoutedAddress& address, std::vector<std::string>& out) {
  out.push_back(address.address + " -> " + address.target);
  bool bad = address.outcome == RoutedAddress::Outcome::fail ||
             address.outcome == RoutedAddress::Outcome::defer;
  out.push_back(bad ? "  *** " + address.message
                    : "  transport = " + address.transport);
}

void describe_delivery(const RoutedAddress& address, bool duplicate,
                       std::vector<std::string>& out) {
  out.push_back(address.address +
                (duplicate ? "   [duplicate, would not be delivered]" : ""));
  for (const std::string& ancestor : address.ancestors)
    out.push_back("    <-- " + ancestor);
  out.push_back("  router = " + address.router + ", transport = " + address.transport);
  for (const RoutedHost& host : address.hosts)
    out.push_back("  host " + host.name + " [" + host.name + "]" +
                  (host.port ? " port=" + std::to_string(*host.port) : ""));
}

}  // namespace

Outcome<bool> option_truth(Attempt& attempt, std::string_view name, bool otherwise) {
  const Options& options = attempt.router.options;
  const Template* text = options.expanded(name);
  if (!text) return options.boolean(name, otherwise);
  auto value = expand(*text, attempt.evaluation);
  if (!value && value.error().kind == Failure::Kind::forced) return otherwise;
  if (!value) return std::unexpected(value.error());
  std::string_view word = trimmed(*value);
  if (word == "1" || base::equal_nocase(word, "yes") ||
      base::equal_nocase(word, "true"))
    return true;
  if (word.empty() || word == "0" || base::equal_nocase(word, "no") ||
      base::equal_nocase(word, "false"))
    return false;
  return cannot(quote(word) + " is no truth value for " + std::string(name));
}

Outcome<std::optional<std::string>> option_text(Attempt& attempt,
                                                std::string_view name) {
  const Template* text = attempt.router.options.expanded(name);
  if (!text) return std::nullopt;
  auto value = expand(*text, attempt.evaluation);
  if (!value && value.error().kind == Failure::Kind::forced) return std::nullopt;
  if (!value) return std::unexpected(value.error());
  return *std::move(value);
}

Outcome<void> add_header_changes(const Driver& driver, Evaluation& evaluation,
                                 std::vector<std::string>& add,
                                 std::vector<std::string>& remove) {
  auto each = [&](std::string_view name, std::vector<std::string>& out) {
    for (const OptionValue& option : driver.options.all(name)) {
      auto text = expand(std::get<Template>(option.value), evaluation);
      if (!text && text.error().kind == Failure::Kind::forced) continue;
      if (!text) return Outcome<void>(std::unexpected(text.error()));
      while (text->ends_with('\n')) text->pop_back();
      if (!text->empty()) out.push_back(*std::move(text));
    }
    return Outcome<void>();
  };
  if (auto added = each("headers_add", add); !added) return added;
  return each("headers_remove", remove);
}

std::optional<Account> find_system_account(const std::string& name) {
  passwd entry{};
  passwd* found = nullptr;
  std::string buffer(16384, '\0');
  if (getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
      !found)
    return std::nullopt;
  return Account{found->pw_dir};
}

const Driver* find_transport(const Policy& policy, std::string_view name) {
  auto found = std::ranges::find(policy.transports, name, &Driver::name);
  return found == policy.transports.end() ? nullptr : &*found;
}

std::vector<RoutedAddress> route(const Policy& policy, std::string_view address,
                                 RoutePurpose purpose, Context& context,
                                 const FindAccount& find_account) {
  SavedVariables saved(context);
  Routing routing{policy, purpose, context, find_account};
  return Run(routing, address).run();
}

std::vector<std::string> describe_routes(const Policy& policy,
                                         std::vector<RoutedAddress> routed) {
  using Outcome = RoutedAddress::Outcome;
  std::vector<std::string> out;
  // What is not delivered, files and pipes; then local deliveries and remote ones, and
  // of these the last routed first.
  for (const RoutedAddress& address : routed) {
    if (address.outcome == Outcome::deliver || address.outcome == Outcome::discard ||
        address.outcome == Outcome::redirected)
      continue;
    if (!address.target.empty()) {
      describe_target(address, out);
      continue;
    }
    out.push_back(address.address +
                  (address.outcome == Outcome::fail
                       ? " is undeliverable: "
                       : " cannot be resolved at this time: ") +
                  address.message);
    for (const std::string& ancestor : address.ancestors)
      out.push_back("    <-- " + ancestor);
  }
  std::set<std::string> seen;
  for (bool remote : {false, true})
    for (const RoutedAddress& address : routed | std::views::reverse)
      if (address.outcome == Outcome::deliver && is_remote(policy, address) == remote)
        describe_delivery(
            address,
            !seen.insert(base::lower(address.address) + "\n" + address.router).second,
            out);
  if (out.empty() && !routed.empty()) {
    const RoutedAddress& one = routed.front();
    out.push_back("mail to " +
                  (one.ancestors.empty() ? one.address : one.ancestors.back()) +
                  " is discarded");
  }
  return out;
}

}  // namespace policy
