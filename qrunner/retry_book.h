// SPDX-License-Identifier: Apache-2.0
//
// The policy's retry rules over the records of the store: when may something be tried,
// and what is remembered of a try (spec/queue-run.md 6).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "hints/retry_key.h"
#include "hints/store.h"
#include "policy/policy.h"
#include "qrunner/retry_schedule.h"
#include "qrunner/routing_context.h"
#include "spoolfmt/h_file.h"
#include "spoolfmt/message_id.h"

namespace qrunner {

// A message as far as its retry times go.
struct Waiting {
  base::Time received;
  std::string_view sender;
  bool first_time = false;
  bool forced = false;  // times do not count for it
};

// What a retry record is about, and how rules find it.  Borrows what it was made from.
struct RetrySubject {
  RetryItem item = RetryItem::host;
  std::string key;           // hints/retry_key.h
  std::string_view address;  // or a domain: what rules are matched with
  std::string_view host{};   // of a host's errors: asked first
};
RetrySubject host_subject(const hints::HostItem& host, std::string_view address);
RetrySubject message_subject(const hints::HostItem& host, std::string_view message_id,
                             std::string_view address);
RetrySubject domain_subject(std::string_view address);   // the domain of it
RetrySubject address_subject(std::string_view address);  // its routing
RetrySubject recipient_subject(std::string_view address, std::string_view sender);
// `key`: the address, the domain or what else tells one local delivery from another.
RetrySubject local_subject(std::string_view key, std::string_view address);

// Safe from any thread.
class RetryBook {
 public:
  // All live longer than this.  `forced`: times do not count.
  RetryBook(const policy::Policy& policy, const Names& names,
            policy::LookupFiles& files, const base::Clock& clock, hints::Store& store,
            bool forced);

  // From here on times do not count for this message, either.  Before others ask.
  void force(const spoolfmt::MessageId& id) { forced_message_ = id; }
  bool forces(const spoolfmt::MessageId& id) const {
    return forced_ || (forced_message_ && *forced_message_ == id);
  }
  // Borrows from the file.
  template <class Text>
  Waiting waiting(const spoolfmt::BasicHFile<Text>& file) const {
    return {file.received_time(), file.sender, file.has("deliver_firsttime"),
            forces(file.id)};
  }

  Standing standing(const RetrySubject& subject, const Waiting& message,
                    bool delay_after_cutoff = true) const;
  // True: that was its last try for this message.
  bool failed(const RetrySubject& subject, const hints::Failure& failure,
              const Waiting& message);
  void succeeded(const RetrySubject& subject);

  // Is anything known of it at all?
  bool knows(const std::string& key) const { return store_.retry(key).has_value(); }
  // Are the records of a host about one of its addresses, or about all of them?
  // retry_include_ip_address of the transport, which may ask for $host and
  // $host_address; of a message nothing is known there.
  policy::Outcome<bool> tells_addresses_apart(const policy::Driver& transport,
                                              std::string_view host,
                                              std::string_view address) const;
  // May an address be routed now, as far as its routing failed before?  Only a queue
  // run asks, and not of a message's first try.
  bool may_route(std::string_view address, const Waiting& message) const;
  // May a local delivery be tried now?  Asked as may_route() is.
  bool may_deliver(const RetrySubject& local, const Waiting& message) const {
    return message.first_time || may_try(standing(local, message));
  }

 private:
  const policy::RetryRule* rule(const RetrySubject& subject,
                                const hints::Failure& failure,
                                std::string_view sender) const;

  const policy::Policy& policy_;
  const Names& names_;
  policy::LookupFiles& files_;
  const base::Clock& clock_;
  hints::Store& store_;
  bool forced_;
  std::optional<spoolfmt::MessageId> forced_message_;
  RetryLimits limits_;
};

}  // namespace qrunner
