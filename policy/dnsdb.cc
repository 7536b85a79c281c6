// SPDX-License-Identifier: Apache-2.0
#include "policy/dnsdb.h"

#include <array>

#include "base/text.h"
#include "policy/context.h"
#include "policy/ip.h"
#include "policy/plain_list.h"
#include "policy/source.h"

namespace policy {

namespace {

using base::Code;
using base::fail;

constexpr std::array<std::string_view, 15> kTypes = {
    "a",   "aaaa", "a+",  "cname", "csa",  "mx",  "mxh", "ns",
    "ptr", "soa",  "spf", "srv",   "tlsa", "txt", "zns"};

bool is_type(std::string_view word) {
  for (std::string_view type : kTypes)
    if (type == word) return true;
  return false;
}

std::string_view skip_blanks(std::string_view text) {
  while (!text.empty() && (is_blank(text[0]) || text[0] == '\n')) text.remove_prefix(1);
  return text;
}

// "defer_lax", "dnssec_never", "retrans_2s", "retry_3"; false: it is none.  How often
// and how long to ask is the resolver's affair.
bool take_modifier(std::string_view word, DnsdbQuery& query) {
  using OnDefer = DnsdbQuery::OnDefer;
  if (word == "defer_lax")
    query.on_defer = OnDefer::lax;
  else if (word == "defer_strict" || word == "strict")
    query.on_defer = OnDefer::strict;
  else if (word == "defer_never" || word == "never")
    query.on_defer = OnDefer::never;
  else if (word == "dnssec_strict")
    query.only_authenticated = true;
  else if (word == "dnssec_lax" || word == "dnssec_never")
    query.only_authenticated = false;
  else
    return word.starts_with("retrans_") || word.starts_with("retry_");
  return true;
}

base::Result<std::string_view> take_separators(std::string_view text,
                                               DnsdbQuery& query) {
  text.remove_prefix(1);
  if (text.empty()) return fail(Code::syntax, "'>' needs a separator behind it");
  query.record_separator = text[0];
  text.remove_prefix(1);
  if (text.starts_with(';')) {
    query.field_separator = "";
    text.remove_prefix(1);
  } else if (text.starts_with(',')) {
    if (text.size() < 2)
      return fail(Code::syntax, "',' needs a separator of fields behind it");
    query.field_separator = text.substr(1, 1);
    text.remove_prefix(2);
  }
  return skip_blanks(text);
}

// What is asked for, and under which name.
struct Question {
  std::string type, name;
};

std::vector<Question> questions(const DnsdbQuery& query, const std::string& name) {
  std::string_view type = query.type;
  if (type == "a+") return {{"aaaa", name}, {"a", name}};
  if (type == "mxh") return {{"mx", name}};
  if (type == "zns") return {{"ns", name}};
  if (type == "spf") return {{"txt", name}};
  if (type == "csa") return {{"srv", "_client._smtp." + name}};
  if (type == "ptr")
    if (auto ip = parse_ip(name))
      return {
          {"ptr", format_ip_reversed(*ip) + (ip->v6 ? ".ip6.arpa" : ".in-addr.arpa")}};
  return {{std::string(type), name}};
}

std::string joined(const std::vector<std::string>& fields, std::string_view separator) {
  std::string out;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) out += separator;
    out += fields[i];
  }
  return out;
}

// What a client SMTP authorization record says, by its weight.
std::string csa_text(const std::vector<std::string>& fields) {
  if (fields.size() < 4 || fields[0] != "1") return "";
  std::string_view weight = fields[1];
  std::string_view says = weight == "2" ? "Y " : weight == "3" ? "? " : "N ";
  return std::string(says) + fields[3];
}

// Empty: the record says nothing.
std::string record_text(const DnsdbQuery& query,
                        const std::vector<std::string>& fields) {
  if (fields.empty()) return "";
  std::string_view type = query.type;
  if (type == "csa") return csa_text(fields);
  if (type == "mxh") return fields.back();
  if (type == "txt")
    return query.field_separator ? joined(fields, *query.field_separator) : fields[0];
  if (type == "spf") return joined(fields, query.field_separator.value_or(""));
  if (type == "soa" && !query.field_separator) return fields[0];
  return joined(fields, query.field_separator.value_or(" "));
}

// Zones answer for the names below them, so these types are looked for upwards.
bool walks_up(std::string_view type) {
  return type == "soa" || type == "zns";
}

Outcome<DnsAnswer> ask(const DnsdbQuery& query, Question question,
                       Evaluation& evaluation) {
  for (;;) {
    if (!evaluation.step(10)) return over_limit("too many lookups in the DNS");
    auto answer = evaluation.context.dns(question.type, question.name);
    if (!answer || answer->answer != Answer::no || !walks_up(query.type)) return answer;
    std::size_t dot = question.name.find('.');
    if (dot == std::string::npos) return answer;
    question.name.erase(0, dot + 1);
  }
}

}  // namespace

base::Result<DnsdbQuery> parse_dnsdb(std::string_view text) {
  DnsdbQuery query;
  text = skip_blanks(text);
  if (text.starts_with('>')) text = TRY(take_separators(text, query));
  for (std::size_t comma; (comma = text.find(',')) != text.npos;) {
    std::string_view word = trimmed(text.substr(0, comma));
    if (!take_modifier(base::lower(word), query))
      return fail(Code::syntax, quote(word) +
                                    " is no modifier of a dnsdb lookup: defer_..., "
                                    "dnssec_..., retrans_TIME, retry_N");
    text = skip_blanks(text.substr(comma + 1));
  }
  if (std::size_t equals = text.find('='); equals != text.npos) {
    std::string type = base::lower(trimmed(text.substr(0, equals)));
    if (!is_type(type))
      return fail(Code::syntax, quote(type) + " is no type of a dnsdb lookup");
    query.type = type;
    text = skip_blanks(text.substr(equals + 1));
  }
  ListReader names(text);
  for (std::string_view name; names.next(name);)
    if (!name.empty()) query.names.emplace_back(name);
  return query;
}

Outcome<std::optional<std::string>> ask_dnsdb(const DnsdbQuery& query,
                                              Evaluation& evaluation) {
  using OnDefer = DnsdbQuery::OnDefer;
  std::string out;
  bool found = false, authenticated = true;
  std::string deferred;
  for (const std::string& name : query.names)
    for (Question& question : questions(query, name)) {
      std::string what = question.type + " " + question.name;
      auto answer = ask(query, std::move(question), evaluation);
      if (!answer && answer.error().kind != Failure::Kind::defer)
        return std::unexpected(std::move(answer).error());
      if (!answer || answer->answer == Answer::defer) {
        deferred = "the DNS did not answer for " + quote(what);
        if (query.on_defer == OnDefer::strict) return defer(std::move(deferred));
        continue;
      }
      if (query.only_authenticated && !answer->authenticated) continue;
      for (const auto& fields : answer->records) {
        std::string text = record_text(query, fields);
        if (text.empty()) continue;
        if (found) out += query.record_separator;
        out += text;
        found = true;
        authenticated = authenticated && answer->authenticated;
      }
    }
  if (auto id = find_variable("lookup_dnssec_authenticated"))
    evaluation.context.set_variable(*id, !found ? "" : authenticated ? "yes" : "no");
  if (found) return out;
  if (!deferred.empty() && query.on_defer != OnDefer::never)
    return defer(std::move(deferred));
  return std::nullopt;
}

}  // namespace policy
