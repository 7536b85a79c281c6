// SPDX-License-Identifier: Apache-2.0
#include "utils/retry_dump.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <ctime>
#include <optional>

#include "base/text.h"
#include "spoolfmt/message_id.h"

namespace utils {

namespace {

constexpr const char* kTime = "%d-%b-%Y %H:%M:%S";
constexpr std::size_t kTimeSize = 20;

std::string format_time(base::Time time) {
  std::time_t seconds = std::chrono::system_clock::to_time_t(
      std::chrono::floor<std::chrono::seconds>(time));
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), kTime, &parts)};
}

// Takes a time and the blanks behind it.
std::optional<base::Time> take_time(std::string_view& line) {
  std::string text(line.substr(0, kTimeSize));
  line.remove_prefix(std::min(line.find_first_not_of(' ', kTimeSize), line.size()));
  std::tm parts{};
  const char* end = ::strptime(text.c_str(), kTime, &parts);
  if (!end || *end != '\0') return std::nullopt;
  parts.tm_isdst = -1;
  return base::Time(std::chrono::seconds(::mktime(&parts)));
}

// Takes " 111" from the front of `text`.
std::optional<std::int32_t> take_number(std::string_view& text) {
  if (!text.starts_with(' ')) return std::nullopt;
  std::int32_t number = 0;
  const char* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data() + 1, end, number);
  if (error != std::errc() || (at != end && *at != ' ')) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(at - text.data()));
  return number;
}

bool is_address(int family, std::string_view text) {
  in6_addr ignored{};
  return ::inet_pton(family, std::string(text).c_str(), &ignored) == 1;
}

// "T:mx:2001:db8::1:1xUrx0-0004wQ-2O" to "T:mx:[2001:db8::1]:1xUrx0-0004wQ-2O".
// What may be a port or the end of an address is the latter: few ports are not 25.
std::string with_brackets(std::string_view key) {
  constexpr std::string_view kHost = "T:";
  if (!key.starts_with(kHost) || key.contains('[') || key.contains('@'))
    return std::string(key);
  auto colon = std::min(key.find(':', kHost.size()), key.size());
  std::string name(key.substr(kHost.size(), colon - kHost.size()));
  if (is_address(AF_INET, name)) name = "[" + name + "]";
  if (colon == key.size()) return std::string(kHost) + name;
  std::string address(key.substr(colon + 1)), rest;
  auto last = address.rfind(':');
  if (last != address.npos && spoolfmt::MessageId::parse(address.substr(last + 1))) {
    rest = address.substr(last);
    address.resize(last);
  }
  if (is_address(AF_INET6, address)) address = "[" + address + "]";
  return std::string(kHost) + name + ":" + address + rest;
}

// Fills in key, numbers and text.  The key may have blanks, so the first place where
// two numbers follow ends it.
bool parse_first_line(std::string_view line, KeyedRecord& into) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  for (auto blank = line.find(' '); blank != line.npos;
       blank = line.find(' ', blank + 1)) {
    std::string_view rest = line.substr(blank);
    auto error = take_number(rest);
    auto more = error ? take_number(rest) : std::nullopt;
    if (!more) continue;
    into.key = with_brackets(line.substr(0, blank));
    hints::Failure& failure = into.record.failure;
    failure.error = *error;
    take_more_errno(*more, failure);
    if (!rest.empty()) failure.text = rest.substr(1);
    return blank > 0;
  }
  return false;
}

bool parse_second_line(std::string_view line, hints::RetryRecord& record) {
  auto first = take_time(line), last = take_time(line), next = take_time(line);
  if (!first || !last || !next) return false;
  record.first = *first;
  record.last = *last;
  record.next = *next;
  record.expired = line.starts_with('*');
  record.attempts = 1;  // at least
  return true;
}

}  // namespace

std::string format_retry_dump(std::string_view key, const hints::RetryRecord& record) {
  const hints::Failure& failure = record.failure;
  std::string line = "  " + std::string(key) + " " + std::to_string(failure.error) +
                     " " + std::to_string(more_errno(failure)) + " " +
                     base::printable(failure.text) + "\n";
  return line + format_time(record.first) + "  " + format_time(record.last) + "  " +
         format_time(record.next) + (record.expired ? " *\n" : " \n");
}

base::Result<std::vector<KeyedRecord>> parse_retry_dump(std::string_view text) {
  std::vector<KeyedRecord> records;
  std::size_t number = 0;
  auto next_line = [&] {
    ++number;
    auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
  };
  auto wrong = [&](std::string_view what) {
    return base::fail(base::Code::syntax, "line " + std::to_string(number) + ": " +
                                              std::string(what) +
                                              ": give what exim_dumpdb prints");
  };
  while (!text.empty()) {
    KeyedRecord record;
    std::string_view line = next_line();
    if (line.empty()) continue;
    if (!parse_first_line(line, record)) return wrong("no key and two numbers");
    if (!parse_second_line(next_line(), record.record)) return wrong("no three times");
    records.push_back(std::move(record));
  }
  return records;
}

}  // namespace utils
