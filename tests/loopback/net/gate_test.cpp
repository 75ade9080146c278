#include "tcptools/net/gate.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/loop.hpp"
#include "support/loopback.hpp"
#include "support/tls.hpp"
#include "tcptools/net/connect.hpp"
#include "tcptools/net/key_ring.hpp"
#include "tcptools/net/sleep.hpp"
#include "tcptools/net/tls_stream.hpp"

using namespace tcptools;
using namespace tcptools::net;
using namespace std::chrono_literals;
using tcptools::testing::make_key;
using tcptools::testing::make_key_client;
using tcptools::testing::make_key_server;
using tcptools::testing::run_test_loop;

namespace {

using asio::ip::address_v4;

cidr block(std::string_view text) { return cidr::parse(text).value(); }

// A gate on a port of this machine, and whom it let in and did not.
class watched_gate final : public gate_observer {
 public:
  watched_gate(const any_executor& executor, gate::settings chosen)
      : changed{executor},
        listening_{std::move(*listener::open(executor, {address_v4::loopback()}, 0))},
        door{*listening_, std::move(chosen), *this},
        tasks_{executor, testing::on_exception} {
    tasks_.spawn("run", run());
  }

  // A connection from an address of this machine.
  tcp_socket knock(const std::string& from = "127.0.0.1") {
    tcp_socket socket{changed_executor(), asio::ip::tcp::v4()};
    socket.bind({asio::ip::make_address(from), 0});
    socket.connect({address_v4::loopback(), listening_->port()});
    return socket;
  }
  std::shared_ptr<tcp_stream> knock_and_say(std::string_view what, const std::string& from = "127.0.0.1") {
    auto stream = std::make_shared<tcp_stream>(knock(from));
    const byte_view bytes = as_bytes(what);
    REQUIRE(stream->try_write({&bytes, 1}).value() == what.size());
    return stream;
  }
  awaitable<result<std::shared_ptr<stream>>> knock_with(std::shared_ptr<const tls_client> context,
                                                        std::string from = "127.0.0.1") {
    auto over = std::make_shared<tcp_stream>(knock(from));
    over->set_deadline(stream::clock::now() + 20s);
    co_return co_await connect_tls(std::move(over), std::move(context), "localhost");
  }

  // Waits until it is so.
  awaitable<void> until(std::function<bool()> is_so, std::chrono::milliseconds patience = 20s) {
    const auto end = event::clock::now() + patience;
    while (!is_so()) {
      // Not everything that may have changed is told.
      (void)co_await changed.wait_until(event::clock::now() + 5ms);
      if (event::clock::now() > end && !is_so()) FAIL("what was waited for did not happen");
    }
  }
  awaitable<void> end() {
    door.close();
    co_await tasks_.join();
  }

  void on_not_let_in(const refusal& what) override {
    refused.push_back(what);
    changed.notify_all();
  }
  void on_let_in_again(const peer_info& /*peer*/, std::uint64_t unlogged) override { let_in_again.push_back(unlogged); }

  event changed;
  std::vector<std::shared_ptr<stream>> in;
  std::vector<refusal> refused;
  std::vector<std::uint64_t> let_in_again;

 private:
  std::unique_ptr<listener> listening_;

 public:
  gate door;

 private:
  any_executor changed_executor() { return listening_->get_executor(); }
  awaitable<void> run() {
    gate::on_connection accept = [this](std::shared_ptr<stream> one) {
      in.push_back(std::move(one));
      changed.notify_all();
    };
    listener::on_trouble complain = [](const error& what) { FAIL_CHECK(what.text()); };
    co_await door.run(std::move(accept), std::move(complain));
  }

