#include "tcptools/transfer/carrier.hpp"

#include <algorithm>
#include <utility>

#include "tcptools/net/sleep.hpp"

namespace tcptools::transfer {

carrier::carrier(const net::any_executor& executor, std::optional<std::uint64_t> bytes_per_second,
                 written_function on_written)
    : news_{executor}, on_written_{std::move(on_written)} {
  if (bytes_per_second) limiter_.emplace(*bytes_per_second);
}

net::awaitable<result<void>> carrier::carry(net::stream& on, outbox::connection_id one) {
  while (!is_finished_ || words_.has_any_for(one)) {
    if (!words_.has_any_for(one)) {
      co_await news_.wait();
      continue;
    }
    const auto began = rate_limiter::clock::now();
    if (words_.has_rivals(one)) {
      const result<void> ready = co_await on.wait_writable();
      if (!ready) co_return ready;
    }
    const std::optional<outbox::piece> taken = words_.take(one);
    if (!taken) continue;  // by another connection, while this one waited
    ++writing_;
    const result<void> written = co_await write(on, taken->views);
    const auto took = (rate_limiter::clock::now() - began) / writing_;
    --writing_;
    words_.on_written(taken->size);
    on_written_(written ? taken->size : 0, took);  // either way there is room again
    if (!written) co_return written;
  }
  co_return result<void>{};
}

void carrier::finish() {
  is_finished_ = true;
  wake();
}

net::awaitable<result<void>> carrier::write(net::stream& on, const std::vector<byte_view>& views) {
  if (!limiter_) co_return co_await on.write(views);
  for (byte_view view : views) {
    while (!view.empty()) {
      const byte_view now = view.first(std::min(view.size(), limiter_->largest_piece()));
      view = view.subspan(now.size());
      ++held_up_;
      co_await net::sleep_for(limiter_->reserve(now.size(), rate_limiter::clock::now()));
      --held_up_;
      const result<void> written = co_await on.write(now);
      if (!written) co_return written;
    }
  }
  co_return result<void>{};
}

}  // namespace tcptools::transfer
