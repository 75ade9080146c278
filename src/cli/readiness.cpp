#include "cli/readiness.hpp"

#include <sys/epoll.h>

#include "tcptools/base/unique_fd.hpp"

namespace tcptools::cli {

readiness::readiness(const net::any_executor& executor, int descriptor, direction where) : epoll_{executor} {
  unique_fd instance{::epoll_create1(EPOLL_CLOEXEC)};
  epoll_event what{};
  what.events = where == direction::input ? EPOLLIN : EPOLLOUT;
  if (!instance || ::epoll_ctl(instance.get(), EPOLL_CTL_ADD, descriptor, &what) != 0) {
    error_number_ = errno;
    return;
  }
  std::error_code failure;
  epoll_.assign(instance.get(), failure);
  error_number_ = failure.value();
  if (!failure) (void)instance.release();
}

void readiness::cancel() {
  std::error_code ignored;
  epoll_.cancel(ignored);
}

}  // namespace tcptools::cli
