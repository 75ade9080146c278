// The condition variable of one I/O thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

#include <asio/steady_timer.hpp>

#include "tcptools/net/completion.hpp"

namespace tcptools::net {

// For `while (!condition) co_await changed.wait();`. Nothing is lost between the test and the wait, since both happen in one turn of
// the same thread. Outlives every wait.
class event {
 public:
  using clock = std::chrono::steady_clock;

  explicit event(any_executor executor) : executor_{std::move(executor)} {}
  event(const event&) = delete;
  event& operator=(const event&) = delete;
  ~event() = default;

  awaitable<void> wait() { (void)co_await wait_until(clock::time_point::max()); }

  // False if the time came before the event.
  awaitable<bool> wait_until(clock::time_point until) {
    asio::steady_timer waiter{executor_, until};
    waiters_.push_back(&waiter);
    const auto [failure] = co_await waiter.async_wait(use_tuple);
    std::erase(waiters_, &waiter);
    co_return static_cast<bool>(failure);
  }

  // Wakes whoever waits now; each looks at its own condition.
  void notify_all() {
    for (asio::steady_timer* const waiter : waiters_) waiter->cancel();
  }

 private:
  any_executor executor_;
  std::vector<asio::steady_timer*> waiters_;
};

}  // namespace tcptools::net
