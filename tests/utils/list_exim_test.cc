// SPDX-License-Identifier: Apache-2.0
//
// `list --format exim` and `count` beside what real Exims printed, and beside the Exim
// of this machine: statements 18, 39 and 40 of the checklist in the spool's fact sheet.
// Ages depend on the clock and are masked.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "base/fd.h"
#include "spoolfmt/h_file.h"
#include "spoolfmt/spool.h"
#include "tests/support/cases.h"
#include "tests/support/peers.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;

struct Variant {
  std::string exim;  // the option, without its hyphen, and the listing's name
  std::string tool;
  std::vector<std::string> args;
};
const std::vector<Variant> kVariants = {
    {"bp", "bobbin-list", {"--format", "exim"}},
    {"bpu", "bobbin-list", {"--format", "exim", "--undelivered"}},
    {"bpa", "bobbin-list", {"--format", "exim", "--all-names"}},
    {"bpc", "bobbin-count", {}},
};

std::string masked(const std::string& listing) {
  std::istringstream in(listing);
  std::string out;
  for (std::string line; std::getline(in, line); out += line + "\n") {
    auto digits = line.find_first_not_of(' ');
    auto unit = line.find_first_not_of("-0123456789", digits);
    if (digits > 2 || unit == std::string::npos || unit == digits) continue;
    if (std::string_view("mhd").find(line[unit]) == std::string_view::npos) continue;
    if (line.size() > unit + 1 && line[unit + 1] == ' ')
      line.replace(0, unit + 1, "AA");
  }
  return out;
}

// A private copy of a spool, with what case sets do not keep: empty directories, and
// symbolic links, which are there as files that hold the name of their neighbour.
void copy_spool(const fs::path& from, const fs::path& to) {
  fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  fs::create_directories(to / "input");
  for (const auto& item : fs::directory_iterator(to / "input")) {
    if (!item.is_regular_file() || item.file_size() > 255) continue;
    auto target = base::read_file(item.path());
    if (!target || target->empty() || target->find('/') != std::string::npos ||
        target->find('\0') != std::string::npos || !fs::exists(to / "input" / *target))
      continue;
    fs::remove(item.path());
    fs::create_symlink(*target, item.path());
  }
}

support::Outcome ours(const Variant& variant, const fs::path& spool,
                      const std::string& queue) {
  support::Command command{support::program(variant.tool).string(), variant.args};
  command.args.insert(command.args.end(), {"--spool", spool.string()});
  if (!queue.empty()) command.args.insert(command.args.end(), {"--queue", queue});
  command.env.push_back("ASAN_OPTIONS=detect_leaks=0");  // a third of its time
  return support::run(command);
}

// "bpa", or "bp-qGNAME" for a named queue: which variant, which queue.
std::optional<std::pair<Variant, std::string>> read_name(const std::string& listing) {
  auto hyphen = listing.find('-');
  std::string queue;
  if (hyphen != std::string::npos) {
    if (listing.compare(hyphen, 3, "-qG") != 0) return std::nullopt;
    queue = listing.substr(hyphen + 3);
  }
  for (const Variant& variant : kVariants)
    if (variant.exim == listing.substr(0, hyphen)) return std::pair(variant, queue);
  if (listing == "bpi")
    return std::pair(Variant{"bpi", "bobbin-list", {"--format", "ids"}}, queue);
  return std::nullopt;
}

// The directories below `set` with a spool and its listings: a case, or a snapshot.
std::vector<fs::path> snapshots(const fs::path& set) {
  std::vector<fs::path> found;
  for (const auto& item : fs::recursive_directory_iterator(set))
    if (item.is_directory() && item.path().filename() == "listing" &&
        fs::is_directory(item.path().parent_path() / "spool"))
      found.push_back(item.path().parent_path());
  std::sort(found.begin(), found.end());
  return found;
}

