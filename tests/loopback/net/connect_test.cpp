#include "tcptools/net/connect.hpp"

#include <array>
#include <chrono>
#include <fstream>
#include <future>
#include <iomanip>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/loop.hpp"
#include "support/loopback.hpp"
#include "tcptools/net/acceptor.hpp"
#include "tcptools/net/task_group.hpp"

using namespace std::chrono_literals;
using namespace tcptools;
using namespace tcptools::net;
using namespace tcptools::testing;
using tcptools::testing::closed_port;
using tcptools::testing::has_ipv6;
using tcptools::testing::run_test_loop;
using tcptools::testing::silent_listener;

namespace {

using addresses = std::vector<asio::ip::address>;
using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, any_executor>;

constexpr std::chrono::milliseconds long_enough = 20s;

asio::ip::tcp::endpoint any_port() { return {asio::ip::address_v4::loopback(), 0}; }

lookup_function answer(const std::vector<std::string>& texts) {
  addresses all;
  for (const std::string& text : texts) all.push_back(asio::ip::make_address(text));
  return [all](const std::string&) -> result<addresses> { return all; };
}

// Ends of connections with this port that are waiting to ask whether the peer is still there; proc(5).
int kept_alive(std::uint16_t port) {
  std::ostringstream suffix;
  suffix << ':' << std::uppercase << std::hex << std::setw(4) << std::setfill('0') << port;
  std::ifstream table{"/proc/self/net/tcp"};
  int count = 0;
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields{line};
    std::array<std::string, 6> field;
    for (std::string& one : field) fields >> one;
    const auto& [number, local, remote, state, queues, timer] = field;
    const bool is_ours = local.ends_with(suffix.str()) || remote.ends_with(suffix.str());
    if (is_ours && state == "01" && timer.starts_with("02")) ++count;
  }
  return count;
}

// A name server that is not there: it answers only when it is let go.
class stuck_lookup {
 public:
  stuck_lookup() = default;
  stuck_lookup(const stuck_lookup&) = delete;
  stuck_lookup& operator=(const stuck_lookup&) = delete;
  ~stuck_lookup() {
    let_go_->set_value();
    answered_->get_future().wait();
  }

  [[nodiscard]] lookup_function function() const {
    return [let_go = let_go_, answered = answered_](const std::string&) -> result<addresses> {
      let_go->get_future().wait();
      answered->set_value();
      return error{errc::connect_failed, "no name server"};
    };
  }

 private:
  std::shared_ptr<std::promise<void>> let_go_ = std::make_shared<std::promise<void>>();
  std::shared_ptr<std::promise<void>> answered_ = std::make_shared<std::promise<void>>();
};

}  // namespace

TEST_CASE("connecting to an address and to a name") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    acceptor server{executor, any_port()};
    const std::uint16_t port = server.local_endpoint().port();
    connector connects{executor};
    for (const char* const host : {"127.0.0.1", "localhost"}) {
      const auto connected = co_await connects.connect(host, port, long_enough);
      REQUIRE(connected);
      CHECK((*connected)->peer().text == "127.0.0.1:" + std::to_string(port));
      tcp_stream accepted{server.accept()};
      const result<void> sent = co_await (*connected)->write(as_bytes("x"));
      CHECK(sent);
      std::array<std::byte, 8> into{};
      const result<std::size_t> got = co_await accepted.read_some(into);
      CHECK(got.value() == 1);
    }
  });
}

TEST_CASE("nobody listens there") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const closed_port nobody{executor};
    connector connects{executor};
    const auto connected = co_await connects.connect("127.0.0.1", nobody.port(), long_enough);
    REQUIRE_FALSE(connected);
    CHECK(connected.error() == error{errc::connect_failed, "cannot connect to 127.0.0.1 port " +
                                                               std::to_string(nobody.port()) + ": Connection refused"});
  });
}

TEST_CASE("the addresses of a name are tried in turn") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    acceptor server{executor, any_port()};
    const std::uint16_t port = server.local_endpoint().port();
    connector connects{executor, answer({"127.0.0.3", "127.0.0.2", "127.0.0.1"})};
    const auto connected = co_await connects.connect("example", port, long_enough);
    REQUIRE(connected);
    CHECK((*connected)->peer().address == "127.0.0.1");
  });
}

