// SPDX-License-Identifier: Apache-2.0
//
// Message ids: found wherever they stand, taken apart and put together in every scheme.
#include <string>

#include "spoolfmt/message_id.h"
#include "tests/fuzz/fuzz.h"

using fuzz::require;
using spoolfmt::IdScheme;
using spoolfmt::MessageId;

namespace {

void check_scheme(const MessageId& id, const IdScheme& scheme) {
  auto parts = spoolfmt::decode(id, scheme);
  if (id.text().size() != scheme.id_length()) return;  // put together it is another
  auto again = spoolfmt::encode(parts, scheme);
  require(again.text().size() == scheme.id_length(), "of the scheme's length");
  // Digits that no such Exim writes are folded in; ids it does write come back whole.
  bool canonical = parts.microseconds < 1'000'000 && scheme.base == 62 &&
                   parts.localhost_number == scheme.localhost_number;
  if (canonical && !id.is_long()) require(again == id, "the same id");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view line = fuzz::text_of(data, size);
  auto whole = MessageId::parse(line);
  auto id = MessageId::find_in(line);
  if (whole) require(id == whole && id->text() == line, "an id finds itself");
  if (!id) return 0;
  require(line.find(id->text()) != std::string_view::npos, "found where it stands");
  require(MessageId::parse(id->text()) == id, "what is found is an id");
  id->time();

  for (auto release :
       {IdScheme::Release::to_4_95, IdScheme::Release::v4_96, IdScheme::Release::v4_97})
    for (unsigned base : {36U, 62U})
      for (auto number : {std::optional<unsigned>(), std::optional<unsigned>(16)})
        check_scheme(*id, {release, base, number});

  std::string_view rest = line.substr(line.size() / 2);
  require(!spoolfmt::queue_order(id->text(), id->text()), "not before itself");
  require(!(spoolfmt::queue_order(id->text(), rest) &&
            spoolfmt::queue_order(rest, id->text())),
          "not before and behind another");
  return 0;
}
