// SPDX-License-Identifier: Apache-2.0
#include "net/tls_context.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "base/crypto.h"
#include "base/fd.h"
#include "net/tls_connection.h"

namespace net {

namespace {

using Bio = base::Handle<BIO, BIO_free_all>;

std::vector<std::string> split_list(std::string_view list) {
  std::vector<std::string> items;
  while (!list.empty()) {
    std::string_view item = list.substr(0, list.find(':'));
    list.remove_prefix(std::min(list.size(), item.size() + 1));
    std::size_t begin = item.find_first_not_of(" \t");
    if (begin == std::string_view::npos) continue;
    std::size_t end = item.find_last_not_of(" \t");
    items.emplace_back(item.substr(begin, end - begin + 1));
  }
  return items;
}

base::Error openssl_trouble(std::string_view place) {
  return {base::Code::config, std::string(place) + ": " + openssl_words()};
}
std::unexpected<base::Error> openssl_failure(std::string_view place) {
  return std::unexpected(openssl_trouble(place));
}

// OpenSSL reads files by itself, but says little about one that it cannot open.
base::Result<bool> is_directory(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) == 0) return S_ISDIR(status.st_mode);
  if (errno == ENOENT)
    return base::fail(base::Code::not_found, path + ": no such file");
  return base::fail(base::Code::config, path + ": " + std::strerror(errno));
}
base::Result<void> must_be_there(const std::string& file) {
  if (TRY(is_directory(file)))
    return base::fail(base::Code::config, file + ": is a directory; name a file");
  return {};
}

// RFC 7301 section 3.2.  One name, and one of ours: a client that speaks another
// protocol has been led here by somebody else, and goes no further.
int choose_alpn(SSL*, const unsigned char** out, unsigned char* size,
                const unsigned char* offered, unsigned length, void*) {
  std::string_view names(reinterpret_cast<const char*>(offered), length);
  if (names != "\4smtp" && names != "\5esmtp") return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = offered + 1;
  *size = static_cast<unsigned char>(length - 1);
  return SSL_TLSEXT_ERR_OK;
}

// Ours are never encrypted: nobody is there to be asked.
int no_passphrase(char*, int, int, void*) {
  return -1;
}
EVP_PKEY* read_key(const std::string& file) {
  Bio bytes(BIO_new_file(file.c_str(), "r"));
  return bytes ? PEM_read_bio_PrivateKey(bytes.get(), nullptr, no_passphrase, nullptr)
               : nullptr;
}

int take_any_certificate(int, X509_STORE_CTX*) {
  return 1;
}

// Whether the proof is signed by who issued `certificate`, if that is in `chain`, and
// says that it is good; nothing if it says otherwise.
std::optional<bool> proof_holds(OCSP_BASICRESP* proof, X509* certificate,
                                STACK_OF(X509) * chain) {
  base::Handle<X509_STORE, X509_STORE_free> issuers(X509_STORE_new());
  X509_STORE_set_flags(issuers.get(), X509_V_FLAG_PARTIAL_CHAIN);
  X509* issuer = nullptr;
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    X509* link = sk_X509_value(chain, i);
    X509_STORE_add_cert(issuers.get(), link);
    if (X509_check_issued(link, certificate) == X509_V_OK) issuer = link;
  }
  if (!issuer) return false;
  base::Handle<OCSP_CERTID, OCSP_CERTID_free> id(
      OCSP_cert_to_id(nullptr, certificate, issuer));
  int status = V_OCSP_CERTSTATUS_UNKNOWN;
  if (OCSP_resp_find_status(proof, id.get(), &status, nullptr, nullptr, nullptr,
                            nullptr) != 1 ||
      status != V_OCSP_CERTSTATUS_GOOD)
    return std::nullopt;
  bool verified = OCSP_basic_verify(proof, chain, issuers.get(), 0) == 1;
  ERR_clear_error();
  return verified;
}

