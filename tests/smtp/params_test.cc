// SPDX-License-Identifier: Apache-2.0
#include "smtp/params.h"

#include <gtest/gtest.h>

#include <limits>

namespace smtp {
namespace {

struct Row {
  std::string text;
  int refusal;  // 0: understood
};

TEST(MailParams, AreTakenOnceEachAndToTheLetter) {
  const std::string x100(100, 'x');
  for (const auto& [text, refusal] : {
           Row{"", 0},
           Row{" SIZE=1 BODY=8BITMIME RET=FULL ENVID=a AUTH=<> SMTPUTF8 REQUIRETLS", 0},
           Row{" body=binarymime\tret=hdrs", 0},
           Row{" BODY=", 501},
           Row{" BODY", 501},
           Row{" RET=BOTH", 501},
           Row{" RET=FULL RET=FULL", 501},
           Row{" ENVID=" + x100, 0},
           Row{" ENVID=" + x100 + "x", 501},
           Row{" ENVID=", 501},
           Row{" ENVID=a+20b", 0},
           Row{" ENVID=a+2", 501},
           Row{" ENVID=a+2b", 501},
           Row{" ENVID=a+GG", 501},
           Row{" ENVID=a=b", 501},
           Row{" ENVID=\xc3\xbc", 501},
           Row{" ENVID=a ENVID=b", 501},
           Row{" AUTH=user+2Btag@example.org", 0},
           Row{" AUTH=", 501},
           Row{" AUTH=a+", 501},
           Row{" AUTH=a+0Ab", 501},
           Row{" AUTH=<> AUTH=<>", 501},
           Row{" SMTPUTF8=1", 501},
           Row{" SMTPUTF8 SMTPUTF8", 501},
           Row{" REQUIRETLS REQUIRETLS", 501},
           Row{" PRDR", 555},
           Row{" NOTIFY=NEVER", 555},
       }) {
    auto params = parse_mail_params(text);
    EXPECT_EQ(params ? 0 : params.error().code, refusal) << text;
  }
}

TEST(MailParams, RQ4_RefuseAValueOfRequiretlsWith501) {
  EXPECT_EQ(parse_mail_params(" REQUIRETLS=x").error(),
            standard(Standard::bad_parameter));
}

TEST(MailParams, CarryWhatWasSaid) {
  auto params = parse_mail_params(" ENVID=a+2Bb AUTH=a+2Bb@c RET=hdrs BODY=BinaryMIME");
  ASSERT_TRUE(params);
  EXPECT_EQ(params->envid, "a+2Bb");  // as it came, for the spool
  EXPECT_EQ(params->auth, "a+b@c");
  EXPECT_EQ(params->ret, DsnReturn::headers);
  EXPECT_EQ(params->body, BodyType::binary_mime);
  EXPECT_EQ(parse_mail_params(" AUTH=<>")->auth, "");
  EXPECT_EQ(parse_mail_params("")->auth, std::nullopt);
}

// RFC 1870 section 4: up to 20 digits; more than 64 bits hold is just too big.
TEST(MailParams, TakeTwentyDigitsOfSize) {
  EXPECT_EQ(parse_mail_params(" SIZE=99999999999999999999")->size,
            std::numeric_limits<std::uint64_t>::max());
  EXPECT_FALSE(parse_mail_params(" SIZE=000000000000000000001"));
}

TEST(RcptParams, AreTakenOnceEachAndToTheLetter) {
  const std::string x493(493, 'x');  // and "rfc822;"
  for (const auto& [text, refusal] : {
           Row{" NOTIFY=NEVER ORCPT=rfc822;a@b", 0},
           Row{" notify=success,FAILURE,delay", 0},
           Row{" NOTIFY=", 501},
           Row{" NOTIFY", 501},
           Row{" NOTIFY=NEVER,DELAY", 501},
           Row{" NOTIFY=DELAY,NEVER", 501},
           Row{" NOTIFY=DELAY,", 501},
           Row{" NOTIFY=,DELAY", 501},
           Row{" NOTIFY=ALWAYS", 501},
           Row{" NOTIFY=NEVER NOTIFY=NEVER", 501},
           Row{" ORCPT=rfc822;" + x493, 0},
           Row{" ORCPT=rfc822;" + x493 + "x", 501},
           Row{" ORCPT=a@b", 501},
           Row{" ORCPT=;a@b", 501},
           Row{" ORCPT=rfc822;", 501},
           Row{" ORCPT=rfc822;a+b", 501},
           Row{" ORCPT=rfc822;\xc3\xbc@b", 501},
           Row{" ORCPT=utf-8;\xc3\xbc@b", 0},
           Row{" ORCPT=utf-8;\xfc@b", 501},
           Row{" ORCPT=rfc822;a@b ORCPT=rfc822;a@b", 501},
           Row{" RET=FULL", 555},
       }) {
    auto params = parse_rcpt_params(text);
    EXPECT_EQ(params ? 0 : params.error().code, refusal) << text;
  }
}

TEST(RcptParams, CarryWhatWasSaid) {
  auto params = parse_rcpt_params(" NOTIFY=FAILURE,SUCCESS ORCPT=rfc822;a+2Bb@c");
  ASSERT_TRUE(params);
  EXPECT_EQ(params->notify, notify::kSuccess | notify::kFailure);
  EXPECT_EQ(params->orcpt, "rfc822;a+2Bb@c");
}

TEST(Xtext, IsDecodedOrRefused) {
  EXPECT_EQ(decode_xtext("a+2B+3D+00"), std::string("a+=\0", 4));
  EXPECT_EQ(decode_xtext(""), "");
  for (const char* text : {"+", "+2", "a+", "+2b", "+G0", "a b", "a=b", "a\x7f"})
    EXPECT_EQ(decode_xtext(text), std::nullopt) << text;
}

}  // namespace
}  // namespace smtp
