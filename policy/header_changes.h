// SPDX-License-Identifier: Apache-2.0
//
// What ACLs do to the headers of a message (spec/policy.md chapter 12).
//
// Changes are collected for a stage and applied when it is over: those of the MAIL, the
// RCPT and the PREDATA ACL when the message's own headers are there, those of the DKIM
// and of the DATA ACL after each.  Removals come first, then additions in their order,
// so that one stage can replace a header.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/context.h"

namespace policy {

// "name" of "Name : value\n"; empty if it does not start with one.
std::string_view header_name(std::string_view text);

// Cuts the value of add_header into headers, each with its place, newline at its end,
// and adds them.  What has no name gets "X-ACL-Warn:" in front.
void add_header_lines(std::string_view text, Context& context);

// Does `text`, a whole header, go by this name or "^pattern"?
bool removes_header(std::string_view name_or_pattern, std::string_view text);

class HeaderChanges {
 public:
  // The same text is added once.
  void add(HeaderPlace place, std::string text);
  void remove(std::string name_or_pattern) {
    removals_.push_back(std::move(name_or_pattern));
  }
  bool empty() const { return additions_.empty() && removals_.empty(); }
  // $headers_added: a list separated by newlines.
  std::string added() const;

  // Ends the stage.  `Header` has a `type`, '*' for what was removed, and a `text`;
  // `type_of` gives the letter for a name.
  template <class Header>
  void apply(std::vector<Header>& headers,
             const std::function<char(std::string_view name)>& type_of) {
    for (const std::string& removal : removals_)
      for (Header& header : headers)
        if (header.type != '*' && removes_header(removal, header.text))
          header.type = '*';
    for (Addition& addition : additions_) {
      auto at = headers.begin();
      if (addition.place == HeaderPlace::at_end) {
        at = headers.end();
      } else if (addition.place != HeaderPlace::at_start) {
        // What was put before the Received: headers stays there.
        auto first = std::find_if(at, headers.end(), [](const Header& header) {
          return is_received(header.text);
        });
        if (first != headers.end()) at = first;
        while (at != headers.end() && stays_before(addition.place, at->text)) ++at;
      }
      char type = type_of(header_name(addition.text));
      Header header{};
      header.type = type;
      header.text = std::move(addition.text);
      headers.insert(at, std::move(header));
    }
    *this = {};
  }

 private:
  struct Addition {
    HeaderPlace place;
    std::string text;
  };
  static bool is_received(std::string_view text);
  static bool stays_before(HeaderPlace place, std::string_view text);

  std::vector<Addition> additions_;
  std::vector<std::string> removals_;
};

}  // namespace policy
