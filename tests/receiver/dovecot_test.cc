// SPDX-License-Identifier: Apache-2.0
#include "receiver/dovecot.h"

#include <gmock/gmock.h>

#include "tests/net/net_fixture.h"
#include "tests/support/temp_dir.h"

namespace receiver {
namespace {

using net::kPatience;
using namespace std::chrono_literals;
using Kind = DovecotAnswer::Kind;

TEST(DovecotLine, FieldsComeBackAsTheyWere) {
  for (std::string value :
       {"", "kim", "a\tb", "a\nb", "a\rb", "a\1b", "\1t", "ü \"x\""})
    EXPECT_EQ(parse_dovecot_line("X\t" + dovecot_field(value)),
              (std::vector<std::string>{"X", value}));
  std::string nul(1, '\0');
  EXPECT_EQ(dovecot_field(nul),
            "\1"
            "0");
  EXPECT_EQ(parse_dovecot_line("\1"
                               "0\tl\1l")[0],
            nul);
  EXPECT_EQ(parse_dovecot_line("a\1"), std::vector<std::string>{"a\1"});
}

DovecotRequest plain() {
  DovecotRequest request;
  request.mechanism = "PLAIN";
  request.response = "AGtpbQBzZWNyZXQ=";
  request.remote = {"192.0.2.1", 4711};
  request.local = {"192.0.2.2", 25};
  return request;
}

TEST(DovecotRequestLine, ResponseIsLast) {
  DovecotRequest request = plain();
  EXPECT_EQ(*format_dovecot_auth(7, request),
            "AUTH\t7\tPLAIN\tservice=smtp\trip=192.0.2.1\tlip=192.0.2.2\trport=4711"
            "\tlport=25\tnologin\tresp=AGtpbQBzZWNyZXQ=\n");
  request.response = "";
  request.secured = request.valid_certificate = true;
  request.local_name = "mx\tresp=";
  EXPECT_EQ(*format_dovecot_auth(7, request),
            "AUTH\t7\tPLAIN\tservice=smtp\tsecured\tvalid-client-cert\trip=192.0.2.1"
            "\tlip=192.0.2.2\trport=4711\tlport=25\tlocal_name=mx\1tresp=\tnologin"
            "\tresp=\n");
  request.response.reset();
  EXPECT_TRUE(format_dovecot_auth(7, request)->ends_with("\tnologin\n"));
}

TEST(DovecotRequestLine, AU10_NothingButBase64GetsIn) {
  for (std::string bad : {"AAA\t", "AAA\n", "AA\nA", "A", "AAA", "=AAA", "A===", "AA=A",
                          "AAAA AAAA", "AAAA\1", "*"}) {
    DovecotRequest request = plain();
    request.response = bad;
    auto line = format_dovecot_auth(1, request);
    ASSERT_FALSE(line) << bad;
    EXPECT_EQ(line.error().code, base::Code::syntax);
    EXPECT_FALSE(format_dovecot_cont(1, bad)) << bad;
  }
  DovecotRequest request = plain();
  request.response = std::string(12292, 'A');
  EXPECT_FALSE(format_dovecot_auth(1, request));
  for (std::string bad :
       {"", "plain", "PLAIN\tx", "PLAIN\n", "A23456789012345678901"}) {
    request = plain();
    request.mechanism = bad;
    EXPECT_FALSE(format_dovecot_auth(1, request)) << bad;
  }
}

TEST(DovecotAnswerLine, IsUnderstood) {
  struct Row {
    std::string line;
    Kind kind;
    std::string challenge, user, code, reason;
  };
  for (const Row& row :
       {Row{"CONT\t5\tVXNlcjo=", Kind::challenge, "VXNlcjo=", "", "", ""},
        Row{"CONT\t5", Kind::challenge, "", "", "", ""},
        Row{"CONT\t5\t", Kind::challenge, "", "", "", ""},
        Row{"OK\t5\tuser=kim\ttoken=x", Kind::ok, "", "kim", "", ""},
        Row{"OK\t5\tuser=a\1tb=c", Kind::ok, "", "a\tb=c", "", ""},
        Row{"OK\t5", Kind::ok, "", "", "", ""},
        Row{"FAIL\t5", Kind::fail, "", "", "", ""},
        Row{"FAIL\t5\tuser=kim\treason=too late\tcode=user_disabled", Kind::fail, "",
            "kim", "user_disabled", "too late"},
        Row{"FAIL\t5\tuser=kim\ttemp", Kind::fail, "", "kim", "temp_fail", ""},
        Row{"FAIL\t5\tauthz", Kind::fail, "", "", "authz_fail", ""}}) {
    auto answer = parse_dovecot_answer(row.line);
    ASSERT_TRUE(answer && *answer) << row.line;
    EXPECT_EQ((*answer)->kind, row.kind) << row.line;
    EXPECT_EQ((*answer)->id, 5u);
    EXPECT_EQ((*answer)->challenge, row.challenge);
    EXPECT_EQ((*answer)->user, row.user);
    EXPECT_EQ((*answer)->code, row.code);
    EXPECT_EQ((*answer)->reason, row.reason);
  }
  for (std::string other : {"SPID\t5", "CANCELLED\t5", "", "\t", "ok\t5"})
    EXPECT_EQ(*parse_dovecot_answer(other), std::nullopt) << other;
  for (std::string bad :
       {"OK", "OK\tx", "CONT\t-1\t", "FAIL\t99999999999", "CONT\t5\tnot base64"})
    EXPECT_FALSE(parse_dovecot_answer(bad)) << bad;
}

TEST(DovecotGreeting, TellsMechanisms) {
  DovecotGreeting greeting;
  for (std::string line :
       {"VERSION\t1\t2", "MECH\tPLAIN\tplaintext", "MECH\tCRAM-MD5\tdictionary\tactive",
        "SPID\t17", "CUID\t1", "COOKIE\tabc", "WHAT\tever"})
    EXPECT_EQ(greeting.take(line), false) << line;
  EXPECT_EQ(greeting.take("DONE"), true);
  ASSERT_EQ(greeting.mechanisms().size(), 2u);
  EXPECT_EQ(greeting.mechanisms()[0].name, "PLAIN");
  EXPECT_TRUE(greeting.mechanisms()[0].plaintext);
  EXPECT_FALSE(greeting.mechanisms()[1].plaintext);
}

TEST(DovecotGreeting, AU7_OfWhatIsNoAuthenticatorForClientsIsRefused) {
  for (std::vector<std::string> lines :
       {std::vector<std::string>{"VERSION\t1\t2", "SPID\t17"},
        std::vector<std::string>{"VERSION\t2\t0"}, std::vector<std::string>{"VERSION"},
        std::vector<std::string>{"220 mx ESMTP"}, std::vector<std::string>{"DONE"}}) {
    DovecotGreeting greeting;
    base::Result<bool> taken = false;
    for (const std::string& line : lines) taken = greeting.take(line);
    EXPECT_FALSE(taken) << lines.back();
  }
}

// "C: start of a line" is waited for, anything else is said; "close" hangs up.  The
// last of the scripts goes on for ever.
struct Scripts {
  std::vector<std::vector<std::string>> of_connections;
  std::vector<std::string> heard;
};

asio::awaitable<void> play(net::Listener& listener, Scripts& scripts) {
  for (const auto& script : scripts.of_connections) {
    net::Stream stream = co_await listener.accept();
    net::LineReader lines(stream, 20000);
    bool over = false;
    for (std::string step : script) {
      over = step == "close";
      if (over) break;
      if (step.starts_with("C: ")) {
        net::LineReader::Line line = co_await lines.next(kPatience);
        scripts.heard.emplace_back(line.text);
        EXPECT_TRUE(line.text.starts_with(step.substr(3)))
            << "wanted " << step << ", got " << line.text;
      } else {
        step += "\n";
        co_await stream.write(step, kPatience);
      }
    }
    if (over) continue;
    try {
      co_await lines.next(kPatience);  // to the end
    } catch (const boost::system::system_error&) {
    }
  }
  listener.close();
}

const std::vector<std::string> kHello = {"VERSION\t1\t2",
                                         "MECH\tPLAIN\tplaintext",
                                         "MECH\tLOGIN\tplaintext",
                                         "SPID\t1",
                                         "CUID\t1",
                                         "COOKIE\t0",
                                         "DONE",
                                         "C: VERSION\t1\t2",
                                         "C: CPID\t"};
std::vector<std::string> after_hello(std::vector<std::string> more) {
  std::vector<std::string> script = kHello;
  script.insert(script.end(), more.begin(), more.end());
  return script;
}

using Answers = std::vector<base::Result<DovecotAnswer>>;

asio::awaitable<void> ask(Dovecot& dovecot, DovecotRequest request, Answers& answers) {
  auto answer = co_await dovecot.ask(std::move(request));
  answers.push_back(std::move(answer));
}

struct DovecotTest : net::NetTest {
  void serve(std::vector<std::vector<std::string>> scripts) {
    scripts_.of_connections = std::move(scripts);
    tasks.spawn(play(listener, scripts_));
    reach();
  }
  void reach(net::Span answer_timeout = kPatience) {
    auto made = Dovecot::create(
        loop, {.socket = "127.0.0.1 " + std::to_string(listener.local().port),
               .answer_timeout = answer_timeout});
    ASSERT_TRUE(made) << made.error().text;
    dovecot = std::move(*made);
  }
  void ask_and_close(asio::awaitable<void> task) {
    tasks.spawn(finish(std::move(task), dovecot));
    run();
  }
  // The connection stays as long as its owner.
  static asio::awaitable<void> finish(asio::awaitable<void> task,
                                      std::unique_ptr<Dovecot>& owner) {
    co_await std::move(task);
    owner.reset();
  }

