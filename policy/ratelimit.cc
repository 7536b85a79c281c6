// SPDX-License-Identifier: Apache-2.0
#include "policy/ratelimit.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <utility>

#include "policy/acl_clauses.h"
#include "policy/option_value.h"
#include "policy/variable_table.h"

namespace policy {
namespace {

constexpr double kMostLimit = 1e15;

// A decimal, k, m or g for powers of 1024 behind it.
std::optional<double> parse_limit(std::string_view text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value,
                                      std::chars_format::fixed);
  if (error != std::errc() || !(value >= 0 && value < kMostLimit)) return std::nullopt;
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (unit.empty()) return value;
  if (unit == "k" || unit == "K") return value * 1024;
  if (unit == "m" || unit == "M") return value * 1024 * 1024;
  if (unit == "g" || unit == "G") return value * 1024 * 1024 * 1024;
  return std::nullopt;
}

std::unexpected<base::Error> wrong(std::string text) {
  return base::fail(
      base::Code::syntax,
      "error in arguments to \"ratelimit\" condition: " + std::move(text));
}

constexpr auto kPers = std::to_array<std::pair<std::string_view, RateLimit::Per>>(
    {{"per_mail", RateLimit::Per::mail},
     {"per_conn", RateLimit::Per::conn},
     {"per_cmd", RateLimit::Per::cmd},
     {"per_rcpt", RateLimit::Per::rcpt},
     {"per_addr", RateLimit::Per::addr},
     {"per_byte", RateLimit::Per::byte}});

std::string_view name_of(RateLimit::Per per) {
  return kPers[static_cast<std::size_t>(per)].first;
}

std::uint64_t hash_of(std::string_view text, std::uint64_t seed) {
  std::uint64_t hash = 14695981039346656037U ^ (seed * 0x9E3779B97F4A7C15U);
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  hash ^= hash >> 32;
  return hash * 0xD6E8FEB86659FD93U;
}

}  // namespace

base::Result<RateLimit> take_ratelimit(const std::vector<WrittenPart>& parts) {
  RateLimit out;
  if (parts.size() < 2)
    return wrong("a limit and a period are needed, as in '100 / 1h'");
  out.limit_text = parts[0].text;
  auto limit = parse_limit(out.limit_text);
  if (!limit) return wrong(in_quotes(out.limit_text) + " is not a positive number");
  out.limit = *limit;
  out.period_text = parts[1].text;
  auto period = parse_time(out.period_text);
  if (!period || period->count() <= 0)
    return wrong(in_quotes(out.period_text) + " is not a time value");
  out.period = *period;
  bool any_per = false, leaky = false, noupdate = false;
  for (auto part = parts.begin() + 2; part != parts.end(); ++part) {
    auto per = std::ranges::find_if(
        kPers, [&](const auto& each) { return part->is(each.first); });
    if (per != kPers.end()) {
      if (std::exchange(any_per, true)) return wrong("conflicting per_* options");
      out.per = per->second;
    } else if (part->is("strict")) {
      out.strict = true;
    } else if (part->is("leaky")) {
      leaky = true;
    } else if (part->is("readonly") || part->is("noupdate")) {
      noupdate = true;
    } else if (part->starts_with("count=")) {
      std::string_view text = trimmed(std::string_view(part->text).substr(6));
      out.count = parse_limit(text);
      if (!out.count) return wrong(in_quotes(text) + " is not a positive number");
    } else if (part->starts_with("unique=")) {
      out.unique = std::string(trimmed(std::string_view(part->text).substr(7)));
    } else {
      out.key.append(out.key.empty() ? "" : "/").append(part->text);
    }
  }
  out.readonly = noupdate;
  if (int(out.strict) + int(leaky) + int(noupdate) > 1)
    return wrong("conflicting update modes: one of leaky, strict and readonly");
  return out;
}

double next_rate(const std::optional<RateEntry>& entry, double count,
                 std::chrono::microseconds now, std::chrono::seconds period) {
  if (!entry) return count;
  using Seconds = std::chrono::duration<double>;
  // Two events at once, or a clock that was set back.
  double interval = std::max(Seconds(now - entry->at).count(), 1e-9);
  double ratio = interval / Seconds(period).count();
  double old_weight = std::exp(-ratio);
  double rate = (1 - old_weight) * count / ratio + old_weight * entry->rate;
  return std::max(rate, count);
}

bool add_unique(std::string& unique, std::string_view value, double limit,
                std::chrono::microseconds now, std::chrono::seconds period) {
  constexpr double kBitsEach = 32;
  constexpr std::size_t kLeast = 64, kMost = std::size_t{1} << 16;
  constexpr std::uint64_t kHashes = 4;
  std::int64_t begun = 0;
  bool fresh = unique.size() <= sizeof begun;
  if (!fresh) {
    std::memcpy(&begun, unique.data(), sizeof begun);
    fresh = now - std::chrono::microseconds(begun) > period;
  }
  if (fresh) {
    double bytes = std::min(limit * kBitsEach / 8, double(kMost));
    begun = now.count();
    unique.assign(sizeof begun + std::max(static_cast<std::size_t>(bytes), kLeast),
                  '\0');
    std::memcpy(unique.data(), &begun, sizeof begun);
  }
  std::size_t bits = (unique.size() - sizeof begun) * 8;
  bool added = false;
  for (std::uint64_t seed = 0; seed < kHashes; ++seed) {
    std::size_t bit = hash_of(value, seed) % bits;
    char& byte = unique[sizeof begun + bit / 8];
    auto mask = static_cast<char>(1U << (bit % 8));
    added = added || (byte & mask) == 0;
    byte = static_cast<char>(byte | mask);
  }
  return added;
}

