#include "tcptools/net/acceptor.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/loop.hpp"
#include "support/loopback.hpp"
#include "tcptools/base/unique_fd.hpp"
#include "tcptools/net/endpoint.hpp"
#include "tcptools/net/sleep.hpp"
#include "tcptools/net/task_group.hpp"

using namespace std::chrono_literals;
using namespace tcptools;
using namespace tcptools::net;
using namespace tcptools::testing;
using tcptools::testing::has_ipv6;
using tcptools::testing::run_test_loop;

namespace {

using asio::ip::address;
using asio::ip::address_v4;
using asio::ip::address_v6;

// Runs a listener and keeps what it gives.
struct counter {
  counter(any_executor executor, listener& on) : arrived{executor}, source{on} {}

  awaitable<void> run() {
    co_await source.run(
        [this](std::shared_ptr<stream> one) {
          accepted.push_back(std::move(one));
          arrived.notify_all();
        },
        [this](const error& trouble) {
          troubles.push_back(trouble);
          arrived.notify_all();
        });
  }

  event arrived;
  listener& source;
  std::vector<std::shared_ptr<stream>> accepted;
  std::vector<error> troubles;
};

awaitable<std::error_code> connect(tcp_socket& socket, const address& to, std::uint16_t port) {
  const auto [failure] = co_await socket.async_connect({to, port}, use_tuple);
  co_return failure;
}

// Leaves this process no descriptor for as long as it lives.
class exhausted_descriptors {
 public:
  exhausted_descriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit lower = before_;
    lower.rlim_cur = 256;
    ::setrlimit(RLIMIT_NOFILE, &lower);
    for (;;) {
      unique_fd next{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
      if (!next) break;
      held_.push_back(std::move(next));
    }
  }
  exhausted_descriptors(const exhausted_descriptors&) = delete;
  exhausted_descriptors& operator=(const exhausted_descriptors&) = delete;
  ~exhausted_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
  std::vector<unique_fd> held_;
};

}  // namespace

TEST_CASE("a listener on a free port hands out connections until it is closed") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const auto opened = listener::open(executor, {address_v4::loopback()}, 0);
    REQUIRE(opened);
    listener& one = **opened;
    CHECK(one.port() != 0);
    CHECK(one.text() == "127.0.0.1:" + std::to_string(one.port()));

    counter server{executor, one};
    task_group tasks{executor, on_exception};
    tasks.spawn("run", server.run());
    std::vector<tcp_socket> clients;
    for (int i = 0; i < 5; ++i) {
      const std::error_code failure =
          co_await connect(clients.emplace_back(executor), address_v4::loopback(), one.port());
      REQUIRE_FALSE(failure);
    }
    while (server.accepted.size() < 5) co_await server.arrived.wait();
    for (const tcp_socket& client : clients) {
      const std::string name = to_text(client.local_endpoint());
      CHECK(std::any_of(server.accepted.begin(), server.accepted.end(),
                        [&name](const auto& accepted) { return accepted->peer().text == name; }));
    }

    one.close();
    one.close();
    co_await tasks.join();
    CHECK(one.text().empty());
    tcp_socket too_late{executor};
    const std::error_code refused = co_await connect(too_late, address_v4::loopback(), one.port());
    CHECK(refused == asio::error::connection_refused);
    CHECK(server.troubles.empty());
  });
}

TEST_CASE("several addresses share a port that is free on all of them") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const std::vector<address> addresses{asio::ip::make_address("127.0.0.1"), asio::ip::make_address("127.0.0.2")};
    const auto opened = listener::open(executor, addresses, 0);
    REQUIRE(opened);
    listener& one = **opened;
    const std::string port = std::to_string(one.port());
    CHECK(one.text() == "127.0.0.1:" + port + ", 127.0.0.2:" + port);

    counter server{executor, one};
    task_group tasks{executor, on_exception};
    tasks.spawn("run", server.run());
    std::vector<tcp_socket> clients;
    for (const address& to : addresses) {
      const std::error_code failure = co_await connect(clients.emplace_back(executor), to, one.port());
      CHECK_FALSE(failure);
    }
    while (server.accepted.size() < 2) co_await server.arrived.wait();
    one.close();
    co_await tasks.join();
  });
}

