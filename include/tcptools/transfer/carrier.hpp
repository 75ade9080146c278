// Writes what an outbox holds to the connections of a session: to each as it takes more, and to all together no faster
// than they may.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "tcptools/base/bytes.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/net/stream.hpp"
#include "tcptools/transfer/outbox.hpp"
#include "tcptools/transfer/rate_limiter.hpp"

namespace tcptools::transfer {

class carrier {
 public:
  // Is told how many bytes the network took, and how long; of connections at work at the same time each has its share
  // of that.
  using written_function = std::function<void(std::size_t, std::chrono::nanoseconds)>;

  carrier(const net::any_executor& executor, std::optional<std::uint64_t> bytes_per_second,
          written_function on_written);

  [[nodiscard]] outbox& words() noexcept { return words_; }
  [[nodiscard]] const outbox& words() const noexcept { return words_; }
  // Words were put in, or said to be done.
  void wake() { news_.notify_all(); }
  [[nodiscard]] net::event& news() noexcept { return news_; }

  // Writes what this connection is to carry. Returns once finish() was called and nothing is left for it, or with what
  // the stream failed with.
  [[nodiscard]] net::awaitable<result<void>> carry(net::stream& on, outbox::connection_id one);
  // Nothing more will be put in.
  void finish();

  // It is our own limit that somebody waits for.
  [[nodiscard]] bool is_holding_up() const noexcept { return held_up_ > 0; }

 private:
  [[nodiscard]] net::awaitable<result<void>> write(net::stream& on, const std::vector<byte_view>& views);

  outbox words_;
  net::event news_;
  std::optional<rate_limiter> limiter_;
  written_function on_written_;
  int writing_ = 0;       // connections
  unsigned held_up_ = 0;  // connections
  bool is_finished_ = false;
};

}  // namespace tcptools::transfer
