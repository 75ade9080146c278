// Waiting for time to pass.
#pragma once

#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <chrono>

#include "tcptools/net/completion.hpp"

namespace tcptools::net {

// False if the wait was cancelled.
inline awaitable<bool> sleep_for(std::chrono::steady_clock::duration duration) {
  if (duration <= std::chrono::steady_clock::duration::zero()) co_return true;
  asio::steady_timer timer{co_await asio::this_coro::executor, duration};
  const auto [failure] = co_await timer.async_wait(use_tuple);
  co_return !failure;
}

}  // namespace tcptools::net
