// SPDX-License-Identifier: Apache-2.0
//
// The action expand: operands, or lines of standard input (expand_lines.h).
#include <unistd.h>

#include <array>
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
    std::string lines = std::exchange(begun_, {});
    for (;;) {
      const ssize_t got = ::read(STDIN_FILENO, room_.data(), room_.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return base::system_failure("standard input", errno);
      if (got == 0 && lines.empty()) return std::nullopt;
      if (got == 0) return lines;
      std::string_view more(room_.data(), static_cast<std::size_t>(got));
      const std::size_t whole = more.rfind('\n') + 1;  // npos + 1 is 0
      if (whole == 0) {
        lines += more;
        continue;
      }
      lines += more.substr(0, whole);
      begun_ = more.substr(whole);
      return lines;
    }
  }

 private:
  std::array<char, 65536> room_;
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
