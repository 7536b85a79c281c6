// SPDX-License-Identifier: Apache-2.0
//
// libunbound works in a thread of its own and tells by a descriptor that it has
// answers.  Ours waits for that descriptor and for the next deadline, and hands answers
// out; it never asks by itself.
#include "net/resolver.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unbound.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <future>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/fd.h"
#include "base/handle.h"
#include "base/text.h"
#include "net/hosts_file.h"

namespace net {

namespace {

using base::Code;
using base::fail;
using base::Result;
using std::chrono::steady_clock;

constexpr std::string_view kRootKey = "/usr/share/dns/root.key";

using Answered = std::function<void(Result<DnsRecords>)>;
using Context = base::Handle<ub_ctx, ub_ctx_delete>;

struct Question {
  std::uint16_t type = 0;
  std::string name;  // small letters, no final dot
  auto operator<=>(const Question&) const = default;
};

std::unexpected<base::Error> refused(const std::string& what, int error) {
  return fail(Code::config, what + ": " + ub_strerror(error));
}

Result<void> set_option(ub_ctx* context, const std::string& name,
                        const std::string& value) {
  int error = ub_ctx_set_option(context, (name + ":").c_str(), value.c_str());
  if (error != 0) return refused("libunbound: " + name, error);
  return {};
}

Result<void> set_options(ub_ctx* context, const Resolver::Options& options) {
  const std::pair<const char*, std::string> settings[] = {
      {"msg-cache-size", std::to_string(options.cached_bytes / 2)},
      {"rrset-cache-size", std::to_string(options.cached_bytes)},
      {"num-queries-per-thread", "4096"},
      {"outgoing-range", "512"},
      {"outgoing-num-tcp", "16"},
      {"rrset-roundrobin", "no"},  // the first PTR record names a host
      // Private networks have name servers of their own, often on this machine, and
      // these are forwarded to; they are not signed.
      {"unblock-lan-zones", "yes"},
      {"insecure-lan-zones", "yes"},
      {"do-not-query-localhost", "no"},
      // The only forwarder may come back, and is wanted at once.
      {"infra-keep-probing", "yes"},
      {"infra-host-ttl", "60"},
  };
  for (const auto& [name, value] : settings) TRY(set_option(context, name, value));
  return {};
}

Result<void> set_forwarders(ub_ctx* context, const Resolver::Options& options) {
  for (const std::string& server : options.forwarders)
    if (int error = ub_ctx_set_fwd(context, server.c_str()); error != 0)
      return fail(Code::config, "'" + base::printable(server) +
                                    "' is no name server: write an address, or "
                                    "address@port");
  if (!options.forwarders.empty()) return {};
  // resolv.conf(5): without it the machine asks itself.
  if (ub_ctx_resolvconf(context, nullptr) == 0) return {};
  if (int error = ub_ctx_set_fwd(context, "127.0.0.1"); error != 0)
    return refused("127.0.0.1", error);
  return {};
}

Result<void> set_trust_anchors(ub_ctx* context, const Resolver::Options& options) {
  auto files = options.trust_anchors;
  std::error_code ignored;
  if (files.empty() && std::filesystem::exists(kRootKey, ignored))
    files.emplace_back(kRootKey);
  if (!options.validate) files.clear();
  for (const auto& file : files) {
    // libunbound would not say which file it could not read.
    if (auto text = base::read_file(file, std::size_t{1} << 20); !text)
      return fail(Code::config, "trust anchors: " + text.error().text);
    if (int error = ub_ctx_add_ta_file(context, file.c_str()); error != 0)
      return refused(file.string(), error);
  }
  // Nothing is read before the first use: this one finds out what is wrong.
  if (int error = ub_ctx_zone_remove(context, "unused.invalid."); error != 0)
    return refused("trust anchors: a file holds no DS or DNSKEY records, or is damaged",
                   error);
  return {};
}

Result<HostsFile> read_hosts_file(const std::filesystem::path& path) {
  if (path.empty()) return HostsFile{};
  auto text = base::read_file(path, std::size_t{64} << 20);
  if (text) return parse_hosts_file(*text);
  if (text.error().code == Code::not_found) return HostsFile{};
  return fail(Code::config, text.error().text);
}

std::string usual_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return base::lower(name);
}

std::string describe(const Question& question) {
  return "DNS: type " + std::to_string(question.type) + " of " + question.name;
}

Result<DnsRecords> read_answer(const Question& question, const ub_result& answer) {
  if (answer.bogus) {
    std::string why = answer.why_bogus ? answer.why_bogus : "";
    return fail(Code::temporary,
                describe(question) + ": the answer is bogus: " + base::printable(why));
  }
  constexpr int kNoError = 0, kNoSuchName = 3;
  if (answer.rcode != kNoError && answer.rcode != kNoSuchName)
    return fail(Code::temporary, describe(question) + ": no server could say (code " +
                                     std::to_string(answer.rcode) + ")");
  DnsRecords found;
  found.secure = answer.secure != 0;
  found.name = answer.canonname ? usual_name(answer.canonname) : question.name;
  found.ttl = std::chrono::seconds(answer.ttl);
  if (!answer.havedata) {
    using Status = DnsRecords::Status;
    found.status = answer.nxdomain ? Status::no_name : Status::no_data;
    return found;
  }
  found.status = DnsRecords::Status::found;
  for (int i = 0; answer.data[i] != nullptr; ++i) {
    std::string_view bytes(answer.data[i], static_cast<std::size_t>(answer.len[i]));
    if (auto fields = parse_rdata(question.type, bytes))
      found.records.push_back(std::move(*fields));
  }
  if (found.records.empty())
    return fail(Code::temporary, describe(question) + ": the records are malformed");
  return found;
}

// What /etc/hosts says, if it has a say.  A name that stands there has the addresses
// that stand there; its other records are asked for.
std::optional<DnsRecords> find_in_hosts(
    const HostsFile& hosts, const Question& question,
    const std::map<std::string, std::string>& reverse) {
  static const auto kA = *parse_record_type("a"), kAaaa = *parse_record_type("aaaa"),
                    kPtr = *parse_record_type("ptr");
  DnsRecords found;
  found.name = question.name;
  if (question.type == kA || question.type == kAaaa) {
    auto entry = hosts.addresses.find(question.name);
    if (entry == hosts.addresses.end()) return std::nullopt;
    for (const std::string& address : entry->second)
      if ((address.find(':') == address.npos) == (question.type == kA))
        found.records.push_back({address});
  } else if (question.type == kPtr) {
    auto entry = reverse.find(question.name);
    if (entry == reverse.end()) return std::nullopt;
    for (const std::string& name : hosts.names.at(entry->second))
      found.records.push_back({name});
  } else {
    return std::nullopt;
  }
  if (!found.records.empty()) found.status = DnsRecords::Status::found;
  return found;
}

}  // namespace

