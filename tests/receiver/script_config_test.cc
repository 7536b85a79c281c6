// SPDX-License-Identifier: Apache-2.0
#include "receiver/script_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/safe_file.h"
#include "tests/support/temp_dir.h"

namespace {

using receiver::parse_script_config;
using receiver::ScriptConfig;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kWhole = R"(
; what the operator wrote
[data]
dir             = /etc/bobbin/scripts
total_timeout   = 100s   ; less than the bound
reply_reserve   = 5s
max_running     = 3
queue_wait      = 4s
on_client_gone  = finish
early_quit      = skip-optional
keepalive       = after-required
keepalive_every = 15s
late_fail       = mark
keep_dir        = /var/spool/bobbin/quarantine
keep_max        = 10M / 2d

[script greylist]
order    = 20
exec     = greylist
[script wordlist]
order    = 10
exec     = wordlist --list words.txt
timeout  = 7s
required = yes
max_size = 1M
when     = !eq{$sender_host_address}{127.0.0.1}
user     = script-wordlist
state    = /var/lib/wordlist/
read     = /etc/words /srv/words
memory   = 1G

# breaking off
[event client-gone]
run    = greylist, wordlist
budget = 9s
)";

TEST(ScriptConfig, ReadsAllOfTheFile) {
  auto config = parse_script_config(kWhole, "scripts.ini");
  ASSERT_TRUE(config) << config.error().text;
  EXPECT_EQ(config->dir, "/etc/bobbin/scripts");
  EXPECT_EQ(config->budget(), seconds(95));
  EXPECT_EQ(config->max_running, 3U);
  EXPECT_EQ(config->queue_wait, seconds(4));
  EXPECT_TRUE(config->finish_when_gone);
  EXPECT_TRUE(config->skip_optional_on_quit);
  EXPECT_TRUE(config->keep_alive);
  EXPECT_TRUE(config->mark_late_fail);
  EXPECT_EQ(config->keepalive_every, seconds(15));
  EXPECT_EQ(config->keep_bytes, 10U << 20);
  EXPECT_EQ(config->keep_age, seconds(2 * 86400));
  ASSERT_EQ(config->scripts.size(), 2U);
  const receiver::Script& first = config->scripts[0];
  EXPECT_EQ(first.name, "wordlist");
  EXPECT_EQ(first.executable, "wordlist");
  EXPECT_THAT(first.arguments, ElementsAre("--list", "words.txt"));
  EXPECT_EQ(first.timeout, seconds(7));
  EXPECT_TRUE(first.required);
  EXPECT_EQ(first.max_size, 1U << 20);
  EXPECT_EQ(first.when, "!eq{$sender_host_address}{127.0.0.1}");
  EXPECT_EQ(first.when_line, 26U);
  EXPECT_THAT(first.read, ElementsAre("/etc/words", "/srv/words"));
  EXPECT_EQ(first.memory, 1U << 30);
  EXPECT_FALSE(first.network);
  EXPECT_EQ(config->scripts[1].name, "greylist");
  EXPECT_THAT(config->client_gone.run, ElementsAre(0U, 1U));
  EXPECT_EQ(config->client_gone.budget, seconds(9));
  EXPECT_THAT(config->timeout.run, ElementsAre());
}

struct Bad {
  const char* text;  // below "[data]" and dir
  const char* says;
};

