// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/boards.h"

#include "spoolfmt/spool.h"

namespace spoolfmt {

std::filesystem::path board_directory(const std::filesystem::path& spool) {
  return spool / "db" / "bobbin" / "board";
}

base::Result<base::SharedBoard> hang_out(const std::filesystem::path& spool,
                                         std::string_view kind, base::Time since) {
  auto directory = board_directory(spool);
  for (const auto& step : {spool / "db", spool / "db" / "bobbin", directory})
    TRY(make_directory(step));
  return base::SharedBoard::create(directory, kind, since);
}

}  // namespace spoolfmt
