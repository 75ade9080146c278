#include "tcptools/net/connect.hpp"

#include <algorithm>
#include <asio/error.hpp>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/net/deadline.hpp"
#include "tcptools/net/endpoint.hpp"
#include "tcptools/net/tls_stream.hpp"

namespace tcptools::net {
namespace {

using addresses = std::vector<asio::ip::address>;

constexpr std::size_t most_addresses = 16;

// Somebody is there, and said no.
bool is_final(errc code) noexcept {
  return code == errc::refused || code == errc::version_unsupported || code == errc::protocol_violation;
}

}  // namespace

connector::connector(const any_executor& executor, lookup_function ask)
    : executor_{executor}, lookup_{executor, std::move(ask)}, socket_{executor} {}

void connector::stop_waiting() {
  std::error_code ignored;
  lookup_.cancel();
  socket_.cancel(ignored);
  if (in_handshake_) in_handshake_->close();
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

awaitable<result<std::shared_ptr<stream>>> connector::secure(std::string host) {
  auto made = std::make_shared<tcp_stream>(std::move(socket_));
  if (!tls_) co_return std::shared_ptr<stream>{std::move(made)};
  in_handshake_ = made;
  result<std::shared_ptr<stream>> secured = co_await connect_tls(std::move(made), tls_, std::move(host));
  in_handshake_.reset();
  co_return secured;
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
    result<std::shared_ptr<stream>> made = error{errc::connect_failed, failure.message()};
    if (!failure) {
      set_stream_options(socket_.native_handle());
      made = co_await secure(host);
    }
    const bool is_late = limit.expired();
    const bool is_aborted = failure == asio::error::operation_aborted && !is_late;
    const bool is_given_up = !made && made.error().code() == errc::cancelled;
    if (cancelled_ || is_aborted || is_given_up) co_return failed(errc::cancelled, "cancelled");
    if (made) co_return made;
    if (!is_late && is_final(made.error().code())) co_return failed(made.error().code(), made.error().text());
    all_silent = all_silent && is_late;
    const std::string silence = failure ? "no answer" : "no answer to the TLS handshake";
    const std::string why = is_late ? silence : made.error().text();
    const bool is_only_one = found->size() == 1;
    tried += is_only_one ? why : (tried.empty() ? "" : "; ") + to_text(address) + ": " + why;
  }
  co_return failed(all_silent ? errc::timed_out : errc::connect_failed, tried);
}

}  // namespace tcptools::net