  task_group tasks_;
};

// All that comes to the end of the connection.
awaitable<std::string> rest_of(stream& from) {
  std::string all;
  from.set_deadline(stream::clock::now() + 20s);
  for (;;) {
    std::array<std::byte, 256> bytes{};
    const result<std::size_t> got = co_await from.read_some(bytes);
    if (got) all += as_text(byte_view{bytes}.first(*got));
    if (!got) co_return all;
  }
}

std::string alert() { return std::string{"\x15\x03\x03\x00\x02\x02\x28", 7}; }

}  // namespace

TEST_CASE("without keys and certificates a gate hands everybody on", "[loopback]") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    watched_gate gate{executor, {}};
    const auto one = gate.knock_and_say("hello");
    co_await gate.until([&gate] { return gate.in.size() == 1; });
    CHECK(gate.door.waiting() == 0);
    CHECK(gate.in[0]->peer().address == "127.0.0.1");
    CHECK_FALSE(gate.in[0]->is_encrypted());
    co_await gate.end();
    // They are not the gate's any more.
    std::array<std::byte, 5> bytes{};
    const result<std::size_t> got = co_await gate.in[0]->read_some(bytes);
    CHECK(got.value() == 5);
  });
}

TEST_CASE("who is denied, or is not allowed, is closed before any byte", "[loopback]") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    gate::settings chosen;
    chosen.addresses = {{block("127.0.0.0/29")}, {block("127.0.0.3")}};
    watched_gate gate{executor, chosen};
    for (const char* const from : {"127.0.0.3", "127.0.0.9"}) {
      tcp_stream turned_away{gate.knock(from)};
      const std::string said = co_await rest_of(turned_away);
      CHECK(said.empty());
      REQUIRE_FALSE(gate.refused.empty());
      CHECK(gate.refused.back().peer.address == from);
      CHECK(gate.refused.back().why.code() == errc::refused);
    }
    const tcp_socket let_in = gate.knock("127.0.0.2");
    co_await gate.until([&gate] { return gate.in.size() == 1; });
    co_await gate.end();
  });
}

TEST_CASE("who knocks again and again in vain does not fill a log", "[loopback]") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    gate::settings chosen;
    chosen.addresses.deny = {block("127.0.0.2")};
    watched_gate gate{executor, chosen};
    for (int i = 0; i < 100; ++i) {
      tcp_stream turned_away{gate.knock("127.0.0.2")};
      const std::string said = co_await rest_of(turned_away);
      CHECK(said.empty());
    }
    CHECK(gate.refused.size() <= 12);
    CHECK(gate.in.empty());
    co_await gate.end();
  });
}

TEST_CASE("a proxy says who the peer is, and only a proxy does", "[loopback]") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    gate::settings chosen;
    chosen.proxies = {block("127.0.0.2")};
    chosen.addresses.deny = {block("192.0.2.0/24")};
    watched_gate gate{executor, chosen};

    const auto proxied = gate.knock_and_say("PROXY TCP4 203.0.113.7 127.0.0.1 4711 1122\r\nhello", "127.0.0.2");
    co_await gate.until([&gate] { return gate.in.size() == 1; });
    CHECK(gate.in[0]->peer().text == "203.0.113.7:4711");
    CHECK(gate.in[0]->peer().address == "203.0.113.7");
    std::array<std::byte, 9> bytes{};
    const result<std::size_t> got = co_await gate.in[0]->read_some(bytes);
    CHECK(as_text(byte_view{bytes}.first(got.value())) == "hello");

    const auto direct = gate.knock_and_say("PROXY TCP4 203.0.113.7 127.0.0.1 4711 1122\r\n");
    co_await gate.until([&gate] { return gate.in.size() == 2; });
    CHECK(gate.in[1]->peer().address == "127.0.0.1");

    const auto itself = gate.knock_and_say("PROXY UNKNOWN\r\n", "127.0.0.2");
    co_await gate.until([&gate] { return gate.in.size() == 3; });
    CHECK(gate.in[2]->peer().address == "127.0.0.2");
    CHECK(gate.refused.empty());

    const auto denied = gate.knock_and_say("PROXY TCP4 192.0.2.7 127.0.0.1 4711 1122\r\n", "127.0.0.2");
    const std::string said_to_denied = co_await rest_of(*denied);
    CHECK(said_to_denied.empty());
    REQUIRE(gate.refused.size() == 1);
    CHECK(gate.refused[0].peer.text == "192.0.2.7:4711");

    const auto without = gate.knock_and_say("hello, this is no header\n", "127.0.0.2");
    const std::string said_to_it = co_await rest_of(*without);
    CHECK(said_to_it.empty());
    REQUIRE(gate.refused.size() == 2);
    CHECK(gate.refused[1].peer.address == "127.0.0.2");
    CHECK(gate.refused[1].why.code() == errc::protocol_violation);
    CHECK(gate.in.size() == 3);
    co_await gate.end();
  });
}