  Scripts scripts_;
  std::unique_ptr<Dovecot> dovecot;
  Answers answers;
};

TEST_F(DovecotTest, AU9_AServerThatSpeaksFirstWorks) {
  serve({after_hello({"C: AUTH\t1\tPLAIN", "OK\t1\tuser=kim"})});
  ask_and_close(ask(*dovecot, plain(), answers));
  ASSERT_TRUE(answers[0]) << answers[0].error().text;
  EXPECT_EQ(answers[0]->user, "kim");
}

TEST_F(DovecotTest, AU9_AServerThatWaitsForUsWorks) {
  serve({{"C: VERSION\t1\t2", "VERSION\t1\t3", "C: CPID\t", "MECH\tPLAIN\tplaintext",
          "SPID\t1", "CUID\t1", "COOKIE\t0", "DONE", "C: AUTH\t1\tPLAIN",
          "OK\t1\tuser=kim"}});
  ask_and_close(ask(*dovecot, plain(), answers));
  ASSERT_TRUE(answers[0]) << answers[0].error().text;
  EXPECT_EQ(answers[0]->user, "kim");
}

asio::awaitable<void> ask_twice_at_once(net::TaskGroup& tasks, Dovecot& dovecot,
                                        Answers& answers) {
  DovecotRequest other = plain();
  other.mechanism = "LOGIN";
  tasks.spawn(ask(dovecot, plain(), answers));
  co_await ask(dovecot, other, answers);
  while (answers.size() < 2) co_await net::sleep_for(1ms);
}

asio::awaitable<void> ask_beside_a_slow_one(net::TaskGroup& tasks, Dovecot& dovecot,
                                            Answers& answers) {
  tasks.spawn(ask(dovecot, plain(), answers));
  co_await ask(dovecot, plain(), answers);
  co_await ask(dovecot, plain(), answers);
  while (answers.size() < 3) co_await net::sleep_for(1ms);
}

// The first one reads for all; the second one gets an answer and comes again meanwhile.
TEST_F(DovecotTest, AU5_ALateAnswerKeepsNobodyElseWaiting) {
  serve({after_hello({"C: AUTH\t1\t", "C: AUTH\t2\t", "OK\t2\tuser=quick",
                      "C: AUTH\t3\t", "OK\t3\tuser=again", "FAIL\t1\tuser=slow"})});
  ask_and_close(ask_beside_a_slow_one(tasks, *dovecot, answers));
  ASSERT_EQ(answers.size(), 3u);
  std::vector<std::string> users;
  for (const auto& answer : answers) users.push_back(answer->user);
  EXPECT_EQ(users[0], "quick");
  EXPECT_THAT(users, testing::UnorderedElementsAre("quick", "again", "slow"));
}

asio::awaitable<void> log_in(Dovecot& dovecot, Answers& answers) {
  DovecotRequest request = plain();
  request.mechanism = "LOGIN";
  request.response.reset();
  co_await ask(dovecot, request, answers);
  while (answers.back() && answers.back()->kind == Kind::challenge) {
    auto next = co_await dovecot.go_on(answers.back()->id, "a2lt");
    answers.push_back(std::move(next));
  }
}

asio::awaitable<void> log_in_until_it_works(Dovecot& dovecot, Answers& answers) {
  co_await log_in(dovecot, answers);
  co_await log_in(dovecot, answers);
}

TEST_F(DovecotTest, AU11_AServerThatDiesIsATroubleAndTheNextOneIsReached) {
  serve({after_hello(
             {"C: AUTH\t1\tLOGIN", "CONT\t1\tVXNlcjo=", "C: CONT\t1\ta2lt", "close"}),
         after_hello({"C: AUTH\t2\tLOGIN", "CONT\t2\t", "C: CONT\t2\ta2lt",
                      "OK\t2\tuser=kim"})});
  ask_and_close(log_in_until_it_works(*dovecot, answers));
  ASSERT_EQ(answers.size(), 4u);
  EXPECT_EQ(answers[1].error().code, base::Code::temporary);
  EXPECT_TRUE(answers[1].error().text.ends_with(": connection lost"));
  EXPECT_EQ(answers[3]->user, "kim");
}

TEST_F(DovecotTest, AU13_OkWithoutAUserIsATrouble) {
  serve({after_hello({"C: AUTH\t1\tPLAIN", "OK\t1"})});
  ask_and_close(ask(*dovecot, plain(), answers));
  EXPECT_EQ(answers[0].error().code, base::Code::temporary);
}

TEST_F(DovecotTest, NonsenseEndsTheConnectionForAll) {
  serve({after_hello({"C: AUTH\t1\t", "C: AUTH\t2\t", "OK\tnonsense"})});
  ask_and_close(ask_twice_at_once(tasks, *dovecot, answers));
  ASSERT_EQ(answers.size(), 2u);
  for (const auto& answer : answers)
    EXPECT_TRUE(answer.error().text.ends_with(
        ": not a line of its protocol: \"OK\\tnonsense\""))
        << answer.error().text;
}

TEST_F(DovecotTest, AnAnswerToWhatNobodyAskedEndsTheConnection) {
  serve({after_hello({"C: AUTH\t1\t", "OK\t2\tuser=kim"})});
  ask_and_close(ask(*dovecot, plain(), answers));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(answers[0].error().text.ends_with(": an answer to what nobody has asked"))
      << answers[0].error().text;
}

TEST_F(DovecotTest, WhatIsNotOfferedIsNotAskedFor) {
  serve({after_hello({})});
  DovecotRequest request = plain();
  request.mechanism = "NTLM";
  ask_and_close(ask(*dovecot, request, answers));
  EXPECT_TRUE(answers[0].error().text.ends_with(": does not offer NTLM"));
}

TEST_F(DovecotTest, SilenceEndsInTime) {
  scripts_.of_connections = {after_hello({"C: AUTH\t1\t"})};
  tasks.spawn(play(listener, scripts_));
  reach(20ms);
  ask_and_close(ask(*dovecot, plain(), answers));
  EXPECT_TRUE(answers[0].error().text.ends_with(": no answer"));
}

asio::awaitable<void> ask_and_cancel(Dovecot& dovecot, Answers& answers) {
  DovecotRequest request = plain();
  request.mechanism = "LOGIN";
  co_await ask(dovecot, request, answers);
  dovecot.cancel(answers[0]->id);
  dovecot.cancel(answers[0]->id);  // means nothing any more
  auto late = co_await dovecot.go_on(answers[0]->id, "a2lt");
  answers.push_back(std::move(late));
  co_await ask(dovecot, plain(), answers);
}

TEST_F(DovecotTest, AU4_WhatIsCancelledTheServerHears) {
  serve({after_hello({"C: AUTH\t1\tLOGIN", "CONT\t1\tVXNlcjo=", "C: CANCEL\t1",
                      "C: AUTH\t2\t", "CANCELLED\t1", "OK\t2\tuser=kim"})});
  ask_and_close(ask_and_cancel(*dovecot, answers));
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_FALSE(answers[1]);
  EXPECT_TRUE(answers[2]);
}

asio::awaitable<void> ask_and_be_cancelled(net::TaskGroup& tasks, Dovecot& dovecot,
                                           Answers& answers) {
  co_await ask(dovecot, plain(), answers);
  tasks.cancel();
}

// A session that is told to stop while it reads for all lets another one read.
TEST_F(DovecotTest, WhoStopsWaitingLeavesTheOthersTheirAnswers) {
  serve({after_hello({"C: AUTH\t1\t", "C: AUTH\t2\t", "OK\t2\tuser=kim", "C: CANCEL\t1",
                      "C: AUTH\t3\t", "OK\t3\tuser=kim"})});
  net::TaskGroup sessions(loop);
  sessions.spawn(ask(*dovecot, plain(), answers));
  sessions.spawn(ask_and_be_cancelled(sessions, *dovecot, answers));
  struct Later {
    static asio::awaitable<void> run(net::TaskGroup& others, Dovecot& of,
                                     Answers& into) {
      co_await others.wait();
      co_await ask(of, plain(), into);
    }
  };
  ask_and_close(Later::run(sessions, *dovecot, answers));
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_TRUE(answers[1]);
}

asio::awaitable<void> ask_twice(Dovecot& dovecot, Answers& answers) {
  co_await ask(dovecot, plain(), answers);
  co_await ask(dovecot, plain(), answers);
}

TEST_F(DovecotTest, AU6_WhatCannotBeReachedIsATroubleForAWhile) {
  support::TempDir dir;
  listener.close();
  for (std::string socket : {(dir / "none").string(),
                             "127.0.0.1 " + std::to_string(listener.local().port)}) {
    answers.clear();
    dovecot = std::move(*Dovecot::create(loop, {.socket = socket}));
    ask_and_close(ask_twice(*dovecot, answers));
    ASSERT_EQ(answers.size(), 2u);
    for (const auto& answer : answers) {
      EXPECT_EQ(answer.error().code, base::Code::temporary);
      EXPECT_TRUE(answer.error().text.starts_with("dovecot " + socket + ": "));
    }
  }
}

TEST_F(DovecotTest, SocketsThatAreNoneAreRefused) {
  for (std::string socket : {"", "localhost", "localhost 1 2", "localhost x"})
    EXPECT_FALSE(Dovecot::create(loop, {.socket = socket})) << socket;
}

}  // namespace
}  // namespace receiver
