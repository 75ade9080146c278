// Transfers by senders that have proved who they are: what their keys entitle them to, and until when.
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/frames.hpp"
#include "support/raw_sender.hpp"
#include "support/tls.hpp"
#include "support/transfer_rig.hpp"
#include "tcptools/net/key_ring.hpp"

using namespace tcptools;
using namespace tcptools::testing;
using namespace std::chrono_literals;

namespace {

net::key random_key(std::string name, std::vector<net::key_right> rights = {}) {
  return {std::move(name), net::secret::random(), {}, {}, std::move(rights)};
}

net::gate::settings behind(const std::shared_ptr<const net::key_ring>& keys) {
  net::gate::settings gate;
  gate.tls = make_key_server(keys);
  return gate;
}

// A server with keys, which may change.
struct keyed_rig {
  explicit keyed_rig(std::vector<net::key> all)
      : keys{std::make_shared<net::key_ring>(std::move(all))}, rig{settings(), 5s, behind(keys)} {}

  [[nodiscard]] transfer::receive_server::settings settings() const {
    transfer::receive_server::settings chosen;
    chosen.plain = {false, false};
    chosen.keys = keys.get();
    return chosen;
  }

  [[nodiscard]] std::shared_ptr<const net::tls_client> client(const std::string& name) const {
    return make_key_client(*keys->find(name));
  }
  net::awaitable<result<void>> send(const std::string& name, transfer::source& from, recording_send_observer& told) {
    transfer::send_settings chosen;
    chosen.port = rig.listener->port();
    chosen.tls = client(name);
    co_return co_await rig.send(from, told, std::move(chosen));
  }

  std::shared_ptr<net::key_ring> keys;
  transfer_rig rig;
};

std::optional<errc> failure_of(const transfer::send_outcome& one) {
  return one.outcome ? std::nullopt : std::optional{one.outcome.error().code()};
}

}  // namespace

TEST_CASE("files arrive through TLS, and where the key's directory is", "[loopback]") {
  keyed_rig keyed{{random_key("all"), random_key("web", {{"dir", "logs/web"}})}};
  memory_source from;
  from.add(file_entry("small", 5000), noise(5000, 1));
  from.add(file_entry("large", 3'000'000), noise(3'000'000, 2));
  recording_send_observer told;
  recording_send_observer told_web;
  memory_source again;
  again.add(file_entry("small", 7000), noise(7000, 3));
  auto body = [&]() -> net::awaitable<void> {
    const result<void> end = co_await keyed.send("all", from, told);
    CHECK(end);
    const result<void> web = co_await keyed.send("web", again, told_web);
    CHECK(web);
  };
  keyed.rig.run(body());
  const auto stored = keyed.rig.store.entries();
  REQUIRE(stored.contains("large"));
  CHECK(stored.at("large").content == noise(3'000'000, 2));
  CHECK(stored.at("small").content == noise(5000, 1));
  const auto view = keyed.rig.store.view("logs/web");
  REQUIRE(view);
  CHECK(view->entries().at("small").content == noise(7000, 3));
  REQUIRE(told_web.outcomes.size() == 1);
  CHECK(told_web.outcomes[0].outcome->path == "small");
}

TEST_CASE("a key delivers as much as it may", "[loopback]") {
  keyed_rig keyed{{random_key("little", {{"max-bytes", "100000"}})}};
  memory_source from;
  from.add(file_entry("a", 60'000), noise(60'000, 1));
  from.add(file_entry("b", 50'000), noise(50'000, 2));
  from.add(file_entry("c", 40'000), noise(40'000, 3));
  from.add(file_entry("d", 100'001), noise(100'001, 4));
  recording_send_observer told;
  auto body = [&]() -> net::awaitable<void> {
    const result<void> end = co_await keyed.send("little", from, told);
    CHECK(end);
  };
  keyed.rig.run(body());
  REQUIRE(told.outcomes.size() == 4);
  unsigned refused = 0;
  for (const transfer::send_outcome& one : told.outcomes) {
    CAPTURE(one.what.item.path);
    const bool too_large = one.what.item.path == "b" || one.what.item.path == "d";
    CHECK(failure_of(one) == (too_large ? std::optional{errc::too_large} : std::nullopt));
    refused += too_large ? 1 : 0;
  }
  CHECK(refused == 2);
  CHECK(keyed.rig.store.entries().size() == 2);
}