TEST_CASE("everywhere means both families, each by its own socket") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const auto opened = listener::open(executor, parse_bind_address("*").value(), 0);
    REQUIRE(opened);
    listener& one = **opened;
    counter server{executor, one};
    task_group tasks{executor, on_exception};
    tasks.spawn("run", server.run());
    std::vector<address> reached{address_v4::loopback()};
    if (has_ipv6(executor)) {
      reached.emplace_back(address_v6::loopback());
      const std::string port = std::to_string(one.port());
      CHECK(one.text() == "[::]:" + port + ", 0.0.0.0:" + port);
    }
    std::vector<tcp_socket> clients;
    for (const address& to : reached) {
      const std::error_code failure = co_await connect(clients.emplace_back(executor), to, one.port());
      CHECK_FALSE(failure);
      while (server.accepted.size() < clients.size()) co_await server.arrived.wait();
      CHECK(server.accepted.back()->peer().address == to_text(to));
    }
    one.close();
    co_await tasks.join();
  });
}

TEST_CASE("a port that is taken is said to be") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const auto first = listener::open(executor, {address_v4::loopback()}, 0);
    REQUIRE(first);
    const auto second = listener::open(executor, {address_v4::loopback()}, (*first)->port());
    REQUIRE_FALSE(second);
    CHECK(second.error() == error{errc::connect_failed, "cannot listen on " + (*first)->text() +
                                                            ": Address already in use; another program listens there"});
    co_return;
  });
}

TEST_CASE("an address of somebody else cannot be listened on") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    // One of the addresses for documentation (RFC 5737).
    const auto opened = listener::open(executor, {asio::ip::make_address("203.0.113.1"), address_v4::loopback()}, 0);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().text() ==
          "cannot listen on 203.0.113.1:0: Cannot assign requested address; no interface of this machine has that "
          "address");
    CHECK_FALSE(listener::open(executor, {}, 0));
    co_return;
  });
}

TEST_CASE("without descriptors the one who waits is turned away, and later ones are served") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const auto opened = listener::open(executor, {address_v4::loopback()}, 0);
    REQUIRE(opened);
    listener& one = **opened;
    counter server{executor, one};
    task_group tasks{executor, on_exception};
    tcp_socket unlucky{executor};
    tcp_socket lucky{executor};
    unlucky.open(asio::ip::tcp::v4());
    lucky.open(asio::ip::tcp::v4());
    std::array<std::byte, 1> into{};
    // The sanitizer needs descriptors to look at a type that it has not seen yet.
    tcp_stream unconnected{tcp_socket{executor}};
    const result<std::size_t> nothing = co_await unconnected.read_some(into);
    REQUIRE_FALSE(nothing);
    {
      const exhausted_descriptors none_left;
      tasks.spawn("run", server.run());
      const std::error_code failure = co_await connect(unlucky, address_v4::loopback(), one.port());
      REQUIRE_FALSE(failure);
      tcp_stream end{std::move(unlucky)};
      const result<std::size_t> got = co_await end.read_some(into);
      REQUIRE_FALSE(got);
      CHECK(got.error().code() == errc::end_of_stream);
      CHECK(server.accepted.empty());
      CHECK(server.troubles ==
            std::vector<error>{error{errc::connect_failed, "connections are turned away: Too many open files"}});
    }
    const std::error_code failure = co_await connect(lucky, address_v4::loopback(), one.port());
    REQUIRE_FALSE(failure);
    while (server.accepted.empty()) co_await server.arrived.wait();
    CHECK(server.troubles.size() == 1);
    one.close();
    co_await tasks.join();
  });
}

TEST_CASE("a listener that pauses can be closed at once") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const auto opened = listener::open(executor, {address_v4::loopback()}, 0);
    REQUIRE(opened);
    listener& one = **opened;
    counter server{executor, one};
    task_group tasks{executor, on_exception};
    tcp_socket unlucky{executor};
    unlucky.open(asio::ip::tcp::v4());
    const exhausted_descriptors none_left;
    tasks.spawn("run", server.run());
    (void)co_await connect(unlucky, address_v4::loopback(), one.port());
    while (server.troubles.empty()) co_await server.arrived.wait();
    one.close();
    co_await tasks.join();
  });
}

TEST_CASE("a listener ends with the coroutine that runs it") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const auto opened = listener::open(executor, parse_bind_address("localhost").value(), 0);
    REQUIRE(opened);
    counter server{executor, **opened};
    task_group tasks{executor, on_exception};
    tasks.spawn("run", server.run());
    co_await sleep_for(1ms);
    tasks.cancel_all();
    co_await tasks.join();
    CHECK(server.troubles.empty());
  });
}
