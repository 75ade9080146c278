#include "support/tls.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "support/loop.hpp"
#include "support/loopback.hpp"
#include "support/openssl_end.hpp"
#include "tcptools/net/acceptor.hpp"
#include "tcptools/net/connect.hpp"
#include "tcptools/net/sleep.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/net/tls_stream.hpp"

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
using tcptools::testing::run_test_loop;
using tcptools::testing::shake_hands;

namespace {

// A server that was handed these bytes and then nothing more.
awaitable<tls_end> accept_bytes(any_executor executor, std::shared_ptr<const tls_server> server, byte_view bytes) {
  const stream_pair pair = connected_streams(executor);
  const result<void> sent = co_await pair.left->write(bytes);
  REQUIRE(sent);
  const result<void> ended = co_await pair.left->shutdown_send();
  REQUIRE(ended);
  pair.right->set_deadline(stream::clock::now() + 10s);
  co_return co_await accept_tls(pair.right, std::move(server));
}

void add_number(byte_buffer& to, std::size_t value) {
  to.push_back(static_cast<std::byte>(value >> 8U));
  to.push_back(static_cast<std::byte>(value & 0xFFU));
}

// What follows its own length.
void add_block(byte_buffer& to, byte_view content) {
  add_number(to, content.size());
  to.insert(to.end(), content.begin(), content.end());
}

void add_extension(byte_buffer& to, std::size_t type, byte_view content) {
  add_number(to, type);
  add_block(to, content);
}

// A ClientHello (RFC 8446, 4.1.2) that names so many keys: "0000", "0001" and so on. Its one suite is none of those
// that keys are for, so that none of them will do.
byte_buffer hello_with_keys(std::size_t count) {
  const std::string any(32, 'x');
  byte_buffer names;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string digits = std::to_string(i);
    add_block(names, as_bytes(std::string(4 - digits.size(), '0') + digits));
    names.resize(names.size() + 4);  // its age
  }
  byte_buffer keys;
  add_block(keys, names);
  byte_buffer proofs;
  proofs.push_back(std::byte{32});
  proofs.insert(proofs.end(), as_bytes(any).begin(), as_bytes(any).end());
  add_block(keys, proofs);

  byte_buffer share;
  add_number(share, 36);
  add_number(share, 29);
  add_block(share, as_bytes(any));
  byte_buffer extensions;
  add_extension(extensions, 43, as_bytes("\x02\x03\x04"));                         // versions: 1.3
  add_extension(extensions, 10, as_bytes(std::string_view{"\0\x02\0\x1d", 4}));    // groups: X25519
  add_extension(extensions, 13, as_bytes(std::string_view{"\0\x02\x04\x03", 4}));  // signatures: ECDSA
  add_extension(extensions, 51, share);
  add_extension(extensions, 45, as_bytes("\x01\x01"));  // with a Diffie-Hellman exchange
  add_extension(extensions, 41, keys);

  byte_buffer body;
  add_number(body, 0x0303);
  body.insert(body.end(), as_bytes(any).begin(), as_bytes(any).end());
  body.push_back(std::byte{0});
  add_block(body, as_bytes("\x13\x02"));  // TLS_AES_256_GCM_SHA384
  add_number(body, 0x0100);               // no compression
  add_block(body, extensions);
  byte_buffer message;
  add_number(message, 0x0100);  // a ClientHello; the length has three bytes
  add_block(message, body);

  byte_buffer records;
  for (byte_view rest{message}; !rest.empty();) {
    const byte_view part = rest.first(std::min<std::size_t>(rest.size(), 16U << 10U));
    records.push_back(std::byte{22});
    add_number(records, 0x0301);
    add_block(records, part);
    rest = rest.subspan(part.size());
  }
  return records;
}

// One of the two sides of a handshake whose other side is silent.
awaitable<errc> attempt_one(bool is_server, std::shared_ptr<tcp_stream> over) {
  const key one = make_key("alice", 1);
  awaitable<tls_end> work = is_server ? accept_tls(std::move(over), make_key_server(std::vector<key>(1, one)))
                                      : connect_tls(std::move(over), make_key_client(one), "127.0.0.1");
  const tls_end outcome = co_await std::move(work);
  co_return outcome ? errc{} : outcome.error().code();
}

}  // namespace

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

TEST_CASE("a handshake that ends early, at every byte of the first flight") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const key one = make_key("alice", 1);
    const auto client = make_key_client(one);
    const auto server = make_key_server(std::vector<key>(1, one));
    openssl_end end{client->native()};
    const byte_buffer hello = end.hello();
    REQUIRE(hello.size() > 100);
    for (std::size_t size = 0; size <= hello.size(); ++size) {
      const tls_end accepted = co_await accept_bytes(executor, server, byte_view{hello}.first(size));
      REQUIRE_FALSE(accepted);
      CHECK(accepted.error() == error{errc::connection_lost, "it left during the TLS handshake"});
    }
  });
}

