// SPDX-License-Identifier: Apache-2.0
#include "qrunner/books.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/text.h"
#include "policy/mail_address.h"
#include "qrunner/hosts.h"

namespace qrunner {

namespace {

using Kind = Verdict::Kind;
using policy::LogItem;

class Finish {
 public:
  Finish(Outgoing& outgoing, const Leave& leave, Carried& carried, Books& books)
      : outgoing_(outgoing),
        leave_(leave),
        carried_(carried),
        books_(books),
        verdicts_(leave.settlement.verdicts),
        waiting_(books.retries.waiting(outgoing.file())) {}

  base::Result<std::string> run() {
    judge_desk();
    collect_host_lines();
    keep_retry_times();
    TRY(record_deliveries());
    if (!outgoing_.thawed().empty()) TRY(main_line(std::string(outgoing_.thawed())));
    TRY(tell_deliveries());
    TRY(tell_hosts());
    TRY(tell_failures());
    TRY(tell_deferrals());
    if (disk_) return stay();
    keep_in_mind();
    if (leave_.settlement.unknown_outcome) ++books_.tally.unknown;
    if (leave_.last) TRY(send_bounces());
    if (disk_) return stay();
    if (outgoing_.somebody_left()) return keep();
    return complete();
  }

 private:
  const Destination& target(std::size_t i) const { return *outgoing_.targets()[i]; }

  // Whom routing alone decided about.
  void judge_desk() {
    if (!verdicts_.empty() || outgoing_.site().kind != Site::Kind::desk) return;
    for (const Destination* destination : outgoing_.targets()) {
      Verdict verdict;
      verdict.trouble = {destination->number, "", destination->routed.message};
      verdict.item = RetryItem::domain;
      verdict.failure.error = destination->number;
      verdict.failure.text = destination->routed.message;
      verdict.status = destination->status;
      if (destination->kind == Destination::Kind::fail) verdict.kind = Kind::failed;
      if (destination->kind == Destination::Kind::discard)
        verdict.kind = Kind::delivered;
      if (destination->routed.freeze) carried_.freeze = "";
      verdicts_.push_back(std::move(verdict));
    }
  }

  // ---- retry times

  // Nothing: of a host, and none was reached.
  std::optional<RetrySubject> subject_of(std::size_t i, RetryItem item) const {
    std::string_view address = target(i).unique;
    switch (item) {
      case RetryItem::domain:
        return domain_subject(address);
      case RetryItem::address:
        return recipient_subject(address, outgoing_.file().sender);
      case RetryItem::local:
        return local_subject(target(i), *outgoing_.site().transport);
      case RetryItem::host:
      case RetryItem::message:
        break;
    }
    if (!leave_.peer) return std::nullopt;
    const Peer& peer = *leave_.peer;
    net::Endpoint at{peer.address, peer.port};
    auto host = host_item(outgoing_.site(), peer.name, at, books_.retries);
    return item == RetryItem::host
               ? host_subject(host, address)
               : message_subject(host, outgoing_.id().text(), address);
  }

  // What held back those who have it by now.
  void forget_troubles() {
    auto forget = [this](std::size_t i, RetryItem item) {
      if (auto subject = subject_of(i, item)) books_.retries.succeeded(*subject);
    };
    bool local = outgoing_.site().kind == Site::Kind::local;
    bool host_forgotten = false;
    for (std::size_t i = 0; i < verdicts_.size(); ++i) {
      if (verdicts_[i].kind != Kind::delivered) continue;
      forget(i, RetryItem::domain);
      forget(i, local ? RetryItem::local : RetryItem::address);
      if (std::exchange(host_forgotten, true)) continue;
      forget(i, RetryItem::host);
      forget(i, RetryItem::message);
    }
  }

  // What a host says of all who were sent to it is one record; and so is what all hosts
  // say of one recipient.
  bool is_over(std::size_t i, RetryItem item, const hints::Failure& failure) {
    auto subject = subject_of(i, item);
    if (!subject) return false;
    bool of_host = item == RetryItem::host || item == RetryItem::message;
    if (of_host && over_.contains(item)) return over_[item];
    bool over = books_.retries.failed(*subject, failure, waiting_);
    if (of_host) over_[item] = over;
    return over;
  }

