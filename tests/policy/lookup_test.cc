// SPDX-License-Identifier: Apache-2.0
#include "policy/lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lmdb.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "policy/dnsdb.h"
#include "policy/policy.h"
#include "policy/scripted_context.h"
#include "tests/support/temp_dir.h"

namespace {

using policy::Failure;
using testing::HasSubstr;

class Lookup : public testing::Test {
 protected:
  std::string write(const std::string& name, std::string_view text) {
    std::ofstream(dir / name, std::ios::binary) << text;
    return (dir / name).string();
  }
  // What ${lookup{KEY}TYPE{FILE}{$value}{-}} gives; "!defer", "!error" otherwise.
  std::string ask(std::string_view type, std::string_view file, std::string_view key) {
    auto spec = policy::parse_lookup_type(type);
    if (!spec) return "!" + spec.error().text;
    policy::Evaluation evaluation{.policy = no_policy, .context = context};
    auto answer = policy::look_up(*spec, file, key, evaluation);
    if (!answer) {
      last_error = answer.error().text;
      return answer.error().kind == Failure::Kind::defer ? "!defer" : "!error";
    }
    if (!*answer) return "-";
    std::string text = (*answer)->data;
    if ((*answer)->has_parts)
      text += "<" + (*answer)->wild + "><" + (*answer)->fixed + ">";
    return text;
  }

  support::TempDir dir;
  policy::Policy no_policy;
  policy::ScriptedContext context;
  std::string last_error;
};

// The coarse clock that LookupFiles goes by has moved on.
void wait_for_the_next_tick() {
  auto now = [] {
    timespec time;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
  };
  for (auto start = now(); now() == start;) std::this_thread::yield();
}

void put_all(const std::string& path,
             const std::vector<std::pair<std::string, std::string>>& entries) {
  MDB_env* env = nullptr;
  MDB_txn* transaction = nullptr;
  MDB_dbi database = 0;
  ASSERT_EQ(mdb_env_create(&env), 0);
  ASSERT_EQ(mdb_env_open(env, path.c_str(), MDB_NOSUBDIR | MDB_NOSYNC, 0644), 0);
  ASSERT_EQ(mdb_txn_begin(env, nullptr, 0, &transaction), 0);
  ASSERT_EQ(mdb_dbi_open(transaction, nullptr, 0, &database), 0);
  for (auto [key, value] : entries) {
    MDB_val k{key.size(), key.data()}, v{value.size(), value.data()};
    ASSERT_EQ(mdb_put(transaction, database, &k, &v, 0), 0);
  }
  ASSERT_EQ(mdb_txn_commit(transaction), 0);
  mdb_env_close(env);
}

}  // namespace

TEST_F(Lookup, TypesAreReadWithTheirStagesAndOptions) {
  auto spec = policy::parse_lookup_type("partial1(.)lsearch*@,ret=full");
  ASSERT_TRUE(spec) << spec.error().text;
  EXPECT_EQ(spec->type, "lsearch");
  EXPECT_EQ(spec->partial, 1);
  EXPECT_EQ(spec->affix, ".");
  EXPECT_TRUE(spec->star_at);
  EXPECT_FALSE(spec->query);
  EXPECT_EQ(spec->options, std::vector<std::string>{"ret=full"});
  EXPECT_EQ(policy::parse_lookup_type("partial-lmdb")->partial, 2);
  EXPECT_TRUE(policy::parse_lookup_type("dnsdb")->query);
  EXPECT_TRUE(policy::parse_lookup_type("dsearch,filter=subdir,ret=full,cache=no_rd"));
}

