// SPDX-License-Identifier: Apache-2.0
//
// The actions that read only: check, print.
#include <algorithm>
#include <tuple>

#include "base/json.h"
#include "utils/policy_reference.h"
#include "utils/policy_tool.h"
#include "utils/print.h"

namespace utils {

namespace {

using base::Code;
using base::Result;

struct Finding {
  policy::Diagnostic diagnostic;
  std::string_view severity;
};

// What was found, in the order of the files.
std::vector<Finding> findings(const policy::Diagnostics& diagnostics, bool provenance) {
  std::vector<Finding> all;
  for (const auto& error : diagnostics.errors) all.push_back({error, "error"});
  for (const auto& warning : diagnostics.warnings) all.push_back({warning, "warning"});
  for (const auto& note : diagnostics.notes)
    if (provenance || !note.text.starts_with("provenance: "))
      all.push_back({note, "note"});
  std::ranges::stable_sort(all, {}, [](const Finding& finding) {
    const policy::Origin& origin = finding.diagnostic.origin;
    return std::tuple(origin.file, origin.line, origin.column);
  });
  return all;
}

void append_place(base::Json& json, const policy::Places& places,
                  const policy::Origin& origin) {
  json.member("file", origin.file < places.files.size() ? places.files[origin.file].name
                                                        : std::string());
  json.member("line", origin.line);
}

void append_json(std::string& out, const policy::Places& places,
                 const Finding& finding) {
  base::Json json(out);
  json.begin_object();
  append_place(json, places, finding.diagnostic.origin);
  json.member("column", finding.diagnostic.origin.column);
  json.member("severity", finding.severity);
  auto parts = policy::with_notes(finding.diagnostic.text);
  json.member("text", parts.front());
  json.key("notes").begin_array();
  for (std::size_t i = 1; i < parts.size(); ++i) json.value(parts[i]);
  json.end_array().end_object();
  out += '\n';
}

// The operand of check and print is another way to say -C.
Result<base::CommonOptions> with_file(const PolicyOptions& options) {
  base::CommonOptions common = options.common;
  if (options.operands.size() > 1)
    return base::fail(Code::usage, options.action + ": one file at a time");
  if (!options.operands.empty()) common.config = options.operands.front();
  return common;
}

// Does a password or a key stand in it?
bool is_secret(const policy::Places& places, const policy::SourceText& line) {
  policy::Origin first = line.origin(), last = line.origin(line.bytes().size());
  for (auto number = first.line; number <= last.line; ++number)
    if (places.secret_lines.contains({first.file, number})) return true;
  return false;
}

}  // namespace

Result<void> check_policy(const PolicyOptions& options) {
  const auto program =
      policy::find_program(options.program).value_or(policy::Program::any());
  auto common = TRY(with_file(options));
  auto file = TRY(policy::read_policy_file(common));
  auto loaded = TRY(policy::load_policy(file, common, program));
  std::string out;
  for (const Finding& finding : findings(loaded.diagnostics, options.provenance)) {
    if (options.json)
      append_json(out, loaded.source, finding);
    else if (finding.severity != "note" || options.common.verbose || options.provenance)
      out += loaded.source.format(finding.diagnostic, finding.severity) + "\n";
  }
  TRY(put(out));
  const policy::Diagnostics& found = loaded.diagnostics;
  if (found.more_errors + found.more_warnings > 0 && !options.json)
    TRY(put("... and " + std::to_string(found.more_errors) + " more errors, " +
            std::to_string(found.more_warnings) + " more warnings\n"));
  bool wrong = !found.errors.empty() || (options.werror && !found.warnings.empty());
  if (wrong) return base::fail(Code::config, "");
  return {};
}

Result<void> print_policy(const PolicyOptions& options) {
  if (options.reference) return put(language_reference());
  auto common = TRY(with_file(options));
  auto file = TRY(policy::read_policy_file(common));
  auto lines = TRY(policy::read_lines(file, common));
  auto loaded = TRY(policy::load_policy(file, common, policy::Program::any()));
  const policy::Places& source = loaded.source;
  std::string out;
  for (const policy::SourceText& line : lines.lines) {
    policy::Origin origin = line.origin();
    std::string text(line.bytes());
    if (is_secret(source, line)) text = text.substr(0, text.find('=')) + "= (hidden)";
    if (options.json) {
      base::Json json(out);
      json.begin_object();
      append_place(json, source, origin);
      json.member("text", text).end_object();
    } else {
      origin.column = 0;
      out += source.place(origin) + ": " + text;
    }
    out += '\n';
  }
  TRY(put(out));
  if (loaded.diagnostics.errors.empty()) return {};
  return base::fail(Code::config, "there are errors: `bobbin policy check` shows them");
}

}  // namespace utils