TEST_CASE("whoever has no key that is known is refused, and does not try again", "[loopback]") {
  keyed_rig keyed{{random_key("a")}};
  const keyed_rig stranger{{random_key("a")}};
  memory_source from;
  from.add(file_entry("f", 10), noise(10, 1));
  recording_send_observer told;
  auto body = [&]() -> net::awaitable<void> {
    transfer::send_settings chosen;
    chosen.port = keyed.rig.listener->port();
    chosen.tls = stranger.client("a");
    chosen.retry_for = 20s;
    const result<void> end = co_await keyed.rig.send(from, told, std::move(chosen));
    REQUIRE_FALSE(end);
    CHECK(end.error().code() == errc::refused);
  };
  keyed.rig.run(body());
  CHECK(told.retries.empty());
  CHECK(keyed.rig.store.operations() == 0);
}

TEST_CASE("another key does not take a session's place, its own does", "[loopback]") {
  keyed_rig keyed{{random_key("a"), random_key("b")}};
  auto body = [&]() -> net::awaitable<void> {
    auto first_stream = co_await keyed.rig.connect(keyed.client("a"));
    raw_sender first{std::move(first_stream)};
    co_await first.greet(session_number(1));
    const auto first_welcomed = co_await first.hear_welcome();
    CHECK(first_welcomed);
    auto other_stream = co_await keyed.rig.connect(keyed.client("b"));
    raw_sender other{std::move(other_stream)};
    co_await other.greet(session_number(1));
    const auto other_welcomed = co_await other.hear_welcome();
    CHECK(other_welcomed);
    co_await first.say(transfer::frames::bye{});
    const auto goodbye = co_await first.hear<transfer::frames::bye>();
    CHECK(goodbye.has_value());

    auto again_stream = co_await keyed.rig.connect(keyed.client("b"));
    raw_sender again{std::move(again_stream)};
    co_await again.greet(session_number(1));
    const auto came_back = co_await again.hear_welcome();
    CHECK(came_back);
    const auto replaced = co_await other.hear_end();
    CHECK(replaced);
  };
  keyed.rig.run(body());
}

TEST_CASE("sessions of a key that is gone end, others go on", "[loopback]") {
  const net::key stays = random_key("stays");
  keyed_rig keyed{{random_key("goes"), stays}};
  auto body = [&]() -> net::awaitable<void> {
    auto leaver_stream = co_await keyed.rig.connect(keyed.client("goes"));
    raw_sender leaver{std::move(leaver_stream)};
    co_await leaver.greet(session_number(1));
    const auto leaver_welcomed = co_await leaver.hear_welcome();
    CHECK(leaver_welcomed);
    auto stayer_stream = co_await keyed.rig.connect(keyed.client("stays"));
    raw_sender stayer{std::move(stayer_stream)};
    co_await stayer.greet(session_number(2));
    const auto stayer_welcomed = co_await stayer.hear_welcome();
    CHECK(stayer_welcomed);
    auto silent_stream = co_await keyed.rig.connect(keyed.client("goes"));
    raw_sender silent{std::move(silent_stream)};

    keyed.keys->replace({stays});
    keyed.rig.server.recheck();
    const auto refusal = co_await leaver.hear_error();
    CHECK(refusal == transfer::wire_code::refused);
    const auto ended = co_await leaver.hear_end();
    CHECK(ended);
    co_await silent.greet(session_number(3));
    const auto late_welcomed = co_await silent.hear_welcome();
    CHECK_FALSE(late_welcomed);
    co_await stayer.say(transfer::frames::bye{});
    const auto goodbye = co_await stayer.hear<transfer::frames::bye>();
    CHECK(goodbye.has_value());
  };
  keyed.rig.run(body());
}
