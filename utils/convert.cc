// SPDX-License-Identifier: Apache-2.0
#include "utils/convert.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "base/text.h"

namespace utils {

namespace {

using policy::quote;
using policy::trimmed;

constexpr int kMostRounds = 100;
// Before a line that was left out, and before the words that tell why.
constexpr std::string_view kLeftOut = "#bobbin# ";
constexpr std::string_view kReason = "#bobbin: ";

constexpr auto kVerbs = std::to_array<std::string_view>(
    {"accept", "defer", "deny", "discard", "drop", "require", "warn"});
// What an ACL statement can lose and still ask the same: all clauses that are no
// conditions.
constexpr auto kModifiers = std::to_array<std::string_view>(
    {"add_header", "bmi_optin", "continue", "control", "delay", "endpass",
     "log_message", "log_reject_target", "logwrite", "message", "queue",
     "remove_header", "set", "udpsend"});
// What decides which addresses a router takes, and what becomes of them.
constexpr auto kDeciding = std::to_array<std::string_view>({"address_test",
                                                            "allow_defer",
                                                            "allow_fail",
                                                            "bmi_deliver_alternate",
                                                            "bmi_deliver_default",
                                                            "bmi_dont_deliver",
                                                            "bmi_rule",
                                                            "check_local_user",
                                                            "condition",
                                                            "data",
                                                            "dnssec_request_domains",
                                                            "domains",
                                                            "driver",
                                                            "expn",
                                                            "fail_verify",
                                                            "fail_verify_recipient",
                                                            "fail_verify_sender",
                                                            "file",
                                                            "local_part_prefix",
                                                            "local_part_suffix",
                                                            "local_parts",
                                                            "more",
                                                            "no_more",
                                                            "require_files",
                                                            "route_data",
                                                            "route_list",
                                                            "self",
                                                            "senders",
                                                            "transport",
                                                            "verify",
                                                            "verify_only",
                                                            "verify_recipient",
                                                            "verify_sender"});
// What a transport must not be without: who it works as, and whom it trusts.
constexpr auto kGuarding = std::to_array<std::string_view>(
    {"command", "directory", "driver", "file", "group", "hosts", "hosts_require_auth",
     "hosts_require_dane", "hosts_require_tls", "tls_verify_hosts", "user"});

template <std::size_t n>
bool contains(const std::array<std::string_view, n>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

std::string_view first_word(std::string_view line) {
  return line.substr(0, policy::name_length(line));
}

// What an option line sets: "domains" of "hide domains = ...", "more" of "no_more".
std::string_view option_name(std::string_view line) {
  std::string_view name = first_word(line);
  if (name == "hide") name = first_word(trimmed(line.substr(name.size())));
  return name;
}

bool is_block_name(std::string_view line) {
  std::string_view name = first_word(line);
  return !name.empty() && trimmed(line.substr(name.size())) == ":";
}

std::optional<std::string> section_begun(std::string_view line) {
  if (first_word(line) != "begin") return {};
  std::string_view rest = trimmed(line.substr(5));
  if (rest.empty() || rest.starts_with('=')) return {};
  return base::lower(first_word(rest));
}

bool is_directive(std::string_view line) {
  return trimmed(line).starts_with('.');
}
bool is_comment_or_blank(std::string_view line) {
  line = trimmed(line);
  return line.empty() || line.starts_with('#');
}

// A logical line of the main file, in the place it has there.
struct Placed {
  std::size_t first = 0, last = 0;  // physical lines, from 1
  std::string text;                 // macros replaced
  std::string section;              // "" of the main options
  bool begins_block = false;        // a driver, an ACL or one of its statements
};

// The lines of a file, some of them left out.  Their numbers stay what they are.
class Draft {
 public:
  explicit Draft(std::string_view text) {
    while (!text.empty()) {
      std::size_t end = std::min(text.find('\n'), text.size());
      lines_.push_back({std::string(text.substr(0, end)), {}, {}});
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

  std::size_t size() const { return lines_.size(); }
  // Of line `number`, from 1: as it now is.
  std::string_view operator[](std::size_t number) const {
    const Line& line = lines_[number - 1];
    return line.replacement ? *line.replacement : line.original;
  }

  // Where the logical line that begins at `first` ends.
  std::size_t end_of(std::size_t first) const {
    std::size_t last = first;
    for (std::size_t number = first; number <= size(); ++number) {
      std::string_view line = trimmed((*this)[number]);
      if (number > first && line.starts_with('#')) continue;
      last = number;
      if (!line.ends_with('\\')) break;
    }
    return last;
  }

  // False if nothing of it was there.
  bool leave_out(std::size_t first, std::size_t last) {
    bool any = false;
    for (std::size_t number = first; number <= last; ++number) {
      if (is_directive((*this)[number]) || is_comment_or_blank((*this)[number]))
        continue;
      lines_[number - 1].replacement = "#";
      any = true;
    }
    return any;
  }
  void replace(std::size_t number, std::string text) {
    lines_[number - 1].replacement = std::move(text);
  }
  void explain(std::size_t number, std::string reason) {
    lines_[number - 1].reason = std::move(reason);
  }

  // The text to load in the next round.
  std::string current() const {
    std::string text;
    for (std::size_t number = 1; number <= size(); ++number)
      text += std::string((*this)[number]) + "\n";
    return text;
  }

  std::string result() const {
    std::string text;
    for (const Line& line : lines_) {
      if (!line.reason.empty()) text += std::string(kReason) + line.reason + "\n";
      if (line.replacement) text += kLeftOut;
      text += line.original + "\n";
      if (line.replacement && *line.replacement != "#")
        text += *line.replacement + "\n";
    }
    return text;
  }

 private:
  struct Line {
    std::string original;
    std::optional<std::string> replacement;  // "#": nothing
    std::string reason;                      // stands above it
  };
  std::vector<Line> lines_;
};

// What the policy says of a piece that is named already.
std::string reason(std::string_view text) {
  constexpr std::string_view kNoPart = "is not part of the policy language";
  std::string out;
  for (std::string_view part : policy::with_notes(text)) {
    if (out.empty() && part.find(kNoPart) != part.npos) part = kNoPart.substr(3);
    out += (out.empty() ? "" : "; ") + std::string(part);
  }
  return out;
}

// What a driver, statement, section or line is, for people.
struct Piece {
  std::size_t first = 0, last = 0;
  std::string what, consequence;
  std::string instead;  // of a statement that keeps its verb
};

class Converter {
 public:
  Converter(std::string_view text, const Reading& reading)
      : draft_(text), reading_(reading) {}

  Conversion run() {
    Conversion conversion;
    for (int round = 0; round < kMostRounds; ++round) {
      conversion.loaded = reading_.load(draft_.current());
      if (conversion.loaded.diagnostics.errors.empty()) break;
      place(reading_.lines(draft_.current()));
      bool changed = false;
      for (const policy::Diagnostic& error : conversion.loaded.diagnostics.errors)
        changed = take_out(error) || changed;
      if (!changed) break;
    }
    std::ranges::stable_sort(changes_, {}, &Change::line);
    conversion.text = draft_.result();
    conversion.changes = std::move(changes_);
    return conversion;
  }

 private:
  void place(const policy::Lines& source) {
    placed_.clear();
    std::string section;
    for (const policy::SourceText& line : source.lines) {
      policy::Origin origin = line.origin();
      Placed placed{.first = origin.line,
                    .last = origin.line,
                    .text = std::string(line.bytes()),
                    .section = {},
                    .begins_block = false};
      if (auto begun = section_begun(placed.text)) section = *begun;
      placed.section = section;
      placed.begins_block =
          section_begun(placed.text) || is_block_name(placed.text) ||
          (section == "acl" && contains(kVerbs, first_word(placed.text)));
      if (origin.file != 0 || origin.line == 0 || origin.line > draft_.size()) continue;
      placed.last = draft_.end_of(placed.first);
      placed_.push_back(std::move(placed));
    }
  }

  // Leaves out what `error` points at; false if there is nothing to leave out.
  bool take_out(const policy::Diagnostic& error) {
    std::size_t number = error.origin.line;
    if (error.origin.file != 0 || number == 0 || number > draft_.size()) return false;
    if (draft_[number] == "#") return true;  // gone with another piece
    Piece piece = piece_at(number);
    if (!draft_.leave_out(piece.first, piece.last)) return false;
    if (!piece.instead.empty()) draft_.replace(piece.first, piece.instead);
    std::string why = reason(error.text);
    draft_.explain(piece.first, piece.what + " is left out: " + why);
    changes_.push_back({static_cast<std::uint32_t>(piece.first), std::move(piece.what),
                        std::move(why), std::move(piece.consequence)});
    return true;
  }

  Piece piece_at(std::size_t number) const {
    for (std::size_t i = 0; i < placed_.size(); ++i) {
      const Placed& line = placed_[i];
      if (number < line.first || number > line.last) continue;
      if (line.section.empty()) return main_option(line);
      if (line.section == "acl") return of_acl(i);
      if (line.section == "routers" || line.section == "transports" ||
          line.section == "authenticators")
        return of_driver(i);
      if (line.section == "retry" && !section_begun(line.text))
        return {line.first, line.last, "retry rule " + quote(trimmed(line.text)),
                "its addresses fall to the rules below", ""};
      return whole_section(i);
    }
    // A macro, an .include: what is never a logical line.
    return {number, draft_.end_of(number), "line " + quote(trimmed(draft_[number])),
            "see what it was for", ""};
  }

  static Piece main_option(const Placed& line) {
    std::string_view word = first_word(line.text);
    if (word.ends_with("list") || word.ends_with("list_cache"))
      return {line.first, line.last,
              "list " + quote(first_word(
                            trimmed(std::string_view(line.text).substr(word.size())))),
              "what uses it is left out too", ""};
    bool is_acl = word.starts_with("acl_");
    return {line.first, line.last, "main option " + quote(option_name(line.text)),
            is_acl ? "that ACL is not run" : "the default applies", ""};
  }

  // From placed line `i` to the end of the block that it begins, parts that conditions
  // leave out included: they must not become part of the block before.
  Piece block(std::size_t i) const {
    std::size_t next = i + 1;
    while (next < placed_.size() && !placed_[next].begins_block) ++next;
    std::size_t end = next < placed_.size() ? placed_[next].first : draft_.size() + 1;
    const Placed& first = placed_[i];
    for (std::size_t number = placed_[next - 1].last + 1; number < end; ++number) {
      std::string_view line = trimmed(draft_[number]);
      if (section_begun(line) || is_block_name(line) ||
          (first.section == "acl" && contains(kVerbs, first_word(line))))
        end = number;
    }
    return {first.first, end - 1, "", "", ""};
  }

  std::size_t begin_of_block(std::size_t i) const {
    while (i > 0 && !placed_[i].begins_block) --i;
    return i;
  }

  Piece whole_section(std::size_t i) const {
    const std::string& section = placed_[i].section;
    while (i > 0 && placed_[i - 1].section == section) --i;
    std::size_t end = i;
    while (end < placed_.size() && placed_[end].section == section) ++end;
    return {placed_[i].first, placed_[end - 1].last, "section " + quote(section),
            section == "rewrite" ? "addresses stay as they are written"
                                 : "nothing of it is done",
            ""};
  }

  Piece of_acl(std::size_t i) const {
    const Placed& line = placed_[i];
    if (section_begun(line.text)) return whole_section(i);
    if (is_block_name(line.text)) {
      Piece piece{line.first, line.last, "ACL " + quote(first_word(line.text)), "", ""};
      piece.consequence = "its statements follow it: see where they belong";
      return piece;
    }
    std::size_t begin = begin_of_block(i);
    std::string verb(first_word(placed_[begin].text));
    std::string_view clause = line.text;
    if (i == begin) clause = trimmed(clause.substr(verb.size()));
    std::string_view name = first_word(clause);
    std::string acl = " of ACL " + quote(acl_of(begin));
    if (contains(kModifiers, name)) {
      Piece piece{line.first, line.last, quote(name) + " of a " + quote(verb) + acl,
                  "the rest of it stays", ""};
      if (i == begin) piece.instead = verb;
      return piece;
    }
    Piece piece = block(begin);
    piece.what = "statement " + quote(verb) + acl;
    if (name != verb && !name.empty()) piece.what += ", for its " + quote(name) + ",";
    static const std::map<std::string_view, std::string_view> consequences = {
        {"accept", "what it accepted goes on to the statements below"},
        {"warn", "nothing is logged, set or added by it"},
        {"discard", "what it threw away goes on to the statements below"}};
    auto found = consequences.find(verb);
    piece.consequence = found != consequences.end()
                            ? found->second
                            : "what it refused goes on to the statements below: see "
                              "whether another condition can refuse it";
    return piece;
  }

  std::string acl_of(std::size_t i) const {
    while (i > 0 && !is_block_name(placed_[i].text) && placed_[i].section == "acl") --i;
    return std::string(first_word(placed_[i].text));
  }

  Piece of_driver(std::size_t i) const {
    const Placed& line = placed_[i];
    if (section_begun(line.text)) return whole_section(i);
    std::size_t begin = begin_of_block(i);
    std::string kind = line.section.substr(0, line.section.size() - 1);
    std::string driver = kind + " " + quote(first_word(placed_[begin].text));
    std::string_view option = option_name(line.text);
    bool whole = i == begin || option == "driver" || is_mandatory(kind, option) ||
                 (kind == "router" && contains(kDeciding, option)) ||
                 (kind == "transport" && contains(kGuarding, option)) ||
                 kind == "authenticator";
    if (!whole)
      return {line.first, line.last, "option " + quote(option) + " of " + driver,
              "the default applies", ""};
    Piece piece = block(begin);
    piece.what = driver;
    piece.consequence = kind == "router"
                            ? "addresses it took go on to the routers below"
                        : kind == "transport" ? "routers that use it are left out too"
                                              : "clients cannot authenticate that way";
    return piece;
  }

  static bool is_mandatory(std::string_view kind, std::string_view option) {
    auto table = kind == "router" ? policy::router_option_table()
                                  : policy::transport_option_table();
    return std::ranges::any_of(table, [&](const policy::OptionInfo& info) {
      return info.name == option && info.mandatory;
    });
  }

  Draft draft_;
  const Reading& reading_;
  std::vector<Placed> placed_;
  std::vector<Change> changes_;
};

}  // namespace

Conversion convert(std::string_view text, const Reading& reading) {
  return Converter(text, reading).run();
}

}  // namespace utils
