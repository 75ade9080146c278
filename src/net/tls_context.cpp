#include "tcptools/net/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <string_view>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/net/private_file.hpp"
#include "tls_proof.hpp"

namespace tcptools::net {
namespace {

using context_pointer = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

// OpenSSL's default for certificates from the network is 100 KiB, a private key has at most a few.
constexpr long longest_certificates = 64L << 10;
constexpr std::size_t longest_private_key = 64U << 10U;
// Four full records, and what OpenSSL leaves free for alignment.
constexpr std::size_t read_ahead = 4 * (5 + (16U << 10U) + 1 + 16) + 3;
constexpr std::size_t longest_shown_name = 64;
// A client has one key, and names it again where it is asked for another group. OpenSSL would have us look for all that
// are named where none is for the suite: thousands fit into one hello.
constexpr unsigned most_keys_named = 8;

// The keys stand for SHA-256 (RFC 8446, 4.2.11), so the suites with it come first; the other is for certificates.
constexpr const char* suites13 = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";
constexpr const char* suites12 = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr unsigned char suite_of_keys[] = {0x13, 0x01};  // TLS_AES_128_GCM_SHA256

// The last of the reasons that says something: "PEM lib" and "system lib" only say who has given another before.
std::string openssl_reason() {
  std::string text = "unknown error";
  while (const unsigned long one = ERR_get_error()) {
    const char* const reason = ERR_reason_error_string(one);
    if (ERR_SYSTEM_ERROR(one)) {
      text = os_text(ERR_GET_REASON(one));
    } else if (reason != nullptr && !std::string_view{reason}.ends_with(" lib")) {
      text = reason;
    }
  }
  return text;
}

error unusable(std::string_view file, std::string_view what) {
  return error{errc::usage, in_quotes(file) + " cannot be used as " + std::string{what} + ": " + openssl_reason()};
}

// What both sides have in common.
context_pointer make_context(const SSL_METHOD* method, bool with_tls12) {
  ERR_clear_error();
  context_pointer made{SSL_CTX_new(method), &SSL_CTX_free};
  if (!made) throw std::bad_alloc{};
  SSL_CTX* const context = made.get();
  SSL_CTX_set_security_level(context, 2);
  SSL_CTX_set_min_proto_version(context, with_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(context, suites13);
  SSL_CTX_set_cipher_list(context, suites12);
  std::string groups = "X25519:P-256";  // is asked for as if it would be changed
  SSL_CTX_set1_groups_list(context, groups.data());
  SSL_CTX_clear_options(context, SSL_OP_ALLOW_NO_DHE_KEX | SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION |
                                     SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_options(
      context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Nothing is resumed: what could be replayed or stolen does not exist.
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_early_data(context, 0);
  SSL_CTX_set_max_cert_list(context, longest_certificates);
  SSL_CTX_set_mode(context,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, read_ahead);
  return made;
}

int no_passphrase(char* /*into*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

result<void> use_certificate(SSL_CTX* context, const certificate_files& files) {
  if (files.chain.empty() || files.private_key.empty()) {
    return error{errc::usage, "a certificate and its private key belong together, and only one of them was given"};
  }
  if (SSL_CTX_use_certificate_chain_file(context, files.chain.c_str()) != 1) {
    return unusable(files.chain, "a certificate");
  }
  const result<secret_bytes> pem = read_private_file(files.private_key, longest_private_key);
  if (!pem) return pem.error();
  const std::unique_ptr<BIO, decltype(&BIO_free)> in{BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size())),
                                                     &BIO_free};
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> parsed{
      PEM_read_bio_PrivateKey(in.get(), nullptr, &no_passphrase, nullptr), &EVP_PKEY_free};
  if (!parsed) return unusable(files.private_key, "a private key (which must not have a passphrase)");
  if (SSL_CTX_use_PrivateKey(context, parsed.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return unusable(files.private_key, "the private key of " + in_quotes(files.chain));
  }
  return {};
}

result<void> trust(SSL_CTX* context, const std::string& authorities) {
  if (authorities.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (SSL_CTX_load_verify_file(context, authorities.c_str()) != 1) {
    return unusable(authorities, "certificates of whom to trust");
  }
  return {};
}

// A key as OpenSSL wants to have it: like a session that could be resumed.
SSL_SESSION* make_session(SSL* ssl, const secret& value) {
  SSL_SESSION* const made = SSL_SESSION_new();
  const bool is_good = made != nullptr &&
                       SSL_SESSION_set1_master_key(made, reinterpret_cast<const unsigned char*>(value.bytes().data()),
                                                   value.bytes().size()) == 1 &&
                       SSL_SESSION_set_cipher(made, SSL_CIPHER_find(ssl, suite_of_keys)) == 1 &&
                       SSL_SESSION_set_protocol_version(made, TLS1_3_VERSION) == 1;
  if (is_good) return made;
  SSL_SESSION_free(made);
  return nullptr;
}

tls_proof::key_state judge(const key* found, const asio::ip::address& peer) {
  using enum tls_proof::key_state;
  if (found == nullptr) return unknown;
  if (found->is_expired(std::chrono::system_clock::now())) return expired;
  const bool may_come =
      found->from.empty() || std::ranges::any_of(found->from, [&](const cidr& from) { return from.contains(peer); });
  return may_come ? known : elsewhere;
}

// Where the key does not count, a random one stands in: the client's proof fails against it as if the key had another
// value, so that a stranger learns nothing about which keys there are.
int find_offered_key(SSL* ssl, const unsigned char* identity, std::size_t length, SSL_SESSION** found) noexcept {
  auto* const proof = static_cast<tls_proof*>(SSL_get_app_data(ssl));
  const auto* const keys = static_cast<const key_ring*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  if (proof == nullptr || keys == nullptr) return 0;
  *found = nullptr;
  if (++proof->keys_named > most_keys_named) return 1;
  const std::string_view name{reinterpret_cast<const char*>(identity), length};
  proof->key_name = visible(name.substr(0, longest_shown_name)) + (length > longest_shown_name ? "..." : "");
  proof->by_key = keys->find(name);
  proof->state = judge(proof->by_key.get(), proof->peer);
  const secret stand_in = secret::random();
  const bool counts = proof->state == tls_proof::key_state::known;
  *found = make_session(ssl, counts ? proof->by_key->value : stand_in);
  return *found != nullptr ? 1 : 0;
}

int offer_key(SSL* ssl, const EVP_MD* digest, const unsigned char** identity, std::size_t* length,
              SSL_SESSION** offered) noexcept {
  *offered = nullptr;
  const auto* const mine = static_cast<const key*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  if (mine == nullptr) return 0;
  if (digest != nullptr && EVP_MD_is_a(digest, "SHA256") != 1) return 1;  // no key for a suite with another digest
  *identity = reinterpret_cast<const unsigned char*>(mine->name.data());
  *length = mine->name.size();
  *offered = make_session(ssl, mine->value);
  return *offered != nullptr ? 1 : 0;
}

// Whoever has a key takes no certificate in its place, however good.
int refuse_certificate(X509_STORE_CTX* verified, void* /*data*/) noexcept {
  auto* const ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(verified, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (auto* const proof = static_cast<tls_proof*>(SSL_get_app_data(ssl))) proof->is_certificate_instead = true;
  X509_STORE_CTX_set_error(verified, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

}  // namespace

void tls_server::free_context::operator()(ssl_ctx_st* context) const noexcept { SSL_CTX_free(context); }
void tls_client::free_context::operator()(ssl_ctx_st* context) const noexcept { SSL_CTX_free(context); }
tls_server::~tls_server() = default;
tls_client::~tls_client() = default;

result<std::shared_ptr<const tls_server>> tls_server::make(settings chosen) {
  const bool has_certificate = chosen.certificate != certificate_files{};
  if (!chosen.keys && !has_certificate) return error{errc::usage, "TLS takes keys or a certificate"};
  if (chosen.keys && has_certificate && chosen.client_ca.empty()) {
    return error{errc::usage,
                 "with both keys and a certificate, whoever has no key must show a certificate, too: who "
                 "may sign it is missing"};
  }
  if (!has_certificate && !chosen.client_ca.empty()) {
    return error{errc::usage, "clients can be asked for a certificate only by a server that has one"};
  }
  context_pointer context = make_context(TLS_server_method(), chosen.tls12);
  constexpr std::string_view id = "tcptools";  // OpenSSL wants one where clients show certificates
  SSL_CTX_set_session_id_context(context.get(), reinterpret_cast<const unsigned char*>(id.data()),
                                 static_cast<unsigned>(id.size()));
  if (chosen.keys) {
    SSL_CTX_set_app_data(context.get(), const_cast<key_ring*>(chosen.keys.get()));
    SSL_CTX_set_psk_find_session_callback(context.get(), &find_offered_key);
  }
  if (has_certificate) {
    if (const result<void> used = use_certificate(context.get(), chosen.certificate); !used) return used.error();
  }
  if (!chosen.client_ca.empty()) {
    // Clients are not told whom we trust: who has one certificate shows that one.
    if (const result<void> trusted = trust(context.get(), chosen.client_ca); !trusted) return trusted.error();
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  std::shared_ptr<tls_server> made{new tls_server{std::move(chosen)}};
  made->context_.reset(context.release());
  return std::shared_ptr<const tls_server>{std::move(made)};
}

result<std::shared_ptr<const tls_client>> tls_client::make(settings chosen) {
  context_pointer context = make_context(TLS_client_method(), chosen.tls12 && !chosen.by_key);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (chosen.by_key) {
    SSL_CTX_set_app_data(context.get(), const_cast<key*>(chosen.by_key.get()));
    SSL_CTX_set_psk_use_session_callback(context.get(), &offer_key);
    SSL_CTX_set_cert_verify_callback(context.get(), &refuse_certificate, nullptr);
  } else {
    if (const result<void> trusted = trust(context.get(), chosen.ca); !trusted) return trusted.error();
    if (chosen.certificate != certificate_files{}) {
      if (const result<void> used = use_certificate(context.get(), chosen.certificate); !used) return used.error();
    }
  }
  std::shared_ptr<tls_client> made{new tls_client{std::move(chosen)}};
  made->context_.reset(context.release());
  return std::shared_ptr<const tls_client>{std::move(made)};
}

}  // namespace tcptools::net
