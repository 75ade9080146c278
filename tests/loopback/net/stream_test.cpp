#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/loop.hpp"
#include "support/loopback.hpp"
#include "tcptools/net/sleep.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/net/tcp_stream.hpp"

using namespace std::chrono_literals;
using namespace tcptools;
using namespace tcptools::net;
using namespace tcptools::testing;
using tcptools::testing::connected_sockets;
using tcptools::testing::connected_streams;
using tcptools::testing::read_all;
using tcptools::testing::run_test_loop;
using tcptools::testing::varied_bytes;

namespace {

using clock = stream::clock;

awaitable<void> say(stream& to, std::string_view text) {
  const result<void> sent = co_await to.write(as_bytes(text));
  REQUIRE(sent);
}

awaitable<void> say_all(stream& to, std::string_view text) {
  co_await say(to, text);
  const result<void> ended = co_await to.shutdown_send();
  REQUIRE(ended);
}

awaitable<void> echo(stream& with) {
  byte_buffer part(70'000);
  for (;;) {
    const result<std::size_t> got = co_await with.read_some(part);
    if (!got) break;
    const result<void> sent = co_await with.write(byte_view{part}.first(*got));
    REQUIRE(sent);
  }
  const result<void> ended = co_await with.shutdown_send();
  REQUIRE(ended);
}

}  // namespace

TEST_CASE("8 MiB there and back, reading and writing at once") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const auto [left, right] = connected_streams(executor);
    const byte_buffer content = varied_bytes(8U << 20U);
    task_group tasks{executor, on_exception};
    const auto write = [&, &out = *left]() -> awaitable<void> { co_await say_all(out, as_text(content)); };
    tasks.spawn("echo", echo(*right));
    tasks.spawn("write", write());
    const byte_buffer back = co_await read_all(*left);
    co_await tasks.join();
    CHECK((back == content));
    CHECK(left->bytes_written() == content.size());
    CHECK(left->bytes_read() == content.size());
    CHECK(right->bytes_read() == content.size());
    CHECK(right->bytes_written() == content.size());
  });
}

TEST_CASE("many pieces, some of them empty, arrive in order") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const auto [left, right] = connected_streams(executor);
    const byte_buffer content = varied_bytes(3'000'000);
    std::vector<byte_view> pieces;
    byte_view rest = content;
    for (std::size_t i = 0; !rest.empty(); ++i) {
      const std::size_t size = std::min(rest.size(), i % 3 == 0 ? 0 : (i * 37) % 20'000);
      pieces.push_back(rest.first(size));
      rest = rest.subspan(size);
    }
    REQUIRE(pieces.size() > 200);
    task_group tasks{executor, on_exception};
    const auto write = [&, &out = *left]() -> awaitable<void> {
      const result<void> sent = co_await out.write(pieces);
      REQUIRE(sent);
      const std::vector<byte_view> empty(100);
      const result<void> nothing = co_await out.write(empty);
      CHECK(nothing);
      const result<void> none = co_await out.write(std::span<const byte_view>{});
      CHECK(none);
      const result<void> ended = co_await out.shutdown_send();
      REQUIRE(ended);
    };
    tasks.spawn("write", write());
    const byte_buffer arrived = co_await read_all(*right);
    co_await tasks.join();
    CHECK((arrived == content));
  });
}

TEST_CASE("one direction ends and the other goes on") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const auto [left, right] = connected_streams(executor);
    co_await say_all(*left, "question");
    const byte_buffer question = co_await read_all(*right);
    CHECK(as_text(question) == "question");
    co_await say_all(*right, "answer");
    const byte_buffer answer = co_await read_all(*left);
    CHECK(as_text(answer) == "answer");
    const result<void> too_late = co_await left->write(as_bytes("more"));
    CHECK(too_late.error().code() == errc::connection_lost);
  });
}

TEST_CASE("the peer has a name, in errors too") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    auto [left, right] = connected_sockets(executor);
    const std::string port = std::to_string(right.local_endpoint().port());
    tcp_stream stream{std::move(left)};
    CHECK(stream.peer().address == "127.0.0.1");
    CHECK(stream.peer().text == "127.0.0.1:" + port);
    right.close();
    std::array<std::byte, 1> into{};
    const result<std::size_t> got = co_await stream.read_some(into);
    CHECK(got.error() == error{errc::end_of_stream, "connection closed by 127.0.0.1:" + port});
  });
}

