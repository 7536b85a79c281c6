// SPDX-License-Identifier: Apache-2.0
#include "policy/pattern.h"

#include <utility>

#include "policy/evaluation.h"
#include "policy/regex_cache.h"
#include "policy/template_parser.h"

namespace policy {

Outcome<std::shared_ptr<const base::Regex>> Pattern::regex(
    Evaluation& evaluation) const {
  if (regex_) return regex_;
  std::string buffer;
  return compiled(TRY(expand_view(computed_, evaluation, buffer)));
}

std::optional<Pattern> take_pattern(TemplateParser& parser, std::string_view owner) {
  parser.skip_blanks();
  const Origin origin = parser.here();
  auto text = parser.take_argument(owner);
  if (!text) return {};
  const std::string* literal = text->literal();
  if (!literal) return Pattern(*std::move(text));
  auto regex = compiled(*literal);
  if (regex) return Pattern(*std::move(regex));
  parser.parsing().error(origin, "the regular expression " + quote(*literal) + " of " +
                                     std::string(owner) +
                                     " is not valid: " + regex.error().text);
  return Pattern(*std::move(text));
}

}  // namespace policy
