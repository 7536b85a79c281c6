// SPDX-License-Identifier: Apache-2.0
#include "net/tls_client.h"

#include <openssl/err.h>

#include <utility>

#include "net/tls_client_connection.h"
#include "net/tls_client_state.h"
#include "net/tls_context.h"

namespace net {

namespace {

// Bounds what a run to very many servers keeps.
constexpr std::size_t kMostSessions = 10000;

base::Result<std::shared_ptr<SSL_CTX>> load(const TlsClientSetting& setting) {
  ERR_clear_error();
  std::shared_ptr<SSL_CTX> made(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX* context = made.get();
  if (!context) return base::fail(base::Code::config, "TLS: " + openssl_words());
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_session_cache_mode(
      context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  TlsClientConnection::hook(context);
  TRY(choose_ciphers(context, setting.ciphers));
  if (setting.verify != TlsClientSetting::Verify::none)
    TRY(believe(context, setting.verify_certificates, setting.revocations));
  // What must not be is found in the handshake; what may be is told behind it.
  const bool must = setting.verify == TlsClientSetting::Verify::must;
  SSL_CTX_set_verify(context, must ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  const std::string& key = setting.key.empty() ? setting.certificate : setting.key;
  if (!setting.certificate.empty())
    TRY(show_certificate(context, setting.certificate, key));
  ERR_clear_error();
  return made;
}

std::string stamp(const TlsClientSetting& setting) {
  std::vector<std::string> files;
  for (const std::string* path : {&setting.certificate, &setting.key,
                                  &setting.verify_certificates, &setting.revocations})
    if (path->starts_with('/')) files.push_back(*path);
  return stamp_of(files);
}

}  // namespace

base::Result<TlsClientSessions::State::Found> TlsClientSessions::State::find(
    const TlsClientSetting& setting) {
  std::string now = stamp(setting);
  Entry& entry = contexts_[setting];
  if (!entry.context || entry.stamp != now) {
    auto loaded = load(setting);
    if (!loaded) return base::fail(base::Code::config, std::move(loaded).error().text);
    entry = {std::move(*loaded), now};
  }
  std::string name = std::move(now);
  for (const std::string* part : {&setting.certificate, &setting.key, &setting.ciphers,
                                  &setting.verify_certificates, &setting.revocations})
    name.append("\n").append(*part);
  name += static_cast<char>('0' + static_cast<int>(setting.verify));
  return Found{entry.context, std::move(name)};
}

TlsClientSessions::State::Session TlsClientSessions::State::session(
    const std::string& key) const {
  auto found = sessions_.find(key);
  if (found == sessions_.end()) return {};
  const auto* bytes = reinterpret_cast<const unsigned char*>(found->second.data());
  return Session(
      d2i_SSL_SESSION(nullptr, &bytes, static_cast<long>(found->second.size())));
}

void TlsClientSessions::State::keep(const std::string& key,
                                    const SSL_SESSION* session) {
  const int size = i2d_SSL_SESSION(session, nullptr);
  if (size <= 0) return;
  std::string bytes(static_cast<std::size_t>(size), '\0');
  auto* out = reinterpret_cast<unsigned char*>(bytes.data());
  i2d_SSL_SESSION(session, &out);
  if (sessions_.size() >= kMostSessions && !sessions_.contains(key)) sessions_.clear();
  sessions_[key] = std::move(bytes);
}

TlsClientSessions::TlsClientSessions() : state_(std::make_unique<State>()) {}
TlsClientSessions::~TlsClientSessions() = default;

base::Result<void> TlsClientSessions::check(const TlsClientSetting& setting) {
  TRY(state_->find(setting));
  return {};
}

std::size_t TlsClientSessions::size() const {
  return state_->size();
}

}  // namespace net
