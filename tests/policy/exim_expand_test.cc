// SPDX-License-Identifier: Apache-2.0
//
// Expressions made at random from the grammar, asked of us and of Exim.
//
// Only forms that the definition calls the same are made.  The seed is printed;
// BOBBIN_SEED sets another.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/policy/expanding.h"
#include "tests/support/peers.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace {

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  // Between marks, since Exim strips blanks of the lines it reads; and it reads no more
  // than a kilobyte at once.
  std::string expression() {
    for (;;)
      if (std::string all = "<" + text(4) + ">"; all.size() < 900) return all;
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }
  std::string one_of(std::initializer_list<std::string_view> words) {
    return std::string(
        *(words.begin() + static_cast<std::ptrdiff_t>(below(words.size()))));
  }
  std::string number() { return std::to_string(static_cast<int>(below(21)) - 5); }
  std::string count() { return std::to_string(below(9)); }

  std::string word() {
    return one_of({"a",
                   "B",
                   "ab",
                   "a.b",
                   "x-y",
                   "1",
                   "42",
                   "-3",
                   "007",
                   "A B",
                   "",
                   ",",
                   "a@b.c",
                   "=",
                   "*",
                   "@",
                   "+x",
                   "<",
                   "q;r",
                   "  z ",
                   "abcabc",
                   "k=v",
                   "\\$",
                   "\\\\",
                   "\\}",
                   "\\{",
                   "\\Nx$y\\\\{}\\N",
                   "/",
                   "%s",
                   "'",
                   "\"",
                   "10.1.2.3",
                   "2001:db8::1",
                   "192.0.2.7/24",
                   "#",
                   "0x1f",
                   "true",
                   "no"});
  }
  std::string list() {
    std::string all = one_of({"", "", "", "<; ", "<, "});
    char separator = all.empty() ? ':' : all[1];
    // Of separators and nothing else, Exim takes an element out.
    if (!all.empty()) all += "k";
    for (std::size_t i = below(5) + (all.empty() ? 0 : 1); i-- > 0;) {
      all += word();
      if (i > 0) all += separator;
    }
    return all;
  }

  std::string text(unsigned depth) {
    std::string all;
    for (std::size_t i = 1 + below(2); i-- > 0;) all += piece(depth);
    return all;
  }

  std::string piece(unsigned depth) {
    if (depth == 0 || below(5) == 0) return leaf();
    switch (below(16)) {
      case 0:
      case 1:
      case 2:
        return "${" + text_operator() + ":" + text(depth - 1) + "}";
      case 3:
        return "${" + special(depth - 1) + "}";
      case 4:
        return "${eval:" + sum(3) + "}";
      case 5:
      case 6:
        return "${if " + condition(depth - 1) + results(depth - 1) + "}";
      case 7:
        return "${if match{" + text(depth - 1) + "}{" + regex() + "}{${0}<${1}>" +
               text(depth - 1) + "${2}}{" + text(depth - 1) + "}}";
      case 8:
        return "${extract{" + one_of({"1", "2", "-1", "-2", "0", "7"}) + "}{" +
               one_of({":", ".", ":.", "@", "b"}) + "}{" + text(depth - 1) + "}" +
               found(depth - 1) + "}";
      case 9:
        return "${extract{" + one_of({"a", "k", "K", "b"}) + "}{k=v a=\"1 2\" " +
               text(depth - 1) + "}" + found(depth - 1) + "}";
      case 10:
        return "${map{" + list() + "}{" + in_body("${item}", depth - 1) + "}}";
      case 11:
        return "${filter{" + list() + "}{" + item_condition() + "}}";
      case 12:
        if (in_reduce_) return leaf();  // Exim's inner one sets the outer one's $value
        return "${reduce{" + list() + "}{" + word() + "}{" + in_reduce(depth - 1) +
               "}}";
      case 13:
        return "${sg{" + text(depth - 1) + "}{" + regex() + "}{" +
               one_of({"", "x", "[\\$0]", "\\N<$1>\\N", "\\\\\\\\", "\\${uc:\\$0\\}"}) +
               "}}";
      case 14:
        return "${tr{" + text(depth - 1) + "}{" + one_of({"ab", "a.b", "xyz", "@"}) +
               "}{" + one_of({"AB", "", "_", "123456"}) + "}}";
      default:
        return "${listextract{" + one_of({"1", "2", "-1", "0", "9"}) + "}{" + list() +
               "}" + found(depth - 1) + "}";
    }
  }

  std::string leaf() {
    switch (below(6)) {
      case 0:
        return one_of({"${primary_hostname}", "${qualify_domain}", "${acl_m_none}",
                       "$h_subject:"});
      default:
        return word();
    }
  }

  std::string text_operator() {
    switch (below(4)) {
      case 0:
        return "substr_" + number() + (below(2) == 0 ? "" : "_" + count());
      case 1:
        return one_of({"length_", "l_", "hash_", "nhash_1"}) + count();
      default:
        return one_of({"lc",        "uc",         "strlen",
                       "md5",       "sha1",       "sha256",
                       "base64",    "escape",     "hexquote",
                       "rxquote",   "quote",      "quote_local_part",
                       "listcount", "escape8bit", "str2b64",
                       "sha3_256",  "sha2_384",   "quote_lsearch",
                       "hash_3",    "nhash_8_64", "utf8clean",
                       "address",   "domain",     "local_part"});
    }
  }

  std::string special(unsigned depth) {
    switch (below(9)) {
      case 0:
        return "base64d:${base64:" + text(depth) + "}";
      case 1:
        return "time_interval:" + std::to_string(below(2'000'000));
      case 2:
        return "base62:" + std::to_string(below(1'000'000));
      case 3:
        return "base32:" + std::to_string(below(1'000'000));
      case 4:
        return "mask:" + one_of({"10.1.2.3/8", "192.0.2.7/25", "junk", "10.1.2.3"});
      case 5:
        return "reverse_ip:" + one_of({"192.0.2.4", "2001:db8::9", "x"});
      case 6:
        return "time_eval:" + one_of({"1d", "2h30m", "1w1s", "x", "5"});
      case 7:
        return "listquote{" + one_of({":", ";"}) + "}{" + text(depth) + "}";
      default:
        return "hmac{" + one_of({"md5", "sha1"}) + "}{key}{" + text(depth) + "}";
    }
  }

  std::string sum(unsigned depth) {
    if (depth == 0 || below(3) == 0)
      return one_of({"0", "1", "7", "12", "017", "0x1f", "2k", "-4", "~5", "100"});
    std::string left = sum(depth - 1), right = sum(depth - 1);
    std::string both =
        left + one_of({"+", "-", "*", "/", "%", "&", "|", "^", " + ", "-"}) + right;
    return below(3) == 0 ? "(" + both + ")" : both;
  }

  std::string regex() {
    return one_of({"a", "(b)", "[a-c]+", "\\\\.", "(a)|(b)", "a*", "(?i)A", "^(.)",
                   "(.)\\$", "\\N(\\w)\\W?\\N", "${rxquote:a.b}", "x?"});
  }

  std::string condition(unsigned depth) {
    // Not lti and its kin: to Exim 4.96 a text is greater than one that it begins.
    std::string negated = one_of({"", "", "!", "! "});
    switch (below(depth == 0 ? 9 : 11)) {
      case 0:
        return negated + one_of({"eq", "eqi", "lt", "le", "gt", "ge"}) + "{" +
               text(depth == 0 ? 0 : depth - 1) + "}{" + word() + "}";
      case 1:
        return negated + one_of({"<", ">", "=", "==", "<=", ">= "}) +
               "{${strlen:" + text(depth == 0 ? 0 : depth - 1) + "}}{" + number() + "}";
      case 2:
        return negated + "match{" + word() + "}{" + regex() + "}";
      case 3:
        return negated + "inlist{" + word() + "}{" + list() + "}";
      case 4:
        return negated + one_of({"forany", "forall"}) + "{" + list() + "}{" +
               item_condition() + "}";
      case 5:
        return negated + one_of({"isip", "isip4", "isip6"}) + "{" + word() + "}";
      case 6:
        return negated + "bool_lax{" + word() + "}";
      case 7:
        return negated + "bool{" + one_of({"yes", "no", "0", "-1", "", "x", "007"}) +
               "}";
      case 8:
        return negated + "def:" + one_of({"primary_hostname", "acl_c_x", "h_to:"});
      default: {
        std::string all = negated + one_of({"and", "or"}) + "{";
        for (std::size_t i = 1 + below(3); i-- > 0;)
          all += "{" + condition(depth - 1) + "}";
        return all + "}";
      }
    }
  }

  std::string item_condition() {
    return one_of({"eq{$item}{a}", "!eq{$item}{}", "match{$item}{(b)}", "gt{$item}{a}",
                   ">{${strlen:$item}}{1}", "inlist{$item}{a:b:42}", "isip{$item}"});
  }

  std::string results(unsigned depth) {
    switch (below(6)) {
      case 0:
        return "";
      case 1:
        return "{" + text(depth) + "}";
      case 2:
        return below(3) == 0 ? "{" + text(depth) + "}fail" : " {y} {n}";
      default:
        return "{" + text(depth) + "}{" + text(depth) + "}";
    }
  }
  std::string found(unsigned depth) {
    switch (below(4)) {
      case 0:
        return "{<${value}>" + text(depth) + "}{" + text(depth) + "}";
      case 1:
        return "{$value}";
      default:
        return "";
    }
  }
  std::string in_body(std::string_view variables, unsigned depth) {
    return std::string(variables) + (depth == 0 ? "" : piece(depth - 1));
  }

  std::string in_reduce(unsigned depth) {
    in_reduce_ = true;
    std::string body = in_body("${value}${item}", depth);
    in_reduce_ = false;
    return body;
  }

  std::mt19937 random_;
  bool in_reduce_ = false;
};

