// SPDX-License-Identifier: Apache-2.0
#include "net/tls_connection.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "base/text.h"

namespace net {

namespace {

// $tls_in_resumption; spec/smtp-features.md section 3.
constexpr unsigned kAsked = 2, kOffered = 4, kGiven = 8, kResumed = 16;

std::string_view extension(SSL* ssl, unsigned type) {
  const unsigned char* bytes = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, type, &bytes, &size) != 1) return {};
  return {reinterpret_cast<const char*>(bytes), size};
}
bool has_extension(SSL* ssl, unsigned type) {
  const unsigned char* bytes = nullptr;
  std::size_t size = 0;
  return SSL_client_hello_get0_ext(ssl, type, &bytes, &size) == 1;
}

// What could be the name of a host, and so of a file or a key in somebody's policy.
bool is_host_name(std::string_view name) {
  auto good = [](char c) {
    c = base::to_lower(c);
    return (c >= 'a' && c <= 'z') || base::is_digit(c) || c == '-' || c == '.' ||
           c == '_';
  };
  return !name.empty() && name.size() <= 255 && name.front() != '.' &&
         !name.contains("..") && std::ranges::all_of(name, good);
}

// struct { ServerNameList: u16 size; { u8 type = 0; u16 size; name } } of RFC 6066
// section 3, of which there is one name.  Empty: none, or none that can be.
std::string server_name(std::string_view list) {
  auto byte = [&](std::size_t at) { return static_cast<unsigned char>(list[at]); };
  if (list.size() < 5 || byte(2) != TLSEXT_NAMETYPE_host_name) return {};
  std::size_t size = std::size_t{byte(3)} << 8 | byte(4);
  std::string_view name = list.substr(5);
  if (size > name.size()) return {};
  name = name.substr(0, size);
  return is_host_name(name) ? base::lower(name) : std::string();
}

bool mac_with(EVP_MAC_CTX* mac, const TicketKeys::Set& keys) {
  std::string digest = "SHA256";
  auto key = keys.hmac;  // OpenSSL wants to be able to write
  std::array parameters = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.data(), key.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  bool good = EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
  OPENSSL_cleanse(key.data(), key.size());
  return good;
}

}  // namespace

base::Result<std::unique_ptr<TlsConnection>> TlsConnection::create(
    TlsKeys& keys, const TlsSetting& setting, TlsForName for_name, int socket,
    std::string first) {
  std::unique_ptr<TlsConnection> made(
      new TlsConnection(keys.state(), std::move(for_name), socket, std::move(first)));
  TRY(made->begin(setting));
  return made;
}

base::Result<void> TlsConnection::begin(const TlsSetting& setting) {
  auto context = keys_.find(setting);
  if (!context) return base::fail(base::Code::config, std::move(context).error().text);
  TRY(TlsChannel::begin((*context)->get()));
  SSL_set_app_data(ssl(), this);
  SSL_set_accept_state(ssl());
  use(std::move(*context));
  return {};
}

// What a connection does not take from its context when that is exchanged.
void TlsConnection::use(std::shared_ptr<const TlsContext> context) {
  const TlsSetting& setting = context->setting();
  SSL_set_SSL_CTX(ssl(), context->get());
  SSL_set_verify(ssl(), SSL_CTX_get_verify_mode(context->get()),
                 SSL_CTX_get_verify_callback(context->get()));
  // A client whose certificate counts shows it each time.
  bool tickets = setting.tickets && setting.verify == TlsSetting::Verify::no;
  SSL_set_num_tickets(ssl(), tickets ? 1 : 0);
  if (tickets)
    SSL_clear_options(ssl(), SSL_OP_NO_TICKET);
  else
    SSL_set_options(ssl(), SSL_OP_NO_TICKET);
  context_ = std::move(context);
}

