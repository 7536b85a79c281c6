// SPDX-License-Identifier: Apache-2.0
#include "qrunner/request.h"

#include <algorithm>
#include <functional>

#include "base/text.h"

namespace qrunner {

namespace {

bool take(std::string_view& text, std::string_view what) {
  if (!text.starts_with(what)) return false;
  text.remove_prefix(what.size());
  return true;
}

void take_force(std::string_view& text, Request& request) {
  if (!take(text, "f")) return;
  request.force = true;
  if (take(text, "f")) request.force_frozen = true;
}

base::Error interval_error(std::string_view interval) {
  return {base::Code::usage, "'" + std::string(interval) +
                                 "': no daemon lives here: run it at intervals from "
                                 "cron or a systemd timer"};
}

std::string selection_detail(char letter,
                             const std::optional<AddressPattern>& pattern) {
  if (!pattern) return {};
  return std::string(" -") + letter + (pattern->is_regex ? "r " : " ") + pattern->text;
}

}  // namespace

bool AddressPattern::matches(std::string_view address) const {
  if (regex) return regex->matches(address);
  return base::lower(address).find(base::lower(text)) != std::string::npos;
}

base::Result<void> parse_queue_letters(std::string_view letters, Request& request) {
  std::string_view rest = letters;
  request.two_phases = take(rest, "q");
  request.first_time = take(rest, "i");
  take_force(rest, request);
  request.local_only = take(rest, "l");
  if (take(rest, "G")) {
    auto slash = rest.find('/');
    if (slash != rest.npos) return std::unexpected(interval_error(rest.substr(slash)));
    if (rest.empty())
      return base::fail(base::Code::usage, "the name of a queue follows G");
    request.queue = rest;
    return {};
  }
  if (rest.empty()) return {};
  if (base::is_digit(rest[0])) return std::unexpected(interval_error(rest));
  return base::fail(base::Code::usage, "'" + std::string(rest) +
                                           "': the letters are [q][i][f|ff][l][GNAME], "
                                           "in this order");
}

base::Result<AddressPattern> parse_selection(std::string_view flags,
                                             std::string_view text, Request& request) {
  AddressPattern pattern;
  pattern.text = text;
  std::string_view rest = flags;
  pattern.is_regex = take(rest, "r");
  take_force(rest, request);
  if (!rest.empty())
    return base::fail(base::Code::usage,
                      "'" + std::string(flags) + "': the flags are [r][f|ff]");
  if (pattern.is_regex)
    pattern.regex = std::make_shared<const base::Regex>(
        TRY(base::Regex::compile(text, base::Regex::Case::insensitive)));
  return pattern;
}

std::string run_detail(const Request& request, long pid) {
  std::string letters;
  if (request.two_phases) letters += "q";
  if (request.first_time) letters += "i";
  if (request.force) letters += "f";
  if (request.force_frozen) letters += "f";
  if (request.local_only) letters += "l";
  std::string detail = "pid=" + std::to_string(pid);
  if (!letters.empty()) detail += " -q" + letters;
  detail += selection_detail('R', request.recipient);
  detail += selection_detail('S', request.sender);
  return detail;
}

bool in_range(const Request& request, std::string_view id) {
  bool ours = request.shards < 2 ||
              std::hash<std::string_view>()(id) % request.shards == request.shard;
  return ours && (request.start.empty() || id >= request.start) &&
         (request.stop.empty() || id <= request.stop);
}

Skip refusal(const Request& request, const spoolfmt::Queued& queued) {
  const spoolfmt::HFileView& file = queued.h.file;
  if (request.first_time && !file.has("deliver_firsttime")) return Skip::not_asked;
  if (request.sender && !request.sender->matches(file.sender)) return Skip::not_asked;
  auto wanted = [&](const spoolfmt::RecipientView& recipient) {
    return request.recipient->matches(recipient.address) &&
           !queued.delivered(recipient.address);
  };
  if (request.recipient && std::ranges::none_of(file.recipients, wanted))
    return Skip::not_asked;
  if (file.frozen() && !request.force_frozen) return Skip::frozen;
  return Skip::none;
}

}  // namespace qrunner
