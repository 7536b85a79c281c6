// SPDX-License-Identifier: Apache-2.0
#include "utils/checker.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "spoolfmt/d_file.h"
#include "spoolfmt/journal.h"
#include "utils/census.h"
#include "utils/mend.h"

namespace utils {
namespace {

namespace fs = std::filesystem;
using base::Code;
using base::Result;
using spoolfmt::MessageId;

using std::chrono::hours;
using std::chrono::minutes;

// What lstat(2) says of a path.
struct State {
  bool there = false;
  bool regular = false;
  bool link = false;
  const char* kind = "";  // "a directory", for what is neither
  off_t size = 0;
  std::chrono::seconds age{};
};

State state_of(const fs::path& path, base::Time now) {
  struct stat status{};
  State state;
  if (::lstat(path.c_str(), &status) != 0) return state;
  state.there = true;
  state.regular = S_ISREG(status.st_mode);
  state.link = S_ISLNK(status.st_mode);
  state.kind = S_ISDIR(status.st_mode)    ? "a directory"
               : S_ISFIFO(status.st_mode) ? "a fifo"
               : S_ISSOCK(status.st_mode) ? "a socket"
               : S_ISLNK(status.st_mode)  ? "a symbolic link"
                                          : "a device";
  state.size = status.st_size;
  state.age = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch() -
              std::chrono::seconds(status.st_mtime);
  return state;
}

constexpr std::size_t kLargestH = std::size_t{256} << 20;  // as a listing reads it

class Checker {
 public:
  Checker(const spoolfmt::Spool& spool, const Scope& scope,
          const std::function<Result<void>(const Finding&)>& report, Counts& counts,
          std::set<MessageId>& seen, base::Failures& failures)
      : spool_(spool),
        scope_(scope),
        report_(report),
        counts_(counts),
        seen_(seen),
        failures_(failures) {}

  Result<void> run() {
    auto census = TRY(
        take_census(spool_, [&](const base::Error& error) { failures_.add(error); }));
    for (const auto& [id, places] : census.messages)
      if (is_wanted(id)) {
        if (places.h.empty())
          TRY(remains(id, places));
        else
          TRY(message(id, places));
      }
    for (const auto& stray : census.strays)
      if (is_wanted(stray.name.id)) TRY(this->stray(stray.path, stray.name));
    for (const auto& log : census.logs)
      if (is_wanted(log.name.id)) TRY(this->log(log.path, log.name));
    return {};
  }

 private:
  bool is_wanted(const MessageId& id) const {
    return scope_.wanted.empty() || scope_.wanted.contains(id);
  }

  fs::path path(char place, const MessageId& id, std::string_view suffix) const {
    return spool_.input(place) / (id.str() + std::string(suffix));
  }
  std::string shown(const fs::path& path) const {
    return path.lexically_relative(spool_.directory()).string();
  }
  bool is_found_by_id(char place, const MessageId& id) const {
    return place == 0 || place == id.split_letter();
  }
  bool is_at_work(const MessageId& id) const {
    auto place = spool_.locate(id, "-D");
    return place && is_held(path(*place, id, "-D"), id);
  }

  Result<void> message(const MessageId& id, MessagePlaces places) {
    seen_.insert(id);
    fs::path h = path(places.h.front(), id, "-H");
    // A message may have come while the names were read, -H seen and -D not.
    if (places.d.empty())
      for (char place : {places.h.front(), '\0', id.split_letter()})
        if (places.d.empty() && state_of(path(place, id, "-D"), scope_.now).there)
          places.d = std::string(1, place);

    std::string text;
    auto judgement = judge_h_file(h, text);
    if (!judgement) return {};  // delivered meanwhile
    Finding finding{id, shown(h), std::move(*judgement)};
    if (finding.judgement.ok() || finding.judgement.verdict == Verdict::not_canonical) {
      Finding other = judge_pair(id, places, text);
      if (!other.judgement.ok()) finding = std::move(other);
    }
    // The last moment of a delivery: -D is gone, -H not yet.
    if (finding.judgement.verdict == Verdict::orphan && !state_of(h, scope_.now).there)
      return {};
    ++counts_.messages;
    if (!finding.judgement.ok()) ++counts_.unsound;
    bool readable = finding.judgement.verdict != Verdict::envelope &&
                    finding.judgement.verdict != Verdict::headers;
    TRY(report_(finding));
    if (readable && !places.d.empty()) TRY(stale_journal(id, places));
    return {};
  }

  // Nothing: it is gone.
  std::optional<Judgement> judge_h_file(const fs::path& h, std::string& text) {
    State state = state_of(h, scope_.now);
    if (!state.there) return std::nullopt;
    if (!state.regular && !state.link)
      return Judgement{Verdict::envelope, 0, std::string("is ") + state.kind};
    auto bytes = read_h(h);
    if (!bytes) {
      if (bytes.error().code == Code::not_found && !state.link) return std::nullopt;
      std::string what = bytes.error().text;
      if (what.starts_with(h.string())) what.erase(0, h.string().size() + 2);
      return Judgement{Verdict::envelope, 0, "cannot be read: " + what};
    }
    text = std::move(*bytes);
    Judgement judgement = judge_h(text, h.filename().string());
    if (judgement.ok() && state.link)
      return Judgement{Verdict::misplaced, 0,
                       "is a symbolic link: the file itself lies elsewhere"};
    return judgement;
  }