TEST_CASE("an IPv6 peer has a name as well") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    if (!tcptools::testing::has_ipv6(executor)) co_return;
    auto [left, right] = connected_sockets(executor, asio::ip::address_v6::loopback());
    const std::string port = std::to_string(right.local_endpoint().port());
    const tcp_stream stream{std::move(left)};
    CHECK(stream.peer().address == "::1");
    CHECK(stream.peer().text == "[::1]:" + port);
  });
}

TEST_CASE("a peer that resets the connection") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    auto [left, right] = connected_sockets(executor);
    tcp_stream stream{std::move(left)};
    right.set_option(asio::socket_base::linger{true, 0});
    right.close();
    std::array<std::byte, 1> into{};
    const result<std::size_t> got = co_await stream.read_some(into);
    REQUIRE_FALSE(got);
    CHECK(got.error() ==
          error{errc::connection_lost, "connection to " + stream.peer().text + " lost: Connection reset by peer"});
  });
}

TEST_CASE("a peer that left while it was written to") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    auto [left, right] = connected_sockets(executor);
    tcp_stream stream{std::move(left)};
    right.close();
    const byte_buffer content(1U << 20U);
    result<void> sent;
    while (sent) sent = co_await stream.write(content);
    CHECK(sent.error().code() == errc::connection_lost);
  });
}

TEST_CASE("a deadline ends reading, until it is cleared") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const auto [left, right] = connected_streams(executor);
    std::array<std::byte, 8> into{};
    const auto when = clock::now() + 20ms;
    left->set_deadline(when);
    const result<std::size_t> late = co_await left->read_some(into);
    REQUIRE_FALSE(late);
    CHECK(late.error() == error{errc::timed_out, "connection to " + left->peer().text + " timed out"});
    CHECK(clock::now() >= when);

    co_await say(*right, "here");
    const result<std::size_t> still_late = co_await left->read_some(into);
    CHECK(still_late.error().code() == errc::timed_out);

    left->clear_deadline();
    const result<std::size_t> got = co_await left->read_some(into);
    CHECK(got.value() == 4);
  });
}

TEST_CASE("a deadline that is moved forward lets reading go on") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const auto [left, right] = connected_streams(executor);
    task_group tasks{executor, on_exception};
    left->set_deadline(clock::now() + 30ms);
    const auto move_and_answer = [&reading = *left, &answering = *right]() -> awaitable<void> {
      reading.set_deadline(clock::now() + 1h);
      co_await sleep_for(60ms);
      co_await say(answering, "here");
    };
    tasks.spawn("move and answer", move_and_answer());
    std::array<std::byte, 8> into{};
    const result<std::size_t> got = co_await left->read_some(into);
    CHECK(got.value() == 4);
    co_await tasks.join();
  });
}

TEST_CASE("a peer that never reads does not hold a writer for ever") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const auto [left, right] = connected_streams(executor);
    const byte_buffer content(64U << 20U);
    left->set_deadline(clock::now() + 100ms);
    const result<void> sent = co_await left->write(content);
    REQUIRE_FALSE(sent);
    CHECK(sent.error().code() == errc::timed_out);
    CHECK(left->bytes_written() < content.size());
    CHECK(left->unacknowledged() > 0);
    left->close();
    CHECK(left->unacknowledged() == 0);
  });
}

TEST_CASE("close ends what is pending, and may be repeated") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const auto [left, right] = connected_streams(executor);
    task_group tasks{executor, on_exception};
    std::optional<errc> reading;
    std::optional<errc> writing;
    const byte_buffer content(64U << 20U);
    const auto read = [&, &from = *left]() -> awaitable<void> {
      std::array<std::byte, 8> into{};
      reading = (co_await from.read_some(into)).error().code();
    };
    const auto write = [&, &to = *left]() -> awaitable<void> { writing = (co_await to.write(content)).error().code(); };
    tasks.spawn("read", read());
    tasks.spawn("write", write());
    (void)co_await tasks.join_until(task_group::clock::now() + 20ms);
    CHECK(tasks.size() == 2);
    left->close();
    co_await tasks.join();
    CHECK(reading == errc::connection_lost);
    CHECK(writing == errc::connection_lost);

    left->close();
    std::array<std::byte, 8> into{};
    const result<std::size_t> got = co_await left->read_some(into);
    CHECK(got.error().code() == errc::connection_lost);
    const result<void> sent = co_await left->write(as_bytes("x"));
    CHECK(sent.error().code() == errc::connection_lost);
    const result<void> ended = co_await left->shutdown_send();
    CHECK(ended.error().code() == errc::connection_lost);
  });
}