std::map<std::string, double, std::less<>>& RateMemory::rates(RateLimit::Per per) {
  switch (per) {
    case RateLimit::Per::conn:
      return connection_;
    case RateLimit::Per::mail:
    case RateLimit::Per::byte:
      return message_;
    default:
      return command_;
  }
}

namespace {

// What one event counts, where the policy does not say it.
Outcome<double> usual_count(RateLimit::Per per, Evaluation& evaluation) {
  bool at_end = !Phases{Phase::rcpt, Phase::mail, Phase::connect, Phase::helo}.contains(
      evaluation.phase);
  VariableId id = variable_id("message_size");
  if (per == RateLimit::Per::rcpt && at_end)
    id = variable_id("recipients_count");
  else if (per != RateLimit::Per::byte)
    return 1;
  auto text = evaluation.context.variable(id);
  if (!text) return std::unexpected(std::move(text).error());
  double count = 0;
  std::from_chars(text->data(), text->data() + text->size(), count);
  return std::max(count, 0.0);
}

// Where the entry of this limit lies.
Outcome<std::string> full_key(RateLimit& limit, Evaluation& evaluation) {
  Context& context = evaluation.context;
  if (limit.per == RateLimit::Per::addr) {
    // Counts the recipients that differ.
    auto local = context.variable(variable_id("local_part"));
    if (!local) return std::unexpected(std::move(local).error());
    std::string address(*local);
    auto domain = context.variable(variable_id("domain"));
    if (!domain) return std::unexpected(std::move(domain).error());
    limit.unique = address.append("@").append(*domain);
  }
  std::string key = limit.period_text;
  key.append("/").append(name_of(limit.per)).append(limit.unique ? "/unique/" : "/");
  if (limit.key.empty())
    key += context.host().address;
  else
    key += limit.key;
  return key;
}

Outcome<double> measure(const RateLimit& limit, const std::string& key, double count,
                        Context& context) {
  double rate = 0;
  auto now = std::chrono::duration_cast<std::chrono::microseconds>(
      context.now().time_since_epoch());
  auto update = [&](std::optional<RateEntry>& entry) {
    double counted = count;
    std::string unique = entry ? entry->unique : std::string();
    if (limit.unique && !limit.readonly &&
        !add_unique(unique, *limit.unique, limit.limit, now, limit.period))
      counted = 0;
    rate = next_rate(entry, counted, now, limit.period);
    bool stored = !limit.readonly && (limit.strict || rate < limit.limit);
    if (stored) entry = RateEntry{now, rate, std::move(unique)};
    return stored;
  };
  if (auto done = context.rate(key, update); !done)
    return std::unexpected(std::move(done).error());
  return rate;
}

class RatelimitClause : public Clause {
 public:
  RatelimitClause(const ClauseHead& head, const SourceText& argument, Parsing& parsing)
      : Clause(head, argument), parts_(argument, "/", parsing) {
    if (!parts_.literal()) return;
    auto limit = take_ratelimit(parts_.literal_parts());
    if (limit)
      limit_ = std::move(*limit);
    else
      parsing.error(argument.empty() ? head.origin : argument.origin(),
                    limit.error().text);
  }

  Outcome<ClauseResult> run(AclFrame& frame) const override {
    if (limit_) return run(*limit_, frame.evaluation);
    auto parts = parts_.expand(frame.evaluation);
    if (!parts) return std::unexpected(std::move(parts).error());
    auto limit = take_ratelimit(*parts);
    if (!limit) return cannot(std::move(limit).error().text);
    return run(std::move(*limit), frame.evaluation);
  }

 private:
  static Outcome<ClauseResult> run(RateLimit limit, Evaluation& evaluation) {
    Context& context = evaluation.context;
    auto key = full_key(limit, evaluation);
    if (!key) return std::unexpected(std::move(key).error());
    auto count = limit.count ? Outcome<double>(*limit.count)
                             : usual_count(limit.per, evaluation);
    if (!count) return std::unexpected(std::move(count).error());
    if (limit.readonly) count = 0;
    double rate = 0;
    RateMemory* memory = limit.readonly ? nullptr : context.rate_memory();
    bool seen = false;
    if (memory) {
      auto& rates = memory->rates(limit.per);
      auto known = rates.find(*key);
      seen = known != rates.end();
      if (seen) rate = known->second;
    }
    if (!seen) {
      auto measured = measure(limit, *key, *count, context);
      if (!measured) return std::unexpected(std::move(measured).error());
      rate = *measured;
      if (memory) memory->rates(limit.per).emplace(*key, rate);
    }
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.1f", rate);
    context.set_variable(variable_id("sender_rate"), text.data());
    context.set_variable(variable_id("sender_rate_limit"), limit.limit_text);
    context.set_variable(variable_id("sender_rate_period"), limit.period_text);
    return rate < limit.limit ? ClauseResult::fail : ClauseResult::ok;
  }

  PartedText parts_;
  std::optional<RateLimit> limit_;
};

}  // namespace

std::unique_ptr<const Clause> read_ratelimit(const ClauseHead& head,
                                             const SourceText& argument,
                                             Parsing& parsing) {
  return std::make_unique<RatelimitClause>(head, argument, parsing);
}

}  // namespace policy
