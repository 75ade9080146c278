#include "tcptools/net/tls_stream.hpp"

#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/loop.hpp"
#include "support/loopback.hpp"
#include "support/openssl_end.hpp"
#include "support/tls.hpp"
#include "tcptools/net/sleep.hpp"
#include "tcptools/net/task_group.hpp"

using namespace std::chrono_literals;
using namespace tcptools;
using namespace tcptools::net;
using namespace tcptools::testing;
using tcptools::testing::connected_streams;
using tcptools::testing::connected_tls;
using tcptools::testing::make_key;
using tcptools::testing::make_key_client;
using tcptools::testing::make_key_server;
using tcptools::testing::openssl_end;
using tcptools::testing::read_all;
using tcptools::testing::run_test_loop;
using tcptools::testing::shake_hands;
using tcptools::testing::varied_bytes;

namespace {

awaitable<void> tls_say(stream& to, byte_view what) {
  const result<void> sent = co_await to.write(what);
  REQUIRE(sent);
}

awaitable<void> tls_say_all(stream& to, byte_view what) {
  co_await tls_say(to, what);
  const result<void> ended = co_await to.shutdown_send();
  REQUIRE(ended);
}

awaitable<std::string> tls_hear(stream& from) {
  std::array<std::byte, 256> into{};
  const result<std::size_t> got = co_await from.read_some(into);
  REQUIRE(got);
  co_return std::string{as_text(byte_view{into}.first(*got))};
}

// An end that speaks through OpenSSL in the test's own hands, and ours.
struct odd_pair {
  std::shared_ptr<tcp_stream> wire;  // of the odd end
  std::shared_ptr<openssl_end> odd;
  std::shared_ptr<stream> ours;  // the server
};

awaitable<odd_pair> connected_odd(any_executor executor) {
  const key one = make_key("alice", 1);
  const auto client = make_key_client(one);
  const auto server = make_key_server(std::vector<key>(1, one));
  const stream_pair pair = connected_streams(executor);
  odd_pair made;
  made.wire = pair.left;
  made.odd = std::make_shared<openssl_end>(client->native());
  task_group tasks{executor, on_exception};
  const auto accept = [&]() -> awaitable<void> {
    const tls_end accepted = co_await accept_tls(pair.right, server);
    REQUIRE(accepted);
    made.ours = *accepted;
  };
  tasks.spawn("accept", accept());
  const byte_buffer first = made.odd->hello();
  co_await tls_say(*made.wire, first);
  const byte_buffer second = co_await made.odd->finish(*made.wire);
  co_await tls_say(*made.wire, second);
  co_await tasks.join();
  co_return made;
}

}  // namespace

TEST_CASE("TLS: 8 MiB each way at once, with new keys on the way") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const tls_pair pair = co_await connected_tls(executor, 20);
    const byte_buffer content = varied_bytes(8U << 20U);
    task_group tasks{executor, on_exception};
    byte_buffer to_right;
    const auto collect = [&]() -> awaitable<void> { to_right = co_await read_all(*pair.right); };
    tasks.spawn("left writes", tls_say_all(*pair.left, content));
    tasks.spawn("right writes", tls_say_all(*pair.right, content));
    tasks.spawn("right reads", collect());
    const byte_buffer to_left = co_await read_all(*pair.left);
    co_await tasks.join();
    CHECK((to_left == content));
    CHECK((to_right == content));
    for (const auto& one : {pair.left, pair.right}) {
      CHECK(one->bytes_written() == content.size());
      CHECK(one->bytes_read() == content.size());
      CHECK(one->unacknowledged() <= content.size());
    }
  });
}

TEST_CASE("TLS: many pieces, some of them empty or tiny, arrive in order") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const tls_pair pair = co_await connected_tls(executor);
    const byte_buffer content = varied_bytes(2'000'000);
    std::vector<byte_view> pieces;
    byte_view rest = content;
    for (std::size_t i = 0; !rest.empty(); ++i) {
      const std::size_t wanted = i % 3 == 0 ? 0 : i % 5 == 0 ? 1 : (i * 37) % 40'000;
      pieces.push_back(rest.first(std::min(rest.size(), wanted)));
      rest = rest.subspan(pieces.back().size());
    }
    task_group tasks{executor, on_exception};
    const auto write = [&]() -> awaitable<void> {
      const result<void> sent = co_await pair.left->write(pieces);
      REQUIRE(sent);
      const result<void> nothing = co_await pair.left->write(std::span<const byte_view>{});
      CHECK(nothing);
      const result<void> ended = co_await pair.left->shutdown_send();
      REQUIRE(ended);
    };
    tasks.spawn("write", write());
    const byte_buffer arrived = co_await read_all(*pair.right);
    co_await tasks.join();
    CHECK((arrived == content));
  });
}