TlsFacts TlsConnection::facts() const {
  TlsFacts facts = common_facts();
  facts.sni = sni_;
  if (const auto* served = context_->served(SSL_get_certificate(ssl())))
    facts.our_certificate = served->pem;
  facts.ocsp = ocsp_;
  facts.resumption = resumption_ | (SSL_session_reused(ssl()) == 1 ? kResumed : 0U);
  return facts;
}

void TlsConnection::hook(SSL_CTX* context) {
  SSL_CTX_set_client_hello_cb(context, on_hello, nullptr);
  SSL_CTX_set_tlsext_status_cb(context, on_status_request);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
}

TlsConnection& TlsConnection::of(const SSL* ssl) {
  return *static_cast<TlsConnection*>(SSL_get_app_data(ssl));
}

// Before OpenSSL looks at tickets, so that they are judged by the name's setting.
int TlsConnection::on_hello(SSL* ssl, int* alert, void*) {
  TlsConnection& self = of(ssl);
  // RFC 8446 section 4.2.9: who names modes of resumption wants tickets, in 1.3.
  std::string_view ticket = extension(ssl, TLSEXT_TYPE_session_ticket);
  if (has_extension(ssl, TLSEXT_TYPE_session_ticket) ||
      has_extension(ssl, TLSEXT_TYPE_psk_kex_modes))
    self.resumption_ |= kAsked;
  if (!ticket.empty() || has_extension(ssl, TLSEXT_TYPE_psk))
    self.resumption_ |= kOffered;
  self.sni_ = server_name(extension(ssl, TLSEXT_TYPE_server_name));
  auto chosen = self.choose_by_name();
  if (chosen) return SSL_CLIENT_HELLO_SUCCESS;
  self.fail(std::move(chosen).error().text);
  *alert = SSL_AD_INTERNAL_ERROR;
  return SSL_CLIENT_HELLO_ERROR;
}

base::Result<void> TlsConnection::choose_by_name() {
  if (sni_.empty() || !for_name_) return {};
  auto setting = for_name_(sni_);
  if (!setting && setting.error().code == base::Code::not_found) return {};
  if (!setting) return std::unexpected(std::move(setting).error());
  if (*setting == context_->setting()) return {};
  auto context = keys_.find(*setting);
  if (context)
    use(std::move(*context));
  else if (context.error().code != base::Code::not_found)
    return std::unexpected(std::move(context).error());
  return {};
}

int TlsConnection::on_status_request(SSL* ssl, void*) {
  TlsConnection& self = of(ssl);
  self.ocsp_ = 1;
  const auto* served = self.context_->served(SSL_get_certificate(ssl));
  if (!served || served->proof.empty()) return SSL_TLSEXT_ERR_NOACK;
  if (served->proof_ends && *served->proof_ends < std::time(nullptr))
    return SSL_TLSEXT_ERR_NOACK;
  void* copy = OPENSSL_memdup(served->proof.data(), served->proof.size());
  if (!copy) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(served->proof.size()));
  self.ocsp_ = served->proof_verified ? 4 : 2;
  return SSL_TLSEXT_ERR_OK;
}

// Negative: trouble; 0: no ticket, or none that we can read; 1: good; 2: good, but the
// client should have a new one.
int TlsConnection::on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv,
                             EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int encrypt) {
  TlsConnection& self = of(ssl);
  TicketKeys& tickets = self.keys_.tickets;
  if (encrypt) {
    auto keys = tickets.current();
    if (!keys || RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1) return 0;
    std::ranges::copy(keys->name, name);
    if (EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, keys->aes.data(), iv) !=
            1 ||
        !mac_with(mac, *keys))
      return -1;
    self.resumption_ |= kGiven;
    return 1;
  }
  auto found = tickets.find(std::span<const unsigned char, 16>(name, 16));
  if (!found.set) return 0;
  if (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, found.set->aes.data(),
                         iv) != 1 ||
      !mac_with(mac, *found.set))
    return -1;
  return found.renew ? 2 : 1;
}

}  // namespace net