  void keep_retry_times() {
    forget_troubles();
    for (std::size_t i = 0; i < verdicts_.size(); ++i) {
      Verdict& verdict = verdicts_[i];
      bool of_address = verdict.item == RetryItem::address;
      if (verdict.failure.text.empty()) continue;
      // A host that wants nobody has its record, though it is for good of this message.
      if ((verdict.kind == Kind::elsewhere && !of_address) ||
          (verdict.kind == Kind::failed && verdict.item == RetryItem::host))
        (void)is_over(i, verdict.item, verdict.failure);
      if (verdict.kind != Kind::deferred) continue;
      bool over = is_over(i, verdict.item, verdict.failure);
      if (auto own = carried_.whom(target(i).key).own; own && !of_address)
        over = is_over(i, RetryItem::address, *own) || over;
      if (!over) continue;
      verdict.kind = Kind::failed;
      verdict.trouble.text += (verdict.trouble.text.empty() ? "" : ": ");
      verdict.trouble.text += "retry timeout exceeded";
      timed_out_.push_back(i);
    }
  }

  // ---- deliveries

  // Where it lasts: for the last ones that is the end of the message, for others the
  // journal.  If that fails it is -H itself or the emergency journal, and what was done
  // is still told, but nothing more is begun.
  base::Result<void> put_on_record(const std::vector<std::string>& keys) {
    if (keys.empty()) return {};
    changed_ = true;
    outgoing_.finish(keys);
    // A log that is kept must be complete before it goes.
    bool ends = !outgoing_.somebody_left() && !books_.preserve_message_logs;
    // For whoever finds half of it, should we be killed now.
    if (ends) (void)outgoing_.note(keys);
    if (ends && outgoing_.end(false)) return {};
    base::Result<void> done = outgoing_.record(keys);
    if (done) return {};
    disk_ = base::at("a delivery could not be put into its journal", done.error());
    if (outgoing_.message().publish(outgoing_.file())) return {};
    if (books_.emergency && books_.emergency->record(outgoing_.message(), keys))
      return {};
    return std::unexpected(base::at("a delivery could not be recorded", done.error()));
  }

  base::Result<void> record_deliveries() {
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < verdicts_.size(); ++i)
      if (verdicts_[i].kind == Kind::delivered) keys.push_back(target(i).key);
    return put_on_record(keys);
  }

  Subject subject(std::size_t i) const {
    const Destination& destination = target(i);
    const spoolfmt::HFile& file = outgoing_.file();
    Subject subject;
    bool address = destination.routed.target.empty();
    subject.address = address ? destination.unique : destination.routed.target;
    std::string original =
        spoolfmt::unique_form(outgoing_.recipient(destination).address);
    if (original != subject.address) subject.original = std::move(original);
    subject.sender = file.sender;
    subject.return_path = outgoing_.envelope().recipients.empty()
                              ? file.sender
                              : outgoing_.envelope().sender;
    subject.queue = books_.queue;
    subject.router = destination.routed.router;
    subject.transport = destination.routed.transport;
    return subject;
  }

  base::Result<void> tell_deliveries() {
    std::string_view mark = "=> ";
    std::vector<Reported> relayed;
    for (std::size_t i = 0; i < verdicts_.size(); ++i) {
      if (verdicts_[i].kind != Kind::delivered) continue;
      ++books_.tally.delivered;
      if (is_discarded(i)) {
        TRY(main_line("=> :blackhole: <" + target(i).unique +
                      "> R=" + target(i).routed.router));
        continue;
      }
      Delivery delivery;
      delivery.size = outgoing_.envelope().size.value_or(0);
      delivery.confirmation = verdicts_[i].confirmation;
      delivery.times.queued = std::chrono::duration_cast<std::chrono::microseconds>(
          books_.clock.now() - waiting_.received);
      delivery.times.own = leave_.took;
      TRY(main_line(std::string(mark) +
                    delivery_text(subject(i), leave_.peer, delivery, books_.shown)));
      own_line(outgoing_.recipient(target(i)).address + ": " +
               target(i).routed.transport + " transport succeeded");
      mark = "-> ";
      if (!leave_.passes_dsn)
        relayed.push_back(
            reported(i, leave_.peer ? Action::relayed : Action::delivered));
    }
    return books_.reports.success(outgoing_, std::move(relayed));
  }

  bool is_discarded(std::size_t i) const {
    return outgoing_.site().kind == Site::Kind::desk &&
           target(i).routed.outcome == policy::RoutedAddress::Outcome::discard;
  }

  // ---- failures

