// A point in time after which something must be over. It is moved for every block that arrives, so moving it costs an
// assignment: the one timer looks at it again when it fires.
#pragma once

#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "tcptools/net/completion.hpp"

namespace tcptools::net {

class deadline {
 public:
  using clock = std::chrono::steady_clock;

  // `on_expiry` is called on the executor each time a deadline passes; never after the destructor.
  deadline(const any_executor& executor, std::function<void()> on_expiry);
  deadline(const deadline&) = delete;
  deadline& operator=(const deadline&) = delete;
  ~deadline();

  void set(clock::time_point when);
  // The timer stays as it is, and keeps the executor at work until it fires; the destructor ends it.
  void clear();
  // It was set, and has passed.
  [[nodiscard]] bool expired() const noexcept;

 private:
  struct state;
  static void arm(const std::shared_ptr<state>& shared);

  std::shared_ptr<state> state_;
};

}  // namespace tcptools::net
