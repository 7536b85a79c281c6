// SPDX-License-Identifier: Apache-2.0
#include "utils/sink_offer.h"

#include <algorithm>
#include <set>
#include <sstream>

#include "base/text.h"

namespace utils {

namespace {

const std::vector<std::string> kKeywords = {
    "8BITMIME", "AUTH", "CHUNKING", "DSN",      "ENHANCEDSTATUSCODES", "HELP",
    "LIMITS",   "SIZE", "SMTPUTF8", "STARTTLS", "PIPELINING"};

std::string_view first_word(std::string_view line) {
  return line.substr(0, line.find(' '));
}

// Distinct domains of the recipients so far, this one among them.
std::size_t domains_with(const smtp::Transaction& transaction, const smtp::Rcpt& rcpt) {
  std::set<std::string> domains;
  auto add = [&](const smtp::ForwardPath& path) {
    if (path.address()) domains.insert(base::lower(path.address()->domain()));
  };
  for (const smtp::Rcpt& earlier : transaction.recipients) add(earlier.recipient);
  add(rcpt.recipient);
  return domains.size();
}

}  // namespace

base::Result<SinkOffer> SinkOffer::create(std::string hostname,
                                          std::uint64_t size_limit,
                                          const SinkExtras& extras) {
  SinkOffer made;
  for (std::string name : extras.hidden) {
    for (char& c : name)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (std::ranges::find(kKeywords, name) == kKeywords.end())
      return base::fail(base::Code::usage,
                        "--no-extension: '" + name + "' is none that we offer");
    made.hidden_.push_back(name);
  }
  smtp::Offer& offer = made.offer_;
  offer.hostname = std::move(hostname);
  offer.size_limit = size_limit;
  offer.pipelining = !made.hides("PIPELINING");
  offer.eight_bit_mime = !made.hides("8BITMIME");
  offer.smtputf8 = !made.hides("SMTPUTF8");
  offer.dsn = !made.hides("DSN");
  offer.chunking = !made.hides("CHUNKING");
  offer.starttls = extras.starttls && !made.hides("STARTTLS");
  if (extras.login && !made.hides("AUTH")) offer.auth = {"PLAIN", "LOGIN"};
  made.login_ = extras.login;
  TRY(made.set_limits(extras.limits));
  return made;
}

base::Result<void> SinkOffer::set_limits(const std::string& text) {
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    std::size_t equals = word.find('=');
    auto number =
        equals == word.npos ? std::nullopt : base::to_number(word.substr(equals + 1));
    std::string name = word.substr(0, equals);
    if (!number || *number == 0 || *number > 1'000'000)
      return base::fail(base::Code::usage,
                        "--limits: '" + word + "': write NAME=NUMBER, as MAILMAX=10");
    if (name == "MAILMAX")
      offer_.messages_per_connection = static_cast<unsigned>(*number);
    else if (name == "RCPTMAX")
      offer_.recipient_limit = *number;
    else if (name == "RCPTDOMAINMAX")
      recipient_domains_ = *number;
    else
      return base::fail(base::Code::usage,
                        "--limits: '" + name +
                            "': write MAILMAX, RCPTMAX or RCPTDOMAINMAX (RFC 9422)");
    limits_ += " " + word;
  }
  return {};
}

bool SinkOffer::hides(std::string_view keyword) const {
  return std::ranges::find(hidden_, keyword) != hidden_.end();
}

void SinkOffer::edit(smtp::Reply& hello) const {
  std::istringstream lines(hello.text);
  std::string text, line;
  std::getline(lines, text);
  while (std::getline(lines, line))
    if (!hides(first_word(line))) text += "\n" + line;
  if (!limits_.empty() && !hides("LIMITS")) text += "\nLIMITS" + limits_;
  hello.text = text;
}

std::optional<smtp::Reply> SinkOffer::refuses(const smtp::Command& command,
                                              const smtp::Dialogue& dialogue) const {
  if (const auto* mail = std::get_if<smtp::Mail>(&command)) {
    if (login_ && !dialogue.authenticated())
      return smtp::standard(smtp::Standard::need_authentication);
    if (mail->params.size && hides("SIZE"))
      return smtp::standard(smtp::Standard::unknown_parameter);
  }
  const auto* rcpt = std::get_if<smtp::Rcpt>(&command);
  if (rcpt && recipient_domains_ > 0 &&
      domains_with(dialogue.transaction(), *rcpt) > recipient_domains_)
    return smtp::standard(smtp::Standard::too_many_recipients);
  return std::nullopt;
}

}  // namespace utils
