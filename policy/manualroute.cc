// SPDX-License-Identifier: Apache-2.0
#include "policy/manualroute.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.h"
#include "policy/ip.h"
#include "policy/option_value.h"
#include "policy/routing.h"
#include "policy/variable_table.h"

namespace policy {
namespace {

constexpr std::array<std::string_view, 6> kWords{
    "byname", "bydns", "ipv4_only", "ipv4_prefer", "randomize", "no_randomize"};

bool is_word(std::string_view text) {
  return std::ranges::find(kWords, text) != kWords.end();
}

template <class Visit>
void for_each_word(std::string_view text, Visit visit) {
  while (!(text = trimmed(text)).empty()) {
    auto end =
        static_cast<std::size_t>(std::ranges::find_if(text, is_blank) - text.begin());
    visit(text.substr(0, end));
    text.remove_prefix(end);
  }
}

// Where the word at `at` ends: behind its closing quote, or at a blank.
std::size_t word_end(std::string_view text, std::size_t at) {
  if (at == text.size() || text[at] != '"') {
    while (at < text.size() && !is_blank(text[at])) ++at;
    return at;
  }
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\' && at + 1 < text.size()) ++at;
  return std::min(at + 1, text.size());
}

// The word at the front of `text`, which loses it; quotes are taken off.
std::expected<SourceText, Diagnostic> take_word(SourceText& text) {
  text.trim();
  std::size_t end = word_end(text.bytes(), 0);
  SourceText word = text.part(0, end);
  text = text.part(end);
  text.trim();
  if (!word.bytes().starts_with('"')) return word;
  return parse_quoted(word);
}

// The rules, cut at semicolons that do not stand in quotes or braces.
std::vector<SourceText> cut_rules(const SourceText& list) {
  std::string_view bytes = list.bytes();
  char separator = ';';
  std::size_t begin = 0;
  if (bytes.size() >= 2 && bytes[0] == '<' && std::ispunct(bytes[1])) {
    separator = bytes[1];
    begin = 2;
  }
  std::vector<SourceText> rules;
  bool quoted = false;
  int depth = 0;
  for (std::size_t at = begin; at <= bytes.size(); ++at) {
    bool end = at == bytes.size();
    if (!end) {
      char c = bytes[at];
      if (c == '\\') ++at;
      if (c == '"') quoted = !quoted;
      if (c == '{') ++depth;
      if (c == '}' && depth > 0) --depth;
      if (c != separator || quoted || depth > 0) continue;
    }
    at = std::min(at, bytes.size());
    SourceText rule = list.part(begin, at - begin);
    rule.trim();
    if (!rule.empty()) rules.push_back(std::move(rule));
    begin = std::min(at + 1, bytes.size());
  }
  return rules;
}

void check_route_options(const SourceText& text, Parsing& parsing) {
  if (text.bytes().find('$') != std::string_view::npos) return;
  for_each_word(text.bytes(), [&](std::string_view word) {
    if (is_word(word) || parsing.symbols.transports.contains(word)) return;
    std::vector<std::string_view> known(kWords.begin(), kWords.end());
    for (const auto& transport : parsing.symbols.transports)
      known.push_back(transport.first);
    parsing.error(text.origin(), quote(word) +
                                     " is neither an option of a route nor a "
                                     "transport: write byname, bydns, randomize ..." +
                                     did_you_mean(word, known));
  });
}

HostOptions read_options(std::string_view text, const Driver& router) {
  HostOptions options;
  options.randomize = router.options.boolean("hosts_randomize", false);
  for_each_word(text, [&](std::string_view word) {
    if (word == "byname")
      options.lookup = RoutedHost::Lookup::by_name;
    else if (word == "bydns")
      options.lookup = RoutedHost::Lookup::by_dns;
    else if (word == "randomize" || word == "no_randomize")
      options.randomize = word == "randomize";
    else if (!is_word(word))
      options.transport = word;
  });
  return options;
}

// "name", "name/MX", "192.0.2.1:25", "[2001:db8::1]:25".
RoutedHost parse_host(std::string_view text, const HostOptions& options) {
  RoutedHost host;
  host.lookup = options.lookup;
  std::string_view port;
  if (text.starts_with('[')) {
    std::size_t end = std::min(text.find(']'), text.size());
    host.name = text.substr(1, end - 1);
    port = text.substr(std::min(end + 1, text.size()));
  } else if (std::ranges::count(text, ':') == 1) {
    port = text.substr(text.find(':'));
    host.name = text.substr(0, text.find(':'));
  } else {
    host.name = text;
  }
  if (port.starts_with(':'))
    if (auto number = base::to_number(trimmed(port.substr(1)));
        number && *number < 65536)
      host.port = static_cast<std::uint16_t>(*number);
  if (host.name.size() > 3 &&
      base::equal_nocase(host.name.substr(host.name.size() - 3), "/mx")) {
    host.name.resize(host.name.size() - 3);
    host.lookup = RoutedHost::Lookup::mx;
  }
  return host;
}

Verdict deferred(std::string why) {
  return Verdict::of(Verdict::Kind::deferred, std::move(why));
}

// What host_all_ignored says.
Verdict all_ignored(const Options& options) {
  std::string_view what = trimmed(options.text("host_all_ignored", "defer"));
  constexpr auto kMessage = "all hosts are ignored by ignore_target_hosts";
  if (what == "decline") return {};
  if (what == "pass") return Verdict::of(Verdict::Kind::passed);
  if (what == "fail") return Verdict::of(Verdict::Kind::failed, kMessage);
  Verdict verdict = deferred(kMessage);
  verdict.freeze = what == "freeze";
  return verdict;
}

// Is the transport of the rule, or else of the router, one that delivers here?
bool is_local(Attempt& attempt, std::string_view of_rule) {
  std::string name(of_rule);
  if (name.empty())
    if (auto of_router = option_text(attempt, "transport"); of_router && *of_router)
      name = **of_router;
  const Driver* transport = find_transport(attempt.routing.policy, name);
  return transport && transport->driver != "smtp";
}

// What `hosts` and `words` say where to go, both data by now.
Verdict go_to(Attempt& attempt, std::string_view hosts, std::string_view words) {
  HostOptions options = read_options(words, attempt.router);
  Verdict verdict = Verdict::of(Verdict::Kind::accepted);
  verdict.hosts = parse_hosts(hosts, options);
  verdict.transport = options.transport;
  if (is_local(attempt, options.transport)) return verdict;  // for it they are a text
  if (verdict.hosts.empty() && !attempt.routing.verifies())
    return deferred("no hosts are given for domain " + attempt.domain);
  bool any = !verdict.hosts.empty();
  drop_ignored(attempt, verdict.hosts);
  if (any && verdict.hosts.empty()) return all_ignored(attempt.router.options);
  if (!verdict.hosts.empty() && is_this_machine(attempt, verdict.hosts[0]))
    if (auto self = judge_self(attempt, verdict.hosts[0].name)) return *std::move(self);
  return verdict;
}

// The first rule whose domains fit.
Verdict by_rules(Attempt& attempt) {
  for (const Route& rule : attempt.router.routes) {
    if (!rule.domains) continue;
    ListSubject subject;
    subject.text = attempt.domain;
    auto matched = match(*rule.domains, subject, attempt.evaluation);
    if (!matched) return deferred(matched.error().text);
    if (!matched->matched) continue;
    attempt.evaluation.value = matched->data;
    auto hosts = expand(rule.hosts, attempt.evaluation);
    auto words = hosts ? expand(rule.options, attempt.evaluation) : hosts;
    if (words) return go_to(attempt, *hosts, *words);
    if (words.error().kind == Failure::Kind::forced) return {};
    return deferred(words.error().text);
  }
  return {};
}

Verdict by_data(Attempt& attempt) {
  auto data = option_text(attempt, "route_data");
  if (!data) return deferred(data.error().text);
  if (!*data || trimmed(**data).empty()) return {};
  SourceText rest;
  rest.append(**data, Origin{});
  auto hosts = take_word(rest);
  if (!hosts) return deferred("error in route_data: " + hosts.error().text);
  return go_to(attempt, hosts->bytes(), rest.bytes());
}

}  // namespace

void parse_route_list(Driver& router, Parsing& parsing) {
  const OptionValue* option = router.options.find("route_list");
  if (!option) return;
  for (SourceText rest : cut_rules(option->source)) {
    Route route;
    route.origin = rest.origin();
    auto domains = take_word(rest);
    auto hosts = domains ? take_word(rest) : domains;
    if (!hosts) {
      parsing.error(hosts.error().origin, hosts.error().text);
      continue;
    }
    route.domains = parse_list(ListKind::domain, as_one_item(*domains), parsing);
    route.hosts = parse_template(*hosts, parsing);
    check_route_options(rest, parsing);
    route.options = parse_template(rest, parsing);
    router.routes.push_back(std::move(route));
  }
}

std::vector<RoutedHost> parse_hosts(std::string_view list, const HostOptions& options) {
  std::vector<RoutedHost> hosts;
  list = trimmed(list);
  char separator = ':';
  if (list.size() >= 2 && list[0] == '<' && std::ispunct(list[1])) {
    separator = list[1];
    list.remove_prefix(2);
  }
  unsigned group = 0;
  std::string item;
  auto finish = [&] {
    std::string_view text = trimmed(item);
    if (text == "+") {
      ++group;
    } else if (!text.empty()) {
      hosts.push_back(parse_host(text, options));
      hosts.back().group = options.randomize ? group : unsigned(hosts.size());
    }
    item.clear();
  };
  for (std::size_t at = 0; at < list.size(); ++at) {
    if (list[at] != separator) {
      item += list[at];
    } else if (at + 1 < list.size() && list[at + 1] == separator) {
      item += list[at++];
    } else {
      finish();
    }
  }
  finish();
  return hosts;
}

void drop_ignored(Attempt& attempt, std::vector<RoutedHost>& hosts) {
  const List* ignored = attempt.router.options.list("ignore_target_hosts");
  if (!ignored) return;
  std::erase_if(hosts, [&](const RoutedHost& host) {
    if (!parse_ip(host.name)) return false;
    ListSubject subject;
    subject.host.address = host.name;
    auto matched = match(*ignored, subject, attempt.evaluation);
    return matched && matched->matched;
  });
}

bool is_this_machine(Attempt& attempt, const RoutedHost& host) {
  auto interfaces = attempt.routing.context.local_addresses();
  auto is_ours = [&](const std::string& address) {
    return std::ranges::find(interfaces, address) != interfaces.end();
  };
  if (parse_ip(host.name)) return is_ours(host.name);
  if (base::equal_nocase(host.name, attempt.routing.policy.primary_hostname))
    return true;
  auto addresses = attempt.routing.context.addresses_of(host.name);
  return addresses && std::ranges::any_of(*addresses, is_ours);
}

std::optional<Verdict> judge_self(Attempt& attempt, std::string_view host) {
  std::string_view what = trimmed(attempt.router.options.text("self", "freeze"));
  std::string message = "remote host address is the local host: " + std::string(host);
  attempt.routing.context.set_variable(variable_id("self_hostname"), std::string(host));
  if (what == "send") return std::nullopt;
  if (what == "pass") return Verdict::of(Verdict::Kind::passed);
  if (what == "fail") return Verdict::of(Verdict::Kind::failed, message);
  if (what.starts_with("reroute:")) {
    std::string_view domain = trimmed(what.substr(8));
    if (domain.starts_with("rewrite:")) domain = trimmed(domain.substr(8));
    Verdict verdict = Verdict::of(Verdict::Kind::redirected);
    RoutedAddress child = attempt.address;
    child.parent = attempt.address.address;
    child.ancestors.insert(child.ancestors.begin(), child.parent);
    child.address = attempt.whole_local_part + "@" + std::string(domain);
    verdict.children.push_back(std::move(child));
    return verdict;
  }
  Verdict verdict = deferred(message);
  verdict.freeze = what != "defer";
  return verdict;
}

Verdict run_manualroute(Attempt& attempt) {
  return attempt.router.options.has("route_data") ? by_data(attempt)
                                                  : by_rules(attempt);
}

}  // namespace policy