TEST_F(Lookup, WrongTypesSayWhatToWriteInstead) {
  struct Row {
    std::string_view type, words;
  };
  for (auto [type, words] : {
           Row{"lserach", "unknown lookup type 'lserach'; did you mean 'lsearch'"},
           Row{"nosuchtype", "nosuchtype"},
           Row{"wildlsearch", "use nwildlsearch"},
           Row{"mysql", "'mysql' is not part of the policy language"},
           Row{"cdb", "use lmdb"},
           Row{"psl", "not built in"},
           Row{"partiallsearch", "partial-"},
           Row{"partial(a)lsearch", "punctuation"},
           Row{"partial-dnsdb", "in files only"},
           Row{"lsearch*x", "'x' cannot follow"},
           Row{"lsearch,filter=file", "no option 'filter=file'"},
           Row{"lmdb,ret=full", "no option 'ret=full'"},
           Row{"", "unknown lookup type ''"},
       }) {
    auto spec = policy::parse_lookup_type(type);
    ASSERT_FALSE(spec) << type;
    EXPECT_THAT(spec.error().text, HasSubstr(words)) << type;
  }
}

// Each row was put to Exim 4.96.
TEST_F(Lookup, LsearchReadsLinesAsEximDoes) {
  std::string file = write("f",
                           "# comment\n"
                           "\"q\\\"x\": v1\n"
                           "\"open: v2\n"
                           " first cont\n"
                           "key\n"
                           "  : cont colon\n"
                           "k2  :   : v\n"
                           "k3 v   \n"
                           "\t\n"
                           " lost behind a line of blanks\n"
                           "k4:a\n"
                           "#x\n"
                           " lost behind a comment\n"
                           "\"e\" : z\n"
                           "\"abc\"def: w\n"
                           "k5:\n"
                           "  c1\n"
                           "  # no comment\n"
                           ":nokey\n"
                           "k6:v\\\n"
                           "dup: first\r\n"
                           "dup: second\n"
                           "\"x\\x41y\\101z\\n\": esc");
  struct Row {
    std::string_view key, data;
  };
  for (auto [key, data] : {
           Row{"q\"x", "v1"},
           Row{"open: v2", " first cont"},
           Row{"key", " : cont colon"},
           Row{"k2", ": v"},
           Row{"k3", "v"},
           Row{"k4", "a"},
           Row{"e", "z"},
           Row{"abc", "def: w"},
           Row{"abcdef", "-"},
           Row{"k5", " c1 # no comment"},
           Row{"", "-"},
           Row{"k6", "v\\"},
           Row{"DUP", "first"},
           Row{"xAyAz\n", "esc"},
           Row{"#", "-"},
       })
    EXPECT_EQ(ask("lsearch", file, key), data) << key;
  EXPECT_EQ(ask("lsearch,ret=full", file, "k5"), "k5: c1 # no comment");
  EXPECT_EQ(ask("lsearch,ret=key", file, "DUP"), "DUP");
}

TEST_F(Lookup, PartialAndDefaultsFollowTheirOrder) {
  std::string file = write("f",
                           ".: dot\n*.com: com\nb.com: bcom\n*: star\n"
                           "*@one.test: at\nuser@one.test: full\n");
  struct Row {
    std::string_view type, key, answer;
  };
  for (auto [type, key, answer] : {
           Row{"partial-lsearch", "com", "com<><com>"},
           Row{"partial-lsearch", "a.com", "-"},
           Row{"partial1-lsearch", "a.com", "com<a><com>"},
           Row{"partial1-lsearch", "x.y.com", "com<x.y><com>"},
           Row{"partial0-lsearch", "q.z", "star<q.z><>"},
           Row{"partial0(.)lsearch", "a.net", "dot<a.net><>"},
           Row{"partial1()lsearch", "a.b.com", "bcom<a><b.com>"},
           Row{"partial-lsearch", "b.com", "bcom<><b.com>"},
           Row{"lsearch*", "nix", "star<nix><>"},
           Row{"lsearch*", "x@one.test", "star<x@one.test><>"},
           Row{"lsearch*@", "x@one.test", "at<x><>"},
           Row{"lsearch*@", "user@one.test", "full"},
           Row{"lsearch*@", "x@two.test", "star<x@two.test><>"},
           Row{"lsearch*", "", "star<><>"},
       })
    EXPECT_EQ(ask(type, file, key), answer) << type << " " << key;
}

