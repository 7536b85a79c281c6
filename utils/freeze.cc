// SPDX-License-Identifier: Apache-2.0
//
// bobbin-freeze: keeps messages in the queue until they are thawed, as exim -Mf.
#include <chrono>

#include "base/cli.h"
#include "base/clock.h"
#include "utils/change.h"

namespace {

void describe(base::Cli& cli, utils::ChangeOptions& options) {
  cli.about("bobbin-freeze", "[OPTION...] [ID...]",
            "Freeze messages: no delivery is attempted until they are thawed.");
  utils::describe_changes(cli, options);
}

base::Result<void> run(const utils::ChangeOptions& options) {
  auto freeze = [](spoolfmt::HFile& file) -> base::Result<utils::Changes> {
    auto now = std::chrono::floor<std::chrono::seconds>(base::SystemClock().now());
    return utils::freeze(file, now.time_since_epoch().count());
  };
  return utils::change_messages(options, utils::editing(freeze));
}

}  // namespace

int main(int argc, char** argv) {
  return base::tool_main(argc, argv, describe, run);
}
