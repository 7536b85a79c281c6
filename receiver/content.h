// SPDX-License-Identifier: Apache-2.0
//
// The content of one message on its way from the wire to the spool.
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
#include <vector>

#include "receiver/header_section.h"
#include "smtp/body.h"
#include "smtp/reply.h"

namespace receiver {

class Content {
 public:
  // `size_limit` in bytes of the whole message; 0: none.
  explicit Content(std::uint64_t size_limit) : size_limit_(size_limit) {}

  // Returns how many bytes of `wire` belong to the message: all, unless done().
  std::size_t feed(std::string_view wire);
  bool done() const { return reader_.done(); }

  // Why the message cannot be taken, as far as it is known by now.
  std::optional<smtp::Reply> refusal() const;
  // It will be refused for another reason: keep nothing more of it.
  void discard();

  // Body bytes that nobody took yet.
  const std::string& body() const { return body_; }
  void body_taken() { body_.clear(); }

  std::vector<spoolfmt::Header> headers() const { return section_.headers(); }
  std::uint64_t body_lines() const { return reader_.lines() - section_.lines(); }
  std::uint64_t body_nuls() const { return reader_.nuls() - section_.nuls(); }
  std::uint64_t longest_line() const { return reader_.longest_line(); }  // of all
  std::uint64_t size() const { return reader_.size(); }

 private:
  std::uint64_t size_limit_;
  smtp::DotReader reader_;
  HeaderSection section_;
  std::string undone_;  // while the section lasts: what is still to be split
  std::string body_;
  bool discarding_ = false;
};

}  // namespace receiver
