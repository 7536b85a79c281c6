// SPDX-License-Identifier: Apache-2.0
#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/regex.h"

#include <pcre2.h>

#include "base/handle.h"

namespace base {

namespace {
constexpr std::uint32_t kMatchLimit = 1'000'000;
}  // namespace

struct Regex::Compiled {
  Handle<pcre2_code, pcre2_code_free> code;
  Handle<pcre2_match_context, pcre2_match_context_free> limits;
};

Regex::Regex(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

Result<Regex> Regex::compile(std::string_view pattern, Case letters) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  std::uint32_t flags = letters == Case::insensitive ? PCRE2_CASELESS : 0;
  auto compiled = std::make_unique<Compiled>();
  compiled->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()),
                                     pattern.size(), flags, &error, &offset, nullptr));
  if (!compiled->code) {
    PCRE2_UCHAR message[256];
    pcre2_get_error_message(error, message, sizeof message);
    return fail(Code::usage, "'" + std::string(pattern) +
                                 "' is not a regular expression: " +
                                 reinterpret_cast<const char*>(message) +
                                 " at offset " + std::to_string(offset));
  }
  pcre2_jit_compile(compiled->code.get(), PCRE2_JIT_COMPLETE);  // without it: slower
  compiled->limits.reset(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(compiled->limits.get(), kMatchLimit);
  return Regex(std::move(compiled));
}

bool Regex::matches(std::string_view text) const {
  thread_local Handle<pcre2_match_data, pcre2_match_data_free> data(
      pcre2_match_data_create(1, nullptr));
  return pcre2_match(compiled_->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                     text.size(), 0, 0, data.get(), compiled_->limits.get()) >= 0;
}

}  // namespace base
