// SPDX-License-Identifier: Apache-2.0
#include "qrunner/retry_error.h"

#include <cerrno>
#include <utility>

namespace qrunner {

namespace {

using Kind = policy::RetryError::Kind;

constexpr int kClosing = 421;

// A server that answers by resetting the connection has closed it.
bool is_loss(std::int32_t error) {
  return error == hints::kClosed || error == ECONNRESET || error == EPIPE;
}

std::int32_t number_of_reply(Stage stage) {
  switch (stage) {
    case Stage::auth:
      return hints::kAuthFailed;
    case Stage::mail:
      return hints::kMailReply;
    case Stage::rcpt:
      return hints::kRcptReply;
    case Stage::data:
    case Stage::dot:
      return hints::kDataReply;
    default:
      return 0;  // as Exim's "defer (0)" for a greeting
  }
}

policy::RetryError named(Kind kind) {
  return {.kind = kind, .code = "", .route = "", .connect = false, .unread = {}};
}

policy::RetryError of_host(Kind kind, const hints::Failure& failure) {
  policy::RetryError error = named(kind);
  if (failure.route == 'M') error.route = "MX";
  if (failure.route == 'A') error.route = "A";
  error.connect = failure.connecting;
  return error;
}

policy::RetryError of_reply(Kind kind, const hints::Failure& failure) {
  policy::RetryError error = named(kind);
  bool temporary = failure.code >= 400 && failure.code < 500;
  error.code = temporary ? std::to_string(failure.code) : "4xx";
  return error;
}

}  // namespace

hints::Failure refusal(Stage stage, const smtp::Reply& reply, char route,
                       std::string text) {
  hints::Failure failure;
  failure.error = number_of_reply(stage);
  failure.route = route;
  failure.code = reply.code;
  failure.enhanced = hints::parse_enhanced_code(reply.enhanced);
  failure.text = std::move(text);
  return failure;
}

hints::Failure trouble(Stage stage, std::int32_t error, char route, std::string text) {
  hints::Failure failure;
  failure.error = error == hints::kConnectTimeout ? ETIMEDOUT : error;
  failure.connecting = failure.error == ETIMEDOUT && stage == Stage::connect;
  failure.route = route;
  failure.text = std::move(text);
  return failure;
}

RetryItem item_that_waits(Stage stage, const hints::Failure& failure) {
  if (stage == Stage::dot) return RetryItem::message;
  if (failure.error == hints::kNeedsUtf8) return RetryItem::message;
  bool answered = failure.code != 0 && failure.code != kClosing;
  bool waited = failure.error == ETIMEDOUT;
  if (stage == Stage::rcpt && (answered || waited)) return RetryItem::address;
  if (stage == Stage::mail && (answered || waited)) return RetryItem::message;
  if (stage == Stage::data && answered) return RetryItem::message;
  return RetryItem::host;
}

policy::RetryError retry_error(const hints::Failure& failure) {
  if (is_loss(failure.error)) return named(Kind::lost_connection);
  switch (failure.error) {
    case ECONNREFUSED:
      return of_host(Kind::refused, failure);
    case ETIMEDOUT:
      return of_host(Kind::timeout, failure);
    case hints::kRcptReply:
      return of_reply(Kind::rcpt, failure);
    case hints::kMailReply:
      return of_reply(Kind::mail, failure);
    case hints::kDataReply:
      return of_reply(Kind::data, failure);
    case hints::kLookupDeferred:
      return named(Kind::lookup);
    case hints::kAuthFailed:
      return named(Kind::auth_failed);
    case hints::kTlsFailed:
    case hints::kTlsRequired:
      return named(Kind::tls_required);
    case hints::kQuota:
    case EDQUOT:
    case ENOSPC:
      return named(Kind::quota);
    default:
      return named(Kind::any);
  }
}

}  // namespace qrunner
