// SPDX-License-Identifier: Apache-2.0
//
// A Client and servers of others: a real Exim, and Postfix's smtp-sink.
#include <arpa/inet.h>
#include <pwd.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "base/fd.h"
#include "net/client.h"
#include "tests/net/net_fixture.h"
#include "tests/support/certificates.h"
#include "tests/support/free_port.h"
#include "tests/support/peers.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace net {
namespace {

namespace fs = std::filesystem;

// A message for each envelope, one announced behind the other.
struct Talk {
  Client::Options options = {};
  std::vector<smtp::Envelope> envelopes = {};
  std::string text = "Subject: hello\n\n.dot\nline\n";

  std::optional<smtp::Breakdown> failure = {};
  smtp::Capabilities server = {};
  std::optional<TlsFacts> tls = {};
  std::string greeting = {}, authenticated = {};
  std::vector<smtp::Outcome> outcomes = {};
};

asio::awaitable<void> talk(Endpoint to, Talk& it) {
  auto opened = co_await Client::open(to, it.options);
  if (!opened) {
    it.failure = opened.error();
    co_return;
  }
  Client client = std::move(*opened);
  it.server = client.server();
  it.greeting = client.greeting().text;
  it.authenticated = client.authenticated();
  if (client.tls()) it.tls = *client.tls();
  for (std::size_t i = 0; i < it.envelopes.size(); ++i) {
    const bool more = i + 1 < it.envelopes.size();
    Message message{it.envelopes[i], content_of(it.text)};
    const smtp::Envelope* next = more ? &it.envelopes[i + 1] : nullptr;
    smtp::Outcome outcome = co_await client.send(std::move(message), next);
    it.outcomes.push_back(std::move(outcome));
  }
  co_await client.quit();
}

void run_talk(Endpoint to, Talk& it) {
  Loop loop;
  TaskGroup tasks(loop);
  tasks.spawn(talk(std::move(to), it));
  loop.run();
}

asio::awaitable<void> knock(Endpoint at, bool& open) {
  Client::Options options{.protocol = Client::Protocol::lmtp};
  options.timeouts.greeting = std::chrono::seconds(1);
  auto opened = co_await Client::open(at, options);
  open = opened || opened.error().kind != smtp::Breakdown::Kind::unreachable;
}

// Until `program` takes connections.
void wait_for(support::Process& program, const Endpoint& at) {
  auto end = std::chrono::steady_clock::now() + support::Process::kDeadline;
  bool open = false;
  while (!open && std::chrono::steady_clock::now() < end) {
    Loop loop;
    TaskGroup tasks(loop);
    tasks.spawn(knock(at, open));
    loop.run();
    if (!open) program.saw("\xff never said", std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(open) << "the server does not listen: " << program.err();
}

#define REQUIRE_EXIM()      \
  REQUIRE_PROGRAM("exim4"); \
  if (::geteuid() != 0) GTEST_SKIP() << "exim4 -C takes root"

// Exim, that queues what it gets.
class Exim {
 public:
  explicit Exim(const std::string& more = {}) {
    fs::create_directories(dir_ / "spool");
    for (const char* name : {"mx.pem", "mx.key"})
      fs::copy_file(support::certificate(name), dir_ / name);
    own(dir_.path());  // but not the configuration, which is root's
    std::ofstream(dir_ / "exim.conf")
        << "primary_hostname = mx.test\nspool_directory = " << (dir_ / "spool").string()
        << "\nlog_file_path = " << (dir_ / "%slog").string()
        << "\nqueue_only = true\nexim_user = Debian-exim\nnever_users =\n"
           "keep_environment =\nchunking_advertise_hosts = *\n"
           "dsn_advertise_hosts = *\nsmtputf8_advertise_hosts = *\n"
           "pipelining_advertise_hosts = *\nsmtp_accept_max = 0\n"
           "message_size_limit = 1M\ntls_advertise_hosts = *\n"
           "tls_certificate = "
        << (dir_ / "mx.pem").string()
        << "\ntls_privatekey = " << (dir_ / "mx.key").string()
        << "\nauth_advertise_hosts = *\nacl_smtp_rcpt = rcpt\nacl_smtp_data = accept\n"
        << more
        << "begin acl\nrcpt:\n  deny local_parts = nobody\n"
           "  defer local_parts = later\n  accept\n"
           "begin authenticators\n"
           "plain:\n  driver = plaintext\n  public_name = PLAIN\n"
           "  server_condition = ${if and{{eq{$auth2}{kim}}{eq{$auth3}{secret}}}}\n"
           "  server_set_id = $auth2\n"
           "login:\n  driver = plaintext\n  public_name = LOGIN\n"
           "  server_prompts = User : Pass\n"
           "  server_condition = ${if and{{eq{$auth1}{kim}}{eq{$auth2}{secret}}}}\n"
           "  server_set_id = $auth1\n";
    fs::permissions(dir_.path(), fs::perms(0755));
    fs::permissions(dir_ / "exim.conf", fs::perms(0644));
    process_ = std::make_unique<support::Process>(
        support::Command{.program = "/usr/sbin/exim4",
                         .args = {"-C", (dir_ / "exim.conf").string(), "-bdf", "-oX",
                                  "127.0.0.1." + std::to_string(port_)}});
    wait_for(*process_, at());
  }

  Endpoint at() const { return {"127.0.0.1", port_}; }
  // Of everything that it queued.
  std::string files(std::string_view end) const {
    std::string all;
    for (const auto& file : fs::recursive_directory_iterator(dir_ / "spool/input"))
      if (file.path().string().ends_with(end)) all += slurp(file.path());
    return all;
  }
  std::string log() const { return slurp(dir_ / "mainlog"); }

 private:
  static std::string slurp(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void own(const fs::path& path) {
    const passwd* user = ::getpwnam("Debian-exim");
    if (!user) return;
    auto give = [&](const fs::path& what) {
      EXPECT_EQ(::chown(what.c_str(), user->pw_uid, user->pw_gid), 0);
    };
    give(path);
    for (const auto& item : fs::recursive_directory_iterator(path)) give(item.path());
  }

  support::TempDir dir_;
  std::uint16_t port_ = support::free_port();
  std::unique_ptr<support::Process> process_;
};

TEST(ClientPeers, Q94_EximGetsWhatTheSenderSaid) {
  REQUIRE_EXIM();
  Exim exim;
  Talk it;
  it.options.chunking = false;
  it.envelopes = {
      {.sender = "s@x.test",
       .recipients = {{"a@y.test", smtp::notify::kNever, "rfc822;A+2Bb@Y"},
                      {"nobody@y.test"},
                      {"b@y.test", smtp::notify::kSuccess | smtp::notify::kDelay}},
       .size = 500,
       .body = smtp::BodyType::eight_bit_mime,
       .ret = smtp::DsnReturn::headers,
       .envid = "QQ+3D7"},
      {.sender = "", .recipients = {{"c@y.test"}}, .smtputf8 = true}};
  run_talk(exim.at(), it);
  ASSERT_EQ(it.outcomes.size(), 2u) << (it.failure ? it.failure->text() : "");
  EXPECT_TRUE(it.outcomes[0].delivered(0) && it.outcomes[0].delivered(2));
  EXPECT_EQ(it.outcomes[0].verdict(1)->code, 550);
  EXPECT_TRUE(it.outcomes[1].delivered(0));
  EXPECT_TRUE(it.greeting.starts_with("mx.test ESMTP Exim")) << it.greeting;
  const std::string h = exim.files("-H");
  for (const char* wanted : {"-dsn_envid QQ+3D7\n", "-dsn_ret 2\n", "-smtputf8\n",
                             "a@y.test rfc822;A+2Bb@Y 14,2 ", "b@y.test  0,20 "})
    EXPECT_TRUE(h.contains(wanted)) << wanted << " is not in\n" << h;
  EXPECT_TRUE(exim.files("-D").contains("\n.dot\nline\n"));
}

TEST(ClientPeers, EximTakesChunks) {
  REQUIRE_EXIM();
  Exim exim;
  Talk it;
  for (int i = 0; i < 600'000 / 16; ++i) it.text += ".another line \n";
  it.envelopes.assign(3, {.sender = "s@x.test", .recipients = {{"a@y.test"}}});
  run_talk(exim.at(), it);
  ASSERT_EQ(it.outcomes.size(), 3u) << (it.failure ? it.failure->text() : "");
  for (const smtp::Outcome& outcome : it.outcomes)
    EXPECT_TRUE(outcome.delivered(0) && outcome.chunked && outcome.pipelined)
        << (outcome.lost ? outcome.lost->text() : "");
  EXPECT_EQ(exim.files("-D").size(),
            3 * (it.text.size() - std::string("Subject: hello\n\n").size() + 19));
  EXPECT_TRUE(exim.log().contains(" K ")) << exim.log();
}

TEST(ClientPeers, EximIsVerifiedAndLetsUsIn) {
  REQUIRE_EXIM();
  Exim exim("tls_resumption_hosts = *\n");
  TlsClientSessions sessions;
  Talk it;
  it.options.tls.use = ClientTls::Use::must;
  it.options.tls.sessions = &sessions;
  it.options.tls.target.sni = "mx.test";
  it.options.tls.target.names = {"mx.test"};
  it.options.tls.target.setting.verify_certificates = support::certificate("ca.pem");
  it.options.tls.target.setting.verify = TlsClientSetting::Verify::must;
  it.options.login = ClientLogin{"kim", "secret"};
  it.envelopes = {{.sender = "s@x.test", .recipients = {{"a@y.test"}}}};
  run_talk(exim.at(), it);
  ASSERT_TRUE(it.tls) << (it.failure ? it.failure->text() : "");
  EXPECT_TRUE(it.tls->verified);
  EXPECT_EQ(it.authenticated, "PLAIN");
  EXPECT_TRUE(it.outcomes.at(0).delivered(0));
  const std::string log = exim.log();
  EXPECT_TRUE(log.contains("X=" + it.tls->version + ":")) << log;
  EXPECT_TRUE(log.contains("A=plain:kim")) << log;
  EXPECT_EQ(it.tls->resumption & 16U, 0U);
  run_talk(exim.at(), it);
  EXPECT_EQ(it.tls->resumption & 16U, 16U);
  EXPECT_TRUE(it.tls->verified);
  it.options.login->password = "wrong";
  run_talk(exim.at(), it);
  EXPECT_EQ(it.failure->kind, smtp::Breakdown::Kind::auth_failed);
  EXPECT_EQ(it.failure->reply->code, 535);
  it.options.tls.target.names = {"other.test"};
  run_talk(exim.at(), it);
  EXPECT_EQ(it.failure->kind, smtp::Breakdown::Kind::tls_failed);
}

TEST(ClientPeers, EximSaysHowMuchItTakes) {
  REQUIRE_EXIM();
  Exim exim("recipients_max = 2\n");
  Talk it;
  it.envelopes = {
      {.sender = "s@x.test", .recipients = {{"a@y.test"}, {"b@y.test"}, {"c@y.test"}}}};
  run_talk(exim.at(), it);
  ASSERT_EQ(it.outcomes.size(), 1u) << (it.failure ? it.failure->text() : "");
  EXPECT_EQ(it.server.size_limit, 1024u * 1024);
  EXPECT_TRUE(it.outcomes[0].delivered(1));
  EXPECT_TRUE(it.outcomes[0].postponed(2));
}

// Postfix's sink at `where`, as its manual has it.
support::Command smtp_sink(std::string where) {
  auto root = *support::postfix_root();
  return {
      .program = (root / "usr/sbin/smtp-sink").string(),
      .args = {"-L", "-u", ::getpwuid(::geteuid())->pw_name, std::move(where), "10"},
      .env = {"LD_LIBRARY_PATH=" + (root / "usr/lib/postfix").string()}};
}

TEST(ClientPeers, SmtpSinkSpeaksLmtp) {
  REQUIRE_POSTFIX();
  support::TempDir dir;
  const std::uint16_t port = support::free_port();
  const std::string path = (dir / "lmtp").string();
  support::Process tcp(smtp_sink("127.0.0.1:" + std::to_string(port)));
  support::Process local(smtp_sink("unix:" + path));
  wait_for(tcp, {"127.0.0.1", port});
  wait_for(local, {path, 0});
  for (const Endpoint& to : {Endpoint{"127.0.0.1", port}, Endpoint{path, 0}}) {
    Talk it;
    it.options.protocol = Client::Protocol::lmtp;
    it.envelopes.assign(
        2, {.sender = "s@x.test", .recipients = {{"a@y.test"}, {"b@y.test"}}});
    run_talk(to, it);
    ASSERT_EQ(it.outcomes.size(), 2u) << (it.failure ? it.failure->text() : "");
    for (const smtp::Outcome& outcome : it.outcomes) {
      EXPECT_EQ(outcome.ends.size(), 2u);
      EXPECT_TRUE(outcome.delivered(0) && outcome.delivered(1));
    }
  }
}

}  // namespace
}  // namespace net