TEST_F(Lookup, NwildlsearchTakesTheFirstPatternThatFits) {
  std::string file = write("f",
                           "*.tail.test: tail\n^a(b|c)\\.x: regex\nab.x: late\n"
                           "exact: e\n*suffix: s\n^[: broken\nzz: behind\n");
  EXPECT_EQ(ask("nwildlsearch", file, "A.Tail.Test"), "tail");
  EXPECT_EQ(ask("nwildlsearch", file, "ab.x"), "regex");
  EXPECT_EQ(ask("nwildlsearch", file, "EXACT"), "e");
  EXPECT_EQ(ask("nwildlsearch", file, "thesuffix"), "s");
  EXPECT_EQ(ask("nwildlsearch", file, "zz"), "!defer") << "a broken one is in the way";
  std::string many;
  for (int i = 0; i < 5001; ++i) many += "^a: x\n";
  EXPECT_EQ(ask("nwildlsearch", write("many", many), "a"), "!defer");
  EXPECT_THAT(last_error, HasSubstr("many: more than 5000"));
}

TEST_F(Lookup, IplsearchTakesTheFirstNetworkOfTheFile) {
  std::string file = write("f",
                           "10.0.0.1: host\n10.0.0.0/24: net24\n10.0.0.0/8: net8\n"
                           "\"2001:db8::/32\": v6\n10.9.0.0/16: hidden\n*: star\n");
  EXPECT_EQ(ask("iplsearch", file, "10.0.0.1"), "host");
  EXPECT_EQ(ask("iplsearch", file, "10.0.0.9"), "net24");
  EXPECT_EQ(ask("iplsearch", file, "::ffff:10.0.0.9"), "net24");
  EXPECT_EQ(ask("iplsearch", file, "10.9.1.1"), "net8");
  EXPECT_EQ(ask("iplsearch", file, "2001:db8::7"), "v6");
  EXPECT_EQ(ask("iplsearch", file, "192.0.2.1"), "-");
  EXPECT_EQ(ask("iplsearch*", file, "192.0.2.1"), "star<192.0.2.1><>");
  EXPECT_EQ(ask("iplsearch", file, "*"), "star");
  EXPECT_EQ(ask("iplsearch", file, "notanip"), "!defer");
  EXPECT_THAT(last_error, HasSubstr("net-iplsearch"));
}

TEST_F(Lookup, DsearchFindsNamesAndNoPaths) {
  write("bob.txt", "");
  std::filesystem::create_directory(dir / "sub");
  std::string path = dir.path().string();
  EXPECT_EQ(ask("dsearch", path, "bob.txt"), "bob.txt");
  EXPECT_EQ(ask("dsearch", path, "carol"), "-");
  EXPECT_EQ(ask("dsearch", path, ""), "-");
  EXPECT_EQ(ask("dsearch,filter=file", path, "sub"), "-");
  EXPECT_EQ(ask("dsearch,filter=dir", path, "sub"), "sub");
  EXPECT_EQ(ask("dsearch,filter=subdir", path, "bob.txt"), "-");
  EXPECT_EQ(ask("dsearch,ret=full", path, "sub"), path + "/sub");
  for (auto key : {"../x", ".", "..", "sub/x"})
    EXPECT_EQ(ask("dsearch", path, key), "!defer") << key;
  EXPECT_EQ(ask("dsearch", path + "/none", "x"), "!error");
  EXPECT_EQ(ask("dsearch", path + "/bob.txt", "x"), "!error");
}