TEST_CASE("a coroutine that is cancelled is told so") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const auto [left, right] = connected_streams(executor);
    task_group tasks{executor, on_exception};
    std::optional<errc> reading;
    const auto read = [&, &from = *left]() -> awaitable<void> {
      std::array<std::byte, 8> into{};
      reading = (co_await from.read_some(into)).error().code();
    };
    tasks.spawn("read", read());
    co_await sleep_for(1ms);
    tasks.cancel_all();
    co_await tasks.join();
    CHECK(reading == errc::cancelled);
  });
}

TEST_CASE("whoever never has to wait lets others have their turn") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const auto [left, right] = connected_streams(executor);
    task_group tasks{executor, on_exception};
    bool is_over = false;
    bool had_a_turn = false;
    const byte_buffer content(1000);
    const result<void> sent = co_await left->write(content);
    REQUIRE(sent);
    const auto read = [&, &from = *right]() -> awaitable<void> {
      for (std::array<std::byte, 1> into{}; from.bytes_read() < content.size();) {
        const result<std::size_t> got = co_await from.read_some(into);
        REQUIRE(got);
      }
      is_over = true;
    };
    const auto other = [&]() -> awaitable<void> {
      had_a_turn = !is_over;
      co_return;
    };
    tasks.spawn("read", read());
    tasks.spawn("other", other());
    co_await tasks.join();
    CHECK(had_a_turn);
  });
}

TEST_CASE("what is there is taken, and what fits is given, without waiting") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const stream_pair pair = connected_streams(executor);
    std::array<std::byte, 16> into{};
    const result<std::size_t> nothing = pair.right->try_read(into);
    REQUIRE(nothing);
    CHECK(*nothing == 0);

    const std::array<byte_view, 3> pieces{as_bytes("ab"), as_bytes(""), as_bytes("cde")};
    const result<std::size_t> sent = pair.left->try_write(pieces);
    REQUIRE(sent);
    CHECK(*sent == 5);
    const result<void> readable = co_await pair.right->wait_readable();
    REQUIRE(readable);
    const result<std::size_t> got = pair.right->try_read(into);
    REQUIRE(got);
    CHECK(as_text(byte_view{into}.first(*got)) == "abcde");

    const byte_buffer much = varied_bytes(16U << 20U);
    const byte_view one{much};
    std::size_t given = 0;
    for (;;) {
      const result<std::size_t> part = pair.left->try_write({&one, 1});
      REQUIRE(part);
      if (*part == 0) break;
      given += *part;
    }
    CHECK(given > 0);

    pair.left->close();
    CHECK(pair.left->try_read(into).error().code() == errc::connection_lost);
    CHECK(pair.left->try_write({&one, 1}).error().code() == errc::connection_lost);
  });
}

TEST_CASE("what is looked at is there to be read, and a peer may get another name") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const stream_pair pair = connected_streams(executor);
    std::array<std::byte, 16> into{};
    const result<std::size_t> nothing = pair.right->try_peek(into);
    REQUIRE(nothing);
    CHECK(*nothing == 0);

    co_await say_all(*pair.left, "abc");
    (void)co_await pair.right->wait_readable();
    for (int i = 0; i < 2; ++i) {
      const result<std::size_t> seen = pair.right->try_peek(into);
      REQUIRE(seen);
      CHECK(as_text(byte_view{into}.first(*seen)) == "abc");
    }
    CHECK(pair.right->bytes_read() == 0);
    const byte_buffer all = co_await read_all(*pair.right);
    CHECK(as_text(all) == "abc");
    CHECK(pair.right->try_peek(into).error().code() == errc::end_of_stream);

    pair.right->set_peer({"192.0.2.1:4711", "192.0.2.1"});
    CHECK(pair.right->peer().address == "192.0.2.1");
    CHECK(pair.right->try_read(into).error().text() == "connection closed by 192.0.2.1:4711");
  });
}