  // Exim follows a link here, so its target is judged.  A fifo behind it must not hold
  // us.
  Result<std::string> read_h(const fs::path& h) const {
    auto fd = TRY(base::open_file(h, O_RDONLY | O_NONBLOCK));
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0) return base::system_failure(h.string(), errno);
    if (!S_ISREG(status.st_mode))
      return base::fail(Code::permanent, "not a regular file");
    return base::read_all(fd.get(), h.string(), kLargestH);
  }

  // A readable -H with what belongs to it.
  Finding judge_pair(const MessageId& id, const MessagePlaces& places,
                     const std::string& h_text) {
    fs::path h = path(places.h.front(), id, "-H");
    if (places.d.empty()) {
      Finding orphan{
          id, shown(h), {Verdict::orphan, 0, "no -D: it can never be delivered"}};
      if (is_over(id, places, h_text)) {
        orphan.judgement.what =
            "no -D, and nothing left to deliver: its end was cut short";
        orphan.fix = [this, id, place = places.h.front()] {
          return remove_finished(spool_, id, place);
        };
      }
      return orphan;
    }
    fs::path d = path(places.d.front(), id, "-D");
    State state = state_of(d, scope_.now);
    if (!state.there) return {id, shown(h), {}};  // delivered meanwhile
    if (!state.regular)
      return {id, shown(d), {Verdict::data, 0, std::string("is ") + state.kind}};
    Finding data{id, shown(d), judge_d_file(d, id, h_text)};
    if (!data.judgement.ok()) return data;
    return judge_places(id, places);
  }

  bool is_over(const MessageId& id, const MessagePlaces& places,
               const std::string& h_text) const {
    std::string j_text;
    fs::path j = path(places.h.front(), id, "-J");
    if (state_of(j, scope_.now).regular)
      if (auto text = base::read_file(j)) j_text = std::move(*text);
    spoolfmt::ParsedH parsed;
    read_h_file(h_text, id.str() + "-H", parsed);
    return is_finished(parsed.file, spoolfmt::parse_journal(j_text));
  }

  Judgement judge_d_file(const fs::path& d, const MessageId& id,
                         const std::string& h_text) {
    auto fd = base::open_file(d, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fd && fd.error().code == Code::not_found) return {};
    if (!fd) return {Verdict::data, 0, "cannot be read"};
    std::string start(id.first_line_length(), '\0');
    ssize_t got = ::pread(fd->get(), start.data(), start.size(), 0);
    if (got < 0) return {Verdict::data, 0, "cannot be read"};
    start.resize(static_cast<std::size_t>(got));
    Judgement judgement = judge_d(start, id);
    if (judgement.ok() && scope_.line_counts) compare_counts(d, id, h_text);
    return judgement;
  }

  // For information only: Exim itself counts too low when the body starts with a folded
  // line that is no header.
  void compare_counts(const fs::path& d, const MessageId& id,
                      const std::string& h_text) {
    spoolfmt::ParsedH parsed;
    read_h_file(h_text, id.str() + "-H", parsed);
    const auto* option = parsed.file.find("body_linecount");
    if (!option || parsed.file.wire_format()) return;
    auto file = base::MappedFile::open(d);
    if (!file) return;  // gone meanwhile
    spoolfmt::BodyCounts counts;
    counts.add(file->bytes().substr(id.first_line_length()));
    if (base::to_number(option->value) != counts.lines)
      base::complain(shown(d) + ": the body has " + std::to_string(counts.lines) +
                     " lines, -body_linecount says " + std::string(option->value));
  }

  Finding judge_places(const MessageId& id, const MessagePlaces& places) {
    char h_place = places.h.front();
    char d_place = places.d.front();
    Finding finding{id, shown(path(h_place, id, "-H")), {}};
    std::string what;
    if (places.h.size() > 1)
      what = "another one lies in " + shown(spool_.input(places.h[1]));
    else if (places.d.size() > 1)
      what = "-D lies in " + shown(spool_.input(d_place)) + " and in " +
             shown(spool_.input(places.d[1]));
    else if (h_place != d_place)
      what = "-D lies in " + shown(spool_.input(d_place));
    else if (!is_found_by_id(h_place, id))
      what = "cannot be found by its id here: it belongs into " +
             shown(spool_.input(id.split_letter()));
    if (what.empty()) return finding;
    for (char place : places.d)
      if (is_held(path(place, id, "-D"), id)) return finding;  // being moved
    finding.judgement = {Verdict::misplaced, 0, what};
    finding.fix = [this, id, places] { return move_together(spool_, id, places); };
    return finding;
  }

