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
    raw_sender sender{co_await rig.connect()};
    co_await sender.greet({});
    CHECK(co_await sender.hear_error() == transfer::wire_code::refused);
    raw_sender compat{co_await rig.connect()};
    co_await compat.say_text("name&3");
    CHECK(co_await compat.hear_text() == "ok");
  };
  rig.run(body());
  CHECK(rig.store.operations() == 1);
}

TEST_CASE("the compatibility protocol in the clear ends without a word", "[loopback]") {
  transfer::receive_server::settings chosen;
  chosen.plain.compat = false;
  transfer_rig rig{chosen};
  auto body = [&]() -> net::awaitable<void> {
    raw_sender compat{co_await rig.connect()};
    co_await compat.say_text("name&3");
    CHECK(co_await compat.hear_text() == "");
    raw_sender sender{co_await rig.connect()};
    co_await sender.greet({});
    CHECK(co_await sender.hear_welcome());
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
      senders.emplace_back(co_await rig.connect());
      co_await senders.back().greet(session_number(i));
      CHECK(co_await senders.back().hear_welcome());
    }
    raw_sender third{co_await rig.connect()};
    co_await third.greet(session_number(3));
    CHECK(co_await third.hear_error() == transfer::wire_code::busy);
    // Whoever comes back takes the place that is its own.
    raw_sender again{co_await rig.connect()};
    co_await again.greet(session_number(1));
    CHECK(co_await again.hear_welcome());
    CHECK(co_await senders[1].hear_end());
  };
  rig.run(body());
}