  Reported reported(std::size_t i, Action action) const {
    const Destination& destination = target(i);
    const spoolfmt::Recipient& source = outgoing_.recipient(destination);
    const Verdict& verdict = verdicts_[i];
    Reported reported;
    reported.address = destination.unique;
    reported.original = source.address;
    // Which file or program it would have been is not for strangers.
    reported.hide_address = !destination.routed.target.empty();
    reported.errors_to = destination.routed.errors_to.value_or(source.errors_to);
    reported.orcpt = source.orcpt;
    reported.notify = source.dsn_flags;
    reported.action = action;
    reported.status = verdict.status;
    reported.reply = verdict.reply;
    reported.error = verdict.trouble.text.empty() ? verdict.trouble.system_text
                                                  : verdict.trouble.text;
    reported.last_attempt = books_.clock.now();
    if (leave_.peer && !leave_.peer->is_socket())
      reported.host = ReportedHost{leave_.peer->name, leave_.peer->address,
                                   leave_.peer->port, leave_.greeting, leave_.hello};
    return reported;
  }

  base::Result<void> tell_failures() {
    std::vector<std::string> ignored;
    MessageAge age = MessageAge::of(outgoing_.file(), books_.clock.now());
    for (std::size_t i = 0; i < verdicts_.size(); ++i) {
      if (verdicts_[i].kind != Kind::failed) continue;
      bool reached = leave_.peer && !never_reached(verdicts_[i]);
      auto text = failure_text(subject(i), reached ? leave_.peer : nullptr,
                               verdicts_[i].trouble, books_.shown);
      TRY(main_line("** " + text));
      own_line((target(i).routed.transport.empty()
                    ? std::string("routing failed for ")
                    : target(i).routed.transport + " transport failed for ") +
               text);
      bool over = std::ranges::find(timed_out_, i) != timed_out_.end();
      if (over) TRY(main_line("** " + target(i).unique + ": retry timeout exceeded"));
      ++books_.tally.failed;
      Reported failure = reported(i, Action::failed);
      FailureDecision decision = decide_failure(
          age, failure.errors_to.empty() ? outgoing_.file().sender : failure.errors_to,
          failure.notify, over || outgoing_.cancelled(), books_.reports.events());
      switch (decision.what) {
        case Failure::report:
          carried_.failures.push_back({target(i).key, std::move(failure)});
          break;
        case Failure::ignore:
          if (!decision.log.empty())
            TRY(main_line(target(i).unique + ": " + std::string(decision.log)));
          ignored.push_back(target(i).key);
          break;
        case Failure::freeze:
          carried_.freeze = decision.log;
          break;
      }
    }
    return put_on_record(ignored);
  }

  base::Result<void> send_bounces() {
    if (carried_.failures.empty()) return {};
    auto failures = std::exchange(carried_.failures, {});
    std::vector<Reported> reports;
    for (const Failed& failed : failures) reports.push_back(failed.report);
    auto told = books_.reports.bounce(outgoing_, reports);
    if (!told) return std::unexpected(told.error());
    std::vector<std::string> keys;
    for (const Failed& failed : failures)
      if (std::ranges::find(*told, failed.report.address) != told->end())
        keys.push_back(failed.key);
    return put_on_record(keys);
  }

  // ---- deferrals

  // A host that was never reached has its own line, and is not named again.
  static bool never_reached(const Verdict& verdict) {
    return verdict.trouble.text.empty() && !verdict.trouble.system_text.empty();
  }

  base::Result<void> tell_deferrals() {
    constexpr int kNotDue = -52;  // from here down
    for (std::size_t i = 0; i < verdicts_.size(); ++i) {
      const Verdict& verdict = verdicts_[i];
      if (verdict.kind != Kind::deferred) continue;
      ++books_.tally.deferred;
      const Peer* peer = never_reached(verdict) ? nullptr : leave_.peer;
      auto text = deferral_text(subject(i), peer, verdict.trouble, books_.shown);
      bool waits = verdict.trouble.number <= kNotDue;
      if (!waits || waiting_.first_time) own_line(text);
      if (!waits || books_.shown.has(LogItem::retry_defer))
        TRY(main_line("== " + text));
      if (!waits) delayed_.push_back(reported(i, Action::delayed));
    }
    return {};
  }

  // ---- hosts

  // What put the message off there, once for all recipients, whatever becomes of them;
  // and where it goes on to another host, what put off a recipient alone.
  void collect_host_lines() {
    if (!leave_.peer || leave_.peer->is_socket()) return;
    for (const Verdict& verdict : verdicts_) {
      bool of_all = (verdict.kind == Kind::deferred &&
                     verdict.item != RetryItem::address && !never_reached(verdict)) ||
                    (verdict.kind == Kind::failed && verdict.item == RetryItem::host);
      bool tells = of_all || verdict.kind == Kind::elsewhere;
      if (!tells || verdict.failure.text.empty()) continue;
      auto line = host_line(*leave_.peer, verdict.trouble, books_.shown);
      if (host_lines_.empty() || host_lines_.back() != line)
        host_lines_.push_back(std::move(line));
    }
  }

