// SPDX-License-Identifier: Apache-2.0
#include "qrunner/outgoing.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <unordered_map>
#include <unordered_set>

#include "base/text.h"
#include "spoolfmt/d_file.h"

namespace qrunner {

namespace {

constexpr std::size_t kPiece = 65536;
// What RFC 3461 passes on of a recipient's flags; another one is Exim's own.
constexpr unsigned kNotify = spoolfmt::dsn::kNever | spoolfmt::dsn::kSuccess |
                             spoolfmt::dsn::kFailure | spoolfmt::dsn::kDelay;

// One read at `offset`, whatever signals come.
base::Result<std::size_t> read_at(int fd, char* into, std::size_t size, off_t offset) {
  ssize_t count = 0;
  do count = ::pread(fd, into, size, offset);
  while (count < 0 && errno == EINTR);
  if (count < 0) return base::system_failure("reading the body", errno);
  return static_cast<std::size_t>(count);
}

// A body under the wrong name is mail for the wrong person.
base::Result<void> check_first_line(const spoolfmt::LockedMessage& message) {
  char start[64];
  std::size_t length = message.id().first_line_length();
  auto count = TRY(read_at(message.d_fd(), start, length, 0));
  if (spoolfmt::d_first_line_matches({start, count}, message.id())) return {};
  return base::fail(base::Code::syntax, message.path("-D").string() +
                                            ": line 1: is not the name of the file");
}

}  // namespace

base::Result<std::unique_ptr<Outgoing>> Outgoing::open(const spoolfmt::Spool& spool,
                                                       const spoolfmt::MessageId& id,
                                                       bool force_frozen,
                                                       SiteIndex site,
                                                       const SiteOf& site_of) {
  auto message = TRY(spoolfmt::LockedMessage::lock(spool, id));
  std::unique_ptr<Outgoing> outgoing(new Outgoing(std::move(message)));
  TRY(outgoing->read(force_frozen));
  outgoing->choose_targets(site, site_of);
  outgoing->hold_the_unsendable();
  if (outgoing->targets_.empty()) return outgoing;
  outgoing->journal_ = TRY(spoolfmt::Journal::open(outgoing->message_.path("-J")));
  TRY(outgoing->make_envelope());
  return outgoing;
}

Outgoing::~Outgoing() {
  if (journal_ && !recorded_) (void)message_.remove_journal();
}

base::Result<void> Outgoing::record(const std::vector<std::string>& names) {
  recorded_ = true;
  TRY(journal_->append(names));
  return journal_->sync();
}

base::Result<void> Outgoing::read(bool force_frozen) {
  TRY(check_first_line(message_));
  file_ = TRY(message_.read_h());
  if (file_.frozen()) {
    if (!force_frozen) return base::fail(base::Code::usage, "Message is frozen");
    file_.remove("frozen");
    file_.set_flag("manual_thaw");
    thawed_ = true;
  }
  TRY(message_.recover_journal(file_));
  return {};
}

void Outgoing::choose_targets(SiteIndex site, const SiteOf& site_of) {
  std::unordered_set<std::string_view> done;
  for (const auto& node : file_.delivered.nodes) done.insert(node.name);
  std::unordered_map<std::string, std::size_t> known;
  for (const auto& recipient : file_.recipients) {
    std::string unique = spoolfmt::unique_form(recipient.address);
    if (done.contains(recipient.address) || done.contains(unique)) continue;
    if (site_of(domain_of(unique)) != site) {
      others_left_ = true;
      continue;
    }
    if (!recipient.errors_to.empty() && recipient.errors_to != file_.sender) {
      held_.push_back({{unique, {recipient.address}},
                       "a return path of its own is not supported yet"});
      continue;
    }
    // The same mailbox twice in the list is one delivery.
    auto [at, fresh] = known.emplace(unique, targets_.size());
    if (fresh)
      targets_.push_back({unique, {}, recipient.dsn_flags & kNotify, recipient.orcpt});
    targets_[at->second].spellings.push_back(recipient.address);
  }
}

void Outgoing::hold_the_unsendable() {
  std::erase_if(targets_, [&](Target& target) {
    smtp::Envelope alone;
    alone.sender = file_.sender;
    alone.recipients = {{target.unique, target.notify, target.orcpt}};
    auto checked = smtp::Exchange::check(alone);
    if (!checked) held_.push_back({std::move(target), checked.error().text});
    return !checked;
  });
}

base::Result<void> Outgoing::make_envelope() {
  for (const auto& header : file_.headers)
    if (header.type != '*') head_ += header.text;
  head_ += '\n';
  struct stat status{};
  if (::fstat(message_.d_fd(), &status) != 0)
    return base::system_failure(message_.path("-D").string(), errno);
  envelope_.sender = file_.sender;
  for (const Target& target : targets_)
    envelope_.recipients.push_back({target.unique, target.notify, target.orcpt});
  envelope_.smtputf8 = file_.has("smtputf8");
  if (const auto* envid = file_.find("dsn_envid")) envelope_.envid = envid->value;
  if (const auto* ret = file_.find("dsn_ret"))
    envelope_.ret =
        ret->value == "1" ? smtp::DsnReturn::full : smtp::DsnReturn::headers;
  // As it will be on the wire, where each line end is two bytes.
  auto lines = static_cast<std::size_t>(std::ranges::count(head_, '\n'));
  const auto* counted = file_.find("body_linecount");
  if (counted && !wire_format()) lines += base::to_number(counted->value).value_or(0);
  envelope_.size = head_.size() + static_cast<std::uint64_t>(status.st_size) -
                   id().first_line_length() + lines;
  // The loop that sends must not wait for a disk.
  ::posix_fadvise(message_.d_fd(), 0, 0, POSIX_FADV_WILLNEED);
  return {};
}

net::Content Outgoing::content() const {
  struct Progress {
    bool head_given = false;
    off_t offset = 0;
    std::string buffer;
  };
  auto progress = std::make_shared<Progress>();  // std::function wants copies
  progress->offset = static_cast<off_t>(id().first_line_length());
  return [this, progress]() -> base::Result<std::string_view> {
    if (!std::exchange(progress->head_given, true)) return head_;
    progress->buffer.resize(kPiece);
    auto count = TRY(
        read_at(message_.d_fd(), progress->buffer.data(), kPiece, progress->offset));
    progress->offset += static_cast<off_t>(count);
    return std::string_view(progress->buffer).substr(0, count);
  };
}

}  // namespace qrunner
