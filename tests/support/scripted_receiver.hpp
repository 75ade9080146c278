// A receiver that does what a test tells it to, connection by connection.
#pragma once

#include <unistd.h>

#include <asio/ip/tcp.hpp>
#include <asio/posix/basic_stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

#include "support/raw_sender.hpp"
#include "tcptools/net/tcp_stream.hpp"

namespace tcptools::testing {

// A sender's connection, seen from the other end.
class scripted_connection : public raw_sender {
 public:
  // `socket` is that of the stream.
  scripted_connection(std::shared_ptr<net::stream> stream, int socket)
      : raw_sender{std::move(stream)}, watched_{raw_sender::stream().get_executor(), ::dup(socket)} {}

  std::set<std::uint64_t> blocks;     // that came, by index
  std::vector<std::uint32_t> fences;  // by entry
  bool is_finished = false;           // FINISH came
  bool came_after_fence = false;      // a block did
  std::vector<std::uint64_t> repeated;

  // Takes BLOCK, FENCE, FINISH and BYE for as long as that is wanted, and until nothing more comes.
  net::awaitable<void> take_while(std::function<bool()> wanted) {
    while (wanted()) {
      const std::optional<transfer::frame> got = co_await hear_any();
      if (!got) co_return;
      if (const auto* const block = std::get_if<transfer::frames::block>(&*got)) {
        came_after_fence = came_after_fence || !fences.empty();
        if (!blocks.insert(block->index).second) repeated.push_back(block->index);
      } else if (const auto* const fence = std::get_if<transfer::frames::fence>(&*got)) {
        fences.push_back(fence->id);
      } else if (std::holds_alternative<transfer::frames::finish>(*got)) {
        is_finished = true;
      } else if (!std::holds_alternative<transfer::frames::bye>(*got)) {
        throw std::logic_error{"an unexpected frame"};
      }
    }
  }

  void reset() {
    watched_.close();  // it keeps the socket open
    stream().reset();
  }
  // Until the sender has reset it, whatever has come and was not taken.
  net::awaitable<bool> hear_reset() {
    const auto [failure] = co_await watched_.async_wait(asio::posix::descriptor_base::wait_error, net::use_tuple);
    co_return !failure;
  }

 private:
  asio::posix::basic_stream_descriptor<net::any_executor> watched_;
};

class scripted_receiver {
 public:
  explicit scripted_receiver(const net::any_executor& executor)
      : acceptor_{executor, {asio::ip::address_v4::loopback(), 0}} {
    // What is not read is soon noticed.
    acceptor_.set_option(asio::socket_base::receive_buffer_size{64 << 10});
  }

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void close() { acceptor_.close(); }

  // The next connection; nothing once closed.
  net::awaitable<std::unique_ptr<scripted_connection>> accept() {
    auto [failure, socket] = co_await acceptor_.async_accept(net::use_tuple);
    if (failure) co_return nullptr;
    const int descriptor = socket.native_handle();
    std::shared_ptr<net::stream> stream = std::make_shared<net::tcp_stream>(std::move(socket));
    auto one = std::make_unique<scripted_connection>(std::move(stream), descriptor);
    co_await one->hear_preface();
    co_return one;
  }

 private:
  asio::basic_socket_acceptor<asio::ip::tcp, net::any_executor> acceptor_;
};

}  // namespace tcptools::testing
