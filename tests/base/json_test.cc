// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

using namespace std::string_view_literals;
using base::Json;

namespace {

std::string quoted(std::string_view text) {
  std::string out;
  base::append_json_string(out, text);
  return out;
}

}  // namespace

TEST(Json, NestsObjectsAndArraysWithCommasWhereTheyBelong) {
  std::string out;
  Json json(out);
  json.begin_object().member("id", "1xUYvJ").member("frozen", false).member("size", 12);
  json.key("list").begin_array().value(1).value("two").null();
  json.begin_object().end_object().begin_array().end_array();
  json.end_array().key("last").value(std::int64_t{-5}).end_object();
  EXPECT_EQ(out, R"({"id":"1xUYvJ","frozen":false,"size":12,)"
                 R"("list":[1,"two",null,{},[]],"last":-5})");
  EXPECT_TRUE(nlohmann::json::accept(out));
}

TEST(Json, EscapesWhatJsonWantsEscaped) {
  struct Row {
    std::string_view in, out;
  };
  for (auto [in, out] : {
           Row{"", R"("")"},
           Row{R"(say "\")", R"("say \"\\\"")"},
           Row{"a\nb\tc\rd", R"("a\nb\tc\u000dd")"},
           Row{"\0\x1f\x7f"sv, R"("\u0000\u001f\u007f")"},
           Row{"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
           Row{"\xf0\x9f\x93\xac", "\"\xf0\x9f\x93\xac\""},
       }) {
    EXPECT_EQ(quoted(in), out);
    EXPECT_EQ(nlohmann::json::parse(quoted(in)).get<std::string>(), in);
  }
}

TEST(Json, BytesThatAreNotUtf8BecomeLoneSurrogates) {
  struct Row {
    std::string_view in, out;
  };
  for (auto [in, out] : {
           Row{"\xff", R"("\udcff")"}, Row{"\x80", R"("\udc80")"},    // tail alone
           Row{"a\xc3", R"("a\udcc3")"},                              // cut short
           Row{"\xc3(", R"("\udcc3(")"},                              // no tail
           Row{"\xc0\xaf", R"("\udcc0\udcaf")"},                      // overlong
           Row{"\xe0\x80\xaf", R"("\udce0\udc80\udcaf")"},            // overlong
           Row{"\xed\xa0\x80", R"("\udced\udca0\udc80")"},            // surrogate
           Row{"\xf4\x90\x80\x80", R"("\udcf4\udc90\udc80\udc80")"},  // > U+10FFFF
           Row{"\xf0\x9f\x93", R"("\udcf0\udc9f\udc93")"},            // cut short
       })
    EXPECT_EQ(quoted(in), out);
}

TEST(Json, EveryByteAloneIsValidJsonText) {
  for (int byte = 0; byte < 256; ++byte) {
    char c = static_cast<char>(byte);
    std::string text = quoted({&c, 1});
    for (char out : text) EXPECT_GE(static_cast<unsigned char>(out), 0x20) << byte;
    EXPECT_EQ(text.front(), '"');
    EXPECT_EQ(text.back(), '"');
  }
}
