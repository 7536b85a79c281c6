// SPDX-License-Identifier: Apache-2.0
//
// Replies of a server, cut anyhow; and what we make of them sent on.
#include <string>
#include <vector>

#include "smtp/exchange.h"
#include "smtp/reply.h"
#include "tests/fuzz/fuzz.h"

using fuzz::require;

namespace {

struct Heard {
  std::vector<smtp::Reply> replies;
  bool failed = false;

  bool operator==(const Heard&) const = default;
};

Heard listen(std::string_view bytes, std::size_t longest) {
  Heard heard;
  smtp::ReplyParser parser;
  fuzz::for_each_piece(bytes, static_cast<std::uint32_t>(bytes.size()), longest,
                       [&](std::string_view piece) {
                         while (!piece.empty() && !heard.failed) {
                           auto reply = parser.feed(piece);
                           heard.failed = !reply;
                           if (reply && *reply)
                             heard.replies.push_back(*std::move(*reply));
                           else if (reply)
                             require(piece.empty(), "all is taken");
                         }
                       });
  return heard;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes = fuzz::text_of(data, size);
  Heard whole = listen(bytes, size + 1);
  for (std::size_t longest : {1UL, 5UL})
    require(listen(bytes, longest) == whole, "cuts do not matter");
  for (const auto& reply : whole.replies) {
    require(reply.code >= 200 && reply.code <= 599, "a code of RFC 5321");
    smtp::parse_ehlo_reply(reply);
    require(smtp::reply_for_log(reply).find('\n') == std::string::npos, "one log line");
    std::string sent = smtp::format_reply(reply);
    Heard heard = listen(sent, sent.size());
    require(!heard.failed && heard.replies.size() == 1, "sent on it is one reply");
    require(heard.replies[0].code == reply.code, "of the same code");
    require(smtp::format_reply(heard.replies[0]) == sent, "sent once, sent for good");
  }
  return 0;
}
