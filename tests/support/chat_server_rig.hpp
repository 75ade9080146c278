// A chat server on the loopback address, and clients that are no more than sockets.
#pragma once

#include <algorithm>
#include <array>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/open_gate.hpp"
#include "support/tls.hpp"
#include "tcptools/chat/chat_server.hpp"
#include "tcptools/net/acceptor.hpp"
#include "tcptools/net/key_ring.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/net/tcp_stream.hpp"
#include "tcptools/net/tls_stream.hpp"
#include "tcptools/net/worker_pool.hpp"

namespace tcptools::testing {

class silent_server_observer final : public chat::server_observer {
 public:
  void on_open(const chat::member& /*who*/) override { ++opened; }
  void on_named(const chat::member& /*who*/) override {}
  void on_turned_away(std::string_view /*peer*/, std::string_view /*why*/) override { ++turned_away; }
  void on_message(const chat::member* /*from*/, std::string_view /*room*/, std::string_view /*text*/) override {}
  void on_direct(const chat::member& /*from*/, std::string_view /*text*/) override {}
  void on_kick(const chat::member& /*by*/, const chat::member& /*whom*/) override {}
  void on_ban(const chat::member& /*by*/, std::string_view /*address*/) override {}
  void on_close(const chat::member& /*who*/, chat::code why, std::string_view /*text*/) override {
    closed.push_back(why);
  }

  int opened = 0;
  int turned_away = 0;
  std::vector<chat::code> closed;
};

class chat_socket {
 public:
  explicit chat_socket(std::shared_ptr<net::stream> stream) : stream_{std::move(stream)} {}

  // False once the server has closed.
  net::awaitable<bool> say(std::string bytes) {
    const result<void> said = co_await stream_->write(as_bytes(bytes));
    co_return said.has_value();
  }
  // The next line; nothing at the end of the connection, and after `most` bytes of all that was ever read.
  net::awaitable<std::optional<std::string>> line(std::size_t most = SIZE_MAX) {
    for (;;) {
      if (const std::size_t end = held_.find('\n', begin_); end != std::string::npos) {
        std::string found = held_.substr(begin_, end - begin_);
        begin_ = end + 1;
        co_return found;
      }
      held_.erase(0, std::exchange(begin_, 0));
      if (read_ >= most) co_return std::nullopt;
      std::array<std::byte, 16'384> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): what is read is set
      const result<std::size_t> got =
          co_await stream_->read_some(std::span{buffer}.first(std::min(buffer.size(), most - read_)));
      if (!got) co_return std::nullopt;
      read_ += *got;
      held_ += as_text(byte_view{buffer}.first(*got));
    }
  }
  // The next object of this type; null at the end of the connection.
  net::awaitable<nlohmann::json> next(std::string type) {
    for (;;) {
      const std::optional<std::string> found = co_await line();
      if (!found) co_return nlohmann::json{};
      nlohmann::json object = nlohmann::json::parse(*found);
      if (object.at("type") == type) co_return object;
    }
  }

  // It says no more.
  net::awaitable<void> half_close() { (void)co_await stream_->shutdown_send(); }
  void close() { stream_->close(); }
  void reset() { stream_->reset(); }

 private:
  std::shared_ptr<net::stream> stream_;
  std::string held_;
  std::size_t begin_ = 0;
  std::size_t read_ = 0;
};

// run() drives the server together with what a test does, and then drains it.
class chat_server_rig {
 public:
  // With keys whoever comes in has one of them.
  explicit chat_server_rig(chat::server_settings settings = {}, chat::history_store* history = nullptr,
                           std::vector<net::key> its_keys = {})
      : keys{std::move(its_keys)},
        ring{std::make_shared<net::key_ring>(keys)},
        listener{std::move(*net::listener::open(io.get_executor(), {asio::ip::address_v4::loopback()}, 0))},
        door{*listener, gate_settings()},
        machine{use, std::move(settings), observer, [this] { return ++random_; }},
        server{door.get(), use, machine, history, pool, [this](const error& what) { troubles.push_back(what); }},
        tasks{io.get_executor(),
              [](std::string_view task, std::string_view what) { FAIL_CHECK(task << ": " << what); }},
        port_{listener->port()} {
    if (is_secure()) server.use_keys(*ring);
  }

  void run(net::awaitable<void> body, std::chrono::seconds patience = std::chrono::minutes{2}) {
    tasks.spawn("server", server.run());
    tasks.spawn("body", finish(std::move(body)));
    io.run_for(patience);
    REQUIRE(tasks.size() == 0);
    CHECK(io.stopped());
    CHECK(machine.count().sessions == 0);
  }

  // `receive_buffer`: bytes; 0: as the system has it.
  [[nodiscard]] chat_socket connect(int receive_buffer = 0) { return chat_socket{connect_tcp(receive_buffer)}; }
  // By the rig's first key, if it has any.
  net::awaitable<chat_socket> reach(int receive_buffer = 0) {
    if (!is_secure()) co_return connect(receive_buffer);
    co_return co_await reach_by(keys.front(), receive_buffer);
  }
  net::awaitable<chat_socket> reach_by(net::key one, int receive_buffer = 0) {
    auto secured = co_await net::connect_tls(connect_tcp(receive_buffer), make_key_client(one), "127.0.0.1");
    REQUIRE(secured);
    co_return chat_socket{*secured};
  }
  [[nodiscard]] bool is_secure() const noexcept { return !keys.empty(); }
  // One that is in the room "lobby", and has been told so.
  net::awaitable<chat_socket> greet(int receive_buffer = 0) {
    chat_socket made = co_await reach(receive_buffer);
    const bool said = co_await made.say("{\"tcpchat\":1,\"room\":\"lobby\"}\n");
    REQUIRE(said);
    const nlohmann::json joined = co_await made.next("joined");
    REQUIRE(joined.is_object());
    co_return made;
  }

  const std::vector<net::key> keys;
  asio::io_context io{1};
  net::worker_pool pool{1};
  chat::memory_use use;
  silent_server_observer observer;
  std::shared_ptr<net::key_ring> ring;
  std::unique_ptr<net::listener> listener;
  open_gate door;
  chat::chat_machine machine;
  chat::chat_server server;
  net::task_group tasks;
  std::vector<error> troubles;

 private:
  [[nodiscard]] std::shared_ptr<net::tcp_stream> connect_tcp(int receive_buffer) {
    net::tcp_socket socket{io.get_executor(), asio::ip::tcp::v4()};
    if (receive_buffer > 0) socket.set_option(asio::socket_base::receive_buffer_size{receive_buffer});
    socket.connect({asio::ip::address_v4::loopback(), port_});
    return std::make_shared<net::tcp_stream>(std::move(socket));
  }

  [[nodiscard]] net::gate::settings gate_settings() const {
    net::gate::settings chosen;
    if (is_secure()) chosen.tls = make_key_server(ring);
    return chosen;
  }

  net::awaitable<void> finish(net::awaitable<void> body) {
    co_await std::move(body);
    server.drain();
  }

  std::uint16_t port_;
  std::uint64_t random_ = 0;
};

}  // namespace tcptools::testing
