// SPDX-License-Identifier: Apache-2.0
#include "policy/acl_call.h"

#include <iterator>
#include <utility>

#include "policy/evaluation.h"
#include "policy/template_parser.h"

namespace policy {

namespace {

// As it was written: the reply's code is a part of the text.
std::string message_of(const AclResult& result) {
  std::string message;
  if (!result.code.empty()) message += result.code + " ";
  if (!result.enhanced.empty()) message += result.enhanced + " ";
  return message + result.message.value_or("");
}

}  // namespace

Outcome<CalledAcl::Answer> CalledAcl::run(Evaluation& evaluation) const {
  std::vector<std::string> arguments;
  arguments.reserve(arguments_.size());
  for (const Template& argument : arguments_)
    arguments.push_back(TRY(expand(argument, evaluation)));
  AclResult result = run_acl(acl_, arguments, evaluation);
  switch (result.verdict) {
    case AclResult::Verdict::accept:
      return Answer{true, message_of(result)};
    case AclResult::Verdict::refuse:
      return Answer{false, message_of(result)};
    case AclResult::Verdict::defer:
      return forced_failure();
    case AclResult::Verdict::drop:
    case AclResult::Verdict::discard:
    case AclResult::Verdict::error:
      break;
  }
  return cannot("ACL " + quote(name_) + " neither accepts nor denies" +
                (result.log_message.empty() ? "" : ": " + result.log_message));
}

std::unique_ptr<const CalledAcl> take_acl_call(TemplateParser& parser) {
  constexpr std::size_t kMostArguments = 9;
  parser.skip_blanks();
  const Origin origin = parser.here();
  auto arguments = parser.take_arguments("'acl'", 1, 1 + kMostArguments);
  if (!arguments) return nullptr;
  Parsing& parsing = parser.parsing();
  const std::string* name = arguments->front().literal();
  if (!name) {
    parsing.error(
        origin,
        "the name of an ACL is written out, it cannot be made of data; choose "
        "between ACLs with 'if'");
    return nullptr;
  }
  auto known = parsing.symbols.acls.find(trimmed(*name));
  if (known == parsing.symbols.acls.end()) {
    std::vector<std::string_view> names;
    for (const auto& [acl, id] : parsing.symbols.acls) names.push_back(acl);
    parsing.error(origin,
                  "there is no ACL " + quote(*name) + did_you_mean(*name, names));
    return nullptr;
  }
  std::string called = *name;
  arguments->erase(arguments->begin());
  auto call = std::make_unique<const CalledAcl>(known->second, std::move(called),
                                                *std::move(arguments));
  AclCall note{parsing.acl, known->second, {}, origin};
  for (const Template& argument : call->arguments_) note.arguments.push_back(&argument);
  parsing.acl_calls.push_back(std::move(note));
  return call;
}

}  // namespace policy
