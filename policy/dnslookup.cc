// SPDX-License-Identifier: Apache-2.0
//
// The dnslookup router (spec/policy.md 13.4; RFC 5321 section 5.1; Exim manual, "The
// dnslookup router").
#include <algorithm>

#include "base/text.h"
#include "policy/routing.h"

namespace policy {
namespace {

struct Mx {
  std::uint64_t preference;
  std::string host;
};

class DnsLookup {
 public:
  explicit DnsLookup(Attempt& attempt)
      : attempt_(attempt), options_(attempt.router.options) {}

  Verdict run() {
    const std::string& domain = attempt_.domain;
    if (domain.empty() || domain.find(' ') != domain.npos) return {};
    if (auto service = option_text(attempt_, "check_srv"); !service)
      return deferred(service.error().text);
    else if (*service && !(*service)->empty())
      if (auto verdict = by_srv(**service)) return *std::move(verdict);
    return by_mx();
  }

 private:
  static Verdict deferred(std::string why) {
    return Verdict::of(Verdict::Kind::deferred, std::move(why));
  }

  bool in_list(std::string_view option) {
    const List* list = options_.list(option);
    if (!list) return false;
    ListSubject subject;
    subject.text = attempt_.domain;
    auto matched = match(*list, subject, attempt_.evaluation);
    return matched && matched->matched;
  }

  // The DNS does not answer.
  Verdict no_answer(std::string_view fail_domains, std::string why) {
    if (in_list(fail_domains)) return Verdict::of(Verdict::Kind::declined);
    if (options_.boolean("pass_on_timeout", false))
      return Verdict::of(Verdict::Kind::passed);
    return deferred(std::move(why));
  }

  // Nothing: there are none, ask for MX.
  std::optional<Verdict> by_srv(const std::string& service) {
    auto answer =
        attempt_.routing.context.dns("srv", "_" + service + "._tcp." + attempt_.domain);
    if (!answer || answer->answer == Answer::defer)
      return no_answer("srv_fail_domains", "SRV lookup failed for " + attempt_.domain);
    Verdict verdict = Verdict::of(Verdict::Kind::accepted);
    for (const auto& fields : answer->records) {  // priority weight port target
      if (fields.size() < 4) continue;
      if (fields[3] == "." || fields[3].empty()) return Verdict();
      RoutedHost host;
      host.name = fields[3];
      if (auto port = base::to_number(fields[2]); port && *port < 65536)
        host.port = static_cast<std::uint16_t>(*port);
      if (auto priority = base::to_number(fields[0]))
        host.group = static_cast<unsigned>(*priority);
      verdict.hosts.push_back(std::move(host));
    }
    if (verdict.hosts.empty()) return std::nullopt;
    std::ranges::stable_sort(verdict.hosts, {}, &RoutedHost::group);
    return verdict;
  }

  Verdict by_mx() {
    auto answer = attempt_.routing.context.dns("mx", attempt_.domain);
    if (!answer || answer->answer == Answer::defer)
      return no_answer("mx_fail_domains",
                       "host lookup did not complete for " + attempt_.domain);
    std::vector<Mx> records;
    for (const auto& fields : answer->records) {  // preference host
      if (fields.size() < 2) continue;
      auto preference = base::to_number(fields[0]);
      std::string host = fields[1];
      if (host == "." || host.empty()) return {};  // RFC 7505: no mail here
      if (host.ends_with('.')) host.pop_back();
      records.push_back({preference.value_or(0), std::move(host)});
    }
    if (records.empty()) return by_address();
    std::ranges::stable_sort(records, {}, &Mx::preference);
    return to_hosts(records);
  }

  // Hosts as good as this machine, or worse, are for others to use.
  Verdict to_hosts(const std::vector<Mx>& records) {
    Verdict verdict = Verdict::of(Verdict::Kind::accepted);
    verdict.by_mx = true;
    bool here = false;
    std::uint64_t cut = UINT64_MAX;
    for (const Mx& record : records) {
      RoutedHost host;
      host.name = record.host;
      host.group = static_cast<unsigned>(record.preference);
      if (!is_this_machine(attempt_, host)) {
        verdict.hosts.push_back(std::move(host));
      } else if (!here) {
        here = true;
        cut = record.preference;
      }
    }
    if (!here)
      return options_.boolean("check_secondary_mx", false) ? Verdict() : verdict;
    if (records.front().preference == cut) {
      std::string host = records.front().host;
      if (auto self = judge_self(attempt_, host)) return *std::move(self);
      verdict.hosts.clear();
      for (const Mx& record : records)
        verdict.hosts.push_back({record.host, std::nullopt, RoutedHost::Lookup::any,
                                 static_cast<unsigned>(record.preference)});
      return verdict;
    }
    std::erase_if(verdict.hosts,
                  [&](const RoutedHost& host) { return host.group >= cut; });
    return verdict;
  }

  Verdict by_address() {
    if (in_list("mx_domains") || options_.boolean("check_secondary_mx", false))
      return not_there();
    auto addresses = attempt_.routing.context.addresses_of(attempt_.domain);
    if (!addresses)
      return no_answer("mx_fail_domains",
                       "host lookup did not complete for " + attempt_.domain);
    if (addresses->empty()) return not_there();
    Verdict verdict = Verdict::of(Verdict::Kind::accepted);
    RoutedHost host;
    host.name = attempt_.domain;
    if (is_this_machine(attempt_, host))
      if (auto self = judge_self(attempt_, host.name)) return *std::move(self);
    verdict.hosts.push_back(std::move(host));
    return verdict;
  }

  Verdict not_there() {
    if (in_list("fail_defer_domains"))
      return deferred("lookup of host " + quote(attempt_.domain) + " failed");
    return {};
  }

  Attempt& attempt_;
  const Options& options_;
};

}  // namespace

Verdict run_dnslookup(Attempt& attempt) {
  return DnsLookup(attempt).run();
}

}  // namespace policy
