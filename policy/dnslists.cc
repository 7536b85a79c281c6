// SPDX-License-Identifier: Apache-2.0
#include "policy/dnslists.h"

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <utility>

#include "policy/acl_clauses.h"
#include "policy/context.h"
#include "policy/plain_list.h"
#include "policy/variable_table.h"
#include "policy/written_text.h"

namespace policy {
namespace {

using Result = Outcome<ClauseResult>;

std::string_view until(std::string_view& rest, char separator) {
  std::string_view part = rest.substr(0, rest.find(separator));
  rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  return trimmed(part);
}

bool is_loopback(const Ip& ip) {
  return !ip.v6 && ip.bytes[0] == 127;
}

bool has_bits(const Ip& ip, const Ip& mask) {
  if (ip.v6 != mask.v6) return false;
  for (std::size_t i = 0; i < ip.bytes.size(); ++i)
    if ((ip.bytes[i] & mask.bytes[i]) != mask.bytes[i]) return false;
  return true;
}

bool is_domain_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_name_char(c) || c == '.' || c == '-';
  });
}

}  // namespace

bool DnsZone::counts(const std::vector<Ip>& answer) const {
  if (filter == Filter::none) return std::ranges::any_of(answer, is_loopback);
  auto fits = [&](const Ip& ip) {
    return std::ranges::any_of(addresses, [&](const Ip& wanted) {
      return filter == Filter::equal ? ip == wanted : has_bits(ip, wanted);
    });
  };
  bool fit =
      all ? std::ranges::all_of(answer, fits) : std::ranges::any_of(answer, fits);
  return fit != negated;
}

base::Result<DnsZone> parse_dns_zone(std::string_view text) {
  DnsZone zone;
  std::size_t sign = std::min(text.find_first_of("!=&"), text.size());
  std::string_view names = text.substr(0, sign);
  std::string_view filter = text.substr(sign);
  zone.txt_domain = until(names, ',');
  zone.domain = names.empty() ? zone.txt_domain : std::string(trimmed(names));
  for (const std::string& name : {zone.txt_domain, zone.domain})
    if (!is_domain_name(name))
      return base::fail(base::Code::syntax,
                        quote(name) + " is no domain of a DNS list");
  if (filter.empty()) return zone;
  zone.negated = filter.starts_with('!');
  if (zone.negated) filter.remove_prefix(1);
  if (filter.starts_with("==") || filter.starts_with("=&")) {
    zone.all = true;
    filter.remove_prefix(1);
  }
  if (filter.empty() || (filter[0] != '=' && filter[0] != '&'))
    return base::fail(base::Code::syntax,
                      quote(text) + ": '=' or '&' and addresses must follow the '!'");
  zone.filter = filter[0] == '=' ? DnsZone::Filter::equal : DnsZone::Filter::bits;
  filter.remove_prefix(1);
  do {
    std::string_view word = until(filter, ',');
    auto ip = parse_ip(word);
    if (!ip)
      return base::fail(base::Code::syntax, quote(word) +
                                                " is no IP address, as one "
                                                "must follow '=' and '&'");
    zone.addresses.push_back(*ip);
  } while (!filter.empty());
  return zone;
}

std::string dns_list_label(std::string_view key) {
  if (auto ip = parse_ip(key)) return format_ip_reversed(unmapped(*ip));
  return std::string(key);
}

namespace {

// What a DNS that does not answer means: "+defer_unknown" and its kin.
enum class Unknown : std::uint8_t { exclude, include, defer };
constexpr auto kSwitches = std::to_array<std::pair<std::string_view, Unknown>>(
    {{"+exclude_unknown", Unknown::exclude},
     {"+include_unknown", Unknown::include},
     {"+defer_unknown", Unknown::defer}});

const Unknown* find_switch(std::string_view text) {
  auto found =
      std::ranges::find(kSwitches, text, &std::pair<std::string_view, Unknown>::first);
  return found == kSwitches.end() ? nullptr : &found->second;
}

std::vector<Ip> addresses_in(const DnsAnswer& answer) {
  std::vector<Ip> out;
  for (const auto& record : answer.records)
    if (!record.empty())
      if (auto ip = parse_ip(record.front())) out.push_back(*ip);
  return out;
}

class DnslistsClause : public Clause {
 public:
  DnslistsClause(const ClauseHead& head, const SourceText& argument, Parsing& parsing)
      : Clause(head, argument) {
    Origin place = argument.empty() ? head.origin : argument.origin();
    bool needs_host = false;
    for (Template& text : split_elements(parse_template(argument, parsing))) {
      Item& item = items_.emplace_back();
      if (text.is_one_expansion()) {
        item.whole = std::move(text);
        parsing.splices.push_back(
            {&item.whole, &item.splice, item.whole.pieces().front().origin});
        continue;
      }
      item.parts.emplace(std::move(text), kSeparators, parsing);
      const std::string* zone = item.parts->literal_start();
      if (!zone || zone->empty()) continue;
      check(*zone, place, parsing);
      needs_host = needs_host || (item.parts->size() == 1 && !zone->starts_with('+'));
    }
    if (needs_host)
      parsing.use("condition 'dnslists' without a key", points::kSmtp, head.origin);
  }

