// SPDX-License-Identifier: Apache-2.0
#include "qrunner/reports.h"

#include <algorithm>

namespace qrunner {

namespace {

// Where a redirection led is not told if any redirect router asks for that: which one
// an address came through is not known any more when it is reported.
std::vector<Reported> without_children(const policy::Policy& policy,
                                       std::vector<Reported> about) {
  bool asked = std::ranges::any_of(policy.routers, [](const policy::Driver& router) {
    return router.driver == "redirect" &&
           router.options.boolean("hide_child_in_errmsg", false);
  });
  for (Reported& one : about)
    if (asked && !one.original.empty() &&
        spoolfmt::unique_form(one.original) != one.address)
      one.hide_address = true;
  return about;
}

}  // namespace

base::Result<void> Reports::send(ReportKind kind, const Outgoing& message,
                                 const std::string& to,
                                 const std::vector<Reported>& about,
                                 std::chrono::seconds delay) {
  spoolfmt::Queued queued = message.queued();
  RoutingContext context(routes_.policy(), queued, message.message().directory_name(),
                         routes_.clock().now(), routes_.files(), routes_.names());
  policy::Evaluation evaluation{.policy = routes_.policy(), .context = context};
  DsnSettings settings = options_.settings;
  settings.from = expand_from(options_, evaluation);
  ReportTexts texts;
  if (auto read = read_texts(kind, options_, evaluation))
    texts = *std::move(read);
  else
    TRY(log_.write(message.id().text(), read.error().text));

  ReturnedBody body{message.message().d_fd(), message.wire_format()};
  ReportedMessage subject = TRY(reported_message(message.file(), body, settings));
  Report report =
      make_report(kind, subject, to, without_children(routes_.policy(), about),
                  settings, texts, random_boundary(), delay);
  TRY(postbox_.post(report, message.id(), body));
  return {};
}

base::Result<std::vector<std::string>> Reports::bounce(
    const Outgoing& message, const std::vector<Reported>& failed) {
  std::vector<std::string> told;
  for (const auto& [to, recipients] :
       by_errors_address(message.file().sender, failed)) {
    StormBrake::Answer answer = brake_.ask(to);
    if (answer == StormBrake::Answer::hold_and_tell)
      TRY(log_.write("", StormBrake::log_line(to, brake_.limit())));
    if (answer != StormBrake::Answer::go) continue;
    TRY(send(ReportKind::bounce, message, to, recipients));
    for (const Reported& recipient : recipients) told.push_back(recipient.address);
  }
  return told;
}

base::Result<void> Reports::success(const Outgoing& message,
                                    std::vector<Reported> delivered) {
  std::erase_if(delivered, [](const Reported& recipient) {
    return !wants_report(recipient.action, recipient.notify);
  });
  const std::string& sender = message.file().sender;
  if (delivered.empty() || sender.empty()) return {};
  return send(ReportKind::success, message, sender, delivered);
}

base::Result<bool> Reports::warn(const Outgoing& message, spoolfmt::HFile& file,
                                 std::vector<Reported> delayed) {
  base::Time now = routes_.clock().now();
  MessageAge age = MessageAge::of(file, now);
  auto due = due_warning(age.age, file.warnings, options_.events.delay_warning);
  std::erase_if(delayed, [](const Reported& recipient) {
    return !wants_report(recipient.action, recipient.notify);
  });
  if (!due || delayed.empty() || age.bounce) return false;
  spoolfmt::Queued queued = message.queued();
  RoutingContext context(routes_.policy(), queued, message.message().directory_name(),
                         now, routes_.files(), routes_.names());
  policy::Evaluation evaluation{.policy = routes_.policy(), .context = context};
  if (!warning_allowed(options_, file, evaluation)) return false;
  TRY(send(ReportKind::warning, message, file.sender, delayed, due->age));
  file.warnings = due->count;
  return true;
}

}  // namespace qrunner
