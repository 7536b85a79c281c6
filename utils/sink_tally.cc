// SPDX-License-Identifier: Apache-2.0
#include "utils/sink_tally.h"

#include <algorithm>

#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"

namespace utils {

namespace {

std::string_view trimmed(std::string_view text) {
  std::size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

}  // namespace

// A folded value is taken to be what stands on its second line, as mailers with long
// ids write it.
std::string_view find_message_id(std::string_view message) {
  constexpr std::string_view kName = "message-id:";
  bool folded = false;
  while (!message.empty() && message.front() != '\n') {
    std::size_t end = std::min(message.find('\n'), message.size());
    std::string_view line = message.substr(0, end);
    if (folded) return trimmed(line);
    if (base::equal_nocase(line.substr(0, kName.size()), kName)) {
      std::string_view value = trimmed(line.substr(kName.size()));
      if (!value.empty()) return value;
      folded = true;
    }
    message.remove_prefix(std::min(end + 1, message.size()));
  }
  return {};
}

base::Result<SinkTally> SinkTally::create(std::filesystem::path directory) {
  if (!directory.empty()) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) return base::system_failure(directory.string(), error.value());
  }
  return SinkTally(std::move(directory));
}

base::Result<void> SinkTally::keep(const Delivery& delivery, std::string_view message) {
  std::string_view id = find_message_id(message);
  for (const std::string& recipient : delivery.recipients) {
    std::string key = recipient + "\n";
    if (!id.empty() && ++seen_[key.append(id)] > 1) ++counts.duplicates;
  }
  ++counts.messages;
  counts.recipients += delivery.recipients.size();
  counts.bytes += message.size();
  return directory_.empty() ? base::Result<void>() : dump(delivery, message);
}

// NNNNNN.env first and NNNNNN.eml last, each by rename: who sees an .eml sees all of
// both.
base::Result<void> SinkTally::dump(const Delivery& delivery,
                                   std::string_view message) const {
  std::string number = std::to_string(counts.messages);
  number.insert(0, 6 - std::min<std::size_t>(6, number.size()), '0');
  auto publish = [&](const char* suffix, std::string_view bytes) -> base::Result<void> {
    std::filesystem::path name = directory_ / (number + suffix);
    std::filesystem::path temporary = directory_ / ("." + number + suffix);
    base::Fd file = TRY(base::open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC));
    TRY(base::write_all(file.get(), bytes, temporary.string()));
    if (::rename(temporary.c_str(), name.c_str()) != 0)
      return base::system_failure(name.string(), errno);
    return {};
  };
  std::string envelope = "client " + delivery.client + "\nhelo " + delivery.helo +
                         "\nmail " + delivery.sender + "\n";
  for (const std::string& recipient : delivery.recipients)
    envelope += "rcpt " + recipient + "\n";
  TRY(publish(".env", envelope));
  return publish(".eml", message);
}

std::string SinkTally::json() const {
  std::string text;
  base::Json json(text);
  json.begin_object();
  json.member("connections", counts.connections);
  json.member("most_at_once", counts.most_at_once);
  json.member("refused_connections", counts.refused_connections);
  json.member("most_per_connection", counts.most_per_connection);
  json.member("messages", counts.messages);
  json.member("recipients", counts.recipients);
  json.member("duplicates", counts.duplicates);
  json.member("refused_recipients", counts.refused_recipients);
  json.member("dropped", counts.dropped);
  json.member("encrypted", counts.encrypted);
  json.member("authenticated", counts.authenticated);
  json.member("bytes", counts.bytes);
  json.key("doubled").begin_array();
  for (const auto& [key, times] : seen_) {
    if (times < 2) continue;
    std::string_view both = key;
    std::size_t end = both.find('\n');
    json.begin_object();
    json.member("recipient", both.substr(0, end));
    json.member("message_id", both.substr(end + 1));
    json.member("times", times);
    json.end_object();
  }
  json.end_array().end_object();
  return text + "\n";
}

}  // namespace utils