// When the proof's first answer has to be replaced.
std::optional<std::int64_t> end_of(OCSP_BASICRESP* proof) {
  ASN1_GENERALIZEDTIME* next = nullptr;
  OCSP_single_get0_status(OCSP_resp_get0(proof, 0), nullptr, nullptr, nullptr, &next);
  std::tm time{};
  if (!next || ASN1_TIME_to_tm(next, &time) != 1) return std::nullopt;
  return ::timegm(&time);
}

base::Result<void> read_proof(const std::string& file, X509* certificate,
                              STACK_OF(X509) * chain, TlsContext::Served& served) {
  std::string der = TRY(base::read_file(file, std::size_t{1} << 20));
  auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  base::Handle<OCSP_RESPONSE, OCSP_RESPONSE_free> response(
      d2i_OCSP_RESPONSE(nullptr, &bytes, static_cast<long>(der.size())));
  if (!response) return openssl_failure(file);
  base::Handle<OCSP_BASICRESP, OCSP_BASICRESP_free> proof(
      OCSP_response_get1_basic(response.get()));
  if (!proof || OCSP_resp_count(proof.get()) == 0) {
    ERR_clear_error();
    return base::fail(base::Code::config, file + ": not an OCSP proof of anything");
  }
  auto verified = proof_holds(proof.get(), certificate, chain);
  if (!verified) return {};  // one that speaks against us is better not shown
  served.proof_verified = *verified;
  served.proof_ends = end_of(proof.get());
  served.proof = std::move(der);
  return {};
}

void add_stamp(std::string& stamp, const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) status = {};
  auto number = [&](auto value) { stamp += std::to_string(value) + ' '; };
  number(status.st_dev);
  number(status.st_ino);
  number(status.st_size);
  number(status.st_mtim.tv_sec);
  number(status.st_mtim.tv_nsec);
}

}  // namespace