TEST(ListEximData, S39_EqualsTheListingsOfRealExims) {
  auto sets = support::find_case_sets("fixtures", "spool-exim-");
  if (sets.empty()) GTEST_SKIP() << support::no_cases("fixtures/spool-exim-*");
  for (const auto& set : sets) {
    support::CaseCount count(set.filename());
    for (const auto& snapshot : snapshots(set)) {
      SCOPED_TRACE(snapshot);
      support::TempDir temporary;
      copy_spool(snapshot / "spool", temporary / "spool");
      for (const auto& listing : fs::directory_iterator(snapshot / "listing")) {
        auto name = read_name(listing.path().stem());
        if (!name) continue;
        auto expected = base::read_file(listing.path());
        ASSERT_TRUE(expected);
        // Exims before 4.97 know no -bpi; their "listing" is empty.
        if (name->first.exim == "bpi" && expected->empty()) continue;
        auto got = ours(name->first, temporary / "spool", name->second);
        EXPECT_EQ(masked(got.out), masked(*expected)) << listing.path();
        EXPECT_EQ(got.err, "");
        EXPECT_EQ(got.status, 0);
        count.ran(name->first.exim);
      }
    }
    EXPECT_GT(count.total(), 0U);
  }
}

// Why our listing of a spool may differ from Exim's: we read what it cannot, or read it
// right (statements 13 and 18 of the checklist; in the shared fixtures: m75,
// m77, m78 and m82, mb4 and mb6, and 4.84's one_time children).  Empty: it may not.
std::string departure(const fs::path& directory) {
  auto spool = spoolfmt::Spool::open(directory);
  if (!spool) return "";
  std::string reason;
  auto judge = [&](const spoolfmt::SpoolEntry& entry) {
    auto text = base::read_file(spool->input(entry.subdirectory) / entry.h_name());
    if (!text) return true;
    spoolfmt::ParsedH h;
    spoolfmt::read_h_file(*text, entry.h_name(), h);
    if (entry.stem().size() == spoolfmt::MessageId::kLongLength)
      reason = "Exim 4.96 does not know 23-character ids";
    if (h.file.recipients.size() > spoolfmt::kMostRecipientsForExim)
      reason = "Exim accepts so many recipients and cannot read them back";
    for (const auto& recipient : h.file.recipients)
      if (recipient.old_form)
        reason = "Exim cuts a byte off the address of a #1 line";
      else if (std::regex_search(std::string(recipient.address),
                                 std::regex("#[0-9]+$")))
        reason = "lengths that do not fit: we keep the line whole, Exim cuts somewhere";
    if (std::regex_search(*text, std::regex("\nXX\n-[0-9]+\n")))
      reason = "a negative count stops Exim's whole listing";
    return true;
  };
  EXPECT_TRUE(spool->for_each(judge, [](const base::Error&) {}));
  return reason;
}

struct Expected {
  std::string verdict;
  std::vector<std::string> lines;  // of the listing, masked
};

// The rows of one Exim release in EXPECTED.txt, by case.
std::map<std::string, Expected> read_expected(const fs::path& path,
                                              const std::string& release) {
  std::map<std::string, Expected> cases;
  std::ifstream in(path);
  Expected* current = nullptr;
  std::string name;
  bool heading = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("########")) {
      heading = true;
      current = nullptr;
    } else if (heading && line.starts_with("# ")) {
      name = line.substr(2, line.find(':') - 2);
      heading = false;
    } else if (line.starts_with("== Exim ")) {
      auto colon = line.find(": ");
      bool this_one = line.substr(8, colon - 8) == release;
      current = this_one ? &cases[name] : nullptr;
      if (current) current->verdict = line.substr(colon + 2);
    } else if (current && !line.starts_with("%") && !line.starts_with("#")) {
      current->lines.push_back(line);
    }
  }
  return cases;
}