TEST_CASE("a first flight that was changed on its way comes to nothing") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const key one = make_key("alice", 1);
    const auto client = make_key_client(one);
    const auto server = make_key_server(std::vector<key>(1, one));
    openssl_end end{client->native()};
    const byte_buffer hello = end.hello();
    for (std::size_t at = 0; at < hello.size(); ++at) {
      byte_buffer changed = hello;
      changed[at] ^= std::byte{0x10};
      const tls_end accepted = co_await accept_bytes(executor, server, changed);
      CHECK_FALSE(accepted);
    }
  });
}

TEST_CASE("flights that were recorded and are sent again bring nobody in") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const key one = make_key("alice", 1);
    const auto client = make_key_client(one);
    const auto server = make_key_server(std::vector<key>(1, one));

    const stream_pair pair = connected_streams(executor);
    openssl_end end{client->native()};
    const byte_buffer first = end.hello();
    task_group tasks{executor, on_exception};
    tls_end accepted = error{errc::cancelled};
    const auto accept = [&]() -> awaitable<void> { accepted = co_await accept_tls(pair.right, server); };
    tasks.spawn("accept", accept());
    const result<void> greeted = co_await pair.left->write(first);
    REQUIRE(greeted);
    byte_buffer second = co_await end.finish(*pair.left);
    REQUIRE(SSL_write(end.ssl(), "secret", 6) == 6);
    const byte_buffer content = end.output();
    second.insert(second.end(), content.begin(), content.end());
    const result<void> finished = co_await pair.left->write(second);
    REQUIRE(finished);
    co_await tasks.join();
    REQUIRE(accepted);
    std::array<std::byte, 8> into{};
    const result<std::size_t> got = co_await (*accepted)->read_some(into);
    REQUIRE(got);
    CHECK(as_text(byte_view{into}.first(*got)) == "secret");

    const tls_end again = co_await accept_bytes(executor, server, first);
    CHECK(again.error().code() == errc::connection_lost);
    byte_buffer both = first;
    both.insert(both.end(), second.begin(), second.end());
    const tls_end whole = co_await accept_bytes(executor, server, both);
    REQUIRE_FALSE(whole);
    CHECK(whole.error().code() == errc::protocol_violation);
  });
}

TEST_CASE("who does not speak TLS, or says too much of it") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const auto server = make_key_server(std::vector<key>(1, make_key("alice", 1)));
    const tls_end plain = co_await accept_bytes(executor, server, as_bytes("GET / HTTP/1.1"));
    REQUIRE_FALSE(plain);
    CHECK(plain.error() == error{errc::protocol_violation, "it does not speak TLS"});

    // A record that begins a message of 100,000 bytes, which nobody needs to send: nothing is reserved for it.
    const std::array<std::byte, 12> long_hello{std::byte{22}, std::byte{3},    std::byte{1},
                                               std::byte{64}, std::byte{0},    std::byte{1},
                                               std::byte{1},  std::byte{0x86}, std::byte{160}};
    const tls_end too_long = co_await accept_bytes(executor, server, long_hello);
    REQUIRE_FALSE(too_long);
    CHECK(too_long.error() == error{errc::protocol_violation, "its TLS handshake is too long"});
  });
}

TEST_CASE("of the keys that a hello names, few are looked for") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const auto server = make_key_server(std::vector<key>(1, make_key("alice", 1)));
    const tls_end outcome = co_await accept_bytes(executor, server, hello_with_keys(1000));
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error() == error{errc::refused, "unknown key '0007'"});
  });
}

TEST_CASE("a server that does not speak TLS is found out") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const auto client = make_key_client(make_key("alice", 1));
    const stream_pair pair = connected_streams(executor);
    const result<void> sent = co_await pair.right->write(as_bytes("welcome\n"));
    REQUIRE(sent);
    const tls_end greeted = co_await connect_tls(pair.left, client, "127.0.0.1");
    REQUIRE_FALSE(greeted);
    CHECK(greeted.error() ==
          error{errc::protocol_violation, "the server does not speak TLS; it may have neither key nor certificate"});

    const stream_pair silent = connected_streams(executor);
    const result<void> ended = co_await silent.right->shutdown_send();
    REQUIRE(ended);
    const tls_end closed = co_await connect_tls(silent.left, client, "127.0.0.1");
    REQUIRE_FALSE(closed);
    CHECK(closed.error() == error{errc::connection_lost,
                                  "the server closed the connection during the TLS handshake; it may not speak TLS"});
  });
}

