// SPDX-License-Identifier: Apache-2.0
#include "receiver/dovecot.h"

#include <algorithm>
#include <list>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include "base/text.h"
#include "net/event.h"
#include "net/line_reader.h"

namespace receiver {

namespace {

using boost::system::system_error;
using Clock = std::chrono::steady_clock;
using Kind = DovecotAnswer::Kind;

constexpr std::size_t kLongestLine = 16384;      // of the server
constexpr std::size_t kLongestResponse = 12288;  // RFC 4954 section 4

constexpr char kEscape = '\1';

std::unexpected<base::Error> nonsense(std::string_view line) {
  return base::fail(
      base::Code::temporary,
      "not a line of its protocol: \"" + base::printable(line.substr(0, 100)) + "\"");
}

// RFC 4648 section 4, on one line.  Nothing else may get into ours.
bool is_base64(std::string_view text) {
  if (text.size() % 4 != 0 || text.size() > kLongestResponse) return false;
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return std::ranges::all_of(text, [](char c) {
    char small = base::to_lower(c);
    return (small >= 'a' && small <= 'z') || base::is_digit(c) || c == '+' || c == '/';
  });
}

// RFC 4422 section 3.1.
bool is_mechanism(std::string_view name) {
  return !name.empty() && name.size() <= 20 && std::ranges::all_of(name, [](char c) {
    return (c >= 'A' && c <= 'Z') || base::is_digit(c) || c == '-' || c == '_';
  });
}

std::optional<std::uint32_t> to_id(std::string_view text) {
  auto number = base::to_number(text);
  if (!number || *number > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

base::Result<void> check_response(std::string_view response) {
  if (is_base64(response)) return {};
  return base::fail(base::Code::syntax, "the response is not base64");
}

}  // namespace

std::vector<std::string> parse_dovecot_line(std::string_view line) {
  std::vector<std::string> fields(1);
  for (std::size_t i = 0; i < line.size(); ++i) {
    char c = line[i];
    if (c == '\t') {
      fields.emplace_back();
      continue;
    }
    if (c == kEscape && i + 1 < line.size()) {
      switch (char code = line[++i]) {
        case '0':
          c = '\0';
          break;
        case '1':
          c = kEscape;
          break;
        case 't':
          c = '\t';
          break;
        case 'r':
          c = '\r';
          break;
        case 'n':
        case 'l':  // of older versions
          c = '\n';
          break;
        default:
          c = code;
      }
    }
    fields.back() += c;
  }
  return fields;
}

std::string dovecot_field(std::string_view value) {
  std::string field;
  for (char c : value) {
    switch (c) {
      case '\0':
        field += {kEscape, '0'};
        break;
      case kEscape:
        field += {kEscape, '1'};
        break;
      case '\t':
        field += {kEscape, 't'};
        break;
      case '\r':
        field += {kEscape, 'r'};
        break;
      case '\n':
        field += {kEscape, 'n'};
        break;
      default:
        field += c;
    }
  }
  return field;
}

base::Result<std::string> format_dovecot_auth(std::uint32_t id,
                                              const DovecotRequest& request) {
  if (!is_mechanism(request.mechanism))
    return base::fail(base::Code::syntax, "there is no such mechanism");
  std::string line =
      "AUTH\t" + std::to_string(id) + '\t' + request.mechanism + "\tservice=smtp";
  if (request.secured) line += "\tsecured";
  if (request.valid_certificate) line += "\tvalid-client-cert";
  auto field = [&](std::string_view name, std::string_view value) {
    if (!value.empty())
      line.append("\t").append(name).append("=").append(dovecot_field(value));
  };
  field("rip", request.remote.address);
  field("lip", request.local.address);
  field("rport", std::to_string(request.remote.port));
  field("lport", std::to_string(request.local.port));
  field("local_name", request.local_name);
  // Nobody asks for the user as its master afterwards.
  line += "\tnologin";
  // The server hangs up on whoever says anything behind it.
  if (request.response) {
    TRY(check_response(*request.response));
    line += "\tresp=" + *request.response;
  }
  return line + '\n';
}

base::Result<std::string> format_dovecot_cont(std::uint32_t id,
                                              std::string_view response) {
  TRY(check_response(response));
  return "CONT\t" + std::to_string(id) + '\t' + std::string(response) + '\n';
}

base::Result<std::optional<DovecotAnswer>> parse_dovecot_answer(std::string_view line) {
  std::vector<std::string> fields = parse_dovecot_line(line);
  const std::string& command = fields[0];
  DovecotAnswer answer;
  if (command == "CONT")
    answer.kind = Kind::challenge;
  else if (command == "OK")
    answer.kind = Kind::ok;
  else if (command != "FAIL")
    return std::nullopt;
  auto id = fields.size() > 1 ? to_id(fields[1]) : std::nullopt;
  if (!id) return nonsense(line);
  answer.id = *id;
  if (answer.kind == Kind::challenge) {
    if (fields.size() > 2) answer.challenge = fields[2];
    if (!is_base64(answer.challenge)) return nonsense(line);
    return answer;
  }
  for (std::size_t i = 2; i < fields.size(); ++i) {
    std::string_view field = fields[i];
    std::string_view name = field.substr(0, field.find('='));
    std::string value(field.substr(std::min(field.size(), name.size() + 1)));
    if (name == "user")
      answer.user = std::move(value);
    else if (name == "code")
      answer.code = std::move(value);
    else if (name == "reason")
      answer.reason = std::move(value);
    else if (name == "temp" || name == "authz")  // flags of older versions
      answer.code = name == "temp" ? "temp_fail" : "authz_fail";
  }
  return answer;
}

base::Result<bool> DovecotGreeting::take(std::string_view line) {
  std::vector<std::string> fields = parse_dovecot_line(line);
  const std::string& command = fields[0];
  if (command == "VERSION") {
    if (fields.size() < 2 || fields[1] != "1")
      return base::fail(base::Code::temporary,
                        "speaks another version of the protocol: \"" +
                            base::printable(line.substr(0, 100)) + "\"");
    versioned_ = true;
  } else if (!versioned_) {
    return nonsense(line);
  } else if (command == "MECH" && fields.size() > 1) {
    bool plaintext = std::ranges::find(fields, "plaintext") != fields.end();
    mechanisms_.push_back({fields[1], plaintext});
  } else if (command == "SPID" && mechanisms_.empty()) {
    return base::fail(
        base::Code::temporary,
        "offers no mechanism: this is the socket for masters, name the one "
        "for clients");
  }
  return command == "DONE";
}

// Whoever waits for an answer and finds nobody reading reads for all, and wakes the
// others when something has changed; so no task runs for the connection itself.
struct Dovecot::State {
  struct Connection {
    explicit Connection(net::Stream connected)
        : stream(std::move(connected)), lines(stream, kLongestLine) {}

    net::Stream stream;
    net::LineReader lines;
    std::string unsent;
    bool writing = false;
  };
  // A task may still wait on a connection that another one has given up.
  using Shared = std::shared_ptr<Connection>;

  struct Question {
    Clock::time_point deadline;
    std::optional<base::Result<DovecotAnswer>> answer;
  };

  // The right to read or to connect.
  struct Turn {
    explicit Turn(State& of) : state(of) { state.busy = true; }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      state.busy = false;
      state.wake();
    }
    State& state;
  };
  // A question that its task leaves behind is taken back.
  struct Asked {
    Asked(State& of, std::uint32_t number) : state(of), id(number) {}
    Asked(const Asked&) = delete;
    Asked& operator=(const Asked&) = delete;
    ~Asked() {
      if (state.questions.erase(id) == 0) return;
      state.take_back(id);
      state.rest();
    }
    State& state;
    std::uint32_t id;
  };

  State(net::Loop& on, Options chosen) : loop(on), options(std::move(chosen)) {}

  std::unexpected<base::Error> trouble(std::string_view text) const {
    return base::fail(base::Code::temporary,
                      "dovecot " + options.socket + ": " + std::string(text));
  }

  asio::awaitable<base::Result<void>> connected();
  asio::awaitable<base::Result<void>> connect();
  asio::awaitable<net::Stream> open();
  asio::awaitable<base::Result<void>> greet(Connection& with);
  asio::awaitable<base::Result<DovecotAnswer>> say(std::uint32_t id, std::string line);
  asio::awaitable<void> flush(Shared with);
  asio::awaitable<void> read(Shared with);
  void take_line(const net::LineReader::Line& line);
  void answered(DovecotAnswer answer);
  void drop(std::string_view why);
  void take_back(std::uint32_t id);
  void rest();
  asio::awaitable<void> sleep();
  void wake();

  net::Loop& loop;
  Options options;
  std::vector<net::Endpoint> addresses;  // of an inet socket
  Shared connection;                     // null: not now
  DovecotGreeting greeting;
  std::map<std::uint32_t, Question> questions;
  std::set<std::uint32_t> challenged;  // that the client has to answer
  std::uint32_t last_id = 0;
  bool busy = false;
  std::list<net::Event*> sleepers;
  Clock::time_point not_before;  // after a failure
  net::Span pause{};
  std::string last_failure;
};

asio::awaitable<void> Dovecot::State::sleep() {
  struct Bed {
    explicit Bed(State& of) : state(of), event(of.loop) {
      place = state.sleepers.insert(state.sleepers.end(), &event);
    }
    Bed(const Bed&) = delete;
    Bed& operator=(const Bed&) = delete;
    ~Bed() { state.sleepers.erase(place); }
    State& state;
    net::Event event;
    std::list<net::Event*>::iterator place;
  };
  Bed bed(*this);
  co_await bed.event.wait();
}

void Dovecot::State::wake() {
  for (net::Event* sleeper : sleepers) sleeper->open();
}

void Dovecot::State::drop(std::string_view why) {
  for (auto& [id, question] : questions)
    if (!question.answer) question.answer = trouble(why);
  challenged.clear();
  if (connection) connection->stream.close();
  connection.reset();
}

asio::awaitable<base::Result<void>> Dovecot::State::connected() {
  while (true) {
    // A server that was started anew has closed what it had: that is no failure.
    if (connection && !busy && connection->stream.peer_gone()) drop("connection lost");
    if (connection) co_return base::Result<void>();
    if (!busy) break;
    co_await sleep();
  }
  if (Clock::now() < not_before) co_return trouble(last_failure);
  Turn turn(*this);
  auto done = co_await connect();
  if (done) {
    pause = {};
    co_return base::Result<void>();
  }
  drop(done.error().text);
  pause = pause == net::Span() ? options.first_pause
                               : std::min(pause * 2, options.longest_pause);
  not_before = Clock::now() + pause;
  last_failure = done.error().text;
  co_return trouble(last_failure);
}

asio::awaitable<net::Stream> Dovecot::State::open() {
  if (addresses.empty())
    co_return co_await net::Stream::connect_unix(options.socket,
                                                 options.connect_timeout);
  for (std::size_t i = 0; i + 1 < addresses.size(); ++i) {
    try {
      co_return co_await net::Stream::connect(addresses[i], options.connect_timeout);
    } catch (const system_error& failed) {
      if (failed.code() == asio::error::operation_aborted) throw;
    }
  }
  co_return co_await net::Stream::connect(addresses.back(), options.connect_timeout);
}

asio::awaitable<base::Result<void>> Dovecot::State::connect() {
  try {
    net::Stream stream = co_await open();
    auto made = std::make_shared<Connection>(std::move(stream));
    auto greeted = co_await greet(*made);
    if (!greeted) co_return greeted;
    connection = std::move(made);
    rest();
    co_return base::Result<void>();
  } catch (const system_error& failed) {
    if (failed.code() == asio::error::operation_aborted) throw;
    co_return base::fail(base::Code::temporary, failed.code().message());
  }
}

// Older servers speak at once and newer ones wait for us, so we do not wait.
asio::awaitable<base::Result<void>> Dovecot::State::greet(Connection& with) {
  // A server takes no two connections with the same number, and a process that has
  // several loops or policies has several connections: so it is not our process's.
  std::uint32_t number = std::random_device()() >> 1 | 1;
  std::string hello = "VERSION\t1\t2\nCPID\t" + std::to_string(number) + "\n";
  co_await with.stream.write(hello, options.greeting_timeout);
  auto deadline = Clock::now() + options.greeting_timeout;
  greeting = {};
  while (true) {
    net::LineReader::Line line = co_await with.lines.next(deadline - Clock::now());
    auto last = greeting.take(line.text);
    if (!last) co_return std::unexpected(std::move(last).error());
    if (*last) co_return base::Result<void>();
  }
}

asio::awaitable<base::Result<DovecotAnswer>> Dovecot::State::say(std::uint32_t id,
                                                                 std::string line) {
  Question& question = questions[id];
  question.deadline = Clock::now() + options.answer_timeout;
  Asked asked(*this, id);
  connection->unsent += line;
  co_await flush(connection);
  while (!question.answer) {
    if (busy) {
      co_await sleep();
      continue;
    }
    Turn turn(*this);
    co_await read(connection);
  }
  base::Result<DovecotAnswer> answer = std::move(*question.answer);
  questions.erase(id);
  rest();
  if (!answer) co_return answer;
  if (answer->kind == Kind::challenge) challenged.insert(id);
  if (answer->kind == Kind::ok && answer->user.empty())
    co_return trouble("let somebody in without saying whom");
  co_return answer;
}

asio::awaitable<void> Dovecot::State::flush(Shared with) {
  if (with->writing) co_return;
  with->writing = true;
  try {
    while (!with->unsent.empty()) {
      std::string bytes = std::exchange(with->unsent, {});
      co_await with->stream.write(bytes, options.answer_timeout);
    }
    with->writing = false;
  } catch (const system_error& failed) {
    // Half a line may be out, so whatever comes next would be misread.
    bool ours = with == connection;
    if (ours) drop(failed.code().message());
    if (ours && failed.code() == asio::error::operation_aborted) throw;
  }
}

asio::awaitable<void> Dovecot::State::read(Shared with) {
  auto deadline = Clock::time_point::max();
  for (const auto& [id, question] : questions)
    if (!question.answer) deadline = std::min(deadline, question.deadline);
  try {
    do {
      net::LineReader::Line line = co_await with->lines.next(deadline - Clock::now());
      if (with != connection) co_return;
      take_line(line);
    } while (with == connection && with->lines.has_line());
  } catch (const system_error& failed) {
    // Closed by another task, then all have their answers; or it is we who are told to
    // stop.
    if (with != connection) co_return;
    if (failed.code() == asio::error::operation_aborted) throw;
    drop(failed.code() == asio::error::eof         ? "connection lost"
         : failed.code() == asio::error::timed_out ? "no answer"
                                                   : failed.code().message());
  }
}

void Dovecot::State::take_line(const net::LineReader::Line& line) {
  if (line.too_long) return drop("a line that is too long");
  auto answer = parse_dovecot_answer(line.text);
  if (!answer) return drop(answer.error().text);
  if (*answer) answered(std::move(**answer));
}

// One that nobody waits for was taken back; one that was never asked is a sign that we
// do not understand each other.
void Dovecot::State::answered(DovecotAnswer answer) {
  if (answer.id == 0 || answer.id > last_id)
    return drop("an answer to what nobody has asked");
  auto question = questions.find(answer.id);
  if (question != questions.end() && !question->second.answer)
    question->second.answer = std::move(answer);
}

void Dovecot::State::take_back(std::uint32_t id) {
  if (!connection) return;
  connection->unsent += "CANCEL\t" + std::to_string(id) + '\n';
  if (connection->writing) return;  // whoever writes takes it along
  std::size_t sent = connection->stream.write_now(connection->unsent);
  connection->unsent.erase(0, sent);
}

// An idle connection keeps no loop from ending.
void Dovecot::State::rest() {
  if (connection && questions.empty()) connection->stream.rest();
}

Dovecot::Dovecot(std::unique_ptr<State> state) : state_(std::move(state)) {}
Dovecot::~Dovecot() = default;

base::Result<std::unique_ptr<Dovecot>> Dovecot::create(net::Loop& loop,
                                                       Options options) {
  auto state = std::make_unique<State>(loop, std::move(options));
  const std::string& socket = state->options.socket;
  if (!socket.starts_with('/')) {
    std::istringstream words(socket);
    std::string host, port, more;
    if (!(words >> host >> port) || words >> more)
      return base::fail(base::Code::config,
                        "'" + socket + "': write \"/path\" or \"host port\"");
    std::string at = host.contains(':') ? "[" + host + "]:" + port : host + ":" + port;
    state->addresses = TRY(net::resolve(at, 0));
  }
  return std::unique_ptr<Dovecot>(new Dovecot(std::move(state)));
}

asio::awaitable<base::Result<std::vector<DovecotGreeting::Mechanism>>>
Dovecot::mechanisms() {
  auto connected = co_await state_->connected();
  if (!connected) co_return std::unexpected(std::move(connected).error());
  co_return state_->greeting.mechanisms();
}

asio::awaitable<base::Result<DovecotAnswer>> Dovecot::ask(DovecotRequest request) {
  State& state = *state_;
  auto line = format_dovecot_auth(0, request);
  if (!line) co_return std::unexpected(std::move(line).error());
  auto connected = co_await state.connected();
  if (!connected) co_return std::unexpected(std::move(connected).error());
  // On what it does not offer the server would hang up.
  const auto& offered = state.greeting.mechanisms();
  if (std::ranges::find(offered, request.mechanism,
                        &DovecotGreeting::Mechanism::name) == offered.end())
    co_return state.trouble("does not offer " + request.mechanism);
  std::uint32_t id = ++state.last_id == 0 ? ++state.last_id : state.last_id;
  line = format_dovecot_auth(id, request);
  co_return co_await state.say(id, std::move(*line));
}

asio::awaitable<base::Result<DovecotAnswer>> Dovecot::go_on(std::uint32_t id,
                                                            std::string response) {
  auto line = format_dovecot_cont(id, response);
  if (!line) {
    cancel(id);
    co_return std::unexpected(std::move(line).error());
  }
  if (state_->challenged.erase(id) == 0) co_return state_->trouble("connection lost");
  co_return co_await state_->say(id, std::move(*line));
}

void Dovecot::cancel(std::uint32_t id) {
  if (state_->challenged.erase(id) > 0) state_->take_back(id);
}

}  // namespace receiver
