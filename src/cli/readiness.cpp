#include "cli/readiness.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <system_error>

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

readiness::readiness(const net::any_executor& executor, int descriptor, kind what) : watch_{executor} {
  unique_fd watch{::epoll_create1(EPOLL_CLOEXEC)};
  epoll_event wanted{};
  wanted.events = events_of(what);
  if (!watch || ::epoll_ctl(watch.get(), EPOLL_CTL_ADD, descriptor, &wanted) != 0) return;
  std::error_code failure;
  watch_.assign(watch.get(), failure);
  if (failure) return;
  (void)watch.release();
  can_wait_ = true;
}

net::awaitable<void> readiness::wait() {
  (void)co_await watch_.async_wait(asio::posix::descriptor_base::wait_read, net::use_tuple);
}

void readiness::cancel() {
  std::error_code ignored;
  watch_.cancel(ignored);
}

}  // namespace tcptools::cli
