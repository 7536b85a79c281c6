// SPDX-License-Identifier: Apache-2.0
//
// A strict reader of reports, for tests: RFC 5322 lines, RFC 2046 parts, and the fields
// of RFC 3464 in their order.  It forgives nothing; what is wrong is in `faults`.
#pragma once

#include <algorithm>
#include <array>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"

namespace dsn_tests {

struct Field {
  std::string name, value;  // unfolded
};

struct Part {
  std::vector<Field> headers;
  std::string body;

  std::string value(std::string_view name) const {
    for (const Field& field : headers)
      if (base::equal_nocase(field.name, name)) return field.value;
    return {};
  }
  std::string type() const {
    std::string value = this->value("Content-Type");
    return value.substr(0, value.find(';'));
  }
};

class DsnParser {
 public:
  std::vector<std::string> faults;
  std::vector<Field> headers;
  std::vector<Part> parts;
  std::vector<Field> message;                  // the fields of the message
  std::vector<std::vector<Field>> recipients;  // of each recipient

  explicit DsnParser(std::string_view text) {
    check_lines(text);
    Part top = part(text);
    headers = top.headers;
    std::smatch match;
    std::string type = top.value("Content-Type");
    static const std::regex kReport(
        "multipart/report; report-type=((?:global-)?delivery-status); "
        "boundary=\"([-a-zA-Z0-9]+)\"");
    if (!std::regex_match(type, match, kReport)) {
      fault("Content-Type: " + type);
      return;
    }
    if (top.value("MIME-Version") != "1.0") fault("MIME-Version");
    split(top.body, match[2]);
    if (parts.size() < 2 || parts.size() > 3) {
      fault(std::to_string(parts.size()) + " parts");
      return;
    }
    if (parts[0].type() != "text/plain") fault("first part: " + parts[0].type());
    if (parts[1].type() != "message/" + match[1].str())
      fault("second part: " + parts[1].type());
    bool utf8 = match[1].str().starts_with("global");
    for (const Part& one : parts) check_bytes(one);
    if (!utf8 && !is_ascii(parts[1].body)) fault("bytes above 127 in the status");
    read_status(parts[1].body);
  }

 private:
  static bool is_ascii(std::string_view text) {
    return std::ranges::all_of(
        text, [](char c) { return static_cast<unsigned char>(c) < 128; });
  }
  void fault(std::string text) { faults.push_back(std::move(text)); }

  void check_lines(std::string_view text) {
    while (!text.empty()) {
      std::size_t end = std::min(text.find('\n'), text.size());
      if (end > 998) fault("a line of " + std::to_string(end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

  void check_bytes(const Part& one) {
    bool declared = one.value("Content-Transfer-Encoding") == "8bit";
    if (!is_ascii(one.body) && !declared) fault(one.type() + ": undeclared 8bit");
  }

  // Reads fields up to a blank line or the end, and takes them off `text`.
  std::vector<Field> fields(std::string_view& text) {
    std::vector<Field> read;
    static const std::regex kName("[!-9;-~]+");
    while (!text.empty() && text[0] != '\n') {
      std::size_t end = std::min(text.find('\n'), text.size());
      std::string line(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      for (char c : line)
        if ((c >= 0 && c < ' ' && c != '\t') || c == 0x7f)
          fault("control byte: " + line);
      bool continued = line[0] == ' ' || line[0] == '\t';
      if (line.find_first_not_of(" \t") == line.npos) fault("blank continuation");
      if (continued && !read.empty()) {
        read.back().value += line;
        continue;
      }
      std::size_t colon = line.find(':');
      std::string name = line.substr(0, colon);
      if (continued || colon == line.npos || !std::regex_match(name, kName)) {
        fault("no field: " + line);
        continue;
      }
      std::string value = line.substr(colon + 1);
      read.push_back({name, value.starts_with(' ') ? value.substr(1) : value});
    }
    return read;
  }

  Part part(std::string_view text) {
    Part one;
    one.headers = fields(text);
    if (text.empty()) fault("no blank line behind headers");
    one.body = text.substr(std::min<std::size_t>(1, text.size()));
    return one;
  }

  void split(const std::string& body, const std::string& boundary) {
    std::string delimiter = "\n--" + boundary;
    std::string text = "\n" + body;
    if (!text.starts_with(delimiter + "\n")) fault("text before the first part");
    std::size_t at = text.find(delimiter);
    while (at != text.npos) {
      at += delimiter.size();
      if (text.substr(at) == "--\n") return;
      if (text[at] != '\n') return fault("broken delimiter");
      std::size_t end = text.find(delimiter, at);
      if (end == text.npos) return fault("no closing delimiter");
      parts.push_back(part(std::string_view(text).substr(at + 1, end - at - 1)));
      at = end;
    }
  }

  // Known fields in the order of `names`; then extensions, which a second Remote-MTA
  // (Exim's, with the address) may begin.
  void check_order(const std::vector<Field>& group,
                   const std::vector<std::string_view>& names) {
    std::size_t rank = 0;
    bool extensions = false;
    for (const Field& field : group) {
      bool extension = field.name.starts_with("X-") ||
                       (field.name == "Remote-MTA" && field.value.starts_with("X-ip;"));
      auto at = std::find(names.begin() + static_cast<std::ptrdiff_t>(rank),
                          names.end(), std::string_view(field.name));
      if (extension) {
        extensions = true;
      } else if (extensions || at == names.end()) {
        fault("out of order or twice: " + field.name);
      } else {
        rank = static_cast<std::size_t>(at - names.begin()) + 1;
      }
      if (field.value.empty()) fault(field.name + " is empty");
    }
  }

  void require(const std::vector<Field>& group, std::string_view name,
               const std::string& pattern, bool needed) {
    for (const Field& field : group) {
      if (field.name != name) continue;
      if (!std::regex_match(field.value, std::regex(pattern)))
        fault(field.name + ": " + field.value);
      return;
    }
    if (needed) fault("missing " + std::string(name));
  }

  void read_status(std::string_view text) {
    const std::string date =
        "(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \\d\\d? \\w{3} \\d{4} \\d\\d:\\d\\d:\\d\\d "
        "[-+]\\d{4}";
    message = fields(text);
    check_order(message, {"Original-Envelope-Id", "Reporting-MTA", "DSN-Gateway",
                          "Received-From-MTA", "Arrival-Date"});
    require(message, "Reporting-MTA", "dns; .+", true);
    require(message, "Arrival-Date", date, false);
    while (!text.empty()) {
      text.remove_prefix(1);  // the one blank line
      std::vector<Field> group = fields(text);
      if (group.empty()) {
        fault("an empty group");
        continue;
      }
      check_order(group, {"Original-Recipient", "Final-Recipient", "Action", "Status",
                          "Remote-MTA", "Diagnostic-Code", "Last-Attempt-Date",
                          "Final-Log-Id", "Will-Retry-Until"});
      require(group, "Original-Recipient", "[^ ;]+; [^]*", false);
      require(group, "Final-Recipient", "(rfc822|utf-8); [^]+", true);
      require(group, "Action", "failed|delayed|delivered|relayed|expanded", true);
      require(group, "Status", "[245]\\.\\d{1,3}\\.\\d{1,3}", true);
      require(group, "Diagnostic-Code", "smtp; [^]+", false);
      require(group, "Last-Attempt-Date", date, false);
      require(group, "Will-Retry-Until", date, false);
      recipients.push_back(std::move(group));
    }
    if (recipients.empty()) fault("no recipient");
  }
};

}  // namespace dsn_tests
