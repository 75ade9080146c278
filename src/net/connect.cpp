#include "tcptools/net/connect.hpp"

#include <utility>
#include <vector>

#include "tcptools/base/text.hpp"
#include "tcptools/net/endpoint.hpp"

namespace tcptools::net {
namespace {

using clock = std::chrono::steady_clock;

}  // namespace

connector::connector(const any_executor& executor)
    : executor_{executor}, resolver_{executor}, socket_{executor}, deadline_{executor, [this] { stop_waiting(); }} {}

void connector::stop_waiting() {
  std::error_code ignored;
  resolver_.cancel();
  socket_.cancel(ignored);
}

void connector::cancel() {
  cancelled_ = true;
  stop_waiting();
}

awaitable<result<std::vector<asio::ip::tcp::endpoint>>> connector::look_up(const std::string& host, std::uint16_t port) {
  std::error_code not_literal;
  const asio::ip::address literal = asio::ip::make_address(host, not_literal);
  std::vector<asio::ip::tcp::endpoint> endpoints;
  if (!not_literal) {
    endpoints.emplace_back(literal, port);
    co_return endpoints;
  }
  const auto [failure, found] = co_await resolver_.async_resolve(host, std::to_string(port), use_tuple);
  if (failure) co_return error{errc::connect_failed, failure.message()};
  for (const auto& one : found) endpoints.push_back(one.endpoint());
  co_return endpoints;
}

awaitable<result<std::shared_ptr<stream>>> connector::connect(std::string host, std::uint16_t port, std::chrono::milliseconds timeout) {
  const std::string target = visible(host) + " port " + std::to_string(port);
  const auto failed = [&target](errc code, const std::string& why) { return error{code, "cannot connect to " + target + ": " + why}; };
  deadline_.set(clock::now() + timeout);
  const auto endpoints = co_await look_up(host, port);
  if (cancelled_) co_return failed(errc::cancelled, "cancelled");
  if (!endpoints && deadline_.expired()) co_return failed(errc::timed_out, "the name could not be looked up in time");
  if (!endpoints) co_return failed(errc::connect_failed, endpoints.error().text());

  std::string tried;
  bool all_silent = true;
  for (const asio::ip::tcp::endpoint& endpoint : *endpoints) {
    socket_ = tcp_socket{executor_};
    deadline_.set(clock::now() + timeout);
    const auto [failure] = co_await socket_.async_connect(endpoint, use_tuple);
    const bool late = deadline_.expired();
    deadline_.clear();
    if (cancelled_) co_return failed(errc::cancelled, "cancelled");
    if (!failure) co_return std::make_shared<tcp_stream>(std::move(socket_));
    all_silent = all_silent && late;
    const std::string why = late ? "no answer" : failure.message();
    const bool is_only_one = endpoints->size() == 1;
    tried += is_only_one ? why : (tried.empty() ? "" : "; ") + to_text(endpoint.address()) + ": " + why;
  }
  co_return failed(all_silent ? errc::timed_out : errc::connect_failed, tried);
}

}  // namespace tcptools::net
