#include "tcptools/chat/plain_client.hpp"

#include <asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/loop.hpp"
#include "tcptools/net/sleep.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/net/tcp_stream.hpp"

using namespace tcptools;
using namespace tcptools::chat;
using namespace tcptools::testing;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 600ms;

struct plain_rig {
  explicit plain_rig(const net::any_executor& executor)
      : acceptor{executor, {asio::ip::address_v4::loopback(), 0}},
        tasks{executor, on_exception},
        client{executor, [this](const std::string& text) { shown.push_back(text); }, {}, patience} {}

  net::awaitable<std::shared_ptr<net::stream>> connect() {
    const result<void> connected = co_await client.connect("127.0.0.1", acceptor.local_endpoint().port(), 5s);
    REQUIRE(connected);
    std::shared_ptr<net::stream> server = std::make_shared<net::tcp_stream>(acceptor.accept());
    tasks.spawn("client", run());
    co_return server;
  }
  net::awaitable<void> run() { end = co_await client.run(); }

  asio::basic_socket_acceptor<asio::ip::tcp, net::any_executor> acceptor;
  net::task_group tasks;
  std::vector<std::string> shown;
  std::optional<result<void>> end;
  plain_client client;
};

}  // namespace

TEST_CASE("a plain client that said all waits for the end of a server that still says something", "[loopback]") {
  run_test_loop([](net::any_executor executor) -> net::awaitable<void> {
    plain_rig rig{executor};
    const auto server = co_await rig.connect();
    const result<void> finished = co_await rig.client.finish();
    CHECK(finished);
    for (int i = 0; i < 4; ++i) {
      co_await net::sleep_for(patience / 2);
      const result<void> written = co_await server->write(as_bytes("still here\n"));
      CHECK(written);
    }
    server->close();
    co_await rig.tasks.join();
    CHECK(*rig.end);
    CHECK(rig.shown == std::vector<std::string>(4, "still here"));
  });
}

TEST_CASE("a plain server that neither takes nor says anything, and does not close, is no success", "[loopback]") {
  run_test_loop([](net::any_executor executor) -> net::awaitable<void> {
    plain_rig rig{executor};
    const auto server = co_await rig.connect();
    const result<void> said = co_await rig.client.say("is it there?");
    CHECK(said);
    const result<void> finished = co_await rig.client.finish();
    CHECK(finished);
    co_await rig.tasks.join();
    REQUIRE_FALSE(*rig.end);
    CHECK(rig.end->error().code() == errc::timed_out);
  });
}
