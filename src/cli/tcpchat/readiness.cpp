#include "cli/tcpchat/readiness.hpp"

#include <sys/epoll.h>

#include <cerrno>

#include "tcptools/base/unique_fd.hpp"

namespace tcptools::cli {
namespace {

std::uint32_t events_of(readiness::kind what) noexcept {
  switch (what) {
    case readiness::kind::input:
      return EPOLLIN;
    case readiness::kind::output:
      return EPOLLOUT;
    case readiness::kind::hang_up:
      break;
  }
  return 0;  // EPOLLERR and EPOLLHUP come unasked
}

}  // namespace

readiness::readiness(const net::any_executor& executor, int descriptor, kind what) : epoll_{executor} {
  unique_fd instance{::epoll_create1(EPOLL_CLOEXEC)};
  epoll_event wanted{};
  wanted.events = events_of(what);
  if (!instance || ::epoll_ctl(instance.get(), EPOLL_CTL_ADD, descriptor, &wanted) != 0) {
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
