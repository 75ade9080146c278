// SIGINT and SIGTERM: the first asks, the second insists.
#pragma once

#include <asio/signal_set.hpp>
#include <functional>

#include "tcptools/net/completion.hpp"

namespace tcptools::net {

// Takes the signals over while it lives; ignores SIGPIPE for good. A third signal ends the process at once.
class shutdown_signals {
 public:
  using handler = std::function<void(int signal)>;

  shutdown_signals(const any_executor& executor, handler ask, handler insist);

  // No signal is waited for any more, so that the executor can run out of work.
  void stop();

  // The first signal that came; 0 if none did.
  [[nodiscard]] int received() const noexcept { return received_; }

 private:
  void wait();

  asio::basic_signal_set<any_executor> signals_;
  handler ask_;
  handler insist_;
  int received_ = 0;
  int count_ = 0;
  bool stopped_ = false;
};

}  // namespace tcptools::net
