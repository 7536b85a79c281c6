// SPDX-License-Identifier: Apache-2.0
//
// Where those who are at work on a spool hang out their boards (base/shared_board.h).
#pragma once

#include <filesystem>
#include <string_view>

#include "base/shared_board.h"

namespace spoolfmt {

// <spool>/db/bobbin/board.
std::filesystem::path board_directory(const std::filesystem::path& spool);

// Our own, there; the directory is made.
base::Result<base::SharedBoard> hang_out(const std::filesystem::path& spool,
                                         std::string_view kind, base::Time since);

}  // namespace spoolfmt
