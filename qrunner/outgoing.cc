// SPDX-License-Identifier: Apache-2.0
#include "qrunner/outgoing.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <tuple>

#include "base/text.h"
#include "policy/mail_address.h"
#include "qrunner/transport_view.h"
#include "spoolfmt/d_file.h"

namespace qrunner {

namespace {

using Kind = Destination::Kind;

// Of -D.  The first piece is there before a message is sent, and for most is all.
constexpr std::size_t kFirstPiece = 16384;
constexpr std::size_t kPiece = 65536;
// In one transaction, if max_rcpt does not say.
constexpr std::size_t kUsualRecipients = 100;

// What -D has at `offset`, but no more than `most`: one read, whatever signals come.
base::Result<void> read_piece(const spoolfmt::LockedMessage& message,
                              std::uint64_t offset, std::size_t most,
                              std::string& into) {
  std::uint64_t left = message.d_size() - std::min(offset, message.d_size());
  into.clear();
  if (left == 0) return {};
  ssize_t count = 0;
  into.resize_and_overwrite(
      std::min<std::uint64_t>(left, most), [&](char* to, std::size_t size) {
        do count = ::pread(message.d_fd(), to, size, static_cast<off_t>(offset));
        while (count < 0 && errno == EINTR);
        return count < 0 ? 0 : static_cast<std::size_t>(count);
      });
  if (count < 0) return base::system_failure("reading the body", errno);
  return {};
}

// What the queue knows of a message that we hold, for whoever evaluates a policy.
spoolfmt::Queued queued_of(const spoolfmt::LockedMessage& message,
                           const spoolfmt::HFile& file) {
  spoolfmt::Queued queued;
  std::string_view id = message.id().text();
  std::ranges::copy(id, queued.entry.stem_bytes.begin());
  queued.entry.stem_size = static_cast<std::uint8_t>(id.size());
  queued.entry.subdirectory = message.subdirectory();
  queued.h.file = spoolfmt::view_of(file);
  queued.d_size = message.d_size();
  return queued;
}

// What one transaction has in common beside the site: spelt out, so that it compares.
auto shared_by(const Destination& destination, std::string_view errors_to) {
  const policy::RoutedAddress& routed = destination.routed;
  return std::tuple(routed.errors_to.value_or(std::string(errors_to)),
                    routed.headers_add, routed.headers_remove);
}

// What local_part_prefix and local_part_suffix of its router took off.
std::string without_affixes(const Destination& destination) {
  const policy::RoutedAddress& routed = destination.routed;
  std::string address = routed.address;
  std::size_t quote = address.starts_with('"') ? 1 : 0;
  std::size_t end = address.rfind('@') - quote;
  address.erase(end - routed.local_part_suffix.size(), routed.local_part_suffix.size());
  address.erase(quote, routed.local_part_prefix.size());
  return address;
}

// Most transports do not, and need no evaluation for each message.
bool changes_mail(const policy::Driver& transport) {
  return transport.options.has("return_path") || transport.options.has("headers_add") ||
         transport.options.has("headers_remove");
}

std::size_t most_recipients(TransportView& view) {
  auto text = view.text("max_rcpt");
  if (!text || !*text) return kUsualRecipients;
  return base::to_number(**text).value_or(kUsualRecipients);
}

}  // namespace

base::Result<std::unique_ptr<Outgoing>> Outgoing::open(const Terms& terms,
                                                       const spoolfmt::MessageId& id,
                                                       SiteIndex site,
                                                       std::span<const Tried> tried) {
  auto message = TRY(spoolfmt::LockedMessage::lock(terms.spool, id));
  std::unique_ptr<Outgoing> outgoing(new Outgoing(std::move(message)));
  TRY(outgoing->read(terms));
  TRY(outgoing->choose_targets(terms, site, tried));
  if (outgoing->targets_.empty() || site == kDesk) return outgoing;
  // Needed if some may have it and others not; else its end says enough.
  if (!outgoing->one_left()) {
    outgoing->journal_ = TRY(spoolfmt::Journal::open(outgoing->message_.name("-J")));
    std::size_t bytes = 0;
    for (const Destination* target : outgoing->targets_)
      bytes += target->key.size() + 1;
    TRY(outgoing->journal_->reserve(bytes));
  }
  TRY(outgoing->make_envelope(terms));
  return outgoing;
}

Outgoing::~Outgoing() {
  if (journal_ && !recorded_) (void)message_.remove_journal();
}

base::Result<void> Outgoing::note(const std::vector<std::string>& names) {
  if (!journal_) journal_ = TRY(spoolfmt::Journal::open(message_.name("-J")));
  recorded_ = true;
  return journal_->append(names);
}

base::Result<void> Outgoing::record(const std::vector<std::string>& names) {
  TRY(note(names));
  return journal_->sync();
}

base::Result<void> Outgoing::read(const Terms& terms) {
  TRY(read_piece(message_, 0, kFirstPiece, d_start_));
  // A body under the wrong name is mail for the wrong person.
  if (!spoolfmt::d_first_line_matches(d_start_, id()))
    return base::fail(base::Code::syntax,
                      message_.name("-D") + ": line 1: is not the name of the file");
  file_ = TRY(message_.read_h());
  auto age = MessageAge::of(file_, terms.routes.clock().now());
  ThawDecision decision = decide_thaw(age, terms.request.force_frozen, terms.events);
  if (decision.what == Thaw::skip)
    return base::fail(base::Code::usage, "Message is frozen");
  if (decision.what != Thaw::not_frozen) {
    file_.remove("frozen");
    if (terms.request.force_frozen) file_.set_flag("manual_thaw");
    thawed_ = decision.log;
    cancelled_ = decision.what == Thaw::cancel;
  }
  TRY(message_.recover_journal(file_));
  return {};
}

bool Outgoing::joins(const Destination& destination, std::size_t most,
                     bool one_domain) {
  if (targets_.empty()) return true;
  if (most > 0 && targets_.size() >= most) return false;
  const Destination& first = *targets_.front();
  if (shared_by(destination, recipient(destination).errors_to) !=
      shared_by(first, recipient(first).errors_to))
    return false;
  return !one_domain || policy::take_apart(destination.unique).domain ==
                            policy::take_apart(first.unique).domain;
}

base::Result<void> Outgoing::choose_targets(const Terms& terms, SiteIndex site,
                                            std::span<const Tried> tried) {
  spoolfmt::Queued queued = queued_of(message_, file_);
  std::string input = message_.directory_name();
  plan_ = cancelled_ ? terms.routes.give_up(queued) : terms.routes.plan(queued, input);
  site_ = &terms.routes.sites().at(site);
  if (unrouted()) return {};
  std::size_t most = 0;
  bool one_domain = false;
  if (site_->kind == Site::Kind::smtp) {
    most = kUsualRecipients;
    if (site_->transport->driver == "lmtp")
      most = static_cast<std::size_t>(
          std::max<std::int64_t>(1, site_->transport->options.integer("batch_max", 1)));
    if (site_->transport->options.has("max_rcpt")) {
      TransportView view(terms.routes, *site_->transport, queued, input);
      most = most_recipients(view);
    }
    one_domain = !site_->transport->options.boolean("multi_domain", true);
  }
  for (Destination& destination : plan_.destinations) {
    bool at_desk = destination.kind == Kind::fail || destination.kind == Kind::defer ||
                   destination.kind == Kind::discard;
    std::optional<SiteIndex> goes = at_desk ? kDesk : destination.site;
    auto before = std::ranges::find(tried, destination.key, &Tried::key);
    if (before != tried.end()) goes = before->next;
    bool elsewhere = destination.kind == Kind::done ||
                     destination.kind == Kind::foreign ||
                     destination.kind == Kind::waits || goes != site;
    // Whom two recipients came to gets it once.
    bool again = std::ranges::any_of(targets_, [&](const Destination* target) {
      return target->key == destination.key;
    });
    if (elsewhere || again) continue;
    if (at_desk || joins(destination, most, one_domain))
      targets_.push_back(&destination);
    else
      more_here_ = true;
  }
  return {};
}

bool Outgoing::has_too_long_lines() const {
  const auto* longest = file_.find("max_received_linelength");
  if (site_->transport->driver != "smtp" || !longest) return false;
  std::int64_t limit =
      site_->transport->options.integer("message_linelength_limit", 998);
  auto length = base::to_number(longest->value);
  return limit > 0 && length && *length > static_cast<std::uint64_t>(limit);
}

base::Result<void> Outgoing::make_envelope(const Terms& terms) {
  const Destination& first = *targets_.front();
  const std::string& errors_to = recipient(first).errors_to;
  envelope_.sender =
      first.routed.errors_to.value_or(errors_to.empty() ? file_.sender : errors_to);
  if (has_too_long_lines()) unfit_ = "message has lines too long for transport";
  HeaderChanges changes{first.routed.headers_add, first.routed.headers_remove};
  bool asks = site_->kind == Site::Kind::smtp && changes_mail(*site_->transport);
  if (asks && !see_transport(terms, changes)) return {};
  head_ = sent_headers(file_, changes);
  bool affixes = site_->transport->options.boolean("rcpt_include_affixes", false);
  for (const Destination* target : targets_) {
    const spoolfmt::Recipient& source = recipient(*target);
    envelope_.recipients.push_back(
        {affixes ? target->routed.address : without_affixes(*target), source.dsn_flags,
         source.orcpt});
  }
  if (const auto* envid = file_.find("dsn_envid")) envelope_.envid = envid->value;
  if (const auto* ret = file_.find("dsn_ret"))
    envelope_.ret =
        ret->value == "1" ? smtp::DsnReturn::full : smtp::DsnReturn::headers;
  envelope_.smtputf8 = file_.has("smtputf8");
  // As it will be on the wire, where each line end is two bytes.
  auto lines = static_cast<std::size_t>(std::ranges::count(head_, '\n'));
  const auto* counted = file_.find("body_linecount");
  if (counted && !wire_format()) lines += base::to_number(counted->value).value_or(0);
  envelope_.size = head_.size() + message_.d_size() - id().first_line_length() + lines;
  if (site_->kind == Site::Kind::smtp) {
    auto more = site_->transport->options.integer(
        "size_addition", site_->transport->driver == "smtp" ? 1024 : 0);
    envelope_.size_addition.reset();
    if (more >= 0) envelope_.size_addition = static_cast<std::uint64_t>(more);
  }
  // The loop that sends must not wait for a disk.
  if (d_start_.size() < message_.d_size())
    ::posix_fadvise(message_.d_fd(), 0, 0, POSIX_FADV_WILLNEED);
  return {};
}

bool Outgoing::see_transport(const Terms& terms, HeaderChanges& changes) {
  spoolfmt::Queued queued = queued_of(message_, file_);
  TransportView view(terms.routes, *site_->transport, queued,
                     message_.directory_name());
  view.show(std::vector<const Destination*>(targets_.begin(), targets_.end()));
  auto sender = view.return_path(envelope_.sender);
  auto all = view.header_changes(targets_.front()->routed);
  if (sender && all) {
    envelope_.sender = *std::move(sender);
    changes = *std::move(all);
    return true;
  }
  obstacle_ = sender ? all.error().text : sender.error().text;
  return false;
}

spoolfmt::Queued Outgoing::queued() const {
  return queued_of(message_, file_);
}

void Outgoing::finish(const std::vector<std::string>& keys) {
  std::vector<std::string> names = keys;
  for (Destination& destination : plan_.destinations)
    if (std::ranges::find(keys, destination.key) != keys.end())
      destination.kind = Kind::done;
  for (std::size_t i = 0; i < file_.recipients.size(); ++i) {
    bool any = false, all = true;
    for (const Destination& destination : plan_.destinations)
      if (destination.recipient == i) {
        any = true;
        all = all && destination.kind == Kind::done;
      }
    if (!any || !all) continue;
    names.push_back(spoolfmt::unique_form(file_.recipients[i].address));
    names.push_back(file_.recipients[i].address);
  }
  file_.mark_delivered(names);
}

bool Outgoing::remember_children() {
  std::set<std::size_t> lasting;  // who cannot be replaced by children
  for (const Destination& destination : plan_.destinations) {
    // No address; or one that is a recipient already, and over with its parent.
    bool stays = !destination.routed.one_time || !destination.routed.target.empty() ||
                 std::ranges::any_of(file_.recipients, [&](const auto& known) {
                   return spoolfmt::unique_form(known.address) == destination.unique;
                 });
    if (stays && destination.kind != Kind::done) lasting.insert(destination.recipient);
  }
  std::vector<std::string> over;
  std::vector<spoolfmt::Recipient> children;
  for (const Destination& destination : plan_.destinations) {
    const policy::RoutedAddress& routed = destination.routed;
    if (destination.kind == Kind::done || lasting.contains(destination.recipient))
      continue;
    spoolfmt::Recipient child = recipient(destination);
    over.push_back(child.address);
    over.push_back(spoolfmt::unique_form(child.address));
    child.parent = static_cast<int>(destination.recipient);
    child.address = routed.address;
    child.errors_to = routed.errors_to.value_or(child.errors_to);
    children.push_back(std::move(child));
  }
  if (children.empty()) return false;
  file_.recipients.insert(file_.recipients.end(), children.begin(), children.end());
  file_.mark_delivered(over);
  return true;
}

bool Outgoing::somebody_left() const {
  return std::ranges::any_of(plan_.destinations, [](const Destination& destination) {
    return destination.kind != Kind::done;
  });
}

bool Outgoing::one_left() const {
  return std::ranges::count_if(plan_.destinations, [](const Destination& destination) {
           return destination.kind != Kind::done;
         }) == 1;
}

base::Result<void> Outgoing::end(bool preserve_log) {
  if (!ended_) TRY(message_.remove_but_journal(preserve_log));
  ended_ = true;
  return {};
}

void Outgoing::clear() {
  (void)message_.remove_journal();
  journal_.reset();
}

net::Content Outgoing::content() const {
  struct Progress {
    unsigned pieces = 0;
    std::uint64_t offset = 0;
    std::string buffer;
  };
  auto progress = std::make_shared<Progress>();  // std::function wants copies
  progress->offset = d_start_.size();
  return [this, progress]() -> base::Result<std::string_view> {
    std::string_view first_piece = d_start_;
    first_piece.remove_prefix(id().first_line_length());
    unsigned piece = progress->pieces++;
    if (piece == 0) return head_;
    if (piece == 1 && !first_piece.empty()) return first_piece;
    TRY(read_piece(message_, progress->offset, kPiece, progress->buffer));
    progress->offset += progress->buffer.size();
    return progress->buffer;
  };
}

}  // namespace qrunner
