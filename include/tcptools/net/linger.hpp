// Leaving so that the last word is heard.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>

#include "tcptools/net/completion.hpp"
#include "tcptools/net/tcp_stream.hpp"

namespace tcptools::net {

// After the last word: says no more, and reads until the peer has nothing more to say or a second has passed. If a
// connection were closed while there is something to read, it would be reset, and the peer might lose what it was told.
inline awaitable<void> linger(tcp_stream& on) {
  on.set_deadline(stream::clock::now() + std::chrono::seconds{1});
  const result<void> half_closed = co_await on.shutdown_send();
  if (!half_closed) co_return;
  for (;;) {
    std::array<std::byte, 4096> unread;  // NOLINT(cppcoreguidelines-pro-type-member-init): nobody looks
    const result<std::size_t> got = co_await on.read_some(unread);
    if (!got) co_return;
  }
}

}  // namespace tcptools::net