TEST_CASE("a handshake ends at its deadline, and with its coroutine") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    for (const bool is_server : {false, true}) {
      const stream_pair pair = connected_streams(executor);
      pair.left->set_deadline(stream::clock::now() + 20ms);
      const errc late = co_await attempt_one(is_server, pair.left);
      CHECK(late == errc::timed_out);

      const stream_pair other = connected_streams(executor);
      task_group tasks{executor, on_exception};
      std::optional<errc> how;
      const auto attempt = [&]() -> awaitable<void> { how = co_await attempt_one(is_server, other.left); };
      tasks.spawn("attempt", attempt());
      (void)co_await tasks.join_until(task_group::clock::now() + 20ms);
      tasks.cancel_all();
      co_await tasks.join();
      CHECK(how == errc::cancelled);
    }
  });
}

TEST_CASE("a connector secures what it connects") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const key one = make_key("alice", 1);
    const auto server = make_key_server(std::vector<key>(1, one));
    const auto opened = listener::open(executor, {asio::ip::address_v4::loopback()}, 0);
    REQUIRE(opened);
    listener& door = **opened;
    task_group tasks{executor, on_exception};
    int attempts = 0;
    const auto serve = [&](std::shared_ptr<tcp_stream> from) -> awaitable<void> {
      ++attempts;
      (void)co_await accept_tls(std::move(from), server);
    };
    const auto run = [&]() -> awaitable<void> {
      co_await door.run([&](std::shared_ptr<tcp_stream> from) { tasks.spawn("serve", serve(std::move(from))); },
                        [](const error& why) { FAIL(why.text()); });
    };
    tasks.spawn("run", run());
    const std::string at = "cannot connect to example port " + std::to_string(door.port()) + ": ";
    const auto two = [](const std::string&) -> result<std::vector<asio::ip::address>> {
      return std::vector<asio::ip::address>(2, asio::ip::address_v4::loopback());
    };

    connector good{executor, two};
    good.secure_with(make_key_client(one));
    const auto secured = co_await good.connect("example", door.port(), 10s);
    REQUIRE(secured);
    CHECK((*secured)->is_encrypted());
    CHECK(attempts == 1);

    connector bad{executor, two};
    bad.secure_with(make_key_client(make_key("alice", 2)));
    const auto refused = co_await bad.connect("example", door.port(), 10s);
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == error{errc::refused, at + "the server did not accept the key 'alice'"});
    CHECK(attempts == 2);
    door.close();
    co_await tasks.join();
  });
}

TEST_CASE("a connector gives a silent server no more time than an address has, and can be stopped") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const asio::basic_socket_acceptor<asio::ip::tcp, any_executor> silent{executor,
                                                                          {asio::ip::address_v4::loopback(), 0}};
    const std::uint16_t port = silent.local_endpoint().port();
    connector connects{executor};
    connects.secure_with(make_key_client(make_key("alice", 1)));
    const auto late = co_await connects.connect("127.0.0.1", port, 50ms);
    REQUIRE_FALSE(late);
    CHECK(late.error() == error{errc::timed_out, "cannot connect to 127.0.0.1 port " + std::to_string(port) +
                                                     ": no answer to the TLS handshake"});

    task_group tasks{executor, on_exception};
    std::optional<errc> how;
    const auto attempt = [&]() -> awaitable<void> {
      how = (co_await connects.connect("127.0.0.1", port, 20s)).error().code();
    };
    tasks.spawn("connect", attempt());
    (void)co_await tasks.join_until(task_group::clock::now() + 20ms);
    SECTION("by its owner") { connects.cancel(); }
    SECTION("with its coroutine") { tasks.cancel_all(); }
    co_await tasks.join();
    CHECK(how == errc::cancelled);
  });
}

TEST_CASE("a key that is taken away during the handshake does not count any more") {
  run_test_loop([](any_executor executor) -> awaitable<void> {
    const key one = make_key("alice", 1);
    const auto client = make_key_client(one);
    const auto keys = std::make_shared<key_ring>(std::vector<key>(1, one));
    tls_server::settings chosen;
    chosen.keys = keys;
    const auto server = tls_server::make(chosen);
    REQUIRE(server);
    const stream_pair pair = connected_streams(executor);
    openssl_end end{client->native()};
    task_group tasks{executor, on_exception};
    tls_end accepted = error{errc::cancelled};
    const auto accept = [&]() -> awaitable<void> { accepted = co_await accept_tls(pair.right, *server); };
    tasks.spawn("accept", accept());
    const byte_buffer first = end.hello();
    const result<void> greeted = co_await pair.left->write(first);
    REQUIRE(greeted);
    const byte_buffer second = co_await end.finish(*pair.left);
    keys->replace({});
    const result<void> finished = co_await pair.left->write(second);
    REQUIRE(finished);
    co_await tasks.join();
    REQUIRE_FALSE(accepted);
    CHECK(accepted.error() == error{errc::refused, "key 'alice' was taken away during the handshake"});
  });
}
