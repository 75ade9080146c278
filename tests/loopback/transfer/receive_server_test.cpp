// Whom the receiving server takes, and what it says to the others.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "support/catch.hpp"
#include "support/raw_sender.hpp"
#include "support/transfer_rig.hpp"

using namespace tcptools;
using namespace tcptools::testing;
using namespace std::chrono_literals;

TEST_CASE("who speaks in the clear a language that is not allowed in it is told so, and nothing is stored",
          "[loopback]") {
  transfer::receive_server::settings chosen;
  chosen.plain.native = false;
  transfer_rig rig{chosen};
  auto body = [&]() -> net::awaitable<void> {
    auto sender_stream = co_await rig.connect();
    raw_sender sender{std::move(sender_stream)};
    co_await sender.greet({});
    const auto refusal = co_await sender.hear_error();
    CHECK(refusal == transfer::wire_code::refused);
    auto compat_stream = co_await rig.connect();
    raw_sender compat{std::move(compat_stream)};
    co_await compat.say_text("name&3");
    const auto answer = co_await compat.hear_text();
    CHECK(answer == "ok");
  };
  rig.run(body());
  CHECK(rig.store.operations() == 1);
}

TEST_CASE("the compatibility protocol in the clear ends without a word", "[loopback]") {
  transfer::receive_server::settings chosen;
  chosen.plain.compat = false;
  transfer_rig rig{chosen};
  auto body = [&]() -> net::awaitable<void> {
    auto compat_stream = co_await rig.connect();
    raw_sender compat{std::move(compat_stream)};
    co_await compat.say_text("name&3");
    const auto answer = co_await compat.hear_text();
    CHECK(answer == "");
    auto sender_stream = co_await rig.connect();
    raw_sender sender{std::move(sender_stream)};
    co_await sender.greet({});
    const auto welcomed = co_await sender.hear_welcome();
    CHECK(welcomed);
  };
  rig.run(body());
  CHECK(rig.store.operations() == 0);
}

TEST_CASE("one address has so many sessions and no more", "[loopback]") {
  transfer::receive_server::settings chosen;
  chosen.max_per_address = 2;
  transfer_rig rig{chosen};
  auto body = [&]() -> net::awaitable<void> {
    std::vector<raw_sender> senders;
    for (int i = 0; i < 2; ++i) {
      auto way = co_await rig.connect();
      senders.emplace_back(std::move(way));
      co_await senders.back().greet(session_number(i));
      const bool welcomed = co_await senders.back().hear_welcome();
      CHECK(welcomed);
    }
    auto third_stream = co_await rig.connect();
    raw_sender third{std::move(third_stream)};
    co_await third.greet(session_number(3));
    const auto refusal = co_await third.hear_error();
    CHECK(refusal == transfer::wire_code::busy);
    // Whoever comes back takes the place that is its own.
    auto again_stream = co_await rig.connect();
    raw_sender again{std::move(again_stream)};
    co_await again.greet(session_number(1));
    const auto came_back = co_await again.hear_welcome();
    CHECK(came_back);
    const auto ended = co_await senders[1].hear_end();
    CHECK(ended);
  };
  rig.run(body());
}
