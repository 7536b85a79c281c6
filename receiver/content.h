// SPDX-License-Identifier: Apache-2.0
//
// The content of one message on its way from the wire to the spool, by DATA or BDAT.
//
// Dots and line ends are undone, the header section is kept, body bytes are handed on
// as they come, so that a session holds no more than a block of them.  A message that
// will be refused is read to its true end all the same, but no longer kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "receiver/header_section.h"
#include "smtp/body.h"
#include "smtp/reply.h"

namespace receiver {

class Content {
 public:
  struct Limits {
    std::uint64_t size = 0;  // bytes of the whole message; 0: none
    HeaderSection::Limits headers{};
  };
  // What DATA brings, up to its dot.
  Content(const Limits& limits, smtp::LineEndings line_endings);
  // What BDAT brings, up to finish().  `binary`: a CR or LF alone is content.
  Content(const Limits& limits, smtp::LineEndings line_endings, smtp::Storing storing,
          bool binary);

  // Returns how many bytes of `wire` belong to the message: all, unless done().
  std::size_t feed(std::string_view wire);
  // The last chunk was fed.
  void finish();
  bool done() const { return finished_ || reader().done(); }

  // Why the message cannot be taken, as far as it is known by now.
  std::optional<smtp::Reply> refusal() const;
  // It will be refused for another reason: keep nothing more of it.
  void discard();
  // The end was none that the standard knows: trust nothing that is there behind it.
  bool lenient_end() const;

  // Body bytes that nobody took yet.
  const std::string& body() const { return body_; }
  void body_taken() { body_.clear(); }

  std::vector<spoolfmt::Header> headers() const { return section_.headers(); }
  bool chunked() const { return std::holds_alternative<smtp::ChunkReader>(reader_); }
  bool wire_format() const { return wire_format_; }
  std::uint64_t body_lines() const { return reader().lines() - section_.lines(); }
  std::uint64_t body_nuls() const { return reader().nuls() - section_.nuls(); }
  std::uint64_t longest_line() const { return reader().longest_line(); }  // of all
  std::uint64_t size() const { return reader().size(); }

 private:
  smtp::BodyReader& reader() {
    return std::visit([](auto& each) -> smtp::BodyReader& { return each; }, reader_);
  }
  const smtp::BodyReader& reader() const {
    return std::visit([](const auto& each) -> const smtp::BodyReader& { return each; },
                      reader_);
  }
  void take_undone();

  std::uint64_t size_limit_;
  bool refuses_bare_;
  bool wire_format_ = false;
  std::variant<smtp::DotReader, smtp::ChunkReader> reader_;
  HeaderSection section_;
  std::string undone_;  // while the section lasts: what is still to be split
  std::string body_;
  bool discarding_ = false;
  bool finished_ = false;
};

}  // namespace receiver