  // A journal while somebody delivers is the normal course of things.
  Result<void> stale_journal(const MessageId& id, const MessagePlaces& places) {
    for (char place : places.j) {
      fs::path j = path(place, id, "-J");
      if (is_at_work(id)) return {};
      State state = state_of(j, scope_.now);
      if (!state.there) continue;
      Finding finding{id,
                      shown(j),
                      {Verdict::debris, 0, "journal of a delivery that was cut short"}};
      if (!state.regular)
        finding.judgement.what = std::string("is ") + state.kind;
      else if (auto d = spool_.locate(id, "-D"); d && *d == place)
        finding.fix = [this, id] { return merge_journal(spool_, id); };
      TRY(file_in_the_way(finding));
    }
    return {};
  }

  // -D and -J without a -H.
  Result<void> remains(const MessageId& id, const MessagePlaces& places) {
    bool orphaned = false;
    for (char place : places.d) {
      fs::path d = path(place, id, "-D");
      State state = state_of(d, scope_.now);
      // A reception in progress is locked, except for its first instant.
      if (!state.there || is_held(d, id) || state.age < minutes(1) ||
          state_of(path(place, id, "-H"), scope_.now).there)
        continue;
      orphaned = true;
      seen_.insert(id);
      Finding finding{
          id, shown(d), {Verdict::orphan, 0, "no -H: a reception was cut short"}};
      // Anything more than the first line may be the last copy of a body.
      bool empty = state.size <= static_cast<off_t>(id.first_line_length());
      if (!state.regular)
        finding.judgement.what = std::string("is ") + state.kind;
      else if (empty && state.age > hours(24) && is_found_by_id(place, id))
        finding.fix = [this, id] { return remove_empty_data(spool_, id); };
      TRY(file_in_the_way(finding));
    }
    if (!orphaned && !places.d.empty()) return {};
    for (char place : places.j) {
      fs::path j = path(place, id, "-J");
      State state = state_of(j, scope_.now);
      if (!state.there || state.age < minutes(1)) continue;
      seen_.insert(id);
      Finding finding{
          id, shown(j), {Verdict::debris, 0, "journal of a message that is gone"}};
      if (state.regular && state.age > hours(24) && !orphaned)
        finding.fix = [j] { return remove_journal(j); };
      TRY(file_in_the_way(finding));
    }
    return {};
  }

  Result<void> stray(const fs::path& path, const Name& name) {
    State state = state_of(path, scope_.now);
    if (!state.there) return {};
    Finding finding{name.id, shown(path), {Verdict::debris, 0, ""}};
    switch (name.kind) {
      case NameKind::new_h:
      case NameKind::dkim: {
        bool has_id = !name.id.empty();
        if (has_id ? is_at_work(name.id) : false) return {};
        if (state.age < minutes(1)) return {};
        finding.judgement.what = name.kind == NameKind::dkim
                                     ? "left by a DKIM signature that was cut short"
                                     : "a -H that was never finished";
        // Without an id there is no lock to ask; a day is longer than any writing.
        if (state.regular && (has_id || state.age > hours(24)))
          finding.fix = [this, path, id = name.id]() -> Result<std::string> {
            return id.empty() ? remove_journal(path)
                              : remove_temporary(spool_, id, path);
          };
        break;
      }
      case NameKind::false_h:
        finding.judgement.what = "Exim lists this name, but it is no message id";
        break;
      default:
        finding.judgement.what =
            state.regular ? "no file of Exim's" : std::string("is ") + state.kind;
    }
    return file_in_the_way(finding);
  }

  Result<void> log(const fs::path& path, const LogName& name) {
    State state = state_of(path, scope_.now);
    if (!state.there || state.age < minutes(1)) return {};
    Finding finding{name.id, shown(path), {Verdict::debris, 0, ""}};
    switch (name.kind) {
      case LogKind::log:
        if (spool_.locate(name.id, "-H") || spool_.locate(name.id, "-D")) return {};
        finding.judgement.what = "log of a message that is gone";
        break;
      case LogKind::output:
        if (is_at_work(name.id)) return {};
        finding.judgement.what = "output of a pipe delivery that was cut short";
        break;
      default:
        finding.judgement.what =
            state.regular ? "no message log" : std::string("is ") + state.kind;
    }
    return file_in_the_way(finding);
  }

  Result<void> file_in_the_way(const Finding& finding) {
    ++counts_.files;
    return report_(finding);
  }

  const spoolfmt::Spool& spool_;
  const Scope& scope_;
  const std::function<Result<void>(const Finding&)>& report_;
  Counts& counts_;
  std::set<MessageId>& seen_;
  base::Failures& failures_;
};

}  // namespace

Result<void> check_queue(const spoolfmt::Spool& spool, const Scope& scope,
                         const std::function<Result<void>(const Finding&)>& report,
                         Counts& counts, std::set<MessageId>& seen,
                         base::Failures& failures) {
  return Checker(spool, scope, report, counts, seen, failures).run();
}

}  // namespace utils
