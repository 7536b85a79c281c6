// SPDX-License-Identifier: Apache-2.0
//
// Which messages are in our hands: a message goes to several sites one after the other,
// because its lock is one, and its bounce waits for the last of them.
//
// Lives on the loop.
#pragma once

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "qrunner/books.h"
#include "qrunner/sites.h"
#include "spoolfmt/message_id.h"

namespace qrunner {

class Hands {
 public:
  // So many more legs of the message are on their way; without this there is one, which
  // is known from when it is taken.
  void expect(const spoolfmt::MessageId& id, std::size_t legs);

  bool knows(const spoolfmt::MessageId& id) const { return hands_.contains(id); }

  // False: another leg has it in its hands, and this one is in let_go()'s answer.
  bool take(const spoolfmt::MessageId& id, SiteIndex site);
  // Is it the last leg that has it now?
  bool last(const spoolfmt::MessageId& id) const;
  // What earlier legs left to be told; it comes back with let_go.
  Carried carried(const spoolfmt::MessageId& id);
  // Whom earlier legs tried; a copy.
  std::vector<Tried> tried(const spoolfmt::MessageId& id) const;
  // The leg is over, unless it goes `again`.  The legs that waited meanwhile.
  std::vector<SiteIndex> let_go(const spoolfmt::MessageId& id, Carried carried,
                                bool again);
  // Failures of messages that a leg of did not come to be tried.
  std::vector<std::pair<spoolfmt::MessageId, Carried>> untold();

 private:
  struct Hash {
    std::size_t operator()(const spoolfmt::MessageId& id) const {
      return std::hash<std::string_view>()(id.text());
    }
  };
  struct Hand {
    std::size_t legs = 1;
    bool taken = false;
    std::vector<SiteIndex> waiting;
    Carried carried;
  };

  std::unordered_map<spoolfmt::MessageId, Hand, Hash> hands_;
};

}  // namespace qrunner
