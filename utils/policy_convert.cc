// SPDX-License-Identifier: Apache-2.0
//
// The action convert: what convert.h finds out, told and written down.
#include "base/failures.h"
#include "base/safe_file.h"
#include "utils/convert.h"
#include "utils/policy_tool.h"
#include "utils/print.h"

namespace utils {

namespace {

// Settings that an Exim was built with, and we have a default of our own for.
void warn_of_defaults(const policy::Loaded& loaded, const std::string& file) {
  if (loaded.policy->main.has("spool_directory")) return;
  base::complain(file +
                 ": spool_directory is not set: Exim has one built in (`exim -bP "
                 "spool_directory` tells), bobbin takes /var/spool/bobbin: set it to "
                 "share a spool");
}

base::Result<void> write_down(std::string_view text,
                              const std::filesystem::path& path) {
  auto file = TRY(base::SafeFile::create(path.string() + ".new"));
  TRY(file.write(text));
  return file.commit(path);
}

}  // namespace

base::Result<void> convert_policy(const PolicyOptions& options) {
  if (options.operands.size() != 1)
    return base::fail(base::Code::usage, "convert: name one Exim configuration file");
  base::CommonOptions common = options.common;
  common.config = options.operands.front();
  policy::PolicyFile file = TRY(policy::read_policy_file(common));
  const auto program = policy::Program::any();
  TRY(policy::read_lines(file, common));  // -D is sound, so the others cannot fail
  auto with = [&](std::string_view text) {
    return policy::PolicyFile{file.name, std::string(text)};
  };
  Reading reading{
      [&](std::string_view text) { return *policy::read_lines(with(text), common); },
      [&](std::string_view text) {
        return *policy::load_policy(with(text), common, program);
      }};
  Conversion conversion = convert(file.text, reading);
  for (const Change& change : conversion.changes)
    base::complain(file.name.string() + ":" + std::to_string(change.line) + ": " +
                   change.what + " is left out: " + change.why + ": " +
                   change.consequence);
  const policy::Loaded& loaded = conversion.loaded;
  if (!loaded.policy) {
    for (const policy::Diagnostic& error : loaded.diagnostics.errors)
      base::complain(loaded.source.place(error.origin) + ": " + error.text);
    return base::fail(
        base::Code::config,
        file.name.string() + ": cannot be converted: see to these errors first");
  }
  warn_of_defaults(loaded, file.name);
  if (options.output.empty())
    TRY(put(conversion.text));
  else
    TRY(write_down(conversion.text, options.output));
  if (conversion.changes.empty()) return {};
  return base::fail(base::Code::partial,
                    std::to_string(conversion.changes.size()) +
                        " pieces were left out; they stand as comments beginning with "
                        "#bobbin in the policy");
}

}  // namespace utils
