// SPDX-License-Identifier: Apache-2.0
#include "qrunner/retry_book.h"

#include <random>

#include "policy/evaluation.h"
#include "policy/option_value.h"
#include "policy/variable_table.h"
#include "qrunner/retry_error.h"
#include "qrunner/smtp_settings.h"

namespace qrunner {

namespace {

constexpr const char* kIncludeAddress = "retry_include_ip_address";

std::uint64_t random_below(std::uint64_t below) {
  thread_local std::mt19937_64 source{std::random_device{}()};
  return std::uniform_int_distribution<std::uint64_t>(0, below - 1)(source);
}

RetryLimits limits_of(const policy::Options& main) {
  RetryLimits limits;
  limits.interval_max = main.time("retry_interval_max", limits.interval_max);
  limits.data_expire = main.time("retry_data_expire", limits.data_expire);
  return limits;
}

std::string_view domain_of(std::string_view address) {
  auto at = address.rfind('@');
  return at == address.npos ? address : address.substr(at + 1);
}

}  // namespace

RetrySubject host_subject(const hints::HostItem& host, std::string_view address) {
  return {RetryItem::host, hints::host_key(host), address, host.name};
}

RetrySubject message_subject(const hints::HostItem& host, std::string_view message_id,
                             std::string_view address) {
  return {RetryItem::message, hints::message_key(host, message_id), address, host.name};
}

RetrySubject domain_subject(std::string_view address) {
  std::string_view domain = domain_of(address);
  return {RetryItem::domain, hints::domain_key(domain), domain};
}

RetrySubject address_subject(std::string_view address) {
  return {RetryItem::address, hints::address_key(address), address};
}

RetrySubject recipient_subject(std::string_view address, std::string_view sender) {
  return {RetryItem::address, hints::recipient_key(address, sender), address};
}

RetrySubject local_subject(std::string_view key, std::string_view address) {
  return {RetryItem::local, hints::local_key(key), address};
}

RetryBook::RetryBook(const policy::Policy& policy, const Names& names,
                     policy::LookupFiles& files, const base::Clock& clock,
                     hints::Store& store, bool forced)
    : policy_(policy),
      names_(names),
      files_(files),
      clock_(clock),
      store_(store),
      forced_(forced),
      limits_(limits_of(policy.main)) {}

policy::Outcome<bool> RetryBook::tells_addresses_apart(const policy::Driver& transport,
                                                       std::string_view host,
                                                       std::string_view address) const {
  const policy::OptionValue* option = transport.options.find(kIncludeAddress);
  if (!option) return true;
  if (const bool* literal = std::get_if<bool>(&option->value)) return *literal;
  static const spoolfmt::Queued nobody;
  RoutingContext context(policy_, nobody, {}, clock_.now(), files_, names_);
  context.set_variable(policy::variable_id("host"), std::string(host));
  context.set_variable(policy::variable_id("host_address"), std::string(address));
  policy::Evaluation evaluation{
      .policy = policy_, .context = context, .phase = policy::Phase::transport};
  auto text = option_text(transport, kIncludeAddress, evaluation);
  if (!text) return std::unexpected(text.error());
  if (!*text) return true;
  if (auto truth = policy::parse_boolean(**text)) return *truth;
  return policy::cannot("\"" + **text + "\" is not a valid value for " +
                        kIncludeAddress + " of transport " + transport.name +
                        ": yes or no");
}

const policy::RetryRule* RetryBook::rule(const RetrySubject& subject,
                                         const hints::Failure& failure,
                                         std::string_view sender) const {
  static const spoolfmt::Queued nobody;
  RoutingContext context(policy_, nobody, {}, clock_.now(), files_, names_);
  policy::RetryQuestion question;
  question.address = subject.address;
  question.host = subject.host;
  question.error = retry_error(failure);
  question.sender = sender;
  return policy::find_retry_rule(policy_, question, context);
}

Standing RetryBook::standing(const RetrySubject& subject, const Waiting& message,
                             bool delay_after_cutoff) const {
  auto record = store_.retry(subject.key);
  if (!record || forced_ || message.forced) return Standing::due;
  Moment moment;
  moment.now = clock_.now();
  moment.received = message.received;
  moment.first_time = message.first_time;
  moment.delay_after_cutoff = delay_after_cutoff;
  return qrunner::standing(subject.item, record, moment,
                           rule(subject, record->failure, message.sender), limits_);
}

bool RetryBook::failed(const RetrySubject& subject, const hints::Failure& failure,
                       const Waiting& message) {
  FailedTry tried;
  tried.item = subject.item;
  tried.failure = failure;
  tried.now = clock_.now();
  tried.received = message.received;
  tried.rule = rule(subject, failure, message.sender);
  NextTry next = next_try(store_.retry(subject.key), tried, limits_, random_below);
  if (next.record) store_.remember(subject.key, *next.record);
  return next.timed_out;
}

void RetryBook::succeeded(const RetrySubject& subject) {
  if (store_.retry(subject.key)) store_.forget(subject.key);
}

bool RetryBook::may_route(std::string_view address, const Waiting& message) const {
  if (message.first_time) return true;
  auto may = [&](const RetrySubject& subject) {
    return may_try(standing(subject, message));
  };
  return may(domain_subject(address)) && may(address_subject(address)) &&
         may(recipient_subject(address, message.sender));
}

}  // namespace qrunner
