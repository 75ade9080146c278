#include "tcptools/net/connect.hpp"

#include <algorithm>
#include <asio/error.hpp>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/net/deadline.hpp"
#include "tcptools/net/endpoint.hpp"

namespace tcptools::net {
namespace {

using addresses = std::vector<asio::ip::address>;

constexpr std::size_t most_addresses = 16;

}  // namespace

connector::connector(const any_executor& executor, lookup_function ask)
    : executor_{executor}, lookup_{executor, std::move(ask)}, socket_{executor} {}

void connector::stop_waiting() {
  std::error_code ignored;
  lookup_.cancel();
  socket_.cancel(ignored);
}

void connector::cancel() {
  cancelled_ = true;
  stop_waiting();
}

awaitable<result<addresses>> connector::look_up(const std::string& host) {
  std::error_code not_literal;
  const asio::ip::address literal = asio::ip::make_address(host, not_literal);
  if (!not_literal) co_return addresses(1, literal);
  result<addresses> found = co_await lookup_.run(host);
  if (found && found->size() > most_addresses) found->resize(most_addresses);
  co_return found;
}

awaitable<result<std::shared_ptr<stream>>> connector::connect(std::string host, std::uint16_t port,
                                                              std::chrono::milliseconds timeout) {
  const std::string target = visible(host) + " port " + std::to_string(port);
  const auto failed = [&target](errc code, const std::string& why) {
    return error{code, "cannot connect to " + target + ": " + why};
  };
  if (cancelled_) co_return failed(errc::cancelled, "cancelled");
  deadline limit{executor_, [this] { stop_waiting(); }};
  limit.set(deadline::clock::now() + timeout);
  const result<addresses> found = co_await look_up(host);
  if (!found && found.error().code() == errc::cancelled) {
    const bool is_late = limit.expired() && !cancelled_;
    co_return is_late ? failed(errc::timed_out, "the name could not be looked up in time")
                      : failed(errc::cancelled, "cancelled");
  }
  if (!found) co_return failed(found.error().code(), found.error().text());

  std::string tried;
  bool all_silent = true;
  for (const asio::ip::address& address : *found) {
    socket_ = tcp_socket{executor_};
    limit.set(deadline::clock::now() + timeout);
    const auto [failure] = co_await socket_.async_connect({address, port}, use_tuple);
    const bool is_late = limit.expired();
    const bool is_aborted = failure == asio::error::operation_aborted && !is_late;
    if (cancelled_ || is_aborted) co_return failed(errc::cancelled, "cancelled");
    if (!failure) co_return std::make_shared<tcp_stream>(std::move(socket_));
    all_silent = all_silent && is_late;
    const std::string why = is_late ? "no answer" : failure.message();
    const bool is_only_one = found->size() == 1;
    tried += is_only_one ? why : (tried.empty() ? "" : "; ") + to_text(address) + ": " + why;
  }
  co_return failed(all_silent ? errc::timed_out : errc::connect_failed, tried);
}

}  // namespace tcptools::net
