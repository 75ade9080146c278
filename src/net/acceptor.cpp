#include "tcptools/net/acceptor.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include <asio/ip/v6_only.hpp>

#include "tcptools/net/endpoint.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/net/tcp_stream.hpp"

namespace tcptools::net {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds first_pause = 10ms;
constexpr std::chrono::milliseconds longest_pause = 1s;

unique_fd open_reserve() { return unique_fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)}; }

bool is_exhaustion(const std::error_code& failure) noexcept {
  const int number = failure.value();
  return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

template <class Acceptor>
std::error_code start(Acceptor& acceptor, const asio::ip::tcp::endpoint& endpoint) {
  std::error_code failure;
  acceptor.open(endpoint.protocol(), failure);
  if (!failure) acceptor.set_option(asio::socket_base::reuse_address{true}, failure);
  if (!failure && endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only{true}, failure);
  if (!failure) acceptor.bind(endpoint, failure);
  if (!failure) acceptor.listen(asio::socket_base::max_listen_connections, failure);
  return failure;
}

}  // namespace

listener::listener(any_executor executor) : executor_{std::move(executor)}, reserve_{open_reserve()}, closed_{executor_} {}

result<std::unique_ptr<listener>> listener::open(const any_executor& executor, const std::vector<asio::ip::address>& addresses,
                                                 std::uint16_t port) {
  std::unique_ptr<listener> made{new listener{executor}};
  made->port_ = port;
  std::error_code skipped;
  for (const asio::ip::address& address : addresses) {
    const asio::ip::tcp::endpoint endpoint{address, made->port_};
    auto one = std::make_unique<acceptor>(executor);
    const std::error_code failure = start(*one, endpoint);
    const bool no_ipv6 = failure.value() == EAFNOSUPPORT || failure.value() == EADDRNOTAVAIL;
    if (no_ipv6 && address.is_v6() && addresses.size() > 1) {
      skipped = failure;
      continue;
    }
    if (failure) {
      return error{errc::connect_failed, "cannot listen on " + to_text(endpoint) + ": " + os_text(failure.value())};
    }
    made->port_ = one->local_endpoint().port();
    made->acceptors_.push_back(std::move(one));
  }
  if (made->acceptors_.empty()) return error{errc::connect_failed, "cannot listen: " + os_text(skipped.value())};
  return made;
}

std::string listener::text() const {
  std::string all;
  for (const auto& one : acceptors_) {
    std::error_code failure;
    const asio::ip::tcp::endpoint endpoint = one->local_endpoint(failure);
    if (!failure) all += (all.empty() ? "" : ", ") + to_text(endpoint);
  }
  return all;
}

awaitable<void> listener::run(on_connection accept, on_trouble complain) {
  task_group loops{executor_, [&complain](std::string_view, std::string_view what) {
                     complain(error{errc::connect_failed, "cannot accept connections: " + std::string{what}});
                   }};
  for (const auto& one : acceptors_) loops.spawn("accept", accept_from(*one, accept, complain));
  co_await loops.join();
}

awaitable<void> listener::accept_from(acceptor& from, const on_connection& accept, const on_trouble& complain) {
  std::chrono::milliseconds pause = first_pause;
  while (open_) {
    auto [failure, socket] = co_await from.async_accept(use_tuple);
    if (!open_) break;
    if (!failure) {
      pause = first_pause;
      accept(std::make_shared<tcp_stream>(tcp_socket{std::move(socket)}));
      continue;
    }
    if (!is_exhaustion(failure)) continue;  // the connection was gone before it was accepted
    if (pause == first_pause) {
      complain(error{errc::connect_failed, "connections are turned away: " + os_text(failure.value())});
    }
    turn_one_away(from);
    (void)co_await closed_.wait_until(event::clock::now() + pause);
    pause = std::min(pause * 2, longest_pause);
  }
}

// Gives the reserved descriptor back for a moment, so that the peer is told at once instead of waiting.
void listener::turn_one_away(acceptor& from) {
  reserve_.reset();
  const unique_fd turned_away{::accept4(from.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  reserve_ = open_reserve();
}

void listener::close() {
  open_ = false;
  std::error_code ignored;
  for (const auto& one : acceptors_) one->close(ignored);
  closed_.notify_all();
}

}  // namespace tcptools::net
