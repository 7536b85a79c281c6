// SPDX-License-Identifier: Apache-2.0
//
// bobbin-edit: changes envelope, header lines and ACL variables of queued messages, as
// exim -Mes, -Mar, -Mmd and -Mmad and beyond.
#include <optional>
#include <string>
#include <vector>

#include "base/cli.h"
#include "utils/change.h"

namespace {

using base::Result;
using utils::Changes;

struct Options : utils::ChangeOptions {
  std::optional<std::string> sender;
  std::vector<std::string> recipients, delivered, removed_headers;
  std::vector<spoolfmt::Header> headers;
  std::vector<spoolfmt::Option> variables;
  bool all_delivered = false;

  bool says_nothing() const {
    return !sender && recipients.empty() && delivered.empty() &&
           removed_headers.empty() && headers.empty() && variables.empty() &&
           !all_delivered;
  }
};

// A repeatable option whose argument is checked by `parse` while it is read.
template <class T>
base::Cli::Setter adds_to(std::vector<T>& target,
                          Result<T> (*parse)(std::string_view)) {
  return [&target, parse](std::string_view text) -> Result<void> {
    target.push_back(TRY(parse(text)));
    return {};
  };
}

Result<std::string> parse_recipient(std::string_view text) {
  return utils::parse_address(text);
}

void describe(base::Cli& cli, Options& options) {
  cli.about("bobbin-edit", "[OPTION...] EDIT... [ID...]",
            "Change queued messages; all edits of a message happen, or none.");
  cli.group("Edits, in the order in which they are made");
  cli.custom("sender", 'f', "ADDRESS", "set the envelope sender; <> for none",
             [&](std::string_view text) -> Result<void> {
               options.sender = TRY(utils::parse_address(text, true));
               return {};
             });
  cli.custom("add-recipient", 'r', "ADDRESS", "append a recipient (repeatable)",
             adds_to(options.recipients, parse_recipient));
  cli.option("mark-delivered", 'd', "ADDRESS", options.delivered,
             "take the recipient for delivered (repeatable)");
  cli.flag("mark-all-delivered", 0, options.all_delivered,
           "take all recipients for delivered");
  cli.custom("remove-header", 0, "NAME", "remove the header lines NAME (repeatable)",
             adds_to(options.removed_headers, utils::parse_header_name));
  cli.custom("add-header", 0, "'NAME: TEXT'", "append a header line (repeatable)",
             adds_to(options.headers, utils::parse_header));
  cli.custom("set-var", 0, "acl_m_NAME=VALUE", "set an ACL variable (repeatable)",
             adds_to(options.variables, utils::parse_variable));
  cli.group("");
  utils::describe_changes(cli, options, false);
}

Result<Changes> edit(const Options& options, spoolfmt::HFile& file) {
  Changes all;
  auto note = [&](Changes changes) {
    for (std::string& change : changes) all.push_back(std::move(change));
  };
  if (options.sender) note(utils::set_sender(file, *options.sender));
  for (const auto& r : options.recipients) note(TRY(utils::add_recipient(file, r)));
  for (const auto& r : options.delivered) note(TRY(utils::mark_delivered(file, r)));
  if (options.all_delivered) note(utils::mark_all_delivered(file));
  for (const auto& name : options.removed_headers)
    note(utils::remove_header(file, name));
  for (const auto& header : options.headers) note(utils::add_header(file, header));
  for (const auto& variable : options.variables)
    note(utils::set_variable(file, variable));
  return all;
}

Result<void> run(const Options& options) {
  if (options.says_nothing())
    return base::fail(base::Code::usage, "no edit is named: see --help");
  auto act = utils::editing([&](spoolfmt::HFile& file) { return edit(options, file); });
  return utils::change_messages(options, act);
}

}  // namespace

int main(int argc, char** argv) {
  return base::tool_main(argc, argv, describe, run);
}