TEST_F(Lookup, AMissingOrRelativeFileIsAnError) {
  for (auto type : {"lsearch", "nwildlsearch", "iplsearch", "lmdb"}) {
    EXPECT_EQ(ask(type, (dir / "none").string(), "x"), "!error") << type;
    EXPECT_THAT(last_error, HasSubstr("none"));
    EXPECT_EQ(ask(type, "relative/path", "x"), "!error") << type;
    EXPECT_THAT(last_error, HasSubstr("absolute"));
  }
}

TEST_F(Lookup, LmdbTakesExactBytesAndAllStages) {
  std::string path = (dir / "db").string();
  put_all(path, {{"example.net", "ours"}, {"*.wild.test", "w"}, {"*", "rest"}});
  EXPECT_EQ(ask("lmdb", path, "example.net"), "ours");
  EXPECT_EQ(ask("lmdb", path, "EXAMPLE.NET"), "-");
  EXPECT_EQ(ask("lmdb", path, ""), "-");
  EXPECT_EQ(ask("partial-lmdb", path, "a.wild.test"), "w<a><wild.test>");
  EXPECT_EQ(ask("lmdb*", path, "x"), "rest<x><>");
  EXPECT_EQ(ask("lmdb", write("junk", std::string(9000, 'j')), "x"), "!defer");
}

TEST_F(Lookup, FilesAreReadAgainWhenTheyChange) {
  std::string file = write("f", "k: one\n");
  EXPECT_EQ(ask("lsearch", file, "k"), "one");
  write("f", "k: three\n");
  wait_for_the_next_tick();
  EXPECT_EQ(ask("lsearch", file, "k"), "three") << "another size";
  write("new", "k: seven\n");
  std::filesystem::rename(dir / "new", file);
  wait_for_the_next_tick();
  EXPECT_EQ(ask("lsearch", file, "k"), "seven") << "another inode";
  std::filesystem::remove(file);
  wait_for_the_next_tick();
  EXPECT_EQ(ask("lsearch", file, "k"), "!error");
}

TEST_F(Lookup, ADatabaseThatIsReplacedIsOpenedAnew) {
  std::string path = (dir / "db").string(), next = (dir / "next").string();
  put_all(path, {{"k", "one"}});
  EXPECT_EQ(ask("lmdb", path, "k"), "one");
  put_all(path, {{"k", "changed in place"}});
  EXPECT_EQ(ask("lmdb", path, "k"), "changed in place");
  put_all(next, {{"k", "two"}});
  std::filesystem::rename(next, path);
  wait_for_the_next_tick();
  EXPECT_EQ(ask("lmdb", path, "k"), "two");
  std::filesystem::create_symlink(path, dir / "other");
  EXPECT_EQ(ask("lmdb", (dir / "other").string(), "k"), "two");
}

TEST_F(Lookup, SpfGivesTheWordOfTheCheck) {
  context.checks["spf=192.0.2.1 a@b.test"] = {policy::Answer::yes, "softfail", "", ""};
  EXPECT_EQ(ask("spf", "a@b.test", "192.0.2.1"), "softfail");
  EXPECT_EQ(ask("spf", "a@b.test", "nonsense"), "!error");
}

TEST_F(Lookup, DnsdbQueriesAreReadPieceByPiece) {
  using OnDefer = policy::DnsdbQuery::OnDefer;
  auto query =
      policy::parse_dnsdb(">;,/ defer_strict,dnssec_strict,retry_3, MX=a.test:b.test");
  ASSERT_TRUE(query) << query.error().text;
  EXPECT_EQ(query->record_separator, ';');
  EXPECT_EQ(query->field_separator, "/");
  EXPECT_EQ(query->on_defer, OnDefer::strict);
  EXPECT_TRUE(query->only_authenticated);
  EXPECT_EQ(query->type, "mx");
  EXPECT_EQ(query->names, (std::vector<std::string>{"a.test", "b.test"}));
  EXPECT_EQ(policy::parse_dnsdb("a.test")->type, "txt");
  EXPECT_EQ(policy::parse_dnsdb(">:; a.test")->field_separator, "");
  for (auto bad : {">", ">:,", "nix=a.test", "defer_perhaps,a=x", "txt,a.test"})
    EXPECT_FALSE(policy::parse_dnsdb(bad)) << bad;
}

