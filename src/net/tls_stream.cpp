#include "tcptools/net/tls_stream.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <chrono>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/net/linger.hpp"
#include "tcptools/net/patient_stream.hpp"
#include "tls_failure.hpp"
#include "tls_proof.hpp"
#include "tls_session.hpp"

namespace tcptools::net {
namespace {

class tls_stream final : public patient_stream, public std::enable_shared_from_this<tls_stream> {
 public:
  tls_stream(std::shared_ptr<tcp_stream> over, ssl_ctx_st* context, std::uint64_t records_per_key)
      : over_{std::move(over)}, session_{over_, context, records_per_key} {}
  ~tls_stream() override { end_now(); }
  tls_stream(const tls_stream&) = delete;
  tls_stream& operator=(const tls_stream&) = delete;

  [[nodiscard]] SSL* native() const noexcept { return session_.native(); }
  // Nothing: it is done. The deadline is the TCP stream's.
  awaitable<std::optional<tls_failure>> shake_hands();
  void set_identity(peer_identity one) { identity_ = std::make_shared<const peer_identity>(std::move(one)); }

  using stream::write;
  [[nodiscard]] awaitable<result<void>> write(std::span<const byte_view> pieces) override;
  [[nodiscard]] result<std::size_t> try_read(std::span<std::byte> into) override { return session_.read(into); }
  [[nodiscard]] result<std::size_t> try_write(std::span<const byte_view> pieces) override;
  [[nodiscard]] awaitable<result<void>> wait_readable() override;
  [[nodiscard]] awaitable<result<void>> wait_writable() override;
  [[nodiscard]] awaitable<result<void>> shutdown_send() override;
  void close() override { end_now(); }
  [[nodiscard]] bool lend() override {
    drain_alone();  // answers to what was read
    return !is_draining_alone_ && over_->lend();
  }
  void take_back() override { over_->take_back(); }
  void reset() override;
  void set_deadline(clock::time_point when) override { over_->set_deadline(when); }
  void clear_deadline() override { over_->clear_deadline(); }
  [[nodiscard]] std::size_t unacknowledged() const override;
  [[nodiscard]] path_state path() const override { return over_->path(); }
  [[nodiscard]] const peer_info& peer() const override { return over_->peer(); }
  [[nodiscard]] std::shared_ptr<const peer_identity> identity() const override { return identity_; }
  [[nodiscard]] bool is_encrypted() const override { return true; }
  [[nodiscard]] std::uint64_t bytes_read() const override { return session_.bytes_read(); }
  [[nodiscard]] std::uint64_t bytes_written() const override { return session_.bytes_written(); }
  [[nodiscard]] any_executor get_executor() override { return over_->get_executor(); }

 private:
  void end_now();
  // Until nothing waits to be sent.
  awaitable<result<void>> drain();
  // The same without anybody who waits for it: what try_write() took goes out even if nobody writes or waits again.
  void drain_alone();
  static awaitable<void> drain_while_there(std::shared_ptr<tcp_stream> over, std::weak_ptr<tls_stream> self);

  std::shared_ptr<tcp_stream> over_;
  tls_session session_;
  std::shared_ptr<const peer_identity> identity_;
  bool is_draining_alone_ = false;
};

awaitable<std::optional<tls_failure>> tls_stream::shake_hands() {
  const auto network = [](const error& why) { return tls_failure{tls_failure::kind::network, why, 0}; };
  for (;;) {
    const bool is_done = session_.shake_hands();
    if (session_.failure()) co_return session_.failure();
    if (const result<void> drained = co_await drain(); !drained) co_return network(drained.error());
    if (is_done) co_return std::nullopt;
    if (const result<void> ready = co_await over_->wait_readable(); !ready) co_return network(ready.error());
  }
}

awaitable<result<void>> tls_stream::drain() {
  while (session_.unsent() > 0) {
    if (const result<void> ready = co_await over_->wait_writable(); !ready) co_return ready;
    if (const result<void> flushed = session_.flush(); !flushed) co_return flushed;
  }
  co_return result<void>{};
}

awaitable<void> tls_stream::drain_while_there(std::shared_ptr<tcp_stream> over, std::weak_ptr<tls_stream> self) {
  for (;;) {
    const result<void> ready = co_await over->wait_writable();
    const std::shared_ptr<tls_stream> one = self.lock();
    if (!one) co_return;
    if (ready && one->session_.flush() && one->session_.unsent() > 0) continue;
    one->is_draining_alone_ = false;
    co_return;
  }
}

void tls_stream::drain_alone() {
  if (is_draining_alone_ || session_.unsent() == 0) return;
  is_draining_alone_ = true;
  awaitable<void> work = drain_while_there(over_, weak_from_this());
  asio::co_spawn(over_->get_executor(), std::move(work), asio::detached);
}

// As with plain TCP, the system has all of it in the end: whoever closes after that loses nothing.
awaitable<result<void>> tls_stream::write(std::span<const byte_view> pieces) {
  if (const result<void> written = co_await patient_stream::write(pieces); !written) co_return written;
  co_return co_await drain();
}

result<std::size_t> tls_stream::try_write(std::span<const byte_view> pieces) {
  const result<std::size_t> taken = session_.write(pieces);
  drain_alone();
  return taken;
}

awaitable<result<void>> tls_stream::wait_readable() {
  drain_alone();  // answers to what was read
  if (!session_.is_starved()) co_return over_->check_usable();
  co_return co_await over_->wait_readable();
}

awaitable<result<void>> tls_stream::wait_writable() {
  if (session_.unsent() > 0) co_return co_await drain();
  if (session_.does_writing_need_input()) co_return co_await over_->wait_readable();
  co_return co_await over_->wait_writable();
}

awaitable<result<void>> tls_stream::shutdown_send() {
  if (const result<void> drained = co_await drain(); !drained) co_return drained;
  if (const result<void> ended = session_.end(); !ended) co_return ended;
  if (const result<void> drained = co_await drain(); !drained) co_return drained;
  co_return co_await over_->shutdown_send();
}

// Says that it ends, if that can be said without waiting.
void tls_stream::end_now() {
  if (over_->is_lent()) return over_->close();
  if (session_.flush() && session_.unsent() == 0) (void)session_.end();
  session_.forget_unsent();
  over_->close();
}

void tls_stream::reset() {
  session_.forget_unsent();
  over_->reset();
}

std::size_t tls_stream::unacknowledged() const {
  const std::uint64_t records = over_->unacknowledged() + session_.unsent();
  return static_cast<std::size_t>(std::min(records, session_.bytes_written()));
}

// What a certificate calls its owner: the common name, or else everything.
std::string subject_of(const X509* certificate) {
  constexpr std::size_t longest = 128;
  X509_NAME* const name = X509_get_subject_name(certificate);
  std::string text;
  if (const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1); at >= 0) {
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (size > 0) text.assign(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
    OPENSSL_free(utf8);
  }
  if (text.empty()) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out{BIO_new(BIO_s_mem()), &BIO_free};
    X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253);
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(out.get(), &bytes);
    if (size > 0) text.assign(bytes, static_cast<std::size_t>(size));
  }
  return visible(std::string_view{text}.substr(0, longest));
}

