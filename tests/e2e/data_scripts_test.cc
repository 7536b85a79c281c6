// SPDX-License-Identifier: Apache-2.0
//
// The stock scripts of the DATA stage as programs: what goes in, what they end with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace {

using support::Outcome;
using testing::HasSubstr;

class DataScripts : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    std::ofstream(dir / name) << text;
  }

  // With the message on descriptor 3.
  Outcome wordlist(const std::string& message, std::vector<std::string> options = {}) {
    write("message", message);
    std::vector<std::string> args = {"-c", "exec \"$0\" \"$@\" 3<message",
                                     support::program("bobbin-data-wordlist"), "--list",
                                     "words"};
    args.insert(args.end(), options.begin(), options.end());
    return support::run({.program = "sh", .args = args, .directory = dir.path()});
  }

  Outcome greylist(const std::string& sender, std::vector<std::string> options = {}) {
    std::vector<std::string> args = {"--database", dir / "grey.mdb"};
    args.insert(args.end(), options.begin(), options.end());
    return support::run(
        {.program = support::program("bobbin-data-greylist"),
         .args = args,
         .input = R"({"client":{"ip":"192.0.2.7","auth":null},"envelope":{"from":")" +
                  sender + R"(","rcpt":[{"addr":"b@y.test"}]}})"});
  }

  support::TempDir dir;
};

TEST_F(DataScripts, WordlistWeighsSubjectAndText) {
  write("words", "# list\n6 buy now\n4 *pill*\n-5 newsletter\n");
  std::string spam = "Subject: Buy\n NOW\n\nthe spills\n";
  Outcome found = wordlist(spam);
  EXPECT_EQ(found.status, 10) << found.err;
  EXPECT_EQ(found.out, R"({"log":"score 10: buy now, *pill*",)"
                       R"("text":["Message refused for its words"]})");
  EXPECT_EQ(wordlist(spam, {"--keep"}).status, 11);
  EXPECT_EQ(wordlist(spam, {"--threshold", "11"}).status, 0);
  found = wordlist(spam + "newsletter\n", {"--mark"});
  EXPECT_EQ(found.status, 0);
  EXPECT_THAT(found.out, HasSubstr(R"("headers_add":["X-Wordlist-Score: 5"])"));
  EXPECT_EQ(wordlist("Subject: hi\n\nbuy it now\n").out, "");
  EXPECT_EQ(wordlist("").status, 0);
}

TEST_F(DataScripts, WordlistNamesTheBadLine) {
  write("words", "1 good\nbad\n");
  Outcome bad = wordlist("");
  EXPECT_EQ(bad.status, 78);
  EXPECT_THAT(bad.err, HasSubstr("words: line 2: write a weight and a word"));
}

TEST_F(DataScripts, GreylistPutsOffWhoIsNew) {
  Outcome first = greylist("a@x.test");
  EXPECT_EQ(first.status, 20) << first.err;
  EXPECT_THAT(first.out, HasSubstr(R"("code":451,"enhanced":"4.7.1")"));
  EXPECT_EQ(greylist("a@x.test").status, 20);
  EXPECT_EQ(greylist("a@x.test", {"--delay", "0"}).status, 0);
  EXPECT_EQ(greylist("A@X.TEST").status, 0);
  EXPECT_EQ(greylist("other@x.test").status, 20);
}

TEST_F(DataScripts, GreylistSaysWhatItLacks) {
  Outcome none = support::run({.program = support::program("bobbin-data-greylist"),
                               .args = {"--database", dir / "grey.mdb"},
                               .input = "hello"});
  EXPECT_EQ(none.status, 65);
}

}  // namespace