TEST_F(Lookup, DnsdbWritesRecordsAsAsked) {
  using policy::Answer;
  context.records["mx a.test"] = {Answer::yes, {{"10", "m1.test"}, {"20", "m2.test"}}};
  context.records["txt a.test"] = {Answer::yes, {{"one", "two"}, {"three"}}};
  context.records["a a.test"] = {Answer::yes, {{"192.0.2.1"}}, true};
  context.records["aaaa a.test"] = {Answer::yes, {{"2001:db8::1"}}};
  context.records["a b.test"] = {Answer::yes, {{"192.0.2.2"}}};
  context.records["ptr 1.2.0.192.in-addr.arpa"] = {Answer::yes, {{"p.test"}}};
  context.records["soa test"] = {Answer::yes,
                                 {{"ns.test", "root.test", "1", "2", "3", "4", "5"}}};
  context.records["a later.test"] = {Answer::defer, {}};
  struct Row {
    std::string_view query, answer;
  };
  for (auto [query, answer] : {
           Row{"mx=a.test", "10 m1.test\n20 m2.test"},
           Row{">: mxh=a.test", "m1.test:m2.test"},
           Row{">:,/ mx=a.test", "10/m1.test:20/m2.test"},
           Row{"a.test", "one\nthree"},
           Row{">:,- txt=a.test", "one-two:three"},
           Row{">:; txt=a.test", "onetwo:three"},
           Row{">: spf=a.test", "onetwo:three"},
           Row{">: a+=a.test", "2001:db8::1:192.0.2.1"},
           Row{">: a=a.test:b.test:none.test", "192.0.2.1:192.0.2.2"},
           Row{"ptr=192.0.2.1", "p.test"},
           Row{"soa=x.y.test", "ns.test"},
           Row{">:,  soa=test", "ns.test root.test 1 2 3 4 5"},
           Row{"a=none.test", "-"},
           Row{"a=later.test", "!defer"},
           Row{"a=later.test:a.test", "192.0.2.1"},
           Row{"defer_strict,a=later.test:a.test", "!defer"},
           Row{"defer_never,a=later.test", "-"},
           Row{"dnssec_strict,a=b.test", "-"},
           Row{"dnssec_strict,a=a.test", "192.0.2.1"},
           Row{"nix=a.test", "!error"},
       })
    EXPECT_EQ(ask("dnsdb", query, ""), answer) << query;
}

TEST_F(Lookup, OnlyTheDnsAndSpfSpeakForStrangers) {
  for (auto type : {"lsearch", "nwildlsearch", "iplsearch", "dsearch", "lmdb"})
    EXPECT_FALSE(policy::remote(*policy::parse_lookup_type(type))) << type;
  for (auto type : {"dnsdb", "spf"})
    EXPECT_TRUE(policy::remote(*policy::parse_lookup_type(type))) << type;
}

TEST(LookupThreads, OneSetOfFilesServesAll) {
  support::TempDir dir;
  std::string file = (dir / "f").string(), db = (dir / "db").string();
  std::ofstream(file) << "k: v\n";
  put_all(db, {{"k", "v"}});
  policy::LookupFiles files;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int n = 0; n < 500; ++n) {
        if (i == 0 && n % 50 == 0)
          std::ofstream(file) << "k: v\n"
                              << std::string(static_cast<std::size_t>(n), '#');
        auto database = files.lmdb(db);
        ASSERT_TRUE(database);
        std::string value;
        EXPECT_TRUE((*database)->get("k", value));
        EXPECT_EQ(value, "v");
      }
    });
  for (auto& thread : threads) thread.join();
}