// What `exim -be` answers to each, by one process.  Answers may have several lines, so
// a mark stands before and behind each.
std::vector<std::string> exim_says(const std::vector<std::string>& expressions,
                                   const std::filesystem::path& configuration) {
  constexpr std::string_view kMark = "[next answer]";
  std::string input;
  for (const std::string& expression : expressions)
    input += std::string(kMark) + "\n" + expression + "\n";
  input += std::string(kMark) + "\n";
  support::Process exim({.program = *support::find_program("exim4"),
                         .args = {"-C", configuration.string(), "-be"},
                         .input = input});
  const std::string out = exim.wait().out;
  const std::string before = std::string(kMark) + "\n> ";
  const std::string behind = "\n> " + std::string(kMark);
  std::vector<std::string> answers;
  for (std::size_t at = 0; (at = out.find(before, at)) != out.npos;) {
    at += before.size();
    std::size_t end = out.find(behind, at);
    if (end == out.npos) break;
    answers.push_back(out.substr(at, end - at));
    at = end;
  }
  return answers;
}

TEST(EximExpansion, GivesTheSameForExpressionsMadeAtRandom) {
  REQUIRE_PROGRAM("exim4");
  const char* chosen = std::getenv("BOBBIN_SEED");
  const unsigned seed = chosen ? static_cast<unsigned>(std::atoi(chosen)) : 20261121;
  constexpr std::size_t kMany = 200;
  std::cout << "seed " << seed << ", " << kMany << " expressions\n";

  support::TempDir dir;
  const std::string text =
      "primary_hostname = mx.example.net\nqualify_domain = example.net\n"
      "keep_environment =\nspool_directory = " +
      dir.path().string() + "\nlog_file_path = " + (dir / "%slog").string() + "\n";
  std::ofstream(dir / "exim.conf") << text;
  auto policy = expanding::loaded(text);
  ASSERT_TRUE(policy);

  Generator generator(seed);
  std::vector<std::string> expressions;
  for (std::size_t i = 0; i < kMany; ++i) expressions.push_back(generator.expression());
  auto answers = exim_says(expressions, dir / "exim.conf");
  ASSERT_EQ(answers.size(), kMany);

  std::size_t fine = 0;
  for (std::size_t i = 0; i < kMany; ++i) {
    policy::ScriptedContext context;
    std::string ours = expanding::expanded(*policy, expressions[i], context);
    const std::string& exims = answers[i];
    if (exims.starts_with("Failed:") || exims.starts_with("Forced failure")) {
      bool forced = exims.starts_with("Forced failure") ||
                    exims.find("\"fail\" requested") != exims.npos;
      // A constant that is wrong is found before anything is evaluated.
      if (!ours.starts_with("load:")) {
        EXPECT_EQ(ours.starts_with("forced:"), forced)
            << expressions[i] << "\n  " << ours << "\n  Exim: " << exims;
      }
      EXPECT_FALSE(ours.starts_with("ok:"))
          << expressions[i] << "\n  " << ours << "\n  Exim: " << exims;
    } else {
      ++fine;
      EXPECT_EQ(ours, "ok:" + exims) << expressions[i];
    }
  }
  EXPECT_GT(fine, kMany / 2) << "most expressions have a value";
}

}  // namespace