TEST_CASE("TLS: either direction ends first and the other goes on") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    for (const bool left_first : {true, false}) {
      tls_pair pair = co_await connected_tls(executor);
      if (!left_first) std::swap(pair.left, pair.right);
      co_await tls_say_all(*pair.left, as_bytes("question"));
      const byte_buffer question = co_await read_all(*pair.right);
      CHECK(as_text(question) == "question");
      const result<void> still_at_end = co_await pair.right->wait_readable();
      CHECK(still_at_end);
      co_await tls_say(*pair.right, as_bytes("one"));
      const std::string one = co_await tls_hear(*pair.left);
      CHECK(one == "one");
      co_await tls_say_all(*pair.right, as_bytes("two"));
      const byte_buffer two = co_await read_all(*pair.left);
      CHECK(as_text(two) == "two");
      const result<void> too_late = co_await pair.left->write(as_bytes("more"));
      CHECK(too_late.error().code() == errc::connection_lost);
    }
  });
}

TEST_CASE("TLS: a connection that is cut off has not ended") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const odd_pair pair = co_await connected_odd(executor);
    REQUIRE(SSL_write(pair.odd->ssl(), "half", 4) == 4);
    const byte_buffer half = pair.odd->output();
    co_await tls_say_all(*pair.wire, half);
    const std::string heard = co_await tls_hear(*pair.ours);
    CHECK(heard == "half");
    std::array<std::byte, 8> into{};
    const result<std::size_t> cut = co_await pair.ours->read_some(into);
    REQUIRE_FALSE(cut);
    CHECK(cut.error() ==
          error{errc::connection_lost, "connection to " + pair.ours->peer().text + " lost: it was cut off"});
  });
}

TEST_CASE("TLS: a record that was changed on its way is noticed") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const odd_pair pair = co_await connected_odd(executor);
    REQUIRE(SSL_write(pair.odd->ssl(), "half", 4) == 4);
    byte_buffer record = pair.odd->output();
    record.back() ^= std::byte{1};
    co_await tls_say(*pair.wire, record);
    std::array<std::byte, 8> into{};
    const result<std::size_t> damaged = co_await pair.ours->read_some(into);
    REQUIRE_FALSE(damaged);
    CHECK(damaged.error() ==
          error{errc::connection_lost, "connection to " + pair.ours->peer().text + " lost: what arrived was damaged"});
    const result<void> afterwards = co_await pair.ours->write(as_bytes("x"));
    CHECK_FALSE(afterwards);
  });
}

TEST_CASE("TLS: closing says so, resetting does not") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const tls_pair closed = co_await connected_tls(executor);
    closed.left->close();
    closed.left->close();
    const byte_buffer nothing = co_await read_all(*closed.right);
    CHECK(nothing.empty());
    std::array<std::byte, 8> into{};
    CHECK(closed.left->try_read(into).error().code() == errc::connection_lost);
    const result<void> written = co_await closed.left->write(as_bytes("x"));
    CHECK(written.error().code() == errc::connection_lost);
    const result<void> readable = co_await closed.left->wait_readable();
    CHECK(readable.error().code() == errc::connection_lost);
    const result<void> ended = co_await closed.left->shutdown_send();
    CHECK(ended.error().code() == errc::connection_lost);

    tls_pair dropped = co_await connected_tls(executor);
    dropped.left.reset();
    const byte_buffer as_little = co_await read_all(*dropped.right);
    CHECK(as_little.empty());

    const tls_pair reset = co_await connected_tls(executor);
    reset.left->reset();
    const result<std::size_t> lost = co_await reset.right->read_some(into);
    CHECK(lost.error().code() == errc::connection_lost);
  });
}

TEST_CASE("TLS: deadline, cancellation and closing end what is pending") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const tls_pair pair = co_await connected_tls(executor);
    std::array<std::byte, 8> into{};
    pair.left->set_deadline(stream::clock::now() + 20ms);
    const result<std::size_t> late = co_await pair.left->read_some(into);
    CHECK(late.error() == error{errc::timed_out, "connection to " + pair.left->peer().text + " timed out"});
    pair.left->clear_deadline();
    co_await tls_say(*pair.right, as_bytes("here"));
    const std::string heard = co_await tls_hear(*pair.left);
    CHECK(heard == "here");

    std::optional<errc> how;
    const auto read = [&]() -> awaitable<void> {
      std::array<std::byte, 8> room{};
      how = (co_await pair.left->read_some(room)).error().code();
    };
    task_group tasks{executor, on_exception};
    tasks.spawn("read", read());
    (void)co_await tasks.join_until(task_group::clock::now() + 5ms);
    tasks.cancel_all();
    co_await tasks.join();
    CHECK(how == errc::cancelled);
    tasks.spawn("read", read());
    (void)co_await tasks.join_until(task_group::clock::now() + 5ms);
    pair.left->close();
    co_await tasks.join();
    CHECK(how == errc::connection_lost);
  });
}

