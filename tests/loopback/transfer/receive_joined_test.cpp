// Sessions of several connections at the server: who may join, and what a connection that is lost costs.
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "support/catch.hpp"
#include "support/frames.hpp"
#include "support/open_session.hpp"
#include "support/raw_sender.hpp"
#include "support/transfer_rig.hpp"

using namespace tcptools;
using namespace tcptools::testing;
using namespace tcptools::transfer;

namespace {

constexpr std::size_t three_blocks = 2 * smallest_block + 7;

}  // namespace

TEST_CASE("blocks arrive on joined connections, which are no sessions of their own", "[loopback]") {
  transfer_rig rig;
  open_session talk{rig, three_blocks};
  auto body = [&]() -> net::awaitable<void> {
    co_await talk.begin();
    raw_sender second = co_await talk.join();
    raw_sender third = co_await talk.join();
    co_await second.say(talk.block(2));
    co_await second.say(frames::fence{1});
    co_await talk.first->say(talk.block(0));
    co_await talk.first->say(finish_frame(1, talk.content));
    co_await third.say(talk.block(1));
    const bool well = co_await talk.ends_well();
    CHECK(well);
    const bool second_ended = co_await second.hear_end();
    CHECK(second_ended);
    const bool third_ended = co_await third.hear_end();
    CHECK(third_ended);
  };
  rig.run(body());
  REQUIRE(rig.store.entries().contains("f"));
  CHECK(rig.store.entries().at("f").content == talk.content);
  CHECK(rig.observer.started == 1);
  REQUIRE(rig.observer.ends.size() == 1);
  CHECK(rig.observer.ends.front());
}

TEST_CASE("what a joined connection had not brought when it was lost is asked for on the first", "[loopback]") {
  transfer_rig rig;
  open_session talk{rig, three_blocks};
  auto body = [&]() -> net::awaitable<void> {
    co_await talk.begin();
    raw_sender second = co_await talk.join();
    co_await second.say(talk.block(1));
    byte_buffer half;
    encode(talk.block(2), half);
    half.resize(half.size() / 2);
    (void)co_await second.stream().write(half);
    co_await talk.first->say(talk.block(0));
    co_await talk.first->say(finish_frame(1, talk.content));
    second.stream().close();
    for (;;) {
      const std::optional<frames::need> need = co_await talk.first->hear<frames::need>();
      REQUIRE(need);
      for (std::uint64_t i = 0; i < need->blocks.count; ++i) {
        co_await talk.first->say(talk.block(need->blocks.first + i));
      }
      if (need->blocks.first + need->blocks.count == 3) break;
    }
    const bool well = co_await talk.ends_well();
    CHECK(well);
  };
  rig.run(body());
  REQUIRE(rig.store.entries().contains("f"));
  CHECK(rig.store.entries().at("f").content == talk.content);
}

TEST_CASE("who has the wrong secret or names another session is refused, and the session goes on", "[loopback]") {
  transfer_rig rig;
  open_session talk{rig, three_blocks};
  auto body = [&]() -> net::awaitable<void> {
    co_await talk.begin();
    frames::join wrong = talk.wish;
    wrong.secret.back() ^= std::byte{1};
    raw_sender guesser = co_await talk.join(wrong);
    const auto refusal = co_await guesser.hear_error();
    CHECK(refusal == wire_code::refused);
    wrong = talk.wish;
    wrong.session = session_number(2);
    raw_sender stranger = co_await talk.join(wrong);
    const auto another = co_await stranger.hear_error();
    CHECK(another == wire_code::refused);
    for (const std::uint64_t index : {2U, 0U, 1U}) co_await talk.first->say(talk.block(index));
    co_await talk.first->say(finish_frame(1, talk.content));
    const bool well = co_await talk.ends_well();
    CHECK(well);
  };
  rig.run(body());
  CHECK(rig.store.entries().contains("f"));
}

TEST_CASE("what has no place on a joined connection ends the session", "[loopback]") {
  transfer_rig rig;
  open_session talk{rig, three_blocks};
  auto body = [&]() -> net::awaitable<void> {
    co_await talk.begin();
    raw_sender second = co_await talk.join();
    co_await second.say(frames::bye{});
    const auto said = co_await talk.first->hear_error();
    CHECK(said == wire_code::violation);
    const bool ended = co_await second.hear_end();
    CHECK(ended);
    talk.end();
  };
  rig.run(body());
  CHECK_FALSE(rig.store.entries().contains("f"));
}

TEST_CASE("joined connections end with the first", "[loopback]") {
  transfer_rig rig;
  open_session talk{rig, three_blocks};
  auto body = [&]() -> net::awaitable<void> {
    co_await talk.begin();
    raw_sender second = co_await talk.join();
    co_await second.say(talk.block(1));
    talk.first->stream().reset();
    const bool ended = co_await second.hear_end();
    CHECK(ended);
    raw_sender late = co_await talk.join();
    const auto refusal = co_await late.hear_error();
    CHECK(refusal == wire_code::refused);
    talk.end();
  };
  rig.run(body());
}