  Result run(AclFrame& frame) const override {
    Evaluation& evaluation = frame.evaluation;
    Unknown unknown = Unknown::exclude;
    for (const Item& item : items_) {
      Result found = item.parts
                         ? run(item.parts->expand(evaluation), unknown, evaluation)
                         : run_whole(item, unknown, evaluation);
      if (!found || *found != ClauseResult::fail) return found;
    }
    return ClauseResult::fail;
  }

 private:
  // A slash begins the keys of an item; the colons between them were doubled.
  static constexpr std::string_view kSeparators = "/:";

  struct Item {
    std::optional<PartedText> parts;
    // Instead of them: a single expansion, which may come to many items.
    Template whole;
    bool splice = false;
  };

  static Result run_whole(const Item& item, Unknown& unknown, Evaluation& evaluation) {
    auto text = expand(item.whole, evaluation);
    if (!text) return std::unexpected(std::move(text).error());
    if (!item.splice) return run({{{*text, 0}}}, unknown, evaluation);
    ListReader items(*text);
    for (std::string_view element; items.next(element);) {
      Result found = run(cut_written(element, kSeparators), unknown, evaluation);
      if (!found || *found != ClauseResult::fail) return found;
    }
    return ClauseResult::fail;
  }

  static Result run(const Outcome<std::vector<WrittenPart>>& parts, Unknown& unknown,
                    Evaluation& evaluation) {
    if (!parts) return std::unexpected(parts.error());
    const std::string& zone = parts->front().text;
    if (zone.empty()) return ClauseResult::fail;
    if (const Unknown* change = find_switch(zone)) {
      unknown = *change;
      return ClauseResult::fail;
    }
    auto parsed = parse_dns_zone(zone);
    if (!parsed) return cannot("'dnslists': " + parsed.error().text);
    std::span<const WrittenPart> keys = std::span(*parts).subspan(1);
    if (keys.empty())
      return ask(*parsed, std::string(evaluation.context.host().address), unknown,
                 evaluation);
    for (const WrittenPart& key : keys) {
      Result found = ask(*parsed, key.text, unknown, evaluation);
      if (!found || *found != ClauseResult::fail) return found;
    }
    return ClauseResult::fail;
  }

  static void check(const std::string& zone, Origin place, Parsing& parsing) {
    if (zone.starts_with('+')) {
      if (!find_switch(zone))
        parsing.error(place, "'dnslists' knows no item " + quote(zone) +
                                 ": write '+include_unknown', '+exclude_unknown' or "
                                 "'+defer_unknown'");
      return;
    }
    if (auto parsed = parse_dns_zone(zone); !parsed)
      parsing.error(place, "'dnslists': " + parsed.error().text);
  }

  static Result ask(const DnsZone& zone, std::string_view key, Unknown unknown,
                    Evaluation& evaluation) {
    Context& context = evaluation.context;
    if (key.empty()) return ClauseResult::fail;
    if (!evaluation.step())
      return std::unexpected(Failure{Failure::Kind::limit, "too many DNS lists"});
    std::string matched(key), label = dns_list_label(key);
    auto answer = context.dns("a", label + "." + zone.domain);
    if (!answer) return std::unexpected(std::move(answer).error());
    if (answer->answer == Answer::defer) {
      if (unknown == Unknown::defer)
        return defer("DNS list lookup defer for " + zone.domain);
      return unknown == Unknown::include ? ClauseResult::ok : ClauseResult::fail;
    }
    std::vector<Ip> addresses = addresses_in(*answer);
    if (addresses.empty() || !zone.counts(addresses)) return ClauseResult::fail;
    std::string values, text;
    for (const Ip& ip : addresses)
      values.append(values.empty() ? "" : ", ").append(format_ip(ip));
    auto comment = context.dns("txt", label + "." + zone.txt_domain);
    if (comment && !comment->records.empty())
      for (const std::string& chunk : comment->records.front()) text += chunk;
    context.set_variable(variable_id("dnslist_domain"), zone.domain);
    context.set_variable(variable_id("dnslist_matched"), std::move(matched));
    context.set_variable(variable_id("dnslist_value"), std::move(values));
    context.set_variable(variable_id("dnslist_text"), std::move(text));
    return ClauseResult::ok;
  }

  std::deque<Item> items_;
};

}  // namespace

std::unique_ptr<const Clause> read_dnslists(const ClauseHead& head,
                                            const SourceText& argument,
                                            Parsing& parsing) {
  return std::make_unique<DnslistsClause>(head, argument, parsing);
}

}  // namespace policy
