// SPDX-License-Identifier: Apache-2.0
#include "qrunner/settlement.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace qrunner {

namespace {

// Exim's numbers of deferrals (its manual shows them in "defer (-44)").
constexpr int kUnknown = -1;
constexpr int kClosed = -18;
constexpr int kMalformed = -19;
constexpr int kTlsFailed = -37;
constexpr int kTlsRequired = -38;
constexpr int kAuthFailed = -42;
constexpr int kRcptReply = -44;
constexpr int kMailReply = -45;
constexpr int kDataReply = -46;

constexpr std::size_t kLongestConfirmation = 1024;

int number_of(const smtp::Outcome& outcome, std::size_t i) {
  if (!outcome.mail || !outcome.mail->completed()) return kMailReply;
  if (i >= outcome.recipients.size() || !outcome.recipients[i].completed())
    return kRcptReply;
  return kDataReply;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (out.size() >= kLongestConfirmation) break;
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

Trouble connection_trouble(const smtp::Breakdown& lost) {
  using Kind = smtp::Breakdown::Kind;
  switch (lost.kind) {
    case Kind::unreachable:
    case Kind::failed:
      return {lost.system_error, lost.text(), ""};
    case Kind::timeout:
      return {ETIMEDOUT, std::strerror(ETIMEDOUT), lost.text()};
    case Kind::closed:
      return {kClosed, "", lost.text()};
    case Kind::refused:
      return {0, "", lost.text()};
    case Kind::malformed:
      return {kMalformed, "", lost.text()};
    case Kind::tls_required:
      return {kTlsRequired, "", lost.text()};
    case Kind::tls_failed:
      return {kTlsFailed, "", lost.text()};
    case Kind::auth_failed:
      return {kAuthFailed, "", lost.text()};
    case Kind::local:
      break;
  }
  return {kUnknown, "", lost.text()};
}

Settlement settle(const smtp::Envelope& envelope, const smtp::Outcome& outcome) {
  Settlement settlement;
  settlement.connection_lost = outcome.lost.has_value();
  for (std::size_t i = 0; i < envelope.recipients.size(); ++i) {
    if (outcome.delivered(i)) {
      settlement.delivered.push_back(i);
      continue;
    }
    Trouble trouble;
    const smtp::Reply* verdict = outcome.verdict(i);
    if (!verdict && outcome.dot_sent && !outcome.postponed(i))
      settlement.unknown_outcome = true;
    if (verdict)
      trouble = {number_of(outcome, i), "",
                 "SMTP error from remote mail server after " +
                     outcome.stage(envelope, i) + ": " + smtp::reply_for_log(*verdict)};
    else if (outcome.lost)
      trouble = connection_trouble(*outcome.lost);
    else
      trouble = {kRcptReply, "", "too many recipients for one message"};
    settlement.deferred.push_back({i, std::move(trouble)});
  }
  if (!outcome.ends.empty())
    settlement.confirmation = smtp::reply_for_log(outcome.ends.back());
  return settlement;
}

Settlement defer_all(std::size_t recipients, const Trouble& trouble) {
  Settlement settlement;
  settlement.connection_lost = true;
  for (std::size_t i = 0; i < recipients; ++i)
    settlement.deferred.push_back({i, trouble});
  return settlement;
}

Settlement unsendable(std::size_t recipients, const smtp::Reply& obstacle) {
  Trouble trouble{kMailReply, "", smtp::reply_for_log(obstacle)};
  Settlement settlement = defer_all(recipients, trouble);
  settlement.connection_lost = false;
  return settlement;
}

std::string host_text(const Peer& peer) {
  return "H=" + peer.name + " [" + peer.address + "]" + (peer.continued ? "*" : "");
}

std::string delivery_text(std::string_view address, const Site& site, const Peer& peer,
                          std::string_view confirmation) {
  return std::string(address) + " R=" + site.router + " T=" + site.transport + " " +
         host_text(peer) + " C=" + quoted(confirmation);
}

std::string deferral_text(std::string_view address, const Site& site, const Peer* peer,
                          const Trouble& trouble) {
  std::string text = std::string(address) + " R=" + site.router +
                     " T=" + site.transport + " defer (" +
                     std::to_string(trouble.number) + ")";
  if (!trouble.system_text.empty()) text += ": " + trouble.system_text;
  if (peer) text += " " + host_text(*peer);
  if (!trouble.text.empty()) text += ": " + trouble.text;
  return text;
}

std::string host_line(const Peer& peer, const Trouble& trouble) {
  std::string text = host_text(peer);
  if (!trouble.text.empty()) text += ": " + trouble.text;
  if (!trouble.system_text.empty())
    text += (trouble.text.empty() ? " " : ": ") + trouble.system_text;
  return text;
}

namespace {

class Finish {
 public:
  Finish(Outgoing& outgoing, const Settlement& settlement, const Site& site,
         const Peer* peer, Books& books)
      : outgoing_(outgoing),
        settlement_(settlement),
        site_(site),
        peer_(peer),
        books_(books) {}

  base::Result<void> run() {
    std::vector<std::string> uniques, names;
    for (std::size_t i : settlement_.delivered) {
      const Outgoing::Target& target = outgoing_.targets()[i];
      uniques.push_back(target.unique);
      names.push_back(target.unique);
      names.insert(names.end(), target.spellings.begin(), target.spellings.end());
    }
    outgoing_.file().mark_delivered(names);
    if (!uniques.empty()) TRY(record(uniques));
    TRY(write_log());
    return somebody_left() ? keep() : complete();
  }

 private:
  // Makes the deliveries durable: in the journal, or if that fails in -H itself.
  base::Result<void> record(const std::vector<std::string>& uniques) {
    base::Result<void> done = outgoing_.record(uniques);
    if (done) return {};
    if (outgoing_.message().publish(outgoing_.file())) return {};
    return std::unexpected(base::at("a delivery could not be recorded", done.error()));
  }

  bool somebody_left() const {
    return outgoing_.others_left() || !outgoing_.held().empty() ||
           !settlement_.deferred.empty();
  }

  base::Result<void> write_log() {
    std::string_view mark = "=> ";
    if (outgoing_.thawed()) TRY(main_line("Unfrozen by forced delivery"));
    for (std::size_t i : settlement_.delivered) {
      const Outgoing::Target& target = outgoing_.targets()[i];
      TRY(main_line(std::string(mark) + delivery_text(target.unique, site_, *peer_,
                                                      settlement_.confirmation)));
      own_line(target.spellings.front() + ": " + site_.transport +
               " transport succeeded");
      mark = "-> ";
    }
    for (const auto& [recipient, trouble] : settlement_.deferred)
      TRY(deferral(outgoing_.targets()[recipient].unique, peer_, trouble));
    for (const auto& held : outgoing_.held())
      TRY(deferral(held.target.unique, nullptr, {kUnknown, "", held.reason}));
    books_.tally.delivered += settlement_.delivered.size();
    if (settlement_.unknown_outcome) ++books_.tally.unknown;
    return {};
  }

  base::Result<void> deferral(const std::string& unique, const Peer* peer,
                              const Trouble& trouble) {
    ++books_.tally.deferred;
    // A host that was never reached has its own line, and is not named here.
    bool never_reached = settlement_.connection_lost && trouble.text.empty();
    auto text = deferral_text(unique, site_, never_reached ? nullptr : peer, trouble);
    own_line(text);
    return main_line("== " + text);
  }

  base::Result<void> complete() {
    TRY(outgoing_.message().remove_but_journal(books_.preserve_message_logs));
    books_.sweep.add(outgoing_.message().path("-J"));
    ++books_.tally.completed;
    return main_line("Completed");
  }

  base::Result<void> keep() {
    spoolfmt::HFile& file = outgoing_.file();
    bool changed = !settlement_.delivered.empty() || outgoing_.thawed() ||
                   file.has("deliver_firsttime");
    file.remove("deliver_firsttime");
    if (changed) TRY(outgoing_.message().publish(file));
    ++books_.tally.remaining;
    return outgoing_.message().remove_journal();
  }

  base::Result<void> main_line(const std::string& text) {
    return books_.log.write(outgoing_.id().text(), text);
  }
  void own_line(const std::string& text) {
    if (books_.message_logs) outgoing_.message().log(text, books_.clock.now());
  }

  Outgoing& outgoing_;
  const Settlement& settlement_;
  const Site& site_;
  const Peer* peer_;
  Books& books_;
};

}  // namespace

base::Result<void> finish(Outgoing& outgoing, const Settlement& settlement,
                          const Site& site, const Peer* peer, Books& books) {
  return Finish(outgoing, settlement, site, peer, books).run();
}

}  // namespace qrunner
