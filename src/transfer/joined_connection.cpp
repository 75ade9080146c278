#include "tcptools/transfer/joined_connection.hpp"

#include <array>
#include <asio/ip/address.hpp>
#include <utility>
#include <vector>

namespace tcptools::transfer {
namespace {

// Answers with one address, whatever the name is, which only certificates are compared with.
net::lookup_function always(const std::string& address) {
  return [address](const std::string& /*host*/) -> result<std::vector<asio::ip::address>> {
    std::error_code failure;
    const asio::ip::address known = asio::ip::make_address(address, failure);
    if (failure) return error{errc::connect_failed, failure.message()};
    return std::vector{known};
  };
}

}  // namespace

joined_connection::joined_connection(net::stream& first, carrier& by, const send_settings& settings,
                                     const frames::join& join)
    : carrier_{by},
      settings_{settings},
      join_{join},
      connector_{first.get_executor(), always(first.peer().address)},
      tasks_{first.get_executor(), [this](std::string_view /*task*/, std::string_view /*what*/) { lose(); }} {
  connector_.secure_with(settings.tls);
}

net::awaitable<void> joined_connection::run() {
  auto connected = co_await connector_.connect(settings_.host, settings_.port, settings_.connect_timeout);
  if (has_ended_ || !connected) {
    lose();
    co_return;
  }
  stream_ = std::move(*connected);
  id_ = carrier_.words().join();
  tasks_.spawn("listen", listen());
  tasks_.spawn("carry", carry());
  co_await tasks_.join();
}

net::awaitable<void> joined_connection::carry() {
  byte_buffer greeting{preface().begin(), preface().end()};
  encode(join_, greeting);
  const result<void> greeted = co_await stream_->write(greeting);
  if (greeted) (void)co_await carrier_.carry(*stream_, *id_);
  lose();
}

// Nothing is said on it but an ERROR.
net::awaitable<void> joined_connection::listen() {
  std::array<std::byte, 64> said{};
  (void)co_await stream_->read_some(said);
  lose();
}

void joined_connection::lose() {
  if (has_ended_) return;
  was_lost_ = true;
  end();
  if (stream_) stream_->close();
}

void joined_connection::stop() {
  if (has_ended_) return;
  end();
  connector_.cancel();
  if (stream_) stream_->close();
}

void joined_connection::cut() {
  if (has_ended_) return;
  was_lost_ = true;
  end();
  stream_->reset();
}

void joined_connection::end() {
  acknowledged_ = acknowledged();
  has_ended_ = true;
  if (id_) carrier_.words().leave(*id_);
  carrier_.wake();
}

std::uint64_t joined_connection::acknowledged() const { return is_at_work() ? stream_->acknowledged() : acknowledged_; }

}  // namespace tcptools::transfer