TEST_CASE("one line says what happened at each address") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const silent_listener silent{executor};
    std::vector<std::string> texts{"127.0.0.1", "127.0.0.2"};
    std::string expected = "127.0.0.1: no answer; 127.0.0.2: Connection refused";
    if (has_ipv6(executor)) {
      texts.emplace_back("::1");
      expected += "; ::1: Connection refused";
    }
    connector connects{executor, answer(texts)};
    const auto connected = co_await connects.connect("example", silent.port(), 200ms);
    REQUIRE_FALSE(connected);
    CHECK(connected.error() == error{errc::connect_failed, "cannot connect to example port " +
                                                               std::to_string(silent.port()) + ": " + expected});
  });
}

TEST_CASE("a host that does not answer") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const silent_listener silent{executor};
    connector connects{executor};
    const auto start = std::chrono::steady_clock::now();
    const auto connected = co_await connects.connect("127.0.0.1", silent.port(), 100ms);
    CHECK(std::chrono::steady_clock::now() - start >= 100ms);
    REQUIRE_FALSE(connected);
    CHECK(connected.error() ==
          error{errc::timed_out, "cannot connect to 127.0.0.1 port " + std::to_string(silent.port()) + ": no answer"});
  });
}

TEST_CASE("a name that is not known") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    connector connects{executor, [](const std::string&) -> result<addresses> {
                         return error{errc::connect_failed, "Name or service not known"};
                       }};
    const auto connected = co_await connects.connect("no\nwhere", 1122, long_enough);
    REQUIRE_FALSE(connected);
    CHECK(connected.error() ==
          error{errc::connect_failed, "cannot connect to no\\nwhere port 1122: Name or service not known"});
  });
}

TEST_CASE("a name server that does not answer is waited for no longer than an address") {
  const stuck_lookup stuck;
  run_test_loop([&](any_executor executor) -> awaitable<void> {
    connector connects{executor, stuck.function()};
    const auto connected = co_await connects.connect("example", 1122, 50ms);
    REQUIRE_FALSE(connected);
    CHECK(connected.error() ==
          error{errc::timed_out, "cannot connect to example port 1122: the name could not be looked up in time"});
  });
}

TEST_CASE("an attempt is cancelled while the name is looked up") {
  const stuck_lookup stuck;
  run_test_loop([&](any_executor executor) -> awaitable<void> {
    connector connects{executor, stuck.function()};
    task_group tasks{executor, on_exception};
    std::optional<errc> how;
    const auto attempt = [&]() -> awaitable<void> {
      how = (co_await connects.connect("example", 1122, long_enough)).error().code();
    };
    tasks.spawn("connect", attempt());
    (void)co_await tasks.join_until(task_group::clock::now() + 20ms);
    connects.cancel();
    co_await tasks.join();
    CHECK(how == errc::cancelled);
  });
}

TEST_CASE("an attempt is cancelled while a host does not answer") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const silent_listener silent{executor};
    connector connects{executor};
    task_group tasks{executor, on_exception};
    std::optional<errc> how;
    const auto attempt = [&]() -> awaitable<void> {
      how = (co_await connects.connect("127.0.0.1", silent.port(), long_enough)).error().code();
    };

    SECTION("by its owner, who wants no other") {
      tasks.spawn("connect", attempt());
      (void)co_await tasks.join_until(task_group::clock::now() + 20ms);
      connects.cancel();
      co_await tasks.join();
      CHECK(how == errc::cancelled);
      const auto again = co_await connects.connect("127.0.0.1", silent.port(), long_enough);
      CHECK(again.error().code() == errc::cancelled);
    }
    SECTION("with its coroutine") {
      tasks.spawn("connect", attempt());
      (void)co_await tasks.join_until(task_group::clock::now() + 20ms);
      tasks.cancel_all();
      co_await tasks.join();
      CHECK(how == errc::cancelled);
    }
  });
}

TEST_CASE("both ends of a connection find out that the other has vanished") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const auto opened = listener::open(executor, {asio::ip::address_v4::loopback()}, 0);
    REQUIRE(opened);
    listener& one = **opened;
    event arrived{executor};
    std::shared_ptr<stream> accepted;
    task_group tasks{executor, on_exception};
    const auto keep = [&](std::shared_ptr<stream> made) {
      accepted = std::move(made);
      arrived.notify_all();
    };
    tasks.spawn("run", one.run(keep, [](const error&) {}));
    connector to{executor};
    const auto connected = co_await to.connect("127.0.0.1", one.port(), long_enough);
    REQUIRE(connected);
    while (!accepted) co_await arrived.wait();
    CHECK(kept_alive(one.port()) == 2);
    one.close();
    co_await tasks.join();
  });
}