// Does a listing have the expected lines?  EXPECTED.txt cuts long lines and long lists
// and marks the place with "... (".
void expect_listing(const std::string& listing, const Expected& expected) {
  std::vector<std::string> lines;
  std::istringstream in(masked(listing));
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  auto trim = [](std::vector<std::string> text) {
    while (!text.empty() && text.back().empty()) text.pop_back();
    return text;
  };
  lines = trim(lines);
  std::vector<std::string> wanted = trim(expected.lines);
  std::size_t at = 0;
  for (const std::string& line : wanted) {
    auto cut = line.find("... (");
    if (cut == 0) {
      at = lines.size() -
           std::min(lines.size(), static_cast<std::size_t>(&wanted.back() - &line));
      continue;
    }
    ASSERT_LT(at, lines.size()) << "missing: " << line;
    if (cut == std::string::npos)
      EXPECT_EQ(lines[at], line);
    else
      EXPECT_EQ(lines[at].substr(0, cut), line.substr(0, cut));
    ++at;
  }
  EXPECT_EQ(at, lines.size());
}

TEST(ListEximData, S39_GivesTheErrorBlocksOfExim) {
  REQUIRE_CASES(set, "fixtures/spool-malformed");
  support::CaseCount count("fixtures/spool-malformed");
  for (const auto& [name, expected] : read_expected(set / "EXPECTED.txt", "4.96")) {
    SCOPED_TRACE(name);
    support::TempDir temporary;
    copy_spool(set / name, temporary / "spool");
    if (!departure(temporary / "spool").empty()) {
      count.ran("departing");
      continue;
    }
    auto got = ours(kVariants[0], temporary / "spool", "");
    expect_listing(got.out, expected);
    bool sound = got.out.find("*** spool ") == std::string::npos;
    EXPECT_EQ(got.status, sound ? 0 : 1);
    EXPECT_EQ(got.err.empty(), sound) << got.err;
    count.ran(sound ? "sound" : "damaged");
  }
  EXPECT_GT(count.total(), 0U);
}

// Exim's own listings of a copy of the spool.
class RealExim {
 public:
  explicit RealExim(const fs::path& spool) {
    fs::permissions(directory_.path(), fs::perms(0755));
    copy_spool(spool, this->spool());
    fs::create_directory(directory_ / "log");
    std::ofstream(directory_ / "conf")
        << "primary_hostname = test.invalid\nexim_user = Debian-exim\n"
        << "spool_directory = " << this->spool().string()
        << "\nlog_file_path = " << (directory_ / "log").string()
        << "/%slog\nkeep_environment =\n";
    support::run({"chown", {"-hR", "Debian-exim:", directory_.path().string()}});
    support::run({"chown", {"root:", (directory_ / "conf").string()}});
  }

  fs::path spool() const { return directory_ / "spool"; }

  support::Outcome run(const std::vector<std::string>& args) const {
    support::Command command{support::find_program("exim4")->string(),
                             {"-C", (directory_ / "conf").string()}};
    command.args.insert(command.args.end(), args.begin(), args.end());
    return support::run(command);
  }

 private:
  support::TempDir directory_;
};

TEST(ListEximData, S39_EqualsTheEximOfThisMachine) {
  REQUIRE_PROGRAM("exim4");
  if (::geteuid() != 0) GTEST_SKIP() << "only root can show exim a spool";
  std::vector<fs::path> spools;
  for (const auto& set : support::find_case_sets("fixtures", "spool-exim-"))
    for (const auto& snapshot : snapshots(set)) spools.push_back(snapshot / "spool");
  for (const auto& set : support::find_case_sets("fixtures", "spool-malformed"))
    for (const auto& item : fs::directory_iterator(set))
      if (item.is_directory()) spools.push_back(item.path());
  if (spools.empty()) GTEST_SKIP() << support::no_cases("fixtures/spool-*");

  support::CaseCount count("exim4 on this machine");
  std::size_t turn = 0;
  for (const auto& spool : spools) {
    SCOPED_TRACE(spool);
    RealExim exim(spool);
    if (!departure(exim.spool()).empty()) {
      count.ran("departing");
      continue;
    }
    // One listing each, in turn: the recorded ones above cover all of them.
    const Variant& variant = kVariants[turn++ % kVariants.size()];
    auto theirs = exim.run({"-" + variant.exim});
    ASSERT_EQ(theirs.status, 0) << theirs.err;
    auto got = ours(variant, exim.spool(), "");
    EXPECT_EQ(masked(got.out), masked(theirs.out)) << "exim -" << variant.exim;
    count.ran(variant.exim);
  }
}

}  // namespace
