// SPDX-License-Identifier: Apache-2.0
//
// Recipient lines: any line without LF is some recipient, and goes back as that one.
#include <string>

#include "spoolfmt/h_file.h"
#include "spoolfmt/recipient.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/same_h_file.h"

using fuzz::require;

namespace {

spoolfmt::Recipient parse(std::string_view line) {
  auto view = spoolfmt::parse_recipient(line);
  return {std::string(view.address),
          std::string(view.errors_to),
          std::string(view.orcpt),
          view.dsn_flags,
          view.parent,
          view.old_form};
}

std::string format(const spoolfmt::Recipient& recipient) {
  std::string line;
  spoolfmt::append_recipient(line, recipient);
  require(line.find('\n') == line.size() - 1, "one line");
  line.pop_back();
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view line = fuzz::text_of(data, size);
  line = line.substr(0, line.find('\n'));
  if (line.empty()) return 0;  // no recipient: h_file.h
  auto recipient = parse(line);
  require(!recipient.address.empty(), "there is an address");
  std::string written = format(recipient);
  auto again = parse(written);
  require(support::same(recipient, again), "the same recipient");
  require(format(again) == written, "written once, written for good");

  std::string unique = spoolfmt::unique_form(recipient.address);
  require(spoolfmt::unique_form(unique) == unique, "unique once, unique for good");
  require(unique.size() == recipient.address.size(), "only case changes");
  return 0;
}