struct Resolver::State {
  struct Lookup;
  struct Waiter {
    steady_clock::time_point deadline;
    Lookup* lookup;
    Answered answered;
  };
  using Waiters = std::list<Waiter>;
  struct Lookup {
    State* state;
    Question question;
    std::vector<Waiters::iterator> waiters;
  };

  ~State();

  void start(std::uint16_t type, std::string_view name, Answered answered);
  void serve();
  void wake();
  int milliseconds_to_wait();
  void give_up_late_ones();
  void finish(Lookup& lookup, const Result<DnsRecords>& answer);
  static void take_answer(void* lookup, int error, ub_result* result);

  Options options;
  HostsFile hosts;
  std::map<std::string, std::string> reverse;  // "1.0.0.127.in-addr.arpa", its address
  Context context;
  base::Fd alarm;  // an eventfd: somebody waits, or we are to stop

  std::mutex mutex;  // guards what follows
  std::map<Question, std::unique_ptr<Lookup>> under_way;
  Waiters waiters;  // all wait equally long: the first one's deadline is the next
  bool stopping = false;

  std::thread thread;
};

Resolver::State::~State() {
  if (thread.joinable()) {
    {
      std::lock_guard lock(mutex);
      stopping = true;
    }
    wake();
    thread.join();
  }
  context.reset();
  for (Waiter& waiter : waiters)
    waiter.answered(fail(Code::temporary, "DNS: shutting down"));
}

