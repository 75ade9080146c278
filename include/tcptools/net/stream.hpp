// A connection as the wings see it: bytes both ways, a peer with a name, a deadline. Plain TCP is one kind of it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "tcptools/base/bytes.hpp"
#include "tcptools/base/result.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/key.hpp"

namespace tcptools::net {

struct peer_info {
  std::string text;     // "127.0.0.1:4711", "[::1]:4711"
  std::string address;  // "127.0.0.1", "::1"
};

// The way to the peer, as the system sees it.
struct path_state {
  std::chrono::microseconds round_trip{0};  // smoothed; 0: not known
  bool is_under_way = false;                // something was sent and is not acknowledged
};

// One coroutine may read while another writes. Outlives every operation on it: close() ends them soon, not at once, so
// a coroutine that uses a stream owns it, or its owner waits for the coroutine.
// Errors: errc::connection_lost, errc::timed_out (the deadline), errc::end_of_stream (reading, the peer half-closed),
// errc::cancelled (the coroutine was); each names the peer.
class stream {
 public:
  using clock = std::chrono::steady_clock;

  stream() = default;
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  virtual ~stream() = default;

  // At least one byte, at most `into.size()`. Precondition: `into` is not empty.
  [[nodiscard]] virtual awaitable<result<std::size_t>> read_some(std::span<std::byte> into) = 0;

  // What is there now, without waiting: 0 if nothing is. Errors and precondition as read_some().
  [[nodiscard]] virtual result<std::size_t> try_read(std::span<std::byte> into) = 0;
  // As much of the pieces as can be given now, without waiting: 0 if nothing can.
  [[nodiscard]] virtual result<std::size_t> try_write(std::span<const byte_view> pieces) = 0;
  // Until it is worth trying again, or a little earlier. Errors as read_some() and write(), but for end_of_stream.
  [[nodiscard]] virtual awaitable<result<void>> wait_readable() = 0;
  [[nodiscard]] virtual awaitable<result<void>> wait_writable() = 0;

  // All bytes of all pieces, in order. The pieces and the list of them stay until it is done.
  [[nodiscard]] virtual awaitable<result<void>> write(std::span<const byte_view> pieces) = 0;
  [[nodiscard]] awaitable<result<void>> write(byte_view bytes) { co_return co_await write(std::span{&bytes, 1}); }

  // Nothing more will be written; reading goes on.
  [[nodiscard]] virtual awaitable<result<void>> shutdown_send() = 0;

  // Ends both directions and every pending operation. May be called again.
  virtual void close() = 0;

  // When it passes, pending and later operations fail with errc::timed_out until it is moved or cleared. Moving it is
  // cheap.
  virtual void set_deadline(clock::time_point when) = 0;
  virtual void clear_deadline() = 0;

  // Until take_back() the stream is another thread's, which may try_read(), and what arrives does not wake the event
  // loop. Here nothing is done with it meanwhile, but for close(), which then ends the connection and leaves the rest
  // to another close() afterwards. False, and it is not lent, if it is closed, or something that was written is not
  // with the system yet. Precondition: nobody waits for it.
  [[nodiscard]] virtual bool lend() = 0;
  virtual void take_back() = 0;

  // Closes so that the peer learns that something went wrong: what is under way is thrown away.
  virtual void reset() = 0;

  // Bytes written that the peer's system has not acknowledged.
  [[nodiscard]] virtual std::size_t unacknowledged() const = 0;
  // Bytes written that it has. What is under way may be more than what was written: encryption adds to it.
  [[nodiscard]] std::uint64_t acknowledged() const {
    return bytes_written() - std::min<std::uint64_t>(bytes_written(), unacknowledged());
  }
  [[nodiscard]] virtual path_state path() const = 0;

  [[nodiscard]] virtual const peer_info& peer() const = 0;
  // Who the peer has proved to be; null where it has not been asked.
  [[nodiscard]] virtual std::shared_ptr<const peer_identity> identity() const { return nullptr; }
  [[nodiscard]] virtual bool is_encrypted() const { return false; }
  [[nodiscard]] virtual std::uint64_t bytes_read() const = 0;
  [[nodiscard]] virtual std::uint64_t bytes_written() const = 0;
  [[nodiscard]] virtual any_executor get_executor() = 0;
};

}  // namespace tcptools::net
