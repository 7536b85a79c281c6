// SPDX-License-Identifier: Apache-2.0
//
// -H files: what is sound is written back in one form, which reads as the same message.
#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "spoolfmt/h_file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/same_h_file.h"

using fuzz::require;

namespace {

// Whether Exim's own walk finds every name of the tree, and no name stands twice.
bool well_ordered(const spoolfmt::HFile& file) {
  std::set<std::string_view> names;
  return std::all_of(file.delivered.nodes.begin(), file.delivered.nodes.end(),
                     [&](const auto& node) {
                       return names.insert(node.name).second &&
                              file.delivered.found_by_exim(node.name);
                     });
}

void check_insertion(spoolfmt::HFile file) {
  bool sound = well_ordered(file);
  std::vector<std::string> names = {"a@b.example", "", "\x7f", "zz@zz.example"};
  for (const auto& recipient : file.recipients) names.push_back(recipient.address);
  std::size_t before = file.delivered.nodes.size();
  file.mark_delivered(names);
  require(file.delivered.nodes.size() <= before + names.size(), "no name twice");
  for (const auto& name : names) {
    require(file.delivered.contains(name), "an inserted name is there");
    if (sound) require(file.delivered.found_by_exim(name), "and where Exim looks");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  std::string leaf(text.substr(0, text.find('\n')));
  spoolfmt::ParsedH parsed;
  spoolfmt::read_h_file(text, leaf, parsed);
  require((parsed.damage == spoolfmt::Damage::none) == (parsed.line == 0),
          "damage has a line");

  auto file = spoolfmt::parse_h_file(text, leaf);
  if (!file) return 0;
  require(spoolfmt::check_writable(*file).has_value(), "what was read can be written");
  std::string written = spoolfmt::format_h_file(*file);
  require(written == spoolfmt::format_h_file(parsed.file), "both forms write the same");

  auto again = spoolfmt::parse_h_file(written, leaf);
  require(again.has_value(), "what we write, we read");
  require(support::same(*file, *again), "and it is the same message");
  require(spoolfmt::format_h_file(*again) == written, "written once, written for good");
  check_insertion(*std::move(file));
  return 0;
}
