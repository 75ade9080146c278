#include "tcptools/net/shutdown.hpp"

#include <unistd.h>

#include <csignal>
#include <system_error>
#include <utility>

namespace tcptools::net {

shutdown_signals::shutdown_signals(const any_executor& executor, handler ask, handler insist)
    : signals_{executor, SIGINT, SIGTERM}, ask_{std::move(ask)}, insist_{std::move(insist)} {
  (void)std::signal(SIGPIPE, SIG_IGN);
  wait();
}

void shutdown_signals::stop() {
  stopped_ = true;
  std::error_code ignored;
  signals_.cancel(ignored);
}

void shutdown_signals::wait() {
  signals_.async_wait([this](const std::error_code& cancelled, int signal) {
    if (cancelled) return;
    if (received_ == 0) received_ = signal;
    switch (++count_) {
      case 1:
        ask_(signal);
        break;
      case 2:
        insist_(signal);
        break;
      default:
        ::_exit(128 + signal);
    }
    if (!stopped_) wait();
  });
}

}  // namespace tcptools::net
