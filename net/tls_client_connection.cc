// SPDX-License-Identifier: Apache-2.0
#include "net/tls_client_connection.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <utility>

#include "net/tls_context.h"

namespace net {

namespace {

// $tls_out_resumption; spec/smtp-features.md section 3.
constexpr unsigned kAsked = 2, kOffered = 4, kGiven = 8, kResumed = 16;

}  // namespace

base::Result<std::unique_ptr<TlsClientConnection>> TlsClientConnection::create(
    TlsClientSessions& sessions, const TlsTarget& target, const Endpoint& peer,
    const std::string& our_address, int socket) {
  std::unique_ptr<TlsClientConnection> made(
      new TlsClientConnection(sessions, target, socket));
  TRY(made->begin(peer, our_address));
  return made;
}

base::Result<void> TlsClientConnection::begin(const Endpoint& peer,
                                              const std::string& our_address) {
  auto found = TRY(sessions_.find(target_.setting));
  context_ = std::move(found.context);
  TRY(TlsChannel::begin(context_.get()));
  SSL_set_app_data(ssl(), this);
  SSL_set_connect_state(ssl());
  TRY(ask_for_names());
  if (!target_.resume) {
    SSL_set_options(ssl(), SSL_OP_NO_TICKET);
    return {};
  }
  resumption_ |= kAsked;
  key_ = format_endpoint(peer) + '\n' + our_address + '\n' + target_.sni + '\n';
  for (const std::string& name : target_.names) key_ += name + '\n';
  key_ += found.name;
  auto session = sessions_.session(key_);
  if (session && SSL_SESSION_is_resumable(session.get()) == 1 &&
      SSL_set_session(ssl(), session.get()) == 1)
    resumption_ |= kOffered;
  return {};
}

base::Result<void> TlsClientConnection::ask_for_names() {
  auto refused = [](const std::string& name) {
    return base::fail(base::Code::config, "TLS: '" + name + "' is not a host's name");
  };
  if (!target_.sni.empty() && SSL_set_tlsext_host_name(ssl(), target_.sni.c_str()) != 1)
    return refused(target_.sni);
  SSL_set_hostflags(ssl(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  for (const std::string& name : target_.names)
    if (SSL_add1_host(ssl(), name.c_str()) != 1) return refused(name);
  return {};
}

bool TlsClientConnection::verified() const {
  return target_.setting.verify != TlsClientSetting::Verify::none &&
         SSL_get0_peer_certificate(ssl()) != nullptr &&
         SSL_get_verify_result(ssl()) == X509_V_OK;
}

// OpenSSL does not look at what a session remembers.
bool TlsClientConnection::acceptable() {
  if (target_.setting.verify != TlsClientSetting::Verify::must || verified())
    return true;
  fail("the certificate was not verified");
  return false;
}

// It may be the session's fault.
void TlsClientConnection::failed() {
  if (resumption_ & kOffered) sessions_.forget(key_);
}

TlsFacts TlsClientConnection::facts() const {
  TlsFacts facts = common_facts();
  facts.sni = target_.sni;
  facts.verified = verified();
  if (X509* shown = SSL_get_certificate(ssl())) facts.our_certificate = pem_of(shown);
  facts.resumption = resumption_ | (SSL_session_reused(ssl()) == 1 ? kResumed : 0U);
  return facts;
}

void TlsClientConnection::hook(SSL_CTX* context) {
  SSL_CTX_sess_set_new_cb(context, on_session);
}

int TlsClientConnection::on_session(SSL* ssl, SSL_SESSION* session) {
  auto& self = *static_cast<TlsClientConnection*>(SSL_get_app_data(ssl));
  self.resumption_ |= kGiven;
  if (self.target_.resume) self.sessions_.keep(self.key_, session);
  return 0;  // it is not ours
}

}  // namespace net
