// SPDX-License-Identifier: Apache-2.0
//
// The action expand: operands, or lines of standard input (expand_lines.h).
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "utils/expand_lines.h"
#include "utils/policy_tool.h"
#include "utils/print.h"

namespace utils {

namespace {

using base::Result;

// Standard input, in blocks of whole lines.
class StandardInput {
 public:
  Result<Block> next() {
    constexpr std::size_t kRoom = 65536;
    std::string lines = std::exchange(begun_, {});
    for (;;) {
      const std::size_t before = lines.size();
      lines.resize(before + kRoom);
      ssize_t got = ::read(STDIN_FILENO, lines.data() + before, kRoom);
      const int error = errno;
      lines.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      if (got < 0 && error == EINTR) continue;
      if (got < 0) return base::system_failure("standard input", error);
      if (got == 0 && lines.empty()) return std::nullopt;
      if (got == 0) return lines;
      std::size_t newline = std::string_view(lines).substr(before).rfind('\n');
      if (newline == std::string_view::npos) continue;
      begun_ = lines.substr(before + newline + 1);
      lines.resize(before + newline + 1);
      return lines;
    }
  }

 private:
  std::string begun_;  // a line
};

}  // namespace

Result<void> expand_texts(const PolicyOptions& options) {
  auto loaded = TRY(load_sound_policy(options.common));
  policy::ScriptedContext context;
  TRY(fill(context, options));
  StandardInput input;
  const bool all_well = options.operands.empty()
                            ? TRY(expand_lines(
                                  *loaded.policy, context, options.json,
                                  [&] { return input.next(); }, put))
                            : TRY(expand_each(*loaded.policy, context, options.json,
                                              options.operands, put));
  if (!all_well) return base::fail(base::Code::partial, "");
  return {};
}

}  // namespace utils