void Resolver::State::wake() {
  eventfd_write(alarm.get(), 1);
}

void Resolver::State::start(std::uint16_t type, std::string_view name,
                            Answered answered) {
  Question question{type, usual_name(name)};
  if (auto known = find_in_hosts(hosts, question, reverse)) {
    answered(std::move(*known));
    return;
  }
  Lookup* lookup = nullptr;
  bool first = false, sleeping = false;
  {
    std::lock_guard lock(mutex);
    auto& entry = under_way[question];
    first = !entry;
    if (first) entry = std::make_unique<Lookup>(this, std::move(question));
    lookup = entry.get();
    sleeping = waiters.empty();
    waiters.push_back(
        {steady_clock::now() + options.deadline, lookup, std::move(answered)});
    lookup->waiters.push_back(std::prev(waiters.end()));
  }
  if (sleeping) wake();
  if (!first) return;
  constexpr int kInternet = 1;
  // libunbound has locks of its own, so ours is free by now; only an answer ends the
  // life of a lookup.
  int error =
      ub_resolve_async(context.get(), (lookup->question.name + ".").c_str(),
                       lookup->question.type, kInternet, lookup, take_answer, nullptr);
  if (error != 0)
    finish(*lookup, fail(Code::temporary,
                         describe(lookup->question) + ": " + ub_strerror(error)));
}

void Resolver::State::take_answer(void* lookup_pointer, int error, ub_result* result) {
  base::Handle<ub_result, ub_resolve_free> owner(result);
  auto& lookup = *static_cast<Lookup*>(lookup_pointer);
  if (error != 0)
    lookup.state->finish(lookup, fail(Code::temporary, describe(lookup.question) +
                                                           ": " + ub_strerror(error)));
  else
    lookup.state->finish(lookup, read_answer(lookup.question, *result));
}

void Resolver::State::finish(Lookup& lookup, const Result<DnsRecords>& answer) {
  Waiters served;
  std::unique_ptr<Lookup> over;
  {
    std::lock_guard lock(mutex);
    for (auto waiter : lookup.waiters) served.splice(served.end(), waiters, waiter);
    over = std::move(under_way.extract(lookup.question).mapped());
  }
  for (Waiter& waiter : served) waiter.answered(answer);
}

// The lookup goes on: its answer is worth keeping, and who asks next may still get it.
void Resolver::State::give_up_late_ones() {
  std::vector<std::pair<Answered, std::string>> late;
  {
    std::lock_guard lock(mutex);
    auto now = steady_clock::now();
    while (!waiters.empty() && waiters.front().deadline <= now) {
      auto first = waiters.begin();
      std::erase(first->lookup->waiters, first);
      late.emplace_back(std::move(first->answered), describe(first->lookup->question));
      waiters.erase(first);
    }
  }
  for (auto& [answered, what] : late)
    answered(fail(Code::temporary, what + ": no answer in time"));
}

int Resolver::State::milliseconds_to_wait() {
  std::lock_guard lock(mutex);
  if (stopping) return 0;
  if (waiters.empty()) return -1;
  auto left = std::chrono::ceil<std::chrono::milliseconds>(waiters.front().deadline -
                                                           steady_clock::now());
  return static_cast<int>(std::max<std::int64_t>(0, left.count()));
}

