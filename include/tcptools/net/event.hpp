// The condition variable of one I/O thread.
#pragma once

#include <asio/steady_timer.hpp>
#include <chrono>
#include <utility>
#include <vector>

#include "tcptools/net/completion.hpp"

namespace tcptools::net {

// For `while (!condition) co_await changed.wait();`. Nothing is lost between the test and the wait, since both happen
// in one turn of the same thread. Outlives every wait.
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
    waiter self{*this, until};
    const auto [failure] = co_await self.timer.async_wait(use_tuple);
    co_return static_cast<bool>(failure);
  }

  // Wakes the one that has waited longest.
  void notify_one() {
    for (waiter* const one : waiters_) {
      if (one->timer.cancel() > 0) return;  // 0: it has been woken already, or its time has come
    }
  }

  // Wakes whoever waits now; each looks at its own condition.
  void notify_all() {
    for (waiter* const one : waiters_) one->timer.cancel();
  }

 private:
  // On the list of those who wait for as long as it lives.
  struct waiter {
    waiter(event& of, clock::time_point until) : owner{of}, timer{of.executor_, until} {
      owner.waiters_.push_back(this);
    }
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;
    ~waiter() { std::erase(owner.waiters_, this); }

    event& owner;
    asio::steady_timer timer;
  };

  any_executor executor_;
  std::vector<waiter*> waiters_;
};

}  // namespace tcptools::net
