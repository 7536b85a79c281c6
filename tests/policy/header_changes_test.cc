// SPDX-License-Identifier: Apache-2.0
#include "policy/header_changes.h"

#include <gtest/gtest.h>

#include "policy/scripted_context.h"

namespace {

using policy::HeaderChanges;
using policy::HeaderPlace;

struct Header {
  char type = ' ';
  std::string text;
};

char no_type(std::string_view) {
  return ' ';
}

std::vector<Header> message() {
  return {{'P', "Received: a\n"}, {'P', "Received: b\n"}, {' ', "Resent-To: x@y\n"},
          {' ', "Subject: s\n"},  {' ', "X-Old: 1\n"},    {' ', "x-old : 2\n"}};
}

std::string names(const std::vector<Header> &headers) {
  std::string out;
  for (const Header &header : headers) {
    std::string_view text = header.text;
    text.remove_suffix(1);
    out.append(out.empty() ? "" : "|")
        .append(header.type == '*' ? "*" : "")
        .append(text);
  }
  return out;
}

TEST(HeaderChanges, S12_GoToTheirPlaces) {
  HeaderChanges changes;
  changes.add(HeaderPlace::at_end, "E: 1\n");
  changes.add(HeaderPlace::at_start, "S: 1\n");
  changes.add(HeaderPlace::after_received, "A: 1\n");
  changes.add(HeaderPlace::at_start_rfc, "R: 1\n");
  changes.add(HeaderPlace::at_start, "S: 2\n");
  auto headers = message();
  changes.apply(headers, no_type);
  EXPECT_EQ(names(headers),
            "S: 2|S: 1|Received: a|Received: b|R: 1|A: 1|Resent-To: x@y|Subject: s|"
            "X-Old: 1|x-old : 2|E: 1");
  EXPECT_TRUE(changes.empty());
}

TEST(HeaderChanges, S12_RemovalsComeFirst) {
  HeaderChanges changes;
  changes.add(HeaderPlace::at_end, "X-Old: new\n");
  changes.remove("x-OLD");
  changes.remove("^(?i)subject:.*s$");
  auto headers = message();
  changes.apply(headers, no_type);
  EXPECT_EQ(names(headers),
            "Received: a|Received: b|Resent-To: x@y|*Subject: s|*X-Old: 1|*x-old : 2|"
            "X-Old: new");
}

TEST(HeaderChanges, S12_AddTheSameOnce) {
  HeaderChanges changes;
  changes.add(HeaderPlace::at_end, "A: 1\n");
  changes.add(HeaderPlace::at_end, "A: 1\n");
  changes.add(HeaderPlace::at_end, "B: 1\n continued\n");
  EXPECT_EQ(changes.added(), "A: 1\nB: 1\n\n continued");
}

// "A line without `name:` gets `X-ACL-Warn: ` in front.  Empty text does
// nothing."
TEST(HeaderChanges, S12_CutTheValueOfAddHeader) {
  struct Row {
    std::string_view value;
    std::vector<std::pair<HeaderPlace, std::string>> headers;
  };
  for (const Row &row : std::initializer_list<Row>{
           {"A: 1", {{HeaderPlace::at_end, "A: 1\n"}}},
           {"", {}},
           {"\n\n", {}},
           {"no colon here", {{HeaderPlace::at_end, "X-ACL-Warn: no colon here\n"}}},
           {"To : z", {{HeaderPlace::at_end, "X-ACL-Warn: To : z\n"}}},
           {"A: 1\nB: 2\n more\n\tand more\nC: 3",
            {{HeaderPlace::at_end, "A: 1\n"},
             {HeaderPlace::at_end, "B: 2\n more\n\tand more\n"},
             {HeaderPlace::at_end, "C: 3\n"}}},
           {":at_start:A: 1\n:AFTER_Received: B: 2\n:at_start_rfc:C: "
            "3\n:at_end:D: 4",
            {{HeaderPlace::at_start, "A: 1\n"},
             {HeaderPlace::after_received, "B: 2\n"},
             {HeaderPlace::at_start_rfc, "C: 3\n"},
             {HeaderPlace::at_end, "D: 4\n"}}},
           {":at_start:", {}},
       }) {
    policy::ScriptedContext context;
    policy::add_header_lines(row.value, context);
    ASSERT_EQ(context.effects.size(), row.headers.size()) << row.value;
    for (std::size_t i = 0; i < row.headers.size(); ++i) {
      EXPECT_EQ(context.effects[i].place, row.headers[i].first);
      EXPECT_EQ(context.effects[i].text, row.headers[i].second);
    }
  }
}

}  // namespace