  base::Result<void> tell_hosts() {
    for (const std::string& line : host_lines_) {
      TRY(main_line(line));
      own_line(line);
    }
    return {};
  }

  void keep_in_mind() {
    for (std::size_t i = 0; i < verdicts_.size(); ++i) {
      const Verdict& verdict = verdicts_[i];
      bool passed = verdict.kind == Kind::elsewhere;
      if (!passed && verdict.kind != Kind::failed && verdict.kind != Kind::deferred)
        continue;
      Tried& tried = carried_.whom(target(i).key);
      tried.next = passed ? leave_.next : std::nullopt;
      if (passed && verdict.item == RetryItem::address) tried.own = verdict.failure;
    }
  }

  // ---- the end

  // As it lies there, for a run that finds a better disk.
  base::Result<std::string> stay() {
    ++books_.tally.remaining;
    if (books_.disk_fails) books_.disk_fails(*disk_);
    return {};
  }

  base::Result<std::string> complete() {
    if (books_.preserve_message_logs) write_own_lines();
    TRY(outgoing_.end(books_.preserve_message_logs));
    ++books_.tally.completed;
    std::string text = "Completed";
    if (books_.shown.has(LogItem::queue_time_overall))
      text +=
          " QT=" + format_time(std::chrono::duration_cast<std::chrono::microseconds>(
                                   books_.clock.now() - waiting_.received),
                               books_.shown.has(LogItem::millisec));
    return text;
  }

  base::Result<std::string> keep() {
    spoolfmt::HFile& file = outgoing_.file();
    bool tried = std::ranges::any_of(
        verdicts_, [](const Verdict& one) { return one.kind != Kind::untried; });
    // A frozen message is nobody's to try, so other legs come first.
    if (leave_.last && carried_.freeze && !file.frozen()) {
      std::string reason = *std::exchange(carried_.freeze, std::nullopt);
      auto second = std::chrono::floor<std::chrono::seconds>(books_.clock.now());
      file.set_value("frozen", std::to_string(second.time_since_epoch().count()));
      TRY(main_line("Frozen" + reason));
      own_line("*** Frozen" + reason);
      changed_ = true;
    } else if (!delayed_.empty() && leave_.last) {
      changed_ = TRY(books_.reports.warn(outgoing_, file, delayed_)) || changed_;
    }
    if (tried && leave_.last) changed_ = outgoing_.remember_children() || changed_;
    if (tried && file.has("deliver_firsttime")) {
      file.remove("deliver_firsttime");
      changed_ = true;
    }
    write_own_lines();
    if (changed_ || !outgoing_.thawed().empty()) TRY(outgoing_.message().publish(file));
    ++books_.tally.remaining;
    TRY(outgoing_.message().remove_journal());
    return {};
  }

  base::Result<void> main_line(const std::string& text) {
    return books_.log.write(outgoing_.id().text(), text);
  }
  void own_line(std::string text) {
    if (books_.message_logs) own_lines_.push_back(std::move(text));
  }
  // The log of a message that ends goes with it, so nothing is written until we know.
  void write_own_lines() {
    for (const std::string& line : own_lines_)
      outgoing_.message().log(line, books_.clock.now());
  }

  Outgoing& outgoing_;
  const Leave& leave_;
  Carried& carried_;
  Books& books_;
  std::vector<Verdict> verdicts_;
  Waiting waiting_;
  std::vector<std::size_t> timed_out_;
  std::vector<Reported> delayed_;
  std::vector<std::string> own_lines_, host_lines_;
  std::map<RetryItem, bool> over_;     // the host was asked about: one record for all
  bool changed_ = false;               // -H says more than it did
  std::optional<base::Error> disk_{};  // it refused a record
};

}  // namespace

Tried& Carried::whom(const std::string& key) {
  auto known = std::ranges::find(tried, key, &Tried::key);
  return known != tried.end() ? *known : tried.emplace_back(Tried{key, std::nullopt});
}

base::Result<std::string> finish(Outgoing& outgoing, const Leave& leave,
                                 Carried& carried, Books& books) {
  return Finish(outgoing, leave, carried, books).run();
}

}  // namespace qrunner
