// SPDX-License-Identifier: Apache-2.0
//
// bobbin-policy: check a policy, try it and take it over from Exim.
//
// One action a question; each is a function of policy_tool.h.
#include <functional>
#include <map>

#include "base/cli.h"
#include "utils/policy_tool.h"

namespace {

using utils::PolicyOptions;

void describe(base::Cli& cli, PolicyOptions& options) {
  cli.about("bobbin-policy", "ACTION [OPTION...] [OPERAND...]",
            "Check and try a policy, or convert Exim's.");
  auto action = [&](const char* word, const char* synopsis, const char* help) {
    cli.action(options.action, word, synopsis, help);
  };
  action("check", "[FILE]", "report all that is wrong");
  action("expand", "[TEXT...]", "show what texts expand to; lines of stdin if none");
  action("match", "KIND LIST SUBJECT", "is it in the list, and by which item");
  action("session", "IP", "answer the SMTP dialogue on stdin as a server would");
  action("route", "ADDRESS...", "show where addresses go, as exim -bt");
  action("retry", "ADDRESS [ERROR]", "show the retry rule, as exim -brt");
  action("print", "[FILE]", "show the lines that count, macros replaced");
  action("convert", "FILE", "turn an Exim configuration into a policy");
  cli.operands("OPERAND...", options.operands, "see the actions");
  cli.only_for({"check"});
  cli.flag("werror", 0, options.werror, "warnings are errors");
  cli.choice("for", 0, {"receive", "run", "list"}, options.program,
             "the program that is to use it; else all that is known is allowed");
  cli.flag("provenance", 0, options.provenance,
           "show which values strangers can choose, and what follows from it");
  cli.only_for({"print"});
  cli.flag("reference", 0, options.reference,
           "print the manual page of the language instead, mdoc(7)");
  cli.only_for({"check", "expand", "print"});
  cli.flag("json", 0, options.json, "one JSON object a line");
  cli.only_for({"expand", "match", "route", "retry", "session"});
  cli.option("message", 'm', "FILE", options.message,
             "a message that header references and body variables see");
  cli.option("set", 0, "NAME=VALUE", options.settings, "give a variable a value");
  cli.only_for({"convert"});
  cli.option("output", 'o', "FILE", options.output,
             "write the policy there, not to standard output");
  cli.group("");
  cli.common(options.common);
}

base::Result<void> run(const PolicyOptions& options) {
  static const std::map<std::string_view,
                        std::function<base::Result<void>(const PolicyOptions&)>>
      actions = {{"check", utils::check_policy},    {"expand", utils::expand_texts},
                 {"match", utils::match_list},      {"session", utils::try_session},
                 {"route", utils::route_addresses}, {"retry", utils::show_retry_rule},
                 {"print", utils::print_policy},    {"convert", utils::convert_policy}};
  return actions.at(options.action)(options);
}

}  // namespace

int main(int argc, char** argv) {
  return base::tool_main(argc, argv, describe, run);
}