void Resolver::State::serve() {
  while (true) {
    std::array<pollfd, 2> events = {pollfd{ub_fd(context.get()), POLLIN, 0},
                                    pollfd{alarm.get(), POLLIN, 0}};
    ::poll(events.data(), events.size(), milliseconds_to_wait());
    if (events[1].revents != 0) {
      eventfd_t count = 0;
      eventfd_read(alarm.get(), &count);
      std::lock_guard lock(mutex);
      if (stopping) return;
    }
    if (events[0].revents != 0) ub_process(context.get());
    give_up_late_ones();
  }
}

Resolver::Resolver(std::unique_ptr<State> state) : state_(std::move(state)) {}
Resolver::~Resolver() = default;

Result<std::unique_ptr<Resolver>> Resolver::create(Options options) {
  auto state = std::make_unique<State>();
  state->options = std::move(options);
  state->hosts = TRY(read_hosts_file(state->options.hosts_file));
  for (const auto& [address, names] : state->hosts.names)
    state->reverse.emplace(reverse_name(address), address);
  state->alarm = base::Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!state->alarm) return base::system_failure("eventfd", errno);
  state->context.reset(ub_ctx_create());
  ub_ctx* context = state->context.get();
  if (!context) return fail(Code::temporary, "libunbound cannot be started");
  ub_ctx_debugout(context, nullptr);  // what it has to say comes with its answers
  if (int error = ub_ctx_async(context, 1); error != 0)
    return refused("libunbound", error);
  TRY(set_options(context, state->options));
  TRY(set_forwarders(context, state->options));
  TRY(set_trust_anchors(context, state->options));
  state->thread = std::thread([raw = state.get()] { raw->serve(); });
  return std::unique_ptr<Resolver>(new Resolver(std::move(state)));
}

namespace {

Result<std::uint16_t> checked_type(std::string_view type, std::string_view name) {
  auto number = parse_record_type(type);
  if (!number)
    return fail(Code::usage,
                "'" + base::printable(type) + "' is no type of DNS records");
  if (!is_dns_name(name))
    return fail(Code::usage, "'" + base::printable(name) + "' is no name of the DNS");
  return *number;
}

// Of one coroutine: touched on its loop only.
struct Wait {
  explicit Wait(const asio::any_io_executor& executor)
      : timer(executor, asio::steady_timer::time_point::max()) {}
  asio::steady_timer timer;  // never fires; cancelled by the answer
  std::optional<Result<DnsRecords>> answer;
};

}  // namespace

Result<DnsRecords> Resolver::ask(std::string_view type, std::string_view name) {
  auto number = TRY(checked_type(type, name));
  auto promise = std::make_shared<std::promise<Result<DnsRecords>>>();
  auto answer = promise->get_future();
  state_->start(number, name, [promise](Result<DnsRecords> result) {
    promise->set_value(std::move(result));
  });
  return answer.get();
}

asio::awaitable<Result<DnsRecords>> Resolver::resolve(std::string type,
                                                      std::string name) {
  auto number = checked_type(type, name);
  if (!number) co_return std::unexpected(std::move(number.error()));
  auto executor = co_await asio::this_coro::executor;
  // Shared: a cancelled coroutine is gone before its answer comes.
  auto wait = std::make_shared<Wait>(executor);
  Answered answered = [wait, executor](Result<DnsRecords> result) mutable {
    auto resume = [wait = std::move(wait), result = std::move(result)]() mutable {
      wait->answer = std::move(result);
      wait->timer.cancel();
    };
    asio::post(executor, std::move(resume));
  };
  state_->start(*number, name, std::move(answered));
  while (!wait->answer) {
    // The timer says aborted, whether answered or cancelled; a cancelled task throws in
    // the next round.
    boost::system::error_code aborted;
    auto token = asio::redirect_error(asio::use_awaitable, aborted);
    co_await wait->timer.async_wait(token);
  }
  co_return std::move(*wait->answer);
}

}  // namespace net
