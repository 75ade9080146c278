// One side of a TLS connection over a TCP stream: OpenSSL between bytes in the clear and records. Nothing here waits;
// what the stream does not take at once is kept.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "tcptools/base/bytes.hpp"
#include "tcptools/base/result.hpp"
#include "tcptools/net/tcp_stream.hpp"
#include "tls_failure.hpp"

// OpenSSL's SSL, SSL_CTX and BIO.
struct ssl_st;
struct ssl_ctx_st;
struct bio_st;

namespace tcptools::net {

class tls_session {
 public:
  tls_session(std::shared_ptr<tcp_stream> over, ssl_ctx_st* context, std::uint64_t records_per_key);
  tls_session(const tls_session&) = delete;
  tls_session& operator=(const tls_session&) = delete;
  ~tls_session();

  [[nodiscard]] ssl_st* native() const noexcept { return ssl_.get(); }
  [[nodiscard]] tcp_stream& over() const noexcept { return *over_; }

  // Does what can be done of the handshake. False: it goes on when something arrives.
  [[nodiscard]] bool shake_hands();
  // Why the handshake, or what came after it, cannot go on.
  [[nodiscard]] const std::optional<tls_failure>& failure() const noexcept { return failure_; }

  // As stream::try_read() and try_write(). At most 256 KiB of what was written waits here.
  [[nodiscard]] result<std::size_t> read(std::span<std::byte> into);
  [[nodiscard]] result<std::size_t> write(std::span<const byte_view> pieces);

  // Gives the stream what it takes of what waits.
  [[nodiscard]] result<void> flush();
  [[nodiscard]] std::size_t unsent() const noexcept { return unsent_.size() - begun_; }
  void forget_unsent() noexcept;

  // Says that nothing more will be written. May be called again.
  [[nodiscard]] result<void> end();

  // Everything that has arrived was read: only what arrives later can change anything.
  [[nodiscard]] bool is_starved() const noexcept { return is_starved_; }
  // The peer is within a message of TLS' own, and nothing can be written before the rest of it.
  [[nodiscard]] bool does_writing_need_input() const noexcept { return does_writing_need_input_; }

  [[nodiscard]] std::uint64_t bytes_read() const noexcept { return bytes_read_; }
  [[nodiscard]] std::uint64_t bytes_written() const noexcept { return bytes_written_; }

 private:
  struct free_ssl {
    void operator()(ssl_st* ssl) const noexcept;
  };
  struct transport;  // the BIO

  [[nodiscard]] bool inspect(byte_view arrived);
  // Sends what OpenSSL gave out since.
  [[nodiscard]] result<void> settle();
  void fail(int outcome);
  [[nodiscard]] result<void> check_usable() const;
  [[nodiscard]] std::uint64_t most_messages() const noexcept;

  std::shared_ptr<tcp_stream> over_;
  std::unique_ptr<ssl_st, free_ssl> ssl_;
  byte_buffer unsent_;  // records
  std::size_t begun_ = 0;
  std::optional<tls_failure> failure_;
  std::optional<error> of_network_;  // from over_, while OpenSSL is at work
  std::uint64_t records_per_key_;
  std::uint64_t records_ = 0;  // of ours, under this key
  std::uint64_t bytes_read_ = 0;
  std::uint64_t bytes_written_ = 0;
  std::uint64_t messages_ = 0;  // of TLS' own, from the peer
  std::uint32_t arrived_ = 0;   // bytes, during the handshake
  std::array<std::byte, 9> head_{};
  bool is_handshake_over_ = false;
  bool is_starved_ = false;
  bool is_at_end_ = false;
  bool has_ended_ = false;
  bool does_writing_need_input_ = false;
};

}  // namespace tcptools::net