TEST_CASE("a proxy that says nothing is let go", "[loopback]") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    gate::settings chosen;
    chosen.proxies = {block("127.0.0.1")};
    chosen.handshake_wait = 100ms;
    watched_gate gate{executor, chosen};
    const auto slow = gate.knock_and_say("PROXY TCP4 203");
    const std::string said = co_await rest_of(*slow);
    CHECK(said.empty());
    REQUIRE(gate.refused.size() == 1);
    CHECK(gate.refused[0].why.code() == errc::timed_out);
    co_await gate.end();
  });
}

TEST_CASE("who has a key is let in by name, and nobody else", "[loopback]") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const key ours = make_key("backup", 1);
    gate::settings chosen;
    chosen.tls = make_key_server({ours});
    watched_gate gate{executor, chosen};

    const auto in = co_await gate.knock_with(make_key_client(ours));
    REQUIRE(in);
    co_await gate.until([&gate] { return gate.in.size() == 1; });
    CHECK(gate.in[0]->is_encrypted());
    REQUIRE(gate.in[0]->identity());
    CHECK(gate.in[0]->identity()->name == "backup");
    CHECK(gate.door.waiting() == 0);

    const auto wrong = co_await gate.knock_with(make_key_client(make_key("backup", 2)));
    CHECK(wrong.error().code() == errc::refused);
    co_await gate.until([&gate] { return gate.refused.size() == 1; });
    CHECK(gate.refused[0].why.code() == errc::refused);
    CHECK(gate.refused[0].peer.address == "127.0.0.1");

    // For those who come from now on; who is in stays.
    const key next = make_key("next", 1);
    gate.door.set_tls(make_key_server({next}));
    const auto late = co_await gate.knock_with(make_key_client(ours));
    CHECK(late.error().code() == errc::refused);
    const auto fresh = co_await gate.knock_with(make_key_client(next));
    CHECK(fresh);
    co_await gate.until([&gate] { return gate.in.size() == 2; });
    co_await gate.end();
  });
}

TEST_CASE("what is not TLS gets an alert where TLS is demanded", "[loopback]") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    gate::settings chosen;
    chosen.tls = make_key_server({make_key("a", 1)});
    watched_gate gate{executor, chosen};
    // More than one read, none of which may make the alert get lost.
    for (const std::string& says : {std::string{"{\"tcpchat\":1}\n"}, std::string(50'000, 'x')}) {
      const auto plain = gate.knock_and_say(says);
      const std::string said = co_await rest_of(*plain);
      CHECK(said == alert());
      plain->close();
      co_await gate.until([&gate] { return !gate.refused.empty(); });
      CHECK(gate.refused.back().why.code() == errc::protocol_violation);
      gate.refused.clear();
    }
    CHECK(gate.in.empty());
    co_await gate.end();
  });
}

