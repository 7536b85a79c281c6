// SPDX-License-Identifier: Apache-2.0
//
// What is mended of a message whose client is a user's program, control = submission
// (RFC 6409 section 8; Exim manual, "Message submission mode").
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "receiver/facts.h"
#include "spoolfmt/h_file.h"

namespace receiver {

struct Mending {
  const Wishes::Submission& wish;
  std::string_view authenticated_id;  // "": the client did not authenticate
  std::string_view qualify_domain;
  std::string_view hostname;         // of a Message-ID that is made
  std::string_view message_id_text;  // in front of its '@', after the message's id
  const spoolfmt::MessageId& id;
  base::Time now;
};

// Adds Date:, Message-ID: and From: where they are missing.  Unless the sender is to be
// retained, takes a Sender: away, names the user in one of our own if From: does not,
// and makes the user the envelope's sender, if it has one.
void mend_submission(std::vector<spoolfmt::Header>& headers, std::string& sender,
                     const Mending& mending);

}  // namespace receiver
