// SPDX-License-Identifier: Apache-2.0
#include "engine/dns_questions.h"

#include <optional>

#include "policy/evaluation.h"
#include "policy/policy.h"

namespace engine {

using base::Code;

base::Result<std::vector<std::string>> addresses_of(std::string_view name,
                                                    const Ask& ask) {
  std::vector<std::string> addresses;
  std::optional<base::Error> trouble;
  for (std::string_view type : {"a", "aaaa"}) {
    auto found = ask(type, name);
    if (!found) {
      if (found.error().code == Code::temporary) trouble = std::move(found.error());
      continue;
    }
    for (const auto& record : found->records)
      if (!record.empty()) addresses.push_back(record.front());
  }
  if (addresses.empty() && trouble) return std::unexpected(std::move(*trouble));
  return addresses;
}

policy::DnsAnswer answer(const policy::Policy& policy, policy::Context& context,
                         const Ask& ask, std::string_view type, std::string_view name) {
  using policy::Answer;
  policy::DnsAnswer answer;
  auto records = ask(type, name);
  if (!records) {
    // What cannot be a name has no records.
    bool later = records.error().code == Code::temporary;
    answer.answer = later ? Answer::defer : Answer::no;
    const policy::List* hopeless = policy.main.list("dns_again_means_nonexist");
    if (later && hopeless) {
      policy::Evaluation evaluation{policy, context};
      auto found = policy::match(*hopeless, {name, {}}, evaluation);
      if (found && found->matched) answer.answer = Answer::no;
    }
    return answer;
  }
  if (records->status == net::DnsRecords::Status::found) answer.answer = Answer::yes;
  answer.records = std::move(records->records);
  answer.authenticated = records->secure;
  return answer;
}

}  // namespace engine