TEST_CASE("where it is allowed, what is not TLS is let in as it is", "[loopback]") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const key ours = make_key("a", 1);
    gate::settings chosen;
    chosen.tls = make_key_server({ours});
    chosen.allow_plain = true;
    chosen.plain_wait = 50ms;
    watched_gate gate{executor, chosen};

    const auto plain = gate.knock_and_say("hello");
    co_await gate.until([&gate] { return gate.in.size() == 1; });
    CHECK_FALSE(gate.in[0]->is_encrypted());
    CHECK(gate.in[0]->identity() == nullptr);
    std::array<std::byte, 9> bytes{};
    const result<std::size_t> got = co_await gate.in[0]->read_some(bytes);
    CHECK(as_text(byte_view{bytes}.first(got.value())) == "hello");

    const auto silent = gate.knock_and_say("");
    co_await gate.until([&gate] { return gate.in.size() == 2; });
    // The wait for its first byte is over.
    (void)co_await sleep_for(100ms);
    const byte_view greeting = as_bytes("welcome");
    const result<void> greeted = co_await gate.in[1]->write(greeting);
    CHECK(greeted);
    const result<std::size_t> heard = co_await silent->read_some(bytes);
    CHECK(heard.value() == 7);

    const auto finished = gate.knock_and_say("");
    const result<void> half_closed = co_await finished->shutdown_send();
    REQUIRE(half_closed);
    co_await gate.until([&gate] { return gate.in.size() == 3; });

    const auto encrypted = co_await gate.knock_with(make_key_client(ours));
    CHECK(encrypted);
    co_await gate.until([&gate] { return gate.in.size() == 4; });
    CHECK(gate.in[3]->is_encrypted());
    const auto wrong = co_await gate.knock_with(make_key_client(make_key("a", 2)));
    CHECK(wrong.error().code() == errc::refused);
    co_await gate.end();
  });
}

TEST_CASE("who does not finish the handshake in time is let go", "[loopback]") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    gate::settings chosen;
    chosen.tls = make_key_server({make_key("a", 1)});
    chosen.handshake_wait = 100ms;
    watched_gate gate{executor, chosen};
    const auto silent = gate.knock_and_say("");
    const auto slow = gate.knock_and_say({"\x16\x03\x01\x02\x00\x01", 6});
    (void)co_await rest_of(*silent);
    (void)co_await rest_of(*slow);
    co_await gate.until([&gate] { return gate.refused.size() == 2; });
    CHECK(gate.refused[0].why.code() == errc::timed_out);
    CHECK(gate.refused[1].why.code() == errc::timed_out);
    CHECK_FALSE(gate.refused[1].is_blocked);
    CHECK(gate.door.waiting() == 0);
    co_await gate.end();
  });
}

TEST_CASE("nothing is said of who only looks whether the port is open", "[loopback]") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const key ours = make_key("a", 1);
    gate::settings chosen;
    chosen.tls = make_key_server({ours});
    watched_gate gate{executor, chosen};
    for (int i = 0; i < 20; ++i) gate.knock().close();
    const auto in = co_await gate.knock_with(make_key_client(ours));
    CHECK(in);
    co_await gate.until([&gate] { return gate.door.waiting() == 0; });
    CHECK(gate.refused.empty());
    co_await gate.end();
  });
}

TEST_CASE("an address that failed too often is blocked, and said to be so once", "[loopback]") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const key ours = make_key("a", 1);
    gate::settings chosen;
    chosen.tls = make_key_server({ours});
    watched_gate gate{executor, chosen};
    const auto wrong = make_key_client(make_key("a", 2));
    for (int i = 0; i < 40; ++i) {
      const auto refused = co_await gate.knock_with(wrong, "127.0.0.2");
      CHECK_FALSE(refused);
    }
    const auto blocked = std::ranges::count_if(gate.refused, [](const refusal& one) { return one.is_blocked; });
    CHECK(blocked >= 1);
    CHECK(blocked <= 3);
    CHECK(gate.refused.size() >= 10);
    CHECK(gate.refused.size() <= 13);

    // Not even with a good key. Others are not concerned.
    const auto late = co_await gate.knock_with(make_key_client(ours), "127.0.0.2");
    CHECK_FALSE(late);
    const auto other = co_await gate.knock_with(make_key_client(ours), "127.0.0.3");
    CHECK(other);
    co_await gate.until([&gate] { return gate.in.size() == 1; });
    CHECK(gate.let_in_again.empty());
    co_await gate.end();
  });
}

