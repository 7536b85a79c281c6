// SPDX-License-Identifier: Apache-2.0
//
// bobbin-thaw: lets frozen messages be delivered again, as exim -Mt.
#include "base/cli.h"
#include "utils/change.h"

namespace {

void describe(base::Cli& cli, utils::ChangeOptions& options) {
  cli.about("bobbin-thaw", "[OPTION...] [ID...]",
            "Thaw frozen messages: the next queue run tries them again.");
  utils::describe_changes(cli, options);
}

base::Result<void> run(const utils::ChangeOptions& options) {
  auto thaw = [](spoolfmt::HFile& file) -> base::Result<utils::Changes> {
    return utils::thaw(file);
  };
  return utils::change_messages(options, utils::editing(thaw));
}

}  // namespace

int main(int argc, char** argv) {
  return base::tool_main(argc, argv, describe, run);
}
