// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/h_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/fd.h"
#include "spoolfmt/spool.h"
#include "tests/support/temp_dir.h"

namespace spoolfmt {
namespace {

constexpr std::string_view kLeaf = "1xUYvJ-0004Zg-2C-H";

// A sound file of which a row replaces one part.
struct Parts {
  std::string first = "1xUYvJ-0004Zg-2C-H\n";
  std::string user = "root 0 0\n";
  std::string sender = "<alice@sender.example>\n";
  std::string time = "1795220745 0\n";
  std::string options = "-received_time_usec .680109\n-deliver_firsttime\n";
  std::string tree = "XX\n";
  std::string recipients = "1\nbob@remote.example\n";
  std::string headers = "\n010F From: a@b\n";

  std::string text() const {
    return first + user + sender + time + options + tree + recipients + headers;
  }
};

ParsedH parsed(const std::string& text) {
  ParsedH out;
  read_h_file(text, kLeaf, out);
  return out;
}

TEST(HFile, Spool5_FirstLineMustBeTheFilesOwnName) {
  Parts parts;
  EXPECT_EQ(parsed(parts.text()).damage, Damage::none);
  for (const char* first : {"1xUYvJ-0004Zg-2D-H\n", "1xUYvJ-0004Zg-2C-D\n",
                            "1xUYvJ-0004Zg-2C-H \n", "1xUYvJ-0004Zg-2C-H\r\n", "\n"}) {
    parts.first = first;
    EXPECT_EQ(parsed(parts.text()).damage, Damage::envelope) << first;
  }
  // Where 4.97 on is content with the first 18 bytes, we are not.
  ParsedH out;
  parts.first = "1xUYvo-000000005kR-ZZZZ-H\n";
  std::string text = parts.text();
  read_h_file(text, "1xUYvo-000000005kR-09xI-H", out);
  EXPECT_EQ(out.damage, Damage::envelope);
  // A name that is no -H file's is no message, however well it matches.
  parts.first = "1xUYvJ-0004Zg-2C-D\n";
  EXPECT_FALSE(parse_h_file(parts.text(), "1xUYvJ-0004Zg-2C-D"));
}

TEST(HFile, Spool6_ReadsLoginsFromTheRight) {
  struct Row {
    const char* line;
    const char* login;
    std::int64_t uid, gid;
  };
  for (const Row& row : {Row{"root 0 0", "root", 0, 0},
                         {"mail man 8 12 8 8", "mail man 8 12", 8, 8},
                         {" 0 0", "", 0, 0},
                         {"nobody 65534 -2", "nobody", 65534, -2},
                         {"root 0 0\t ", "root", 0, 0}}) {
    Parts parts;
    parts.user = std::string(row.line) + "\n";
    std::string text = parts.text();
    ParsedH out = parsed(text);
    ASSERT_EQ(out.damage, Damage::none) << row.line << out.what;
    EXPECT_EQ(out.file.login, row.login);
    EXPECT_EQ(out.file.uid, row.uid);
    EXPECT_EQ(out.file.gid, row.gid);
  }
  for (const char* line :
       {"root 0", "root\t0 0", "root 0 x", "root 0 +1", "root 0  0", ""}) {
    Parts parts;
    parts.user = std::string(line) + "\n";
    EXPECT_EQ(parsed(parts.text()).damage, Damage::envelope) << line;
    EXPECT_EQ(parsed(parts.text()).line, 2U);
  }
}

TEST(HFile, Spool7_SenderIsWhatStandsBetweenTheOuterBrackets) {
  for (const char* sender : {"", "a>b@c", "a<b", "alice@sender.example"}) {
    Parts parts;
    parts.sender = "<" + std::string(sender) + ">\n";
    std::string text = parts.text();
    EXPECT_EQ(parsed(text).file.sender, sender);
  }
  for (const char* line : {"<", "alice@sender.example", "<a@b> ", "a@b>", ""}) {
    Parts parts;
    parts.sender = std::string(line) + "\n";
    EXPECT_EQ(parsed(parts.text()).damage, Damage::envelope) << line;
  }
}

TEST(HFile, Spool8_LineFourNeedsTwoNumbers) {
  struct Row {
    const char* line;
    std::int64_t received, warnings;
  };
  for (const Row& row : {Row{"1795220745 3 junk", 1795220745, 3},
                         {"  +1795220745  +2", 1795220745, 2},
                         {"-5 -6", -5, -6},
                         {"4102444800 0", 4102444800, 0}}) {
    Parts parts;
    parts.time = std::string(row.line) + "\n";
    std::string text = parts.text();
    ParsedH out = parsed(text);
    EXPECT_EQ(out.damage, Damage::none) << row.line;
    EXPECT_EQ(out.file.received, row.received);
    EXPECT_EQ(out.file.warnings, row.warnings);
  }
  for (const char* line : {"1795220745", "x 0", "", "99999999999999999999 0"}) {
    Parts parts;
    parts.time = std::string(line) + "\n";
    EXPECT_EQ(parsed(parts.text()).damage, Damage::envelope) << line;
    EXPECT_EQ(parsed(parts.text()).line, 4U);
  }
}

TEST(HFile, Spool9_10_OptionsKeepOrderMarkersAndWhatIsUnknown) {
  Parts parts;
  parts.options =
      "-zz_future 17\n--tainted_future some text\n-\n--\n-ident \n-local\n--helo_name\n"
      "--(mysql)auth_id o\\'neil\n-(lsearch)ident x\n-local\r\n-frozen 1795220800 x\n"
      "-frozen 1795220801\n";
  std::string text = parts.text();
  auto file = parse_h_file(text, kLeaf);
  ASSERT_TRUE(file) << file.error().text;
  EXPECT_EQ(format_h_file(*file), text);
  EXPECT_EQ(file->frozen(), 1795220801);  // the last one counts
  EXPECT_FALSE(file->find("helo_name")->has_value);
  EXPECT_TRUE(file->find("helo_name")->tainted);
  EXPECT_EQ(file->find("auth_id")->quoter, "mysql");
  EXPECT_TRUE(file->find("auth_id")->tainted);
  EXPECT_TRUE(file->has("local"));
  for (const char* bad :
       {"-frozen\n", "-frozen soon\n", "--(nosuchlookup)ident x\n", "--(mysql\n",
        "-acl 20 1\nx\n", "-aclm x\n", "-aclm x -1\n", "-aclm x 99999\nabc\n"}) {
    parts.options = bad;
    EXPECT_EQ(parsed(parts.text()).damage, Damage::envelope) << bad;
    EXPECT_EQ(parsed(parts.text()).line, 5U) << bad;
  }
}

TEST(HFile, Spool11_AclVariablesHoldAnything) {
  for (const std::string& value :
       {std::string(), std::string("x"), std::string("-aclm fake 3\nXX\n1\nevil@r\n"),
        std::string("\n\n"), std::string(20000, 'a')}) {
    Parts parts;
    parts.options = "--aclm _foo " + std::to_string(value.size()) + "\n" + value +
                    "\n-aclc 9 0\n\n-acl 12 2\nmm\n";
    std::string text = parts.text();
    auto file = parse_h_file(text, kLeaf);
    ASSERT_TRUE(file) << file.error().text;
    EXPECT_EQ(file->find("aclm _foo")->value, value);
    EXPECT_TRUE(file->find("aclm _foo")->tainted);
    EXPECT_EQ(file->find("acl 12")->value, "mm");
    EXPECT_EQ(format_h_file(*file), text);
  }
}

TEST(HFile, Spool12_ReadsEveryFormOfAHost) {
  struct Row {
    const char* value;
    const char* address;
    unsigned port;
  };
  for (const Row& row : {Row{"[192.0.2.1]:1234", "192.0.2.1", 1234},
                         {"192.0.2.1.1234", "192.0.2.1", 1234},
                         {"192.0.2.1", "192.0.2.1", 0},
                         {"[2001:db8::1]:25", "2001:db8::1", 25},
                         {"2001:db8::1.25", "2001:db8::1", 25},
                         {"2001:db8::1", "2001:db8::1", 0},
                         {"::ffff:192.0.2.1", "::ffff:192.0.2.1", 0},
                         {"::ffff:192.0.2.1.25", "::ffff:192.0.2.1", 25},
                         {"[192.0.2.1", "[192.0.2.1", 0}}) {
    HostPort host = parse_host(row.value);
    EXPECT_EQ(host.address, row.address) << row.value;
    EXPECT_EQ(host.port, row.port) << row.value;
  }
}

TEST(HFile, Spool15_EveryCutIsRefusedWithItsClassOrStillSound) {
  Parts parts;
  parts.options += "-aclm 0 5\na\nb\nc\n";
  parts.tree = "YY m@x\nNN a@x\nNN z@x\n";
  parts.headers = "\n010F From: a@b\n1200  X: " + std::string(1196, 'x') + "\n";
  std::string text = parts.text();
  std::size_t envelope = text.size() - parts.headers.size();
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    std::string part = text.substr(0, cut);
    ParsedH out = parsed(part);
    bool ends_between_headers = cut == envelope + 1 || cut == envelope + 1 + 15;
    if (ends_between_headers)
      EXPECT_EQ(out.damage, Damage::none) << cut;
    else
      EXPECT_EQ(out.damage, cut < envelope ? Damage::envelope : Damage::headers) << cut;
  }
}

TEST(HFile, Spool15_DamageToHeadersLeavesTheEnvelopeKnown) {
  struct Row {
    const char* headers;
    std::uint64_t size;
  };
  for (const Row& row : {Row{"010F From: a@b\n", 0},   // no blank line
                         {"\r\n010F From: a@b\n", 0},  // CR LF in its place
                         {"\n010F From: a@b\n009F From: a@b\n", 19},
                         {"\n010F From: a@b\n\n", 10},  // one LF too many
                         {"\n011F  From: a@b\n", 0},    // blanks are eaten
                         {"\nF From: a@b\n", 0},
                         {"\n010", 0},
                         {"\n4294967306F From: a@b\n", 0},
                         {"\n99999999999999999999F From: a@b\n", 0}}) {
    Parts parts;
    parts.headers = row.headers;
    std::string text = parts.text();
    ParsedH out = parsed(text);
    EXPECT_EQ(out.damage, Damage::headers) << row.headers;
    EXPECT_EQ(out.file.sender, "alice@sender.example");
    EXPECT_EQ(out.file.header_size(), row.size) << row.headers;
    EXPECT_FALSE(parse_h_file(text, kLeaf));
  }
  Parts parts;
  parts.headers = std::string("\n010F Fr\0m: a@b\n", 16);
  EXPECT_EQ(parsed(parts.text()).damage, Damage::headers);
  parts.headers = "\n010F From: a@b\n" + std::string(512, '\0');
  EXPECT_EQ(parsed(parts.text()).damage, Damage::headers);
}

TEST(HFile, Spool16_HeaderLengthsTypesAndEnds) {
  Parts parts;
  parts.headers = "\n000  000X 009F From: a@b0000011* X-Old: 1\nab";
  std::string text = parts.text();
  ParsedH out = parsed(text);
  ASSERT_EQ(out.damage, Damage::none) << out.what;
  ASSERT_EQ(out.file.headers.size(), 4U);
  EXPECT_EQ(out.file.headers[1].type, 'X');
  EXPECT_EQ(out.file.headers[2].text, "From: a@b");
  EXPECT_EQ(out.file.headers[3].text, "X-Old: 1\nab");
  EXPECT_EQ(out.file.header_size(), 9U);
  for (std::size_t size :
       {1U, 99U, 100U, 999U, 1000U, 1001U, 9999U, 10000U, 1000000U}) {
    Parts big;
    HFile file = *parse_h_file(big.text(), kLeaf);
    file.headers = {{' ', std::string(size, 'x')}};
    auto back = parse_h_file(format_h_file(file), kLeaf);
    ASSERT_TRUE(back) << size;
    EXPECT_EQ(back->headers[0].text.size(), size);
  }
}

TEST(HFile, Spool17_TreesOfAnyShapeAndNoRecursion) {
  Parts parts;
  parts.tree.clear();
  for (int i = 0; i < 50'000; ++i) parts.tree += "YN u" + std::to_string(i) + "\n";
  parts.tree += "NN last\n";
  std::string text = parts.text();
  auto file = parse_h_file(text, kLeaf);
  ASSERT_TRUE(file) << file.error().text;
  EXPECT_TRUE(file->delivered.contains("u49999"));
  EXPECT_EQ(format_h_file(*file), text);
  for (const char* tree : {"NN\n", "YY a\nNN b\n", "XX \n", "", "N\n", "YN a\n"}) {
    parts.tree = tree;
    EXPECT_EQ(parsed(parts.text()).damage, Damage::envelope) << tree;
  }
}

TEST(HFile, Spool18_ReadsMoreRecipientsThanEximCan) {
  Parts parts;
  parts.recipients = "20000\n";
  for (int i = 0; i < 20'000; ++i)
    parts.recipients += "u" + std::to_string(i) + "@x.y\n";
  auto file = parse_h_file(parts.text(), kLeaf);
  ASSERT_TRUE(file);
  EXPECT_GT(file->recipients.size(), kMostRecipientsForExim);
  for (const char* count :
       {"-1\n", "x\n", "99999999999999999999\n", "2147483647\na@b\n"}) {
    parts.recipients = count;
    EXPECT_EQ(parsed(parts.text()).damage, Damage::envelope) << count;
  }
  parts.recipients = "0\n";
  EXPECT_EQ(parsed(parts.text()).damage, Damage::none);
}

TEST(HFile, Spool22_SetPutsOptionsWhereEximWritesThem) {
  Parts parts;
  parts.options =
      "-received_time_usec .680109\n-ident root\n-zz_unknown 1\n"
      "-max_received_linelength 42\n-deliver_firsttime\n-tls_resumption A\n";
  HFile file = *parse_h_file(parts.text(), kLeaf);
  file.set_value("frozen", "1795220800");
  file.set_flag("manual_thaw");
  file.set_value("helo_name", "x");
  file.remove("deliver_firsttime");
  parts.options =
      "-received_time_usec .680109\n-helo_name x\n-ident root\n"
      "-max_received_linelength 42\n-frozen 1795220800\n-manual_thaw\n"
      "-tls_resumption A\n-zz_unknown 1\n";
  std::vector<std::string> names;
  for (const Option& option : file.options)
    if (!option.name.starts_with("zz")) names.push_back(option.name);
  EXPECT_EQ(names, (std::vector<std::string>{"received_time_usec", "helo_name", "ident",
                                             "max_received_linelength", "frozen",
                                             "manual_thaw", "tls_resumption"}));
  EXPECT_TRUE(file.has("zz_unknown"));
  file.set_value("frozen", "5");
  EXPECT_EQ(file.frozen(), 5);
}

TEST(HFile, Spool23_NoLineBreakGetsIntoASingleLine) {
  const HFile sound = *parse_h_file(Parts().text(), kLeaf);
  EXPECT_TRUE(check_writable(sound));
  for (const std::string& evil :
       {std::string("a\n-frozen 1"), std::string("a\0b", 3)}) {
    HFile file = sound;
    file.sender = evil;
    EXPECT_FALSE(check_writable(file));
    file = sound;
    file.login = evil;
    EXPECT_FALSE(check_writable(file));
    file = sound;
    file.recipients.push_back({.address = evil});
    EXPECT_FALSE(check_writable(file));
    file = sound;
    file.recipients[0].orcpt = evil;
    EXPECT_FALSE(check_writable(file));
    file = sound;
    file.set_value("helo_name", evil);
    EXPECT_FALSE(check_writable(file));
    file = sound;
    file.mark_delivered({evil});
    EXPECT_FALSE(check_writable(file));
  }
  HFile file = sound;
  file.login = std::string(100, 'l');
  EXPECT_EQ(parse_h_file(format_h_file(file), kLeaf)->login.size(), 63U);
}

TEST(HFile, Spool31_42_PublishesByRenameWithMode0640WhateverTheUmask) {
  support::TempDir dir;
  HFile file = *parse_h_file(Parts().text(), kLeaf);
  // A leftover of a crash is no obstacle.
  std::ofstream(dir / "hdr.1xUYvJ-0004Zg-2C") << "debris";
  mode_t before = ::umask(0777);
  auto published = publish_h_file(dir.path(), file);
  ::umask(before);
  ASSERT_TRUE(published) << published.error().text;
  EXPECT_EQ(*base::read_file(dir / std::string(kLeaf)), Parts().text());
  EXPECT_FALSE(std::filesystem::exists(dir / "hdr.1xUYvJ-0004Zg-2C"));
  auto mode = std::filesystem::status(dir / std::string(kLeaf)).permissions();
  EXPECT_EQ(static_cast<unsigned>(mode), 0640U);
  // A file that must not be written leaves the old one alone.
  file.sender = "a\nb";
  EXPECT_FALSE(publish_h_file(dir.path(), file));
  EXPECT_EQ(*base::read_file(dir / std::string(kLeaf)), Parts().text());
}

TEST(HFile, TypesOfHeadersAreExims) {
  EXPECT_EQ(header_type("received"), 'P');
  EXPECT_EQ(header_type("RESENT-FROM"), 'F');
  EXPECT_EQ(header_type("Subject"), ' ');
  EXPECT_EQ(header_type("Message-Id"), 'I');
}

}  // namespace
}  // namespace spoolfmt
