// SPDX-License-Identifier: Apache-2.0
//
// Every row of expand-cases.tsv, by its column `dialect` (format:
// conformance/policy/README.md).
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/evaluation.h"
#include "policy/expression.h"
#include "policy/policy.h"
#include "policy/scripted_context.h"
#include "tests/policy/policy_cases.h"
#include "tests/support/cases.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;

struct Row {
  std::string id, context, kind, expression, expected, dialect, want;
  std::string group() const { return id.substr(0, id.find('-')); }
};

std::vector<Row> rows_of(const fs::path& file) {
  std::vector<Row> rows;
  for (const std::string& line : cases::split(cases::slurp(file), '\n')) {
    if (line.empty() || line.starts_with('#') || line.starts_with("id\t")) continue;
    auto columns = cases::split(line, '\t');
    columns.resize(7);
    rows.push_back({columns[0], columns[1], columns[2], columns[3], columns[4],
                    columns[5], columns[6]});
  }
  return rows;
}

// Rows that are not done as the set wants it, and why.
const std::map<std::string, std::string> kWaived = {};

// A set with its files copied to a place of its own.
class Bench {
 public:
  explicit Bench(const fs::path& set) {
    fs::create_directories(spool());
    fs::copy(set / "data", data(), fs::copy_options::recursive);
    for (const auto& entry : fs::recursive_directory_iterator(data())) {
      if (!entry.is_regular_file()) continue;
      std::string text = cases::slurp(entry.path());
      std::ofstream(entry.path(), std::ios::binary) << placed(text);
    }
    loaded_ = cases::load(placed(cases::slurp(set / "base.conf")));
  }

  fs::path data() const { return dir_.path() / "data"; }
  fs::path spool() const { return dir_.path() / "spool"; }
  std::string placed(std::string text) const {
    return cases::replaced(
        std::move(text), {{"@DATA@", data().string()}, {"@SPOOL@", spool().string()}});
  }
  const policy::Policy* policy() const { return loaded_.policy.get(); }
  std::string errors() const {
    std::string text;
    for (const auto& error : loaded_.diagnostics.errors)
      text += loaded_.source.format(error, "error") + "\n";
    return text;
  }

  void set_up(policy::ScriptedContext& context, const std::string& name) const {
    auto& v = context.variables;
    if (name == "plain") return;
    if (name == "msg") {
      context.set_message(cases::slurp(data() / "msg1.eml"));
      v["sender_address"] = "Alice.Sender@client.example.com";
      v["sender_address_local_part"] = "Alice.Sender";
      v["sender_address_domain"] = "client.example.com";
      v["sender_host_port"] = "4567";
      v["sender_host_name"] = "mail.client.example.com";
      v["interface_address"] = "198.51.100.7";
      v["received_protocol"] = "esmtp";
      v["sender_ident"] = "ident1";
      context.host_address = "192.0.2.33";
      context.names_of_host = {"mail.client.example.com"};
    } else {
      context.set_message(cases::slurp(data() / "msg2.eml"));
      v["sender_host_port"] = "50000";
      v["interface_address"] = "2001:db8::1";
      v["received_protocol"] = "smtp";
      v["sender_host_authenticated"] = "login";
      v["authenticated_id"] = "user1";
      context.host_address = "2001:db8::9";
    }
    v["interface_port"] = "25";
    v["sender_host_address"] = context.host_address;
  }

 private:
  support::TempDir dir_;
  policy::Loaded loaded_;
};

struct Result {
  std::string kind;  // "load", "ok", "forced", "defer", "fail"
  std::string text;
};

Result evaluated(const Bench& bench, const Row& row) {
  policy::Diagnostics diagnostics;
  auto text = policy::parse_expression(*bench.policy(),
                                       bench.placed(cases::decoded(row.expression)),
                                       policy::Program::any(), diagnostics);
  if (!diagnostics.errors.empty()) return {"load", diagnostics.errors[0].text};
  policy::ScriptedContext context;
  bench.set_up(context, row.context);
  policy::Evaluation evaluation{.policy = *bench.policy(), .context = context};
  auto result = policy::expand(text, evaluation);
  if (result) return {"ok", *result};
  switch (result.error().kind) {
    case policy::Failure::Kind::forced:
      return {"forced", result.error().text};
    case policy::Failure::Kind::defer:
      return {"defer", result.error().text};
    default:
      return {"fail", result.error().text};
  }
}

// Nothing if `result` is what the row wants, else what it wants.
std::optional<std::string> judged(const Bench& bench, const Row& row,
                                  const Result& result) {
  bool refused = result.kind == "load" || result.kind == "fail";
  auto want_text = [&](const std::string& text) -> std::optional<std::string> {
    std::string wanted = bench.placed(cases::decoded(text));
    if (result.kind == "ok" && result.text == wanted) return {};
    return "ok: " + wanted;
  };
  auto want = [&](bool good, std::string what) -> std::optional<std::string> {
    if (good) return {};
    return what;
  };
  if (row.dialect == "any") return {};
  if (row.dialect == "load" || row.dialect == "excl")
    return want(result.kind == "load", "refused at load");
  if (row.dialect == "diff") {
    if (row.want.starts_with("ok:")) return want_text(row.want.substr(3));
    return want(result.kind == row.want || (row.want == "fail" && refused), row.want);
  }
  if (row.kind == "ok") return want_text(row.expected);
  if (row.kind == "fail" || row.kind == "panic") return want(refused, "a failure");
  return want(result.kind == row.kind, row.kind);
}

TEST(ExpandCasesData, EveryRowByItsDialect) {
  auto sets = support::find_case_sets("conformance", "policy");
  if (sets.empty()) GTEST_SKIP() << support::no_cases("conformance/policy");
  std::size_t waived = 0;
  for (const fs::path& set : sets) {
    if (!fs::exists(set / "expand-cases.tsv")) continue;
    support::CaseCount count(set.filename().string());
    Bench bench(set);
    ASSERT_NE(bench.policy(), nullptr) << bench.errors();
    for (const Row& row : rows_of(set / "expand-cases.tsv")) {
      auto wanted = judged(bench, row, evaluated(bench, row));
      count.ran(row.group());
      if (!wanted) continue;
      if (kWaived.contains(row.id)) {
        ++waived;
        continue;
      }
      Result result = evaluated(bench, row);
      ADD_FAILURE() << row.id << " (" << row.dialect << "): " << row.expression
                    << "\n  gives " << result.kind << ": " << result.text
                    << "\n  wanted " << *wanted;
    }
  }
  EXPECT_LE(waived, 10U);
}

}  // namespace
