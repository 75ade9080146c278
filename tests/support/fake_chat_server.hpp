// A chat server that does what a test says, line by line; and an observer that remembers what a client told it.
#pragma once

#include <algorithm>
#include <array>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/show_chat.hpp"
#include "tcptools/chat/client_connection.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/net/tcp_stream.hpp"

namespace tcptools::testing {

// One connection, seen from the server.
class fake_chat_session {
 public:
  explicit fake_chat_session(net::tcp_socket socket) : stream_{std::make_shared<net::tcp_stream>(std::move(socket))} {}

  // The next line of the client; empty once there will be none.
  net::awaitable<std::string> hear() {
    for (;;) {
      if (const std::size_t end = held_.find('\n'); end != std::string::npos) {
        std::string line = held_.substr(0, end);
        held_.erase(0, end + 1);
        co_return line;
      }
      std::array<std::byte, 4096> buffer{};
      const result<std::size_t> got = co_await stream_->read_some(buffer);
      if (!got) co_return std::string{};
      held_ += as_text(byte_view{buffer}.first(*got));
    }
  }
  // The same, as JSON; null at the end.
  net::awaitable<nlohmann::json> hear_json() {
    const std::string line = co_await hear();
    co_return line.empty() ? nlohmann::json{} : nlohmann::json::parse(line);
  }

  net::awaitable<void> say_bytes(std::string bytes) {
    const result<void> said = co_await stream_->write(as_bytes(bytes));
    (void)said;  // the client may have left
  }
  net::awaitable<void> say(const std::string& line) { return say_bytes(line + "\n"); }
  net::awaitable<void> welcome() { return say(R"({"type":"welcome","tcpchat":1,"nick":"ann","ticket":"t1"})"); }
  net::awaitable<void> joined(std::uint64_t next, const std::string& more = {}) {
    return say(R"({"type":"joined","room":"lobby","epoch":"00000000000000e1","next":)" + std::to_string(next) +
               (more.empty() ? R"(,"lost":0,"resumed":true)" : "," + more) + R"(,"members":1})");
  }
  net::awaitable<void> message(std::uint64_t id, const std::string& text = "hi") {
    return say(R"({"type":"message","room":"lobby","id":)" + std::to_string(id) + R"(,"time":1,"from":"bob","text":")" +
               text + R"("})");
  }
  net::awaitable<void> ack(const nlohmann::json& of, std::uint64_t id, bool repeat = false) {
    return say(R"({"type":"ack","tag":")" + of.at("tag").get<std::string>() + R"(","epoch":"00000000000000e1","id":)" +
               std::to_string(id) + (repeat ? R"(,"repeat":true})" : "}"));
  }

  void close() { stream_->close(); }
  void reset() { stream_->reset(); }

 private:
  std::shared_ptr<net::tcp_stream> stream_;
  std::string held_;
};

class fake_chat_server {
 public:
  explicit fake_chat_server(const net::any_executor& executor) : acceptor_{executor} {
    acceptor_.open(asio::ip::tcp::v4());
    acceptor_.bind({asio::ip::address_v4::loopback(), 0});
  }

  // Before that connections are refused.
  fake_chat_server& listen() {
    acceptor_.listen();
    return *this;
  }
  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  net::awaitable<fake_chat_session> accept() {
    auto [failure, socket] = co_await acceptor_.async_accept(net::use_tuple);
    REQUIRE_FALSE(failure);
    co_return fake_chat_session{std::move(socket)};
  }
  // A client that has said hello and was welcomed, without a room.
  net::awaitable<fake_chat_session> greet() {
    fake_chat_session session = co_await accept();
    const std::string hello = co_await session.hear();
    CHECK(hello.starts_with(R"({"tcpchat":1)"));
    co_await session.welcome();
    co_return session;
  }
  void close() { acceptor_.close(); }
  [[nodiscard]] net::any_executor get_executor() { return acceptor_.get_executor(); }

 private:
  asio::basic_socket_acceptor<asio::ip::tcp, net::any_executor> acceptor_;
};

class recording_client_observer final : public chat::client_observer {
 public:
  explicit recording_client_observer(const net::any_executor& executor) : changed_{executor} {}

  void on_connecting() override { note("connecting"); }
  void on_connected(const std::string& /*peer*/) override { note("connected"); }
  void on_lost(const error& why, std::chrono::milliseconds /*wait*/) override {
    losses.push_back(why);
    note("lost");
  }
  void on_told(const chat::told& what) override { note(show(what)); }
  [[nodiscard]] bool is_overloaded() const noexcept override { return overloaded_; }
  net::awaitable<void> when_ready() override {
    while (overloaded_) co_await changed_.wait();
  }

  void overload(bool how) {
    overloaded_ = how;
    changed_.notify_all();
  }
  // Returns once this was noted, now or before, `times` times. A test that waits in vain ends with its loop's patience.
  net::awaitable<void> until(std::string what, std::ptrdiff_t times = 1) {
    while (std::count(lines.begin(), lines.end(), what) < times) co_await changed_.wait();
  }
  [[nodiscard]] std::ptrdiff_t count(const std::string& what) const {
    return std::count(lines.begin(), lines.end(), what);
  }
  [[nodiscard]] std::string all() const {
    std::string text;
    for (const std::string& one : lines) text += (text.empty() ? "" : ", ") + one;
    return text;
  }

  std::vector<std::string> lines;
  std::vector<error> losses;

 private:
  void note(std::string line) {
    lines.push_back(std::move(line));
    changed_.notify_all();
  }

  net::event changed_;
  bool overloaded_ = false;
};

}  // namespace tcptools::testing