TEST_CASE("of whom nothing was said, the number is", "[loopback]") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const key ours = make_key("a", 1);
    gate::settings chosen;
    chosen.tls = make_key_server({ours});
    chosen.handshake_wait = 100ms;
    watched_gate gate{executor, chosen};
    std::vector<tcp_socket> silent;
    for (int i = 0; i < 50; ++i) silent.push_back(gate.knock());
    co_await gate.until([&gate] { return gate.door.waiting() == 50; });
    co_await gate.until([&gate] { return gate.door.waiting() == 0; });
    CHECK(gate.refused.size() <= 12);
    const auto real = co_await gate.knock_with(make_key_client(ours));
    CHECK(real);
    co_await gate.until([&gate] { return gate.in.size() == 1; });
    REQUIRE(gate.let_in_again.size() == 1);
    CHECK(gate.refused.size() + gate.let_in_again[0] == 50);
    co_await gate.end();
  });
}

TEST_CASE("a thousand that never finish their handshakes keep no real client out", "[loopback]") {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const rlimit before = limit;
  limit.rlim_cur = limit.rlim_max;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  // Both ends are here.
  const std::size_t idlers = limit.rlim_cur >= 3'000 ? 1'000 : 100;
  run_test_loop([idlers](any_executor executor) -> awaitable<void> {
    const key ours = make_key("a", 1);
    gate::settings chosen;
    chosen.tls = make_key_server({ours});
    chosen.waiting = {idlers, idlers, 1s};
    chosen.handshake_wait = 60s;  // none of them goes because its time is over, however slow this machine is
    watched_gate gate{executor, chosen};
    std::vector<tcp_socket> idle;
    for (std::size_t i = 0; i < idlers; ++i) {
      idle.push_back(gate.knock(i % 2 == 0 ? "127.0.0.1" : "127.0.0." + std::to_string(i % 64 + 2)));
      // The queue of connections that nobody has accepted is bounded.
      if (i % 100 == 99) co_await gate.until([&gate, i] { return gate.door.waiting() == i + 1; });
    }
    CHECK(gate.door.waiting() == idlers);

    const auto start = event::clock::now();
    constexpr std::size_t real = 20;
    std::vector<std::shared_ptr<stream>> clients;
    for (std::size_t i = 0; i < real; ++i) {
      // Also from the address that holds most of it.
      const auto in = co_await gate.knock_with(make_key_client(ours), i % 2 == 0 ? "127.0.0.1" : "127.0.0.200");
      REQUIRE(in);
      clients.push_back(*in);
    }
    co_await gate.until([&gate] { return gate.in.size() == real; });
    CHECK(event::clock::now() - start < 10s);
    CHECK(gate.door.waiting() < idlers);
    CHECK(gate.refused.size() <= real);
    for (const refusal& one : gate.refused) CHECK(one.why.code() == errc::busy);
    co_await gate.end();
    CHECK(gate.door.waiting() == 0);
  });
  (void)::setrlimit(RLIMIT_NOFILE, &before);
}

TEST_CASE("a gate that is closed ends the handshakes and lets nobody in", "[loopback]") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    gate::settings chosen;
    chosen.tls = make_key_server({make_key("a", 1)});
    watched_gate gate{executor, chosen};
    const auto waiting = gate.knock_and_say({"\x16\x03\x01\x02\x00\x01", 6});
    co_await gate.until([&gate] { return gate.door.waiting() == 1; });
    co_await gate.end();
    const std::string said = co_await rest_of(*waiting);
    CHECK(said.empty());
    CHECK(gate.in.empty());
    CHECK(gate.refused.empty());
  });
}
