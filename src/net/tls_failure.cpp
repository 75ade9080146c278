#include "tls_failure.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <string_view>

#include "tcptools/base/text.hpp"

namespace tcptools::net {
namespace {

std::string reason_text(int reason) {
  if (reason >= SSL_AD_REASON_OFFSET) return SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET);
  const char* const text = ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, reason));
  return text == nullptr ? "error " + std::to_string(reason) : text;
}

// The peer said so, in an alert.
bool is_alert(int reason) noexcept { return reason >= SSL_AD_REASON_OFFSET; }

// The peer does not accept who we are.
bool is_about_us(int reason) noexcept {
  switch (reason - SSL_AD_REASON_OFFSET) {
    case SSL_AD_NO_CERTIFICATE:
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED:
      return true;
    default:
      return false;
  }
}

// Of a server that did not find our key good; which one says so differs between libraries.
bool is_about_a_key(int reason) noexcept {
  switch (reason - SSL_AD_REASON_OFFSET) {
    case SSL_AD_DECRYPT_ERROR:
    case SSL_AD_ILLEGAL_PARAMETER:
    case SSL_AD_HANDSHAKE_FAILURE:
    case SSL_AD_UNKNOWN_PSK_IDENTITY:
    case SSL_AD_ACCESS_DENIED:
      return true;
    default:
      return false;
  }
}

bool is_about_versions(int reason) noexcept {
  switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY:
      return true;
    default:
      return false;
  }
}

// Our own servers say so by an alert.
error speaks_no_tls() {
  return error{errc::protocol_violation, "the server does not speak TLS; it may have neither key nor certificate"};
}

error certificate_error(const ssl_st* ssl, std::string_view whose) {
  const char* const why = X509_verify_cert_error_string(SSL_get_verify_result(ssl));
  return error{errc::refused, std::string{whose} + " certificate is not accepted: " + why};
}

}  // namespace

error explain_accepting(const tls_failure& failure, const tls_proof& proof, const ssl_st* ssl, bool takes_keys) {
  using enum tls_proof::key_state;
  switch (failure.what) {
    case tls_failure::kind::network:
      if (failure.of_network->code() != errc::end_of_stream) return *failure.of_network;
      return error{errc::connection_lost, "it left during the TLS handshake"};
    case tls_failure::kind::no_tls:
      return error{errc::protocol_violation, "it does not speak TLS"};
    case tls_failure::kind::too_large:
      return error{errc::protocol_violation, "its TLS handshake is too long"};
    case tls_failure::kind::tls:
      break;
  }
  const std::string shown = "'" + proof.key_name + "'";
  if (proof.state == unknown) return error{errc::refused, "unknown key " + shown};
  if (proof.state == expired) return error{errc::refused, "key " + shown + " has expired"};
  if (proof.state == elsewhere) return error{errc::refused, "key " + shown + " from an address that is not allowed"};
  if (failure.reason == SSL_R_BINDER_DOES_NOT_VERIFY) return error{errc::refused, "wrong secret for key " + shown};
  if (failure.reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    return error{errc::refused, takes_keys ? "it has neither a key nor a certificate" : "it showed no certificate"};
  }
  if (failure.reason == SSL_R_CERTIFICATE_VERIFY_FAILED) return certificate_error(ssl, "its");
  if (is_alert(failure.reason) && !is_about_versions(failure.reason)) {
    return error{errc::refused, "it ended the TLS handshake: " + reason_text(failure.reason)};
  }
  const bool is_too_old = failure.reason == SSL_R_UNSUPPORTED_PROTOCOL || failure.reason == SSL_R_VERSION_TOO_LOW;
  if (takes_keys && proof.state == none && is_about_versions(failure.reason) && !is_too_old) {
    return error{errc::refused, "it has no key"};
  }
  if (is_about_versions(failure.reason)) {
    return error{errc::version_unsupported, "it speaks no TLS that is accepted here: " + reason_text(failure.reason)};
  }
  return error{errc::protocol_violation, "the TLS handshake failed: " + reason_text(failure.reason)};
}

error explain_connecting(const tls_failure& failure, const tls_proof& proof, const ssl_st* ssl,
                         const std::string& key_name, const std::string& host) {
  switch (failure.what) {
    case tls_failure::kind::network:
      if (failure.of_network->code() != errc::end_of_stream) return *failure.of_network;
      return error{errc::connection_lost,
                   "the server closed the connection during the TLS handshake; it may not speak TLS"};
    case tls_failure::kind::no_tls:
      return speaks_no_tls();
    case tls_failure::kind::too_large:
      return error{errc::protocol_violation, "the server's TLS handshake is too long"};
    case tls_failure::kind::tls:
      break;
  }
  const int reason = failure.reason;
  if (reason == SSL_R_SSLV3_ALERT_UNEXPECTED_MESSAGE) return speaks_no_tls();
  if (!key_name.empty()) {
    const std::string shown = in_quotes(key_name);
    if (proof.is_certificate_instead) {
      return error{errc::refused, "the server did not take the key " + shown + " but showed a certificate"};
    }
    if (is_about_a_key(reason)) return error{errc::refused, "the server did not accept the key " + shown};
  }
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    const long why = SSL_get_verify_result(ssl);
    if (why == X509_V_ERR_HOSTNAME_MISMATCH || why == X509_V_ERR_IP_ADDRESS_MISMATCH) {
      return error{errc::refused, "the server's certificate is not for " + in_quotes(host)};
    }
    return certificate_error(ssl, "the server's");
  }
  if (reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE) {
    return error{errc::refused, "the server ended the TLS handshake; it may demand a key"};
  }
  if (is_about_versions(reason)) {
    return error{errc::version_unsupported, "the server and this side have no TLS in common: " + reason_text(reason)};
  }
  if (is_alert(reason)) return error{errc::refused, "the server ended the TLS handshake: " + reason_text(reason)};
  return error{errc::protocol_violation, "the TLS handshake with the server failed: " + reason_text(reason)};
}

error explain_session(const tls_failure& failure, const std::string& peer) {
  const std::string lost = "connection to " + peer + " lost: ";
  switch (failure.what) {
    case tls_failure::kind::network:
      if (failure.of_network->code() != errc::end_of_stream) return *failure.of_network;
      return error{errc::connection_lost, lost + "it was cut off"};
    case tls_failure::kind::no_tls:
    case tls_failure::kind::too_large:
      return error{errc::protocol_violation, lost + "too many TLS messages without content"};
    case tls_failure::kind::tls:
      break;
  }
  if (is_about_us(failure.reason)) {
    return error{errc::refused, peer + " does not accept this side: " + reason_text(failure.reason)};
  }
  // What the network damages is worth another attempt.
  if (failure.reason == SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC ||
      failure.reason == SSL_R_SSLV3_ALERT_BAD_RECORD_MAC) {
    return error{errc::connection_lost, lost + "what arrived was damaged"};
  }
  return error{errc::protocol_violation, lost + reason_text(failure.reason)};
}

}  // namespace tcptools::net
