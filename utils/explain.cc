// SPDX-License-Identifier: Apache-2.0
//
// bobbin-explain: why a message waits, in sentences.
//
// Looks and changes nothing: no lock is taken, one is only tested for, and the memory
// of queue runs is read as it lies there.  What follows from it is why.h's affair.
#include "base/cli.h"
#include "base/clock.h"
#include "base/failures.h"
#include "base/fd.h"
#include "base/file_lock.h"
#include "hints/store.h"
#include "utils/print.h"
#include "utils/selection.h"
#include "utils/why.h"

namespace {

using base::Code;
using base::Result;

struct Options {
  base::CommonOptions common;
  utils::Selection selection;
  bool json = false;
};

void describe(base::Cli& cli, Options& options) {
  cli.about("bobbin-explain", "[OPTION...] [ID...]", "Say why messages wait.");
  cli.flag("json", 0, options.json, "one JSON object per message");
  utils::describe_selection(cli, options.selection, options.common);
  cli.common(options.common);
}

class Explainer {
 public:
  Explainer(const spoolfmt::Spool& spool, bool json)
      : spool_(spool), looker_(spool), json_(json) {}

  // Records are few beside messages, so they are read once.
  Result<void> remember() {
    return hints::read_retry_records(
        spool_.directory(),
        [&](std::string_view key, const hints::RetryRecord& record) {
          records_.push_back({std::string(key), record});
          return true;
        });
  }

  Result<std::string> explain(const spoolfmt::MessageId& id) {
    auto entry = spoolfmt::find_entry(spool_, id);
    if (!entry) {
      if (entry.error().code != Code::not_found) return std::unexpected(entry.error());
      if (!spool_.locate(id, "-D")) return std::unexpected(entry.error());
      return base::fail(Code::syntax,
                        id.str() +
                            ": a body (-D) without an envelope (-H), which is no "
                            "message: bobbin check tells what can be done");
    }
    spoolfmt::Queued queued;
    TRY(looker_.look(*entry, queued));
    std::optional<base::Error> trouble;
    if (queued.h.damage != spoolfmt::Damage::none)
      trouble = base::Error{Code::syntax, queued.entry.h_name() + ": line " +
                                              std::to_string(queued.h.line) + ": " +
                                              queued.h.what};
    std::string log =
        base::read_file(spool_.msglog(entry->subdirectory) / id.str(), kLongestLog)
            .value_or("");
    utils::Evidence evidence{queued, log, is_locked(*entry), records_, clock_.now()};
    const base::Error* wrong = trouble ? &*trouble : nullptr;
    if (json_) return utils::explain_json(evidence, wrong);
    std::string text = explained_++ > 0 ? "\n" : "";
    return text + utils::explain(evidence, wrong);
  }

 private:
  static constexpr std::size_t kLongestLog = std::size_t{16} << 20;

  bool is_locked(const spoolfmt::SpoolEntry& entry) const {
    std::string stem(entry.stem());
    auto body = base::open_file(spool_.input(entry.subdirectory) / (stem + "-D"),
                                O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    return body &&
           base::FileLock::is_held(body->get(), static_cast<off_t>(stem.size() + 3));
  }

  const spoolfmt::Spool& spool_;
  spoolfmt::Looker looker_;
  bool json_;
  base::SystemClock clock_;
  std::vector<utils::Remembered> records_;
  std::size_t explained_ = 0;
};

Result<void> run(const Options& options) {
  auto spool = TRY(utils::open_spool(options.common));
  base::Failures failures;
  auto ids = TRY(utils::select_ids(spool, options.selection, base::SystemClock().now(),
                                   options.common.verbose, failures));
  Explainer explainer(spool, options.json);
  if (auto read = explainer.remember(); !read) failures.add(read.error());
  for (const spoolfmt::MessageId& id : ids) {
    auto text = explainer.explain(id);
    if (text)
      TRY(utils::put(*text));
    else if (ids.size() == 1)
      return std::unexpected(text.error());
    else
      failures.add(text.error());
  }
  return failures.result();
}

}  // namespace

int main(int argc, char** argv) {
  return base::tool_main(argc, argv, describe, run);
}
