// SPDX-License-Identifier: Apache-2.0
//
// bobbin-check: is this spool sound?  And with --fix: what can be mended without loss.
//
// Which queues, what is said of each finding, and the exit status; what is wrong with
// a file is the checker's affair.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/cli.h"
#include "base/clock.h"
#include "base/failures.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "utils/checker.h"
#include "utils/selection.h"

namespace {

namespace fs = std::filesystem;
using base::Code;
using base::Result;
using spoolfmt::MessageId;
using utils::Counts;
using utils::Finding;

struct Options {
  base::CommonOptions common;
  utils::Selection selection;  // operands only
  bool fix = false;
  bool json = false;
};

void describe(base::Cli& cli, Options& options) {
  cli.about("bobbin-check", "[OPTION...] [ID...]",
            "Judge the files of a spool: damaged, orphaned, misplaced, left behind.");
  cli.flag("fix", 0, options.fix, "mend what can be mended without loss");
  cli.flag("json", 0, options.json, "one JSON object per line, sound messages too");
  cli.operands("ID...", options.selection.operands,
               "only these messages; - reads ids from standard input");
  cli.common(options.common);
}

// Mends, if it may, and prints.
class Reporter {
 public:
  Reporter(const Options& options, base::Failures& failures)
      : options_(options), failures_(failures) {}

  Result<void> report(const Finding& finding) {
    std::string mended;
    if (options_.fix && finding.fix) {
      auto done = finding.fix();
      if (done) {
        mended = std::move(*done);
        ++mended_;
      } else {
        failures_.add(done.error());
      }
    }
    if (options_.json)
      put_json(finding, mended);
    else if (!finding.judgement.ok())
      put_text(finding, mended);
    return out_.size() > (std::size_t{64} << 10) ? flush() : Result<void>{};
  }

  Result<void> flush() {
    auto written = base::write_all(STDOUT_FILENO, out_, "stdout");
    out_.clear();
    return written;
  }

  std::size_t mended() const { return mended_; }

 private:
  void put_json(const Finding& finding, const std::string& mended) {
    base::Json json(out_);
    json.begin_object();
    json.key("id");
    if (finding.id.empty())
      json.null();
    else
      json.value(finding.id.text());
    json.member("file", finding.file);
    json.member("verdict", utils::name_of(finding.judgement.verdict));
    json.key("line");
    if (finding.judgement.line == 0)
      json.null();
    else
      json.value(finding.judgement.line);
    json.member("what", finding.judgement.what);
    if (options_.fix) {
      json.key("fixed");
      if (mended.empty())
        json.null();
      else
        json.value(mended);
    }
    json.end_object();
    out_ += '\n';
  }

  void put_text(const Finding& finding, const std::string& mended) {
    std::string line = finding.file + ": " +
                       std::string(utils::name_of(finding.judgement.verdict)) + ": ";
    if (finding.judgement.line != 0)
      line += "line " + std::to_string(finding.judgement.line) + ": ";
    line += finding.judgement.what;
    if (!mended.empty()) line += ": " + mended;
    out_ += base::printable(line) + "\n";
  }

  const Options& options_;
  base::Failures& failures_;
  std::size_t mended_ = 0;
  std::string out_;
};

// The queue of -G, or else the default queue and all named ones.
std::vector<std::string> queues(const spoolfmt::Spool& spool) {
  std::vector<std::string> names{spool.queue()};
  if (!spool.queue().empty()) return names;
  std::error_code trouble;  // the checks to come tell what cannot be read
  for (const auto& item : fs::directory_iterator(spool.directory(), trouble))
    if (fs::is_directory(item.path() / "input", trouble))
      names.push_back(item.path().filename().string());
  std::sort(names.begin() + 1, names.end());
  return names;
}

std::string plural(std::size_t number, const char* noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

Result<void> print_summary(const Counts& counts, std::size_t mended) {
  std::string line = plural(counts.messages, "message") + ", " +
                     std::to_string(counts.unsound) + " of them unsound; " +
                     plural(counts.files, "other file") + " in the way";
  if (mended != 0) line += "; " + std::to_string(mended) + " mended";
  return base::write_all(STDOUT_FILENO, line + "\n", "stdout");
}

Result<void> run(const Options& options) {
  auto spool = TRY(utils::open_spool(options.common));
  auto ids = TRY(utils::operand_ids(options.selection, options.common.verbose));
  if (ids.empty() && !options.selection.operands.empty()) return {};
  utils::Scope scope{{ids.begin(), ids.end()}, options.common.verbose, {}};
  std::set<MessageId> seen;
  base::Failures failures;
  Counts counts;
  Reporter reporter(options, failures);
  auto report = [&](const Finding& finding) { return reporter.report(finding); };
  for (const std::string& name : queues(spool)) {
    auto queue = TRY(spoolfmt::Spool::open(spool.directory(), name, spool.split()));
    scope.now = base::SystemClock().now();
    TRY(utils::check_queue(queue, scope, report, counts, seen, failures));
    TRY(reporter.flush());
  }
  if (!options.json) TRY(print_summary(counts, reporter.mended()));
  for (const MessageId& id : ids) {
    if (seen.contains(id)) continue;
    base::Error error{Code::not_found, id.str() + ": no such message in this spool"};
    if (ids.size() == 1) return std::unexpected(error);
    failures.add(error);
  }
  if (counts.unsound + counts.files > reporter.mended())
    return base::fail(Code::partial, "");
  return failures.result();
}

}  // namespace

int main(int argc, char** argv) {
  return base::tool_main(argc, argv, describe, run);
}
