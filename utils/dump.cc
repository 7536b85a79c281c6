// SPDX-License-Identifier: Apache-2.0
//
// bobbin-dump: one message's files, explained.
//
// A message is named by its id, or by the path of any of its files, wherever they lie:
// what a restored backup or a queuefile directory holds is read as well as the spool.
// What it says in words is in_words.h's affair.
#include <unistd.h>

#include <algorithm>

#include "base/cli.h"
#include "base/clock.h"
#include "base/failures.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "spoolfmt/journal.h"
#include "utils/in_words.h"
#include "utils/print.h"
#include "utils/scan.h"
#include "utils/selection.h"

namespace {

using spoolfmt::Damage;
using spoolfmt::Queued;
namespace fs = std::filesystem;

struct Options {
  base::CommonOptions common;
  utils::Selection selection;
  bool headers = false, body = false, envelope = false;
  std::string raw;
  bool json = false;
};

void describe(base::Cli& cli, Options& options) {
  cli.about("bobbin-dump", "[OPTION...] [ID|FILE...]",
            "Explain the files of queued messages.");
  cli.flag("envelope", 0, options.envelope,
           "only the envelope, unless others are asked");
  cli.flag("headers", 0, options.headers, "only the header lines, likewise");
  cli.flag("body", 0, options.body, "only the body, likewise");
  cli.choice("raw", 0, {"H", "D", "J"}, options.raw,
             "the bytes of that file, as they are");
  cli.flag("json", 0, options.json, "one JSON object per message");
  utils::describe_selection(cli, options.selection, options.common);
  cli.common(options.common);
}

// A message and the directory its files are in.
struct Subject {
  fs::path directory;
  Queued queued;