std::optional<peer_identity> shown_certificate(const SSL* ssl) {
  X509* const certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr || SSL_get_verify_result(ssl) != X509_V_OK) return std::nullopt;
  return peer_identity{subject_of(certificate), nullptr};
}

// The handshake was one with a key, and with a fresh Diffie-Hellman exchange.
bool is_by_key(SSL* ssl) {
  return SSL_version(ssl) == TLS1_3_VERSION && SSL_session_reused(ssl) == 1 && SSL_get_negotiated_group(ssl) != 0;
}

// False: OpenSSL would compare no name at all.
bool expect_host(SSL* ssl, const std::string& host) {
  std::error_code not_literal;
  const asio::ip::address literal = asio::ip::make_address(host.substr(0, host.find('%')), not_literal);
  if (!not_literal) {
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), literal.to_string().c_str()) == 1;
  }
  const bool has_dot = host.ends_with('.');  // of the root, which no certificate has
  const std::string name = has_dot ? host.substr(0, host.size() - 1) : host;
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (name.empty() || SSL_set1_host(ssl, name.c_str()) != 1) return false;
  SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(name.c_str()));
  return true;
}

}  // namespace

awaitable<result<std::shared_ptr<stream>>> accept_tls(std::shared_ptr<tcp_stream> over,
                                                      std::shared_ptr<const tls_server> context) {
  const tls_server::settings& chosen = context->chosen();
  tls_proof proof;
  std::error_code unknown;
  proof.peer = asio::ip::make_address(over->peer().address, unknown);
  const auto made = std::make_shared<tls_stream>(over, context->native(), chosen.records_per_key);
  SSL_set_app_data(made->native(), &proof);
  SSL_set_accept_state(made->native());
  const std::optional<tls_failure> failure = co_await made->shake_hands();
  if (failure) {
    error why = explain_accepting(*failure, proof, made->native(), chosen.keys != nullptr);
    // There was an alert, and the client may be talking already.
    if (failure->what == tls_failure::kind::tls) {
      co_await linger(*over, stream::clock::now() + short_linger);
    }
    co_return why;
  }
  SSL_set_app_data(made->native(), nullptr);

  const bool has_key = proof.state == tls_proof::key_state::known && is_by_key(made->native());
  if (has_key && !chosen.keys->holds(*proof.by_key, std::chrono::system_clock::now())) {
    co_return error{errc::refused, "key " + in_quotes(proof.by_key->name) + " was taken away during the handshake"};
  }
  std::optional<peer_identity> who = shown_certificate(made->native());
  if (has_key) who = peer_identity{proof.by_key->name, proof.by_key};
  const bool must_prove = chosen.keys != nullptr || !chosen.client_ca.empty();
  if (!who && must_prove) co_return error{errc::refused, "it did not prove who it is"};
  if (who) made->set_identity(std::move(*who));
  co_return std::shared_ptr<stream>{made};
}

awaitable<result<std::shared_ptr<stream>>> connect_tls(std::shared_ptr<tcp_stream> over,
                                                       std::shared_ptr<const tls_client> context, std::string host) {
  const tls_client::settings& chosen = context->chosen();
  tls_proof proof;
  const auto made = std::make_shared<tls_stream>(over, context->native(), chosen.records_per_key);
  SSL_set_app_data(made->native(), &proof);
  if (!chosen.by_key && !expect_host(made->native(), host)) {
    co_return error{errc::refused, "no certificate can be for the host " + in_quotes(host)};
  }
  SSL_set_connect_state(made->native());
  const std::string key_name = chosen.by_key ? chosen.by_key->name : "";
  const std::optional<tls_failure> failure = co_await made->shake_hands();
  if (failure) co_return explain_connecting(*failure, proof, made->native(), key_name, host);
  SSL_set_app_data(made->native(), nullptr);

  std::optional<peer_identity> who;
  if (!chosen.by_key) {
    who = shown_certificate(made->native());
  } else if (is_by_key(made->native())) {
    who = peer_identity{chosen.by_key->name, chosen.by_key};
  }
  if (!who) co_return error{errc::refused, "the server did not prove who it is"};
  made->set_identity(std::move(*who));
  co_return std::shared_ptr<stream>{made};
}

}  // namespace tcptools::net
