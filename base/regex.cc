// SPDX-License-Identifier: Apache-2.0
#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/regex.h"

#include <pcre2.h>

#include "base/handle.h"

namespace base {

namespace {

// What one match may cost: steps, nested back-tracking points, and KiB of memory.
constexpr std::uint32_t kMatchLimit = 1'000'000;
constexpr std::uint32_t kDepthLimit = 100'000;
constexpr std::uint32_t kHeapLimit = 20'000;
// Of code that is compiled, which does not count its depth but the bytes of its stack.
constexpr std::size_t kStackStart = std::size_t{32} << 10;
constexpr std::size_t kStackMost = std::size_t{512} << 10;
constexpr std::uint32_t kGroups = 32;

std::string message_of(int error) {
  PCRE2_UCHAR message[256];
  pcre2_get_error_message(error, message, sizeof message);
  return reinterpret_cast<const char*>(message);
}

pcre2_jit_stack* stack_of_thread(void*) {
  thread_local Handle<pcre2_jit_stack, pcre2_jit_stack_free> stack(
      pcre2_jit_stack_create(kStackStart, kStackMost, nullptr));
  return stack.get();
}

pcre2_match_data* data_of_thread() {
  thread_local Handle<pcre2_match_data, pcre2_match_data_free> data(
      pcre2_match_data_create(kGroups, nullptr));
  return data.get();
}

// Never changed, so any thread may use them.
pcre2_match_context* limits() {
  static const auto limits = [] {
    Handle<pcre2_match_context, pcre2_match_context_free> made(
        pcre2_match_context_create(nullptr));
    pcre2_set_match_limit(made.get(), kMatchLimit);
    pcre2_set_depth_limit(made.get(), kDepthLimit);
    pcre2_set_heap_limit(made.get(), kHeapLimit);
    pcre2_jit_stack_assign(made.get(), stack_of_thread, nullptr);
    return made;
  }();
  return limits.get();
}

}  // namespace

struct Regex::Compiled {
  Handle<pcre2_code, pcre2_code_free> code;
};

Regex::Regex(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

Result<Regex> Regex::compile(std::string_view pattern, Case letters,
                             std::size_t* offset) {
  int error = 0;
  PCRE2_SIZE place = 0;
  std::uint32_t flags = letters == Case::insensitive ? PCRE2_CASELESS : 0;
  auto compiled = std::make_unique<Compiled>();
  compiled->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()),
                                     pattern.size(), flags, &error, &place, nullptr));
  if (!compiled->code) {
    if (offset != nullptr) *offset = place;
    return fail(Code::usage, "'" + std::string(pattern) +
                                 "' is not a regular expression: " + message_of(error) +
                                 " at offset " + std::to_string(place));
  }
  pcre2_jit_compile(compiled->code.get(), PCRE2_JIT_COMPLETE);  // without it: slower
  return Regex(std::move(compiled));
}

bool Regex::matches(std::string_view text) const {
  auto found = match(text, {});
  return found && *found > 0;
}

Result<std::size_t> Regex::match(std::string_view text,
                                 std::span<std::string_view> groups, From from) const {
  pcre2_match_data* data = data_of_thread();
  std::uint32_t flags =
      from.here_not_empty ? PCRE2_ANCHORED | PCRE2_NOTEMPTY_ATSTART : 0;
  int found =
      pcre2_match(compiled_->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                  text.size(), from.offset, flags, data, limits());
  if (found == PCRE2_ERROR_NOMATCH) return std::size_t{0};
  if (found < 0)
    return fail(Code::permanent,
                "the regular expression gave up: " + message_of(found));
  std::size_t set = found == 0 ? kGroups : static_cast<std::size_t>(found);
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    bool took_part =
        i < set && ends[2 * i] != PCRE2_UNSET && ends[2 * i + 1] >= ends[2 * i];
    groups[i] = took_part ? text.substr(ends[2 * i], ends[2 * i + 1] - ends[2 * i])
                          : std::string_view();
  }
  return set;
}

}  // namespace base
