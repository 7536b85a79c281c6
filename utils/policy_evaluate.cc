// SPDX-License-Identifier: Apache-2.0
//
// The actions that evaluate one question: match, route, retry; and what all that
// evaluate begin with.
#include <algorithm>
#include <iostream>
#include <utility>

#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "policy/expression.h"
#include "utils/expression.h"
#include "utils/policy_session.h"
#include "utils/policy_tool.h"
#include "utils/print.h"

namespace utils {

namespace {

using base::Code;
using base::Result;

constexpr std::size_t kLargestMessage = std::size_t{1} << 30;

// What the tool was asked and could not do, in the lines above: exit status 1.
std::unexpected<base::Error> not_all() {
  return base::fail(Code::partial, "");
}

std::optional<policy::ListKind> list_kind(std::string_view word) {
  using policy::ListKind;
  for (auto [name, kind] :
       {std::pair{"domain", ListKind::domain}, std::pair{"host", ListKind::host},
        std::pair{"address", ListKind::address},
        std::pair{"local_part", ListKind::local_part}, std::pair{"ip", ListKind::ip}})
    if (word == name) return kind;
  return {};
}

// What would lie in the spool.
void append_message(const PaperMessage& message, std::string& out) {
  out += "MESSAGE: <" + base::printable(message.sender) + ">";
  for (const std::string& recipient : message.recipients)
    out += " " + base::printable(recipient);
  out += message.frozen ? " (frozen)\n" : message.queue.empty() ? "\n" : " (queued)\n";
  for (const auto& [name, value] : message.variables)
    out += "  " + name + " = " + base::printable(value) + "\n";
  for (const auto& header : message.headers) {
    std::string_view text = header.text;
    if (text.ends_with('\n')) text.remove_suffix(1);
    out += std::string("  ") + header.type + " " + base::printable(text) + "\n";
  }
}

bool is_well(const policy::RoutedAddress& routed) {
  return routed.outcome != policy::RoutedAddress::Outcome::fail &&
         routed.outcome != policy::RoutedAddress::Outcome::defer;
}

}  // namespace

std::string_view word_of(policy::Failure::Kind kind) {
  switch (kind) {
    case policy::Failure::Kind::forced:
      return "forced";
    case policy::Failure::Kind::defer:
      return "deferred";
    default:
      return "failed";
  }
}

Result<policy::Loaded> load_sound_policy(const base::CommonOptions& common) {
  auto file = TRY(policy::read_policy_file(common));
  auto loaded = TRY(policy::load_policy(file, common, policy::Program::any()));
  if (loaded.policy) return loaded;
  std::cerr << loaded.source.format(loaded.diagnostics.errors, "error",
                                    loaded.diagnostics.more_errors);
  return base::fail(Code::config, "");
}

Result<void> fill(policy::ScriptedContext& context, const PolicyOptions& options) {
  if (!options.message.empty())
    context.set_message(TRY(base::read_file(options.message, kLargestMessage)));
  for (const std::string& setting : options.settings) {
    auto equals = setting.find('=');
    std::string name = setting.substr(0, equals);
    if (equals == std::string::npos)
      return base::fail(Code::usage,
                        "--set " + setting + ": '=' is missing: write NAME=VALUE");
    std::string value = setting.substr(equals + 1);
    bool named = name.starts_with("acl_c") || name.starts_with("acl_m") ||
                 name.starts_with("r_");
    if (named) {
      context.set_named_variable(name, value);
      continue;
    }
    auto id = policy::find_variable(name);
    if (!id) {
      std::vector<std::string_view> known;
      for (const auto& variable : policy::variables()) known.push_back(variable.name);
      return base::fail(Code::usage, "--set " + name + ": there is no such variable" +
                                         policy::did_you_mean(name, known));
    }
    if (name == "sender_host_address") context.host_address = value;
    if (name == "sender_host_name") context.names_of_host = {value};
    context.set_variable(*id, value);
  }
  return {};
}

Result<void> match_list(const PolicyOptions& options) {
  if (options.operands.size() != 3)
    return base::fail(Code::usage,
                      "match: write KIND LIST SUBJECT, as in: match domain "
                      "'+local_domains : *.example.org' a.example.org");
  const std::string& subject = options.operands[2];
  auto kind = list_kind(options.operands[0]);
  if (!kind)
    return base::fail(Code::usage,
                      policy::quote(options.operands[0]) +
                          " is no kind of list: write domain, local_part, address, "
                          "host or ip");
  auto loaded = TRY(load_sound_policy(options.common));
  policy::ScriptedContext context;
  TRY(fill(context, options));
  if (*kind == policy::ListKind::host) context.host_address = subject;

  policy::Diagnostics diagnostics;
  auto list = policy::parse_lone_list(*loaded.policy, *kind, options.operands[1],
                                      policy::Program::any(), diagnostics);
  if (auto judged = judge(diagnostics); !judged)
    return std::unexpected(base::at("match", judged.error()));
  policy::Evaluation evaluation{.policy = *loaded.policy, .context = context};
  auto matched =
      policy::match(*list, {.text = subject, .host = context.host()}, evaluation);
  if (!matched) {
    TRY(put(std::string(word_of(matched.error().kind)) + ": " +
            base::printable(matched.error().text) + "\n"));
    return not_all();
  }
  TRY(put(matched->matched ? "yes: " + base::printable(matched->data) + "\n" : "no\n"));
  if (!matched->matched) return not_all();
  return {};
}

Result<void> route_addresses(const PolicyOptions& options) {
  if (options.operands.empty())
    return base::fail(Code::usage, "route: an address is missing");
  auto loaded = TRY(load_sound_policy(options.common));
  policy::ScriptedContext context;
  TRY(fill(context, options));
  std::string out;
  bool all_well = true;
  for (const std::string& address : options.operands) {
    auto routed =
        policy::route(*loaded.policy, address, policy::RoutePurpose::test, context);
    all_well = all_well && std::ranges::all_of(routed, is_well);
    for (const std::string& line :
         policy::describe_routes(*loaded.policy, std::move(routed)))
      out += line + "\n";
  }
  TRY(put(out));
  if (!all_well) return not_all();
  return {};
}

Result<void> show_retry_rule(const PolicyOptions& options) {
  if (options.operands.empty() || options.operands.size() > 2)
    return base::fail(Code::usage, "retry: write ADDRESS, or ADDRESS ERROR");
  const std::string& address = options.operands[0];
  policy::RetryQuestion question{
      .address = address, .host = {}, .error = {}, .sender = {}};
  if (options.operands.size() > 1) {
    auto error = policy::parse_retry_error(options.operands[1]);
    if (!error)
      return base::fail(Code::usage, policy::quote(options.operands[1]) +
                                         " is no error of retry rules: write one like "
                                         "timeout_connect, refused_MX, rcpt_4xx, "
                                         "quota_7d");
    question.error = *error;
  }
  auto loaded = TRY(load_sound_policy(options.common));
  policy::ScriptedContext context;
  TRY(fill(context, options));
  const auto* rule = policy::find_retry_rule(*loaded.policy, question, context);
  if (!rule) {
    TRY(put("No retry information found\n"));
    return not_all();
  }
  return put("Retry rule: " + policy::format_retry_rule(*rule) + "\n");
}

Result<void> try_session(const PolicyOptions& options) {
  if (options.operands.size() != 1)
    return base::fail(Code::usage, "session: write the address of one client");
  auto loaded = TRY(load_sound_policy(options.common));
  PolicySession session(loaded.policy, options.operands.front());
  TRY(fill(session.context(), options));
  std::size_t said = 0, logged = 0, kept = 0;
  auto show = [&]() -> Result<void> {
    std::string out;
    for (policy::Diagnostic& clause : std::exchange(session.context().clauses, {})) {
      if (!options.common.verbose) break;
      clause.origin.column = 0;
      out += "ACL: " + loaded.source.place(clause.origin) + ": " +
             base::printable(clause.text) + "\n";
    }
    for (; logged < session.log().size(); ++logged)
      out += "LOG: " + session.log()[logged] + "\n";
    for (; said < session.replies().size(); ++said)
      out += session.replies()[said] + "\n";
    for (; options.common.verbose && kept < session.messages().size(); ++kept)
      append_message(session.messages()[kept], out);
    return put(out);
  };
  session.begin();
  TRY(show());
  for (std::string line; !session.over() && std::getline(std::cin, line);) {
    if (line.ends_with('\r')) line.pop_back();
    session.take_line(line);
    TRY(show());
  }
  session.end();
  return show();
}

}  // namespace utils