std::string pem_of(X509* certificate) {
  Bio out(BIO_new(BIO_s_mem()));
  if (!out || PEM_write_bio_X509(out.get(), certificate) != 1) return {};
  char* bytes = nullptr;
  long size = BIO_get_mem_data(out.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

std::string openssl_words() {
  const char *data = "", *function = "", *file = "";
  int line = 0, flags = 0;
  unsigned long error = ERR_get_error_all(&file, &line, &function, &data, &flags);
  std::string words;
  if (error == 0)
    words = "unknown trouble";
  else if (ERR_SYSTEM_ERROR(error))
    words = std::strerror(ERR_GET_REASON(error));
  else if (const char* reason = ERR_reason_error_string(error))
    words = reason;
  else
    words = "error " + std::to_string(error);
  ERR_clear_error();
  return words;
}

// Names of TLS 1.3 and of what came before live in two lists of OpenSSL's, and in one
// of the administrator's.
base::Result<void> choose_ciphers(SSL_CTX* context, std::string_view list) {
  std::string suites, ciphers;
  for (const std::string& name : split_list(list)) {
    std::string& names = name.starts_with("TLS_") ? suites : ciphers;
    names += (names.empty() ? "" : ":") + name;
  }
  if (!suites.empty() && SSL_CTX_set_ciphersuites(context, suites.c_str()) != 1)
    return openssl_failure(suites);
  if (!ciphers.empty() && SSL_CTX_set_cipher_list(context, ciphers.c_str()) != 1)
    return openssl_failure(ciphers);
  if (!suites.empty() && ciphers.empty())
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  return {};
}

base::Result<void> believe(SSL_CTX* context, const std::string& issuers,
                           const std::string& revoked) {
  if (issuers.empty() || issuers == "system") {
    if (SSL_CTX_set_default_verify_paths(context) != 1)
      return openssl_failure("system");
  } else if (TRY(is_directory(issuers))) {
    if (SSL_CTX_load_verify_dir(context, issuers.c_str()) != 1)
      return openssl_failure(issuers);
  } else {
    if (SSL_CTX_load_verify_file(context, issuers.c_str()) != 1)
      return openssl_failure(issuers);
  }
  if (revoked.empty()) return {};
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  bool directory = TRY(is_directory(revoked));
  X509_LOOKUP* lookup = X509_STORE_add_lookup(
      store, directory ? X509_LOOKUP_hash_dir() : X509_LOOKUP_file());
  int read = !lookup ? 0
             : directory
                 ? X509_LOOKUP_add_dir(lookup, revoked.c_str(), X509_FILETYPE_PEM)
                 : X509_load_crl_file(lookup, revoked.c_str(), X509_FILETYPE_PEM);
  if (read < 1) return openssl_failure(revoked);
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return {};
}

base::Result<void> show_certificate(SSL_CTX* context, const std::string& file,
                                    const std::string& key) {
  TRY(must_be_there(file));
  TRY(must_be_there(key));
  if (SSL_CTX_use_certificate_chain_file(context, file.c_str()) != 1)
    return openssl_failure(file);
  base::Handle<EVP_PKEY, EVP_PKEY_free> read(read_key(key));
  if (!read || SSL_CTX_use_PrivateKey(context, read.get()) != 1)
    return openssl_failure(key);
  return {};
}

std::string stamp_of(const std::vector<std::string>& files) {
  std::string stamp;
  for (const std::string& file : files) add_stamp(stamp, file);
  return stamp;
}

std::string stamp_of(const TlsSetting& setting) {
  std::vector<std::string> all;
  for (const std::string* files :
       {&setting.certificates, &setting.keys, &setting.ocsp_file})
    for (std::string& file : split_list(*files)) all.push_back(std::move(file));
  for (const std::string* path :
       {&setting.verify_certificates, &setting.revocations, &setting.dh_parameters})
    if (path->starts_with('/')) all.push_back(*path);
  return stamp_of(all);
}

base::Result<std::shared_ptr<const TlsContext>> TlsContext::load(
    const TlsSetting& setting) {
  ERR_clear_error();
  std::shared_ptr<TlsContext> made(new TlsContext(setting));
  made->context_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = made->get();
  if (!context) return openssl_failure("TLS");
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Buffers of connections that say nothing are given back; a reply may move between
  // two attempts to send it.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_alpn_select_cb(context, choose_alpn, nullptr);
  // Early data could be played again by who listens, and SMTP is no place for that.
  SSL_CTX_set_max_early_data(context, 0);
  SSL_CTX_set_recv_max_early_data(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(context, TicketKeys::kLife.count());
  TlsConnection::hook(context);
  TRY(made->take_certificates());
  TRY(made->take_proofs());
  TRY(made->take_algorithms());
  TRY(made->take_clients());
  made->name_sessions();
  ERR_clear_error();
  return made;
}

const TlsContext::Served* TlsContext::served(const X509* certificate) const {
  auto found = std::ranges::find(served_, certificate, &Served::certificate);
  return found == served_.end() ? nullptr : &*found;
}

base::Result<void> TlsContext::take_certificates() {
  std::vector<std::string> files = split_list(setting_.certificates);
  std::vector<std::string> keys = split_list(setting_.keys);
  if (keys.empty()) keys = files;
  if (files.empty()) return base::fail(base::Code::config, "there is no certificate");
  if (files.size() != keys.size())
    return base::fail(base::Code::config,
                      setting_.certificates + ": " + std::to_string(files.size()) +
                          " certificates, but " + std::to_string(keys.size()) +
                          " keys; name one for each");
  for (std::size_t i = 0; i < files.size(); ++i)
    TRY(take_certificate(files[i], keys[i]));
  return {};
}

base::Result<void> TlsContext::take_certificate(const std::string& file,
                                                const std::string& key) {
  TRY(must_be_there(file));
  TRY(must_be_there(key));
  if (SSL_CTX_use_certificate_chain_file(get(), file.c_str()) != 1)
    return openssl_failure(file);
  Served served;
  served.certificate = SSL_CTX_get0_certificate(get());
  served.kind = EVP_PKEY_get_base_id(X509_get0_pubkey(served.certificate));
  // OpenSSL has one place for each kind of key, and forgets the first one silently.
  if (std::ranges::find(served_, served.kind, &Served::kind) != served_.end())
    return base::fail(base::Code::config, file + ": a second certificate of the kind " +
                                              OBJ_nid2sn(served.kind) +
                                              "; one of each can be served");
  base::Handle<EVP_PKEY, EVP_PKEY_free> read(read_key(key));
  if (!read || X509_check_private_key(served.certificate, read.get()) != 1 ||
      SSL_CTX_use_PrivateKey(get(), read.get()) != 1)
    return openssl_failure(key);
  served.pem = pem_of(SSL_CTX_get0_certificate(get()));
  served_.push_back(std::move(served));
  return {};
}

base::Result<void> TlsContext::take_proofs() {
  std::vector<std::string> files = split_list(setting_.ocsp_file);
  if (files.size() > served_.size())
    return base::fail(base::Code::config,
                      setting_.ocsp_file + ": more proofs than certificates");
  for (std::size_t i = 0; i < files.size(); ++i) {
    TRY(must_be_there(files[i]));
    STACK_OF(X509)* chain = nullptr;
    SSL_CTX_select_current_cert(get(), const_cast<X509*>(served_[i].certificate));
    // A macro that takes the place of the answer as void*.
    SSL_CTX_ctrl(get(), SSL_CTRL_GET_CHAIN_CERTS, 0, static_cast<void*>(&chain));
    TRY(read_proof(files[i], SSL_CTX_get0_certificate(get()), chain, served_[i]));
  }
  return {};
}

base::Result<void> TlsContext::take_algorithms() {
  TRY(choose_ciphers(get(), setting_.ciphers));
  if (!setting_.curves.empty() && setting_.curves != "auto" &&
      SSL_CTX_set1_groups_list(get(), setting_.curves.c_str()) != 1)
    return openssl_failure(setting_.curves);
  const std::string& dh = setting_.dh_parameters;
  if (dh == "none") return {};
  if (!dh.starts_with('/')) {
    SSL_CTX_set_dh_auto(get(), 1);
    return {};
  }
  TRY(must_be_there(dh));
  Bio file(BIO_new_file(dh.c_str(), "r"));
  EVP_PKEY* group = file ? PEM_read_bio_Parameters(file.get(), nullptr) : nullptr;
  if (!group) return openssl_failure(dh);
  if (SSL_CTX_set0_tmp_dh_pkey(get(), group) != 1) {
    EVP_PKEY_free(group);
    return openssl_failure(dh);
  }
  return {};
}

base::Result<void> TlsContext::take_clients() {
  if (setting_.verify == TlsSetting::Verify::no) return {};
  bool must = setting_.verify == TlsSetting::Verify::must;
  SSL_CTX_set_verify(get(),
                     SSL_VERIFY_PEER | (must ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     must ? nullptr : take_any_certificate);
  TRY(believe(get(), setting_.verify_certificates, setting_.revocations));
  const std::string& issuers = setting_.verify_certificates;
  if (!issuers.empty() && issuers != "system" && !TRY(is_directory(issuers)))
    SSL_CTX_set_client_CA_list(get(), SSL_load_client_CA_file(issuers.c_str()));
  return {};
}

// A session that was made under one setting is not taken up under another, where a
// client may be somebody else.
void TlsContext::name_sessions() {
  std::string all;
  for (const std::string* part :
       {&setting_.certificates, &setting_.keys, &setting_.ciphers,
        &setting_.verify_certificates, &setting_.revocations})
    all += *part + '\0';
  all += static_cast<char>('0' + static_cast<int>(setting_.verify));
  auto name = base::digest(base::DigestKind::sha2_256, all);
  std::string id = name ? *name : std::string("bobbin");
  SSL_CTX_set_session_id_context(get(),
                                 reinterpret_cast<const unsigned char*>(id.data()),
                                 static_cast<unsigned>(id.size()));
}

}  // namespace net