TEST(ScriptConfig, NamesFileLineAndRemedy) {
  const Bad rows[] = {
      {"total_timeout = 171s", "scripts.ini: line 3: total_timeout = 171s: clients"},
      {"total_timeout = soon", "line 3: total_timeout = soon: "},
      {"color = red", "line 3: [data] has no key 'color'; it has dir, "},
      {"max_running = 0", "line 3: max_running = 0: write a number from 1"},
      {"max_running = 2\nmax_running = 3",
       "line 4: 'max_running' stands here a second"},
      {"queue_wait =", "line 3: 'queue_wait' has no value"},
      {"early_quit = maybe", "write note or skip-optional"},
      {"keep_dir = here", "write an absolute path"},
      {"keep_max = 5M", "write a size and an age, as 500M / 14d"},
      {"total_timeout = 20s\nreply_reserve = 20s", "reply_reserve takes all"},
      {"words", "line 3: write KEY = VALUE"},
      {"[script a b]", "a script's name is of letters"},
      {"[mail]", "line 3: [mail]: write [data], [script NAME]"},
      {"[data]", "line 3: [data] stands here a second time"},
      {"[script a", "a section ends with ]"},
      {"[script a]\norder = 1", "line 3: [script a]: no exec"},
      {"[script a]\nexec = x", "line 3: [script a]: no order"},
      {"[script a]\norder = 1\nexec = ../x", "or an absolute path"},
      {"[script a]\norder = 1\nexec = x\nrequired = yes\non_error = pass",
       "exclude each other"},
      {"[script a]\norder = 1\nexec = x\n[script b]\norder = 1\nexec = x",
       "line 6: scripts a and b have the same order 1: change one"},
      {"[script a]\norder = 1\nexec = x\ngroup = g",
       "[script a]: group = g needs readonly = yes"},
      {"[script a]\norder = 1\nexec = x\ngroup = g\nreadonly = yes\n"
       "[script b]\norder = 2\nexec = x\n"
       "[script c]\norder = 3\nexec = x\ngroup = g\nreadonly = yes",
       "[script c]: others stand in the order between it and its group g"},
      {"[event timeout]\nrun = nobody",
       "line 4: run = nobody: there is no [script nob"},
  };
  for (const Bad& row : rows) {
    std::string text = "[data]\ndir = /scripts\n" + std::string(row.text) + "\n";
    auto config = parse_script_config(text, "scripts.ini");
    ASSERT_FALSE(config) << row.text;
    EXPECT_EQ(config.error().code, base::Code::config);
    EXPECT_THAT(config.error().text, HasSubstr("scripts.ini: "));
    EXPECT_THAT(config.error().text, HasSubstr(row.says));
  }
  EXPECT_THAT(parse_script_config("", "f").error().text, HasSubstr("no dir"));
  EXPECT_THAT(parse_script_config("a = b", "f").error().text,
              HasSubstr("f: line 1: a section"));
}

class ScriptFiles : public testing::Test {
 protected:
  ScriptFiles() {
    std::filesystem::create_directory(dir / "scripts");
    write("one", 0755);
    config.dir = dir / "scripts";
    receiver::Script& script = config.scripts.emplace_back();
    script.name = "one";
    script.executable = "one";
    script.line = 7;
  }
  void write(const std::string& name, mode_t mode) {
    auto file = base::open_file(dir / "scripts" / name, O_CREAT | O_WRONLY);
    ASSERT_EQ(::fchmod(file->get(), mode), 0);
  }
  std::string check() {
    auto checked = receiver::check_scripts(config, "scripts.ini", ::getuid());
    return checked ? "" : checked.error().text;
  }

  support::TempDir dir;
  ScriptConfig config;
};

TEST_F(ScriptFiles, BelongToNobodyElse) {
  EXPECT_EQ(check(), "");
  std::filesystem::path path = dir / "scripts/one";
  ::chmod(path.c_str(), 0775);
  EXPECT_THAT(check(), HasSubstr("scripts.ini: line 7: [script one]: " + path.string() +
                                 " can be written by others: chmod go-w"));
  ::chmod(path.c_str(), 0644);
  EXPECT_THAT(check(), HasSubstr("not executable: chmod +x"));
  std::filesystem::remove(path);
  EXPECT_THAT(check(), HasSubstr("No such file"));
  std::filesystem::create_symlink("/bin/sh", path);
  EXPECT_THAT(check(), HasSubstr("links are not followed"));
}

TEST_F(ScriptFiles, StandInADirectoryOfNobodyElse) {
  ::chmod((dir / "scripts").c_str(), 0777);
  EXPECT_THAT(check(), HasSubstr("scripts can be written by others"));
  ::chmod((dir / "scripts").c_str(), 01777);
  EXPECT_EQ(check(), "");
}

}  // namespace
