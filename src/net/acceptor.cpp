#include "tcptools/net/acceptor.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/error.hpp>
#include <asio/ip/v6_only.hpp>
#include <cerrno>
#include <chrono>
#include <random>
#include <string_view>
#include <utility>

#include "tcptools/net/endpoint.hpp"
#include "tcptools/net/task_group.hpp"

namespace tcptools::net {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds first_pause = 10ms;
constexpr std::chrono::milliseconds longest_pause = 1s;
// A port that is free on one address may be taken on another.
constexpr int free_port_attempts = 16;

unique_fd open_reserve() { return unique_fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)}; }

bool is_exhaustion(int error_number) noexcept {
  return error_number == EMFILE || error_number == ENFILE || error_number == ENOBUFS || error_number == ENOMEM;
}

// The connection failed before it was accepted; see accept(2).
bool concerns_one_connection(int error_number) noexcept {
  switch (error_number) {
    case ECONNABORTED:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETDOWN:
    case ENETUNREACH:
    case ENONET:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case EPERM:
    case EPROTO:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

bool is_lack_of_ipv6(int error_number, const asio::ip::address& address) {
  if (!address.is_v6()) return false;
  const bool is_everywhere = address.is_unspecified() || address.is_loopback();
  return error_number == EAFNOSUPPORT || (error_number == EADDRNOTAVAIL && is_everywhere);
}

template <class Acceptor>
std::error_code start(Acceptor& acceptor, const asio::ip::tcp::endpoint& endpoint) {
  std::error_code failure;
  acceptor.open(endpoint.protocol(), failure);
  if (!failure) acceptor.set_option(asio::socket_base::reuse_address{true}, failure);
  if (!failure && endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only{true}, failure);
  if (!failure) acceptor.bind(endpoint, failure);
  if (!failure) set_stream_options(acceptor.native_handle());
  if (!failure) acceptor.listen(asio::socket_base::max_listen_connections, failure);
  return failure;
}

std::string_view advice(int error_number) noexcept {
  switch (error_number) {
    case EADDRINUSE:
      return "; another program listens there";
    case EADDRNOTAVAIL:
      return "; no interface of this machine has that address";
    case EACCES:
      return "; ports below 1024 need a privilege";
    default:
      return "";
  }
}

}  // namespace

listener::listener(any_executor executor)
    : executor_{std::move(executor)}, reserve_{open_reserve()}, closed_{executor_} {}

result<std::unique_ptr<listener>> listener::open(const any_executor& executor,
                                                 const std::vector<asio::ip::address>& addresses, std::uint16_t port) {
  std::unique_ptr<listener> made{new listener{executor}};
  for (int attempt = 1;; ++attempt) {
    asio::ip::tcp::endpoint at;
    const std::error_code failure = made->bind_all(addresses, port, at);
    if (!failure) return made;
    const bool is_another_worth_it = port == 0 && failure.value() == EADDRINUSE && attempt < free_port_attempts;
    if (is_another_worth_it) continue;
    std::string text = "cannot listen on " + to_text(at) + ": " + os_text(failure.value());
    return error{errc::connect_failed, text.append(advice(failure.value()))};
  }
}

std::error_code listener::bind_all(const std::vector<asio::ip::address>& addresses, std::uint16_t port,
                                   asio::ip::tcp::endpoint& at) {
  acceptors_.clear();
  port_ = port;
  std::error_code skipped = asio::error::invalid_argument;
  for (const asio::ip::address& address : addresses) {
    at = {address, port_};
    auto one = std::make_unique<acceptor>(executor_);
    const std::error_code failure = start(*one, at);
    if (failure && is_lack_of_ipv6(failure.value(), address)) {
      skipped = failure;
      continue;
    }
    if (failure) return failure;
    port_ = one->local_endpoint().port();
    acceptors_.push_back(std::move(one));
  }
  return acceptors_.empty() ? skipped : std::error_code{};
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
  task_group loops{executor_, [&complain](std::string_view task, std::string_view what) {
                     complain(internal_error(errc::connect_failed, task, what));
                   }};
  for (const auto& one : acceptors_) loops.spawn("accept", accept_from(*one, accept, complain));
  co_await loops.join();
}

awaitable<void> listener::accept_from(acceptor& from, const on_connection& accept, const on_trouble& complain) {
  std::minstd_rand random{std::random_device{}()};
  std::chrono::milliseconds pause = first_pause;
  while (open_) {
    auto [failure, socket] = co_await from.async_accept(use_tuple);
    if (!open_ || failure == asio::error::operation_aborted) break;
    if (!failure) {
      pause = first_pause;
      accept(std::make_shared<tcp_stream>(std::move(socket)));
      continue;
    }
    if (concerns_one_connection(failure.value())) continue;
    if (pause == first_pause) {
      complain(error{errc::connect_failed, "connections are turned away: " + os_text(failure.value())});
    }
    if (is_exhaustion(failure.value())) turn_one_away(from);
    std::uniform_int_distribution<std::chrono::milliseconds::rep> jittered{pause.count() / 2, pause.count()};
    const auto until = event::clock::now() + std::chrono::milliseconds{jittered(random)};
    (void)co_await closed_.wait_until(until);
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
