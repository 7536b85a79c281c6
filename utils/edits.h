// SPDX-License-Identifier: Apache-2.0
//
// What an administrator does to a message, as pure changes of its -H file: Exim's -Mf,
// -Mt, -Mes, -Mar, -Mmd and -Mmad (Exim manual, "The Exim command line"), and header
// lines and ACL variables besides.
//
// Each says what it did in the words of the main log, and nothing if the message was so
// already: an edit that is made twice is made once.  What comes from the command line
// is checked while it is read, so that no line break gets into a one-line field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "spoolfmt/h_file.h"

namespace utils {

// "frozen", "recipient <a@b.example> added": a main log line each, before " by LOGIN".
using Changes = std::vector<std::string>;

Changes freeze(spoolfmt::HFile& file, std::int64_t now);
Changes thaw(spoolfmt::HFile& file);

// `address` empty: the null sender.
Changes set_sender(spoolfmt::HFile& file, const std::string& address);
// Code::permanent when Exim could not read so many recipients back.
base::Result<Changes> add_recipient(spoolfmt::HFile& file, const std::string& address);
// Code::permanent if the message has no such recipient.
base::Result<Changes> mark_delivered(spoolfmt::HFile& file, std::string_view address);
Changes mark_all_delivered(spoolfmt::HFile& file);

// At the end of the header section.
Changes add_header(spoolfmt::HFile& file, const spoolfmt::Header& header);
// Every header line of that name gets type '*': kept for the record, never sent.
Changes remove_header(spoolfmt::HFile& file, std::string_view name);
Changes set_variable(spoolfmt::HFile& file, const spoolfmt::Option& variable);

// Arguments.  All fail with Code::usage and what to write instead.

// "local@domain", or "<>" for nobody if `null_allowed`; never empty, which is what an
// unset variable of a shell leaves.
base::Result<std::string> parse_address(std::string_view text,
                                        bool null_allowed = false);
base::Result<std::string> parse_header_name(std::string_view text);
// "Name: text", folds as a newline and a blank or tab; without the last newline.
base::Result<spoolfmt::Header> parse_header(std::string_view text);
// "acl_m_name=value", "acl_c0=value"; the value may hold line breaks, it is counted.
base::Result<spoolfmt::Option> parse_variable(std::string_view text);

}  // namespace utils
