// SPDX-License-Identifier: Apache-2.0
#include "net/tls_channel.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "net/tls_context.h"

namespace net {

namespace {

std::string text_of(BIO* bio) {
  char* bytes = nullptr;
  long size = BIO_get_mem_data(bio, &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

// RFC 2253, bytes beyond ASCII escaped.
std::string name_of(const X509* certificate) {
  base::Handle<BIO, BIO_free_all> out(BIO_new(BIO_s_mem()));
  if (!out) return {};
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  return text_of(out.get());
}

}  // namespace

base::Result<void> TlsChannel::begin(SSL_CTX* context) {
  ERR_clear_error();
  ssl_.reset(SSL_new(context));
  BIO* bio = BIO_new(socket_method());
  if (!ssl_ || !bio) {
    BIO_free(bio);
    return base::fail(base::Code::temporary, "TLS: " + openssl_words());
  }
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  return {};
}

TlsChannel::Step TlsChannel::gone(int error) {
  over_ = true;
  return {.state = Step::State::over, .error = error};
}

TlsChannel::Step TlsChannel::step_of(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {.state = Step::State::need_input};
    case SSL_ERROR_WANT_WRITE:
      return {.state = Step::State::need_output};
    case SSL_ERROR_ZERO_RETURN:  // it said goodbye, but may still listen
      return {.state = Step::State::over};
    case SSL_ERROR_SYSCALL:
      return gone(at_end_ ? 0 : socket_error_);
    default:
      break;
  }
  over_ = true;
  int reason = ERR_GET_REASON(ERR_peek_error());
  if (at_end_ && reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) return gone(0);
  // Choosing a setting may have failed before OpenSSL did.
  std::string words = openssl_words();
  if (failure_.empty()) failure_ = std::move(words);
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
    failure_ += std::string(": ") +
                X509_verify_cert_error_string(SSL_get_verify_result(ssl_.get()));
  return {.state = Step::State::failed, .error = EPROTO};
}

TlsChannel::Step TlsChannel::handshake() {
  ERR_clear_error();
  int result = SSL_do_handshake(ssl_.get());
  Step step;
  if (result != 1) {
    step = step_of(result);
  } else if (!acceptable()) {
    over_ = true;
    step = {.state = Step::State::failed, .error = EPROTO};
  }
  if (step.state == Step::State::failed || step.state == Step::State::over) failed();
  return step;
}

TlsChannel::Step TlsChannel::read(std::span<char> into) {
  if (over_) return gone(0);
  ERR_clear_error();
  std::size_t count = 0;
  int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &count);
  if (result == 1) return {.count = count};
  return step_of(result);
}

TlsChannel::Step TlsChannel::write(std::string_view bytes) {
  if (over_) return gone(EPIPE);
  ERR_clear_error();
  std::size_t count = 0;
  int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count);
  if (result == 1) return {.count = count};
  return step_of(result);
}

// Only bytes of the peer's words count, not what TLS itself has to say.
bool TlsChannel::input_waiting() {
  if (over_) return false;
  ERR_clear_error();
  char byte;
  std::size_t count = 0;
  int result = SSL_peek_ex(ssl_.get(), &byte, 1, &count);
  if (result != 1) step_of(result);
  return result == 1;
}

bool TlsChannel::peer_gone() {
  if (input_waiting()) return false;
  return over_ || at_end_ || (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN);
}

void TlsChannel::close() {
  if (!over_ && SSL_is_init_finished(ssl_.get())) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  over_ = true;
  socket_ = -1;
}

TlsFacts TlsChannel::common_facts() const {
  TlsFacts facts;
  facts.version = SSL_get_version(ssl_.get());
  facts.version.erase(3, facts.version.starts_with("TLSv") ? 1 : 0);
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl_.get());
  facts.bits = static_cast<unsigned>(SSL_CIPHER_get_bits(cipher, nullptr));
  facts.cipher = facts.version + ':' + SSL_CIPHER_get_name(cipher) + ':' +
                 std::to_string(facts.bits);
  if (const char* name = SSL_CIPHER_standard_name(cipher)) facts.standard_cipher = name;
  if (X509* peer = SSL_get0_peer_certificate(ssl_.get())) {
    facts.peer_dn = name_of(peer);
    facts.peer_certificate = pem_of(peer);
    facts.verified = SSL_get_verify_result(ssl_.get()) == X509_V_OK;
  }
  return facts;
}

// OpenSSL's own BIO for sockets writes with write(2), which raises SIGPIPE.
const BIO_METHOD* TlsChannel::socket_method() {
  static const auto method = [] {
    base::Handle<BIO_METHOD, BIO_meth_free> made(
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bobbin socket"));
    BIO_meth_set_read_ex(made.get(), receive);
    BIO_meth_set_write_ex(made.get(), send);
    BIO_meth_set_ctrl(made.get(), [](BIO* bio, int what, long, void*) -> long {
      if (what == BIO_CTRL_EOF)
        return static_cast<TlsChannel*>(BIO_get_data(bio))->at_end_ ? 1 : 0;
      return what == BIO_CTRL_FLUSH ? 1 : 0;
    });
    return made;
  }();
  return method.get();
}

int TlsChannel::receive(BIO* bio, char* into, std::size_t size, std::size_t* count) {
  auto& self = *static_cast<TlsChannel*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  *count = 0;
  if (!self.first_.empty()) {
    *count = self.first_.copy(into, size);
    self.first_.erase(0, *count);
    return 1;
  }
  ssize_t got = ::recv(self.socket_, into, size, MSG_DONTWAIT);
  if (got > 0) {
    *count = static_cast<std::size_t>(got);
    return 1;
  }
  if (got == 0)
    self.at_end_ = true;
  else if (errno == EAGAIN || errno == EINTR)
    BIO_set_retry_read(bio);
  else
    self.socket_error_ = errno;
  return 0;
}

int TlsChannel::send(BIO* bio, const char* bytes, std::size_t size,
                     std::size_t* count) {
  auto& self = *static_cast<TlsChannel*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  *count = 0;
  ssize_t sent = ::send(self.socket_, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) {
    *count = static_cast<std::size_t>(sent);
    return 1;
  }
  if (errno == EAGAIN || errno == EINTR)
    BIO_set_retry_write(bio);
  else
    self.socket_error_ = errno;
  return 0;
}

}  // namespace net
