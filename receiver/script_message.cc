// SPDX-License-Identifier: Apache-2.0
#include "receiver/script_message.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/json.h"
#include "base/text.h"
#include "policy/international.h"
#include "policy/text_codes.h"
#include "spoolfmt/d_file.h"

namespace receiver {

namespace {

using base::Json;
using base::Result;

// Larger messages are not copied into memory.
constexpr std::uint64_t kInMemory = std::uint64_t{1} << 20;
constexpr std::size_t kBlock = 65536;

// What is not UTF-8 goes as {"b64": "..."}, so that any JSON reader gets the bytes.
void put(Json& json, std::string_view text) {
  if (policy::clean_utf8(text) == text)
    json.value(text);
  else
    json.begin_object().member("b64", policy::to_base64(text)).end_object();
}

void put(Json& json, std::string_view key, std::string_view text) {
  json.key(key);
  put(json, text);
}

void put_endpoint(Json& json, const net::Endpoint& endpoint) {
  json.member("ip", endpoint.address).member("port", endpoint.port);
}

void put_client(Json& json, const Client& client) {
  json.key("client").begin_object();
  put_endpoint(json, client.peer);
  put(json, "name", client.host_name());
  json.member("name_verified", client.host.state == HostNames::State::found);
  put(json, "helo", client.helo_name);
  json.member("esmtp", client.extended);
  json.key("tls");
  if (client.tls) {
    json.begin_object().member("ver", client.tls->version);
    json.member("cipher", client.tls->cipher);
    put(json, "peer_dn", client.tls->peer_dn);
    json.member("verified", client.tls->verified);
    json.member("resumed", (client.tls->resumption & 2U) != 0);
    json.end_object();
  } else {
    json.null();
  }
  json.key("auth");
  if (client.login) {
    json.begin_object();
    put(json, "mech", client.login->mechanism);
    put(json, "id", client.login->id);
    json.end_object();
  } else {
    json.null();
  }
  json.key("proxy");
  if (client.proxy)
    json.begin_object().member("ip", client.socket_peer.address).end_object();
  else
    json.null();
  json.end_object();
}

void put_params(Json& json, const smtp::MailParams& params) {
  json.key("from_params").begin_object();
  if (params.size) json.member("SIZE", *params.size);
  switch (params.body) {
    case smtp::BodyType::unsaid:
      break;
    case smtp::BodyType::seven_bit:
      json.member("BODY", "7BIT");
      break;
    case smtp::BodyType::eight_bit_mime:
      json.member("BODY", "8BITMIME");
      break;
    case smtp::BodyType::binary_mime:
      json.member("BODY", "BINARYMIME");
      break;
  }
  if (params.smtputf8) json.member("SMTPUTF8", true);
  if (params.ret != smtp::DsnReturn::unsaid)
    json.member("RET", params.ret == smtp::DsnReturn::full ? "FULL" : "HDRS");
  if (!params.envid.empty()) put(json, "ENVID", params.envid);
  if (params.auth) put(json, "AUTH", *params.auth);
  if (params.requiretls) json.member("REQUIRETLS", true);
  json.end_object();
}

std::string notify_text(unsigned notify) {
  if (notify & smtp::notify::kNever) return "NEVER";
  std::string text;
  if (notify & smtp::notify::kSuccess) text += ",SUCCESS";
  if (notify & smtp::notify::kFailure) text += ",FAILURE";
  if (notify & smtp::notify::kDelay) text += ",DELAY";
  return text.substr(1);
}

void put_params(Json& json, const smtp::RcptParams& params) {
  json.key("params").begin_object();
  if (params.notify != 0) json.member("NOTIFY", notify_text(params.notify));
  if (!params.orcpt.empty()) put(json, "ORCPT", params.orcpt);
  json.end_object();
}

void put_envelope(Json& json, const Envelope& envelope) {
  json.key("envelope").begin_object();
  put(json, "from", envelope.sender);
  put_params(json, envelope.params);
  json.key("rcpt").begin_array();
  for (const Recipient& recipient : envelope.recipients) {
    json.begin_object();
    put(json, "addr", recipient.address);
    put_params(json, recipient.params);
    json.end_object();
  }
  json.end_array().end_object();
}

void put_content(Json& json, const ScriptMessage& message) {
  json.key("message").begin_object();
  json.member("size", message.size).member("lines", message.lines);
  json.member("max_line", message.longest).member("nul_count", message.nuls);
  json.member("header_count", message.header_count);
  put(json, "message_id", message.message_id);
  json.member("eight_bit", message.eight_bit).member("chunked", message.chunked);
  json.end_object();
}

Result<void> copy_converted(const ScriptMessage& message, int to) {
  spoolfmt::WireToLf converter;
  std::array<char, kBlock> block;
  std::string text;
  for (auto at = static_cast<off_t>(message.body_at);;) {
    ssize_t count = ::pread(message.d_file, block.data(), block.size(), at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::system_failure("-D", errno);
    if (count == 0) break;
    at += count;
    converter.convert({block.data(), static_cast<std::size_t>(count)}, text);
    TRY(base::write_all(to, text, "message for scripts"));
    text.clear();
  }
  converter.finish(text);
  return base::write_all(to, text, "message for scripts");
}

// The kernel copies, or shares the blocks where the file system can.
Result<void> copy_body(const ScriptMessage& message, int to) {
  auto at = static_cast<off_t>(message.body_at);
  while (true) {
    ssize_t count =
        ::copy_file_range(message.d_file, &at, to, nullptr, std::size_t{1} << 30, 0);
    if (count == 0) return {};
    if (count > 0 || errno == EINTR) continue;
    break;
  }
  // Not between these two kinds of file: through a buffer, then.
  std::array<char, kBlock> block;
  while (true) {
    ssize_t count = ::pread(message.d_file, block.data(), block.size(), at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::system_failure("-D", errno);
    if (count == 0) return {};
    at += count;
    TRY(base::write_all(to, {block.data(), static_cast<std::size_t>(count)},
                        "message for scripts"));
  }
}

Result<base::Fd> memory_file() {
  base::Fd file(::memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return base::system_failure("memfd_create", errno);
  return file;
}

// Read by scripts under other users, by descriptor only: it has no name.
Result<base::Fd> nameless_file(const std::filesystem::path& directory) {
  auto file = base::open_file(directory, O_TMPFILE | O_RDWR, 0444);
  if (file) return file;
  // A file system without such files.
  std::string name = (directory / "script-XXXXXX").string();
  base::Fd named(::mkostemp(name.data(), O_CLOEXEC));
  if (!named) return base::system_failure(name, errno);
  ::unlink(name.c_str());
  if (::fchmod(named.get(), 0444) != 0) return base::system_failure(name, errno);
  return named;
}

// No more changes, by whoever has the file open or opens it again.
Result<void> seal(int file) {
  if (::fcntl(file, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) == 0)
    return {};
  return base::system_failure("seals of a memory file", errno);
}

}  // namespace

std::string_view event_name(ScriptEvent event) {
  switch (event) {
    case ScriptEvent::data:
      return "data";
    case ScriptEvent::client_gone:
      return "client-gone";
    case ScriptEvent::timeout:
      break;
  }
  return "timeout";
}

std::string script_input(const ScriptMessage& message, ScriptEvent event,
                         std::chrono::milliseconds deadline, bool early_quit,
                         const std::vector<PreviousScript>& previous) {
  std::string text;
  Json json(text);
  json.begin_object().member("protocol", 1).member("event", event_name(event));
  json.member("id", message.id);
  json.member("received_time", base::format_rfc3339(message.received));
  json.member("deadline_ms", deadline.count());
  put_client(json, message.client);
  json.key("server").begin_object();
  put_endpoint(json, message.client.local);
  json.member("hostname", message.hostname).end_object();
  put_envelope(json, message.envelope);
  put_content(json, message);
  json.key("transaction").begin_object().member("index", message.transaction);
  json.member("early_quit", early_quit).member("cutthrough", message.cutthrough);
  json.end_object();
  json.key("previous").begin_array();
  for (const PreviousScript& one : previous)
    json.begin_object()
        .member("script", one.script)
        .member("verdict", one.verdict)
        .member("ms", one.took.count())
        .end_object();
  json.end_array().end_object();
  return text + "\n";
}

Result<base::Fd> make_script_file(const ScriptMessage& message,
                                  const std::filesystem::path& directory) {
  bool small = message.size <= kInMemory;
  base::Fd file = TRY(small ? memory_file() : nameless_file(directory));
  TRY(base::write_all(file.get(), message.headers, "message for scripts"));
  TRY(base::write_all(file.get(), "\n", "message for scripts"));
  TRY(message.wire_format ? copy_converted(message, file.get())
                          : copy_body(message, file.get()));
  if (small) TRY(seal(file.get()));
  return file;
}

Result<base::Fd> reopen_read_only(int fd) {
  return base::open_file("/proc/self/fd/" + std::to_string(fd), O_RDONLY);
}

Result<base::Fd> make_memory_file(std::string_view bytes) {
  base::Fd file = TRY(memory_file());
  TRY(base::write_all(file.get(), bytes, "memory file"));
  TRY(seal(file.get()));
  return reopen_read_only(file.get());
}

}  // namespace receiver
