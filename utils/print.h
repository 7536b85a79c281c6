// SPDX-License-Identifier: Apache-2.0
//
// How queued messages look on paper: Exim's listing, a table for people, JSON for
// programs.  Everything here appends to a string; put() alone writes.
//
// Exim's listing is `exim -bp` to the byte (Exim manual, "Command line options", -bp),
// the two kinds of error block included.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "spoolfmt/queued.h"

namespace utils {

// What standard output is.
struct Screen {
  bool terminal = false;  // then no byte of mail reaches it unescaped
  std::size_t width = 0;  // columns; 0: as many as there are
};
Screen standard_output();

// Bytes of mail for that screen.
std::string shown(std::string_view mail, const Screen& screen);

// Writes to standard output.  A reader that went away (`| head`) is a Code::disk
// without text: nobody wants to read about it.
base::Result<void> put(std::string_view bytes);

enum class Names {
  all,          // -bp: every recipient
  undelivered,  // -bpu
  generated,    // -bpa: and the names delivered to that are no recipients
};

// One message as `exim -bp` prints it.  `trouble` as utils::scan gives it.
void append_exim(std::string& out, const spoolfmt::Queued& queued,
                 const base::Error* trouble, base::Time now, Names names,
                 const Screen& screen);

// The table: a heading, and one line a message.
void append_heading(std::string& out, std::size_t id_width, const Screen& screen);
void append_row(std::string& out, const spoolfmt::Queued& queued,
                const base::Error* trouble, base::Time now, std::size_t id_width,
                const Screen& screen);

// One line of JSON (bobbin-list(1), JSON).
void append_json(std::string& out, const spoolfmt::Queued& queued,
                 const base::Error* trouble, base::Time now);

// Members that tell what is wrong: "error", "damage" and, of a damaged -H, "line".
void append_trouble(base::Json& json, const spoolfmt::Queued& queued,
                    const base::Error& trouble);

// The time of -frozen, and since when, as members "frozen" and "frozen_since".
void append_frozen(base::Json& json, const spoolfmt::HFileView& file);

// The recipients not yet delivered to.
std::vector<std::string_view> undelivered(const spoolfmt::Queued& queued);

}  // namespace utils