  fs::path file(char letter) const {
    return directory / (std::string(queued.entry.stem()) + "-" + letter);
  }
};

// A message that lies anywhere, by the path of one of its files.
base::Result<Subject> read_by_path(const fs::path& path) {
  constexpr std::size_t kLargest = std::size_t{256} << 20;
  std::string leaf = path.filename().string();
  Subject subject;
  subject.directory = path.parent_path().empty() ? "." : path.parent_path();
  Queued& queued = subject.queued;
  std::size_t size = leaf.size() < 2 ? 0 : leaf.size() - 2;
  auto id = spoolfmt::MessageId::parse(std::string_view(leaf).substr(0, size));
  if (!id || leaf[size] != '-' ||
      std::string_view("HDJ").find(leaf.back()) == std::string_view::npos)
    return base::fail(base::Code::usage,
                      "'" + path.string() +
                          "' is neither a message id nor a file named ID-H, ID-D or "
                          "ID-J");
  std::copy(leaf.begin(), leaf.begin() + static_cast<std::ptrdiff_t>(size),
            queued.entry.stem_bytes.begin());
  queued.entry.stem_size = static_cast<std::uint8_t>(size);

  auto h = TRY(base::open_file(subject.file('H'), O_RDONLY | O_NONBLOCK));
  queued.h_text = TRY(base::read_all(h.get(), subject.file('H').string(), kLargest));
  std::error_code missing;
  auto d_size = fs::file_size(subject.file('D'), missing);
  if (!missing) queued.d_size = d_size;
  if (auto j = base::read_file(subject.file('J'), kLargest)) {
    queued.j_text = std::move(*j);
    queued.journal = spoolfmt::parse_journal(queued.j_text);
  }
  spoolfmt::read_h_file(queued.h_text, queued.entry.h_name(), queued.h);
  return subject;
}

// Copies a file to standard output from `offset` on.  A file that cannot be read is one
// of the failures; what is returned is that nothing can be printed any more.
base::Result<void> copy_out(const fs::path& path, off_t offset,
                            const utils::Screen& screen, base::Failures& failures) {
  auto fd = base::open_file(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  if (!fd) {
    failures.add(fd.error());
    return {};
  }
  std::string buffer(std::size_t{256} << 10, '\0');
  for (;;) {
    ssize_t got = ::pread(fd->get(), buffer.data(), buffer.size(), offset);
    if (got < 0) failures.add(base::system_error(path.string(), errno));
    if (got <= 0) return {};
    std::string_view piece(buffer.data(), static_cast<std::size_t>(got));
    TRY(utils::put(utils::shown_lines(piece, screen)));
    offset += got;
  }
}

base::Result<void> print_text(const Options& options, const Subject& subject,
                              base::Time now, base::Failures& failures) {
  utils::Screen screen = utils::standard_output();
  bool all = !options.envelope && !options.headers && !options.body;
  const Queued& queued = subject.queued;
  std::string out;
  if (all || options.envelope)
    utils::explain_envelope(out, queued, subject.directory, now, screen);
  if (all || options.headers) utils::explain_headers(out, queued, screen);
  if (options.body && (options.envelope || options.headers)) out += "Body\n";
  TRY(utils::put(out));
  if (!options.body) return {};
  return copy_out(subject.file('D'), static_cast<off_t>(queued.entry.stem_size + 3),
                  screen, failures);
}

base::Result<void> print(const Options& options, const Subject& subject, base::Time now,
                         base::Failures& failures) {
  if (!options.raw.empty())
    return copy_out(subject.file(options.raw[0]), 0, utils::standard_output(),
                    failures);
  if (!options.json) return print_text(options, subject, now, failures);
  std::string line;
  utils::append_document(line, subject.queued);
  return utils::put(line);
}

std::optional<base::Error> damage(const Subject& subject) {
  const auto& h = subject.queued.h;
  if (h.damage == Damage::none) return std::nullopt;
  return base::Error{base::Code::syntax, subject.file('H').string() + ": line " +
                                             std::to_string(h.line) + ": " + h.what};
}

base::Result<void> run(const Options& options) {
  base::Time now = base::SystemClock().now();
  base::Failures failures;
  std::size_t printed = 0;
  auto show = [&](const Subject& subject) -> base::Result<void> {
    if (printed++ > 0 && !options.json && options.raw.empty()) TRY(utils::put("\n"));
    TRY(print(options, subject, now, failures));
    if (auto trouble = damage(subject)) failures.add(*trouble);
    return {};
  };

  // Paths need no spool; ids, criteria and the lack of all operands do.
  utils::Selection ids;
  std::vector<fs::path> paths;
  for (const auto& operand : options.selection.operands) {
    if (operand == "-" || spoolfmt::MessageId::parse(operand))
      ids.operands.push_back(operand);
    else
      paths.push_back(operand);
  }
  for (const auto& path : paths) {
    auto subject = read_by_path(path);
    if (!subject && (subject.error().code == base::Code::usage ||
                     options.selection.operands.size() == 1))
      return std::unexpected(subject.error());
    if (!subject)
      failures.add(subject.error());
    else
      TRY(show(*subject));
  }
  if (!paths.empty() && ids.operands.empty()) return failures.result();

  auto spool = TRY(utils::open_spool(options.common));
  auto source = TRY(utils::EntrySource::open(
      spool, options.selection.operands.empty() ? options.selection : ids,
      utils::Order::queue, options.common.verbose, failures));
  spoolfmt::Looker looker(spool);
  Subject subject;
  while (auto chunk = source->next()) {
    for (const auto& entry : *chunk) {
      auto trouble =
          utils::look(spool, looker, entry, options.selection, now, subject.queued);
      if (!trouble) continue;
      if (trouble->code != base::Code::syntax) {
        failures.add(*trouble);
        continue;
      }
      subject.directory = spool.input(entry.subdirectory);
      TRY(show(subject));
    }
  }
  source->report(failures);
  return failures.result();
}

}  // namespace

int main(int argc, char** argv) {
  return base::tool_main(argc, argv, describe, run);
}
