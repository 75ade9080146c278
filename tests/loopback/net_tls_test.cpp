#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "support/loop.hpp"
#include "support/loopback.hpp"
#include "support/tls.hpp"
#include "tcptools/net/tls_stream.hpp"

using namespace std::chrono_literals;
using namespace tcptools;
using namespace tcptools::net;
using namespace tcptools::testing;
using tcptools::testing::connected_tls;
using tcptools::testing::make_key;
using tcptools::testing::make_key_client;
using tcptools::testing::make_key_server;
using tcptools::testing::run_test_loop;
using tcptools::testing::shake_hands;

TEST_CASE("who has a key that the server knows comes in, and each side knows the other") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const tls_pair pair = co_await connected_tls(executor);
    CHECK(pair.left->is_encrypted());
    CHECK(pair.right->is_encrypted());
    REQUIRE(pair.right->identity());
    CHECK(pair.right->identity()->name == "alice");
    REQUIRE(pair.right->identity()->by_key);
    CHECK(pair.right->identity()->by_key->name == "alice");
    REQUIRE(pair.left->identity());
    CHECK(pair.left->identity()->name == "alice");

    const result<void> asked = co_await pair.left->write(as_bytes("question"));
    REQUIRE(asked);
    std::array<std::byte, 32> into{};
    const result<std::size_t> question = co_await pair.right->read_some(into);
    REQUIRE(question);
    CHECK(as_text(byte_view{into}.first(*question)) == "question");
    const result<void> answered = co_await pair.right->write(as_bytes("answer"));
    REQUIRE(answered);
    const result<std::size_t> answer = co_await pair.left->read_some(into);
    REQUIRE(answer);
    CHECK(as_text(byte_view{into}.first(*answer)) == "answer");
  });
}

TEST_CASE("a stranger sees the same, whatever is wrong with a key") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const key good = make_key("alice", 1);
    key expired = make_key("bob", 2);
    expired.expires = std::chrono::sys_seconds{1s};
    key elsewhere = make_key("carol", 3);
    elsewhere.from = {cidr::parse("192.0.2.0/24").value()};
    const auto server = make_key_server({good, expired, elsewhere});
    const auto attempt = [&](const key& one) { return shake_hands(executor, make_key_client(one), server); };

    const handshake wrong = co_await attempt(make_key("alice", 9));
    REQUIRE_FALSE(wrong.server);
    CHECK(wrong.server.error() == error{errc::refused, "wrong secret for key 'alice'"});
    const handshake unknown = co_await attempt(make_key("mallory", 9));
    REQUIRE_FALSE(unknown.server);
    CHECK(unknown.server.error() == error{errc::refused, "unknown key 'mallory'"});
    const handshake late = co_await attempt(expired);
    REQUIRE_FALSE(late.server);
    CHECK(late.server.error() == error{errc::refused, "key 'bob' has expired"});
    const handshake far = co_await attempt(elsewhere);
    REQUIRE_FALSE(far.server);
    CHECK(far.server.error() == error{errc::refused, "key 'carol' from an address that is not allowed"});
    REQUIRE_FALSE(wrong.client);
    CHECK(wrong.client.error() == error{errc::refused, "the server did not accept the key 'alice'"});
    CHECK(unknown.client.error() == error{errc::refused, "the server did not accept the key 'mallory'"});
    CHECK(late.client.error() == error{errc::refused, "the server did not accept the key 'bob'"});
    CHECK(far.client.error() == error{errc::refused, "the server did not accept the key 'carol'"});
  });
}