TEST_CASE("TLS: a deadline that passes while something is written loses nothing of it") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const tls_pair pair = co_await connected_tls(executor);
    const byte_buffer content = varied_bytes(64U << 10U);
    const byte_view all{content};
    byte_buffer arrived;
    const auto collect = [&]() -> awaitable<void> { arrived = co_await read_all(*pair.right); };
    task_group tasks{executor, on_exception};
    tasks.spawn("read", collect());
    byte_buffer taken;
    for (int i = 0; i < 400; ++i) {
      // Some pass before it begins, some while it is under way, and some after.
      pair.left->set_deadline(stream::clock::now() + std::chrono::microseconds{i});
      const result<std::size_t> part = pair.left->try_write({&all, 1});
      if (!part) CHECK(part.error().code() == errc::timed_out);
      if (part) taken.insert(taken.end(), content.begin(), content.begin() + static_cast<std::ptrdiff_t>(*part));
      pair.left->clear_deadline();
      const result<void> writable = co_await pair.left->wait_writable();
      REQUIRE(writable);
    }
    co_await tls_say_all(*pair.left, {});
    co_await tasks.join();
    CHECK((arrived == taken));
  });
}

TEST_CASE("TLS: what a peer does not take waits, within bounds, and goes out by itself") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const tls_pair pair = co_await connected_tls(executor);
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
    CHECK(pair.left->bytes_written() == given);
    CHECK(pair.left->unacknowledged() > 0);
    CHECK(pair.left->unacknowledged() <= given);
    // Nobody writes or waits on the left any more, and yet all of it arrives.
    byte_buffer into(1U << 20U);
    for (std::size_t arrived = 0; arrived < given;) {
      const result<std::size_t> got = co_await pair.right->read_some(into);
      REQUIRE(got);
      arrived += *got;
    }
    const result<void> writable = co_await pair.left->wait_writable();
    CHECK(writable);
    pair.left->close();
    const byte_buffer rest = co_await read_all(*pair.right);
    CHECK(rest.empty());
    CHECK(pair.left->unacknowledged() == 0);
  });
}

TEST_CASE("TLS: a stream may go while something waits to be sent") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    tls_pair pair = co_await connected_tls(executor);
    const byte_buffer much(64U << 20U);
    const byte_view one{much};
    for (result<std::size_t> part = std::size_t{1}; part && *part > 0;) part = pair.left->try_write({&one, 1});
    pair.left.reset();
    byte_buffer into(1U << 20U);
    result<std::size_t> got = std::size_t{0};
    while (got) got = co_await pair.right->read_some(into);
    CHECK(got.error().code() == errc::connection_lost);
  });
}

TEST_CASE("TLS: what is decrypted already is readable at once") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const tls_pair pair = co_await connected_tls(executor);
    std::array<std::byte, 4> into{};
    const result<std::size_t> nothing = pair.right->try_read(into);
    REQUIRE(nothing);
    CHECK(*nothing == 0);
    co_await tls_say_all(*pair.left, as_bytes("abcdefgh"));
    std::string heard;
    for (;;) {
      const result<void> ready = co_await pair.right->wait_readable();
      REQUIRE(ready);
      const result<std::size_t> got = pair.right->try_read(into);
      if (!got) break;
      heard += as_text(byte_view{into}.first(*got));
    }
    CHECK(heard == "abcdefgh");
  });
}

TEST_CASE("TLS: new keys that a peer asks for, also after our end") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const odd_pair pair = co_await connected_odd(executor);
    const auto say_with_new_key = [&](std::string_view text) -> awaitable<void> {
      REQUIRE(SSL_key_update(pair.odd->ssl(), SSL_KEY_UPDATE_REQUESTED) == 1);
      REQUIRE(SSL_write(pair.odd->ssl(), text.data(), static_cast<int>(text.size())) > 0);
      const byte_buffer records = pair.odd->output();
      co_await tls_say(*pair.wire, records);
      const std::string heard = co_await tls_hear(*pair.ours);
      CHECK(heard == text);
    };
    co_await say_with_new_key("one");
    co_await say_with_new_key("two");
    const result<void> ended = co_await pair.ours->shutdown_send();
    REQUIRE(ended);
    co_await say_with_new_key("three");
  });
}

TEST_CASE("TLS: a flood of key updates ends the connection") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const odd_pair pair = co_await connected_odd(executor);
    for (int i = 0; i < 1000; ++i) {
      REQUIRE(SSL_key_update(pair.odd->ssl(), SSL_KEY_UPDATE_REQUESTED) == 1);
      REQUIRE(SSL_do_handshake(pair.odd->ssl()) == 1);
    }
    const byte_buffer flood = pair.odd->output();
    REQUIRE(flood.size() > 20'000);
    co_await tls_say(*pair.wire, flood);
    std::array<std::byte, 8> into{};
    const result<std::size_t> ended = co_await pair.ours->read_some(into);
    REQUIRE_FALSE(ended);
    CHECK(ended.error() == error{errc::protocol_violation, "connection to " + pair.ours->peer().text +
                                                               " lost: too many TLS messages without content"});
  });
}
