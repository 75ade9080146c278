// Keys and two ends of a TLS connection for tests.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/loop.hpp"
#include "support/loopback.hpp"
#include "tcptools/net/task_group.hpp"
#include "tcptools/net/tls_stream.hpp"

namespace tcptools::testing {

// `value` is what its secret is filled with.
inline net::key make_key(std::string name, unsigned char value) {
  net::key made;
  made.name = std::move(name);
  for (std::byte& one : made.value.bytes()) one = std::byte{value};
  return made;
}

inline std::shared_ptr<const net::tls_server> make_key_server(
    std::shared_ptr<const net::key_ring> keys, std::uint64_t records_per_key = net::most_records_per_key) {
  net::tls_server::settings chosen;
  chosen.keys = std::move(keys);
  chosen.records_per_key = records_per_key;
  auto made = net::tls_server::make(std::move(chosen));
  REQUIRE(made);
  return *made;
}

inline std::shared_ptr<const net::tls_server> make_key_server(
    std::vector<net::key> keys, std::uint64_t records_per_key = net::most_records_per_key) {
  return make_key_server(std::make_shared<const net::key_ring>(std::move(keys)), records_per_key);
}

inline std::shared_ptr<const net::tls_client> make_key_client(
    const net::key& one, std::uint64_t records_per_key = net::most_records_per_key) {
  net::tls_client::settings chosen;
  chosen.by_key = std::make_shared<const net::key>(one);
  chosen.records_per_key = records_per_key;
  auto made = net::tls_client::make(std::move(chosen));
  REQUIRE(made);
  return *made;
}

using tls_end = result<std::shared_ptr<net::stream>>;

// What the two sides of a handshake came to.
struct handshake {
  tls_end client = error{errc::cancelled};
  tls_end server = error{errc::cancelled};
};

// Both have 10 seconds.
inline net::awaitable<handshake> shake_hands(std::shared_ptr<net::tcp_stream> from, std::shared_ptr<net::tcp_stream> to,
                                             std::shared_ptr<const net::tls_client> client,
                                             std::shared_ptr<const net::tls_server> server,
                                             std::string host = "127.0.0.1") {
  handshake outcome;
  const auto limit = net::stream::clock::now() + std::chrono::seconds{10};
  from->set_deadline(limit);
  to->set_deadline(limit);
  net::task_group tasks{from->get_executor(), on_exception};
  const auto accept = [&]() -> net::awaitable<void> {
    outcome.server = co_await net::accept_tls(std::move(to), server);
  };
  const auto connect = [&]() -> net::awaitable<void> {
    outcome.client = co_await net::connect_tls(std::move(from), client, host);
  };
  tasks.spawn("accept", accept());
  tasks.spawn("connect", connect());
  co_await tasks.join();
  if (outcome.client) (*outcome.client)->clear_deadline();
  if (outcome.server) (*outcome.server)->clear_deadline();
  co_return outcome;
}

inline net::awaitable<handshake> shake_hands(net::any_executor executor, std::shared_ptr<const net::tls_client> client,
                                             std::shared_ptr<const net::tls_server> server,
                                             std::string host = "127.0.0.1") {
  stream_pair pair = connected_streams(executor);
  co_return co_await shake_hands(std::move(pair.left), std::move(pair.right), std::move(client), std::move(server),
                                 std::move(host));
}

// Two ends that have the same key.
struct tls_pair {
  std::shared_ptr<net::stream> left;   // the client
  std::shared_ptr<net::stream> right;  // the server
};

inline net::awaitable<tls_pair> connected_tls(net::any_executor executor,
                                              std::uint64_t records_per_key = net::most_records_per_key) {
  const net::key one = make_key("alice", 1);
  const auto client = make_key_client(one, records_per_key);
  const auto server = make_key_server(std::vector<net::key>(1, one), records_per_key);
  handshake done = co_await shake_hands(executor, client, server);
  REQUIRE(done.client);
  REQUIRE(done.server);
  co_return tls_pair{*done.client, *done.server};
}

}  // namespace tcptools::testing
