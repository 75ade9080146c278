// Sessions whose content is being stored, on a disk that hangs: what others want of them meanwhile.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "support/catch.hpp"
#include "support/frames.hpp"
#include "support/open_session.hpp"
#include "support/raw_sender.hpp"
#include "support/transfer_rig.hpp"
#include "tcptools/net/sleep.hpp"

using namespace tcptools;
using namespace tcptools::testing;
using namespace tcptools::transfer;

namespace {

constexpr std::size_t two_blocks = smallest_block + 7;

// One block of two is being written, to a disk that hangs.
net::awaitable<void> stall(open_session& talk, transfer_rig& rig) {
  rig.store.hold();
  co_await talk.begin();
  co_await talk.first->say(talk.block(0));
  while (!rig.store.is_waited_for()) co_await net::sleep_for(std::chrono::milliseconds{1});
}

}  // namespace

TEST_CASE("a disk that hangs keeps only its own session waiting", "[loopback]") {
  transfer_rig rig;
  open_session talk{rig, two_blocks};
  auto body = [&]() -> net::awaitable<void> {
    co_await stall(talk, rig);
    raw_sender other = co_await talk.connect();
    co_await other.greet(session_number(2));
    const bool welcome = co_await other.hear_welcome();
    CHECK(welcome);
    rig.store.let_go();
    co_await talk.first->say(talk.block(1));
    co_await talk.first->say(finish_frame(1, talk.content));
    const std::optional<frames::delivered> delivered = co_await talk.first->hear<frames::delivered>();
    CHECK(delivered);
    talk.end();
  };
  rig.run(body());
  REQUIRE(rig.store.entries().contains("f"));
  CHECK(rig.store.entries().at("f").content == talk.content);
}

TEST_CASE("a connection joins a session once that has stored what it had", "[loopback]") {
  transfer_rig rig;
  open_session talk{rig, two_blocks};
  auto body = [&]() -> net::awaitable<void> {
    co_await stall(talk, rig);
    raw_sender joined = co_await talk.join();
    co_await joined.say(talk.block(1));
    co_await joined.say(frames::fence{1});
    co_await talk.first->say(finish_frame(1, talk.content));
    rig.store.let_go();
    const std::optional<frames::delivered> delivered = co_await talk.first->hear<frames::delivered>();
    CHECK(delivered);
    talk.end();
  };
  rig.run(body());
  CHECK(rig.store.entries().contains("f"));
  CHECK(rig.observer.started == 1);
}

TEST_CASE("a sender that comes back takes the place of its session once that has stored what it had", "[loopback]") {
  transfer_rig rig;
  open_session talk{rig, two_blocks};
  auto body = [&]() -> net::awaitable<void> {
    co_await stall(talk, rig);
    raw_sender again = co_await talk.connect();
    co_await again.greet(session_number(1));
    rig.store.let_go();
    const bool welcome = co_await again.hear_welcome();
    CHECK(welcome);
    const bool old_ended = co_await talk.first->hear_end();
    CHECK(old_ended);
    talk.end();
  };
  rig.run(body());
  CHECK(rig.store.kept_blocks() == 1);
  REQUIRE(rig.observer.ends.size() == 2);
  REQUIRE_FALSE(rig.observer.ends.front());
  CHECK(rig.observer.ends.front().error().code() == errc::connection_lost);
}

TEST_CASE("a file in place is answered for before it is closed", "[loopback]") {
  transfer_rig rig;
  rig.store.hold_closing();
  memory_source source;
  source.add(file_entry("f", 3 * smallest_block), noise(3 * smallest_block, 3));
  recording_send_observer told;
  auto body = [&]() -> net::awaitable<void> {
    const result<void> sent = co_await rig.send(source, told);
    CHECK(sent);
    while (!rig.store.is_waited_for()) co_await net::sleep_for(std::chrono::milliseconds{1});
    rig.store.let_go();
  };
  rig.run(body());
  CHECK(rig.store.entries().contains("f"));
}

TEST_CASE("files in place are closed soon, though others take long to close and nothing follows", "[loopback]") {
  transfer_rig rig;
  rig.store.hold_closing();
  open_session talk{rig, two_blocks};
  auto body = [&]() -> net::awaitable<void> {
    co_await talk.begin();
    for (const std::uint32_t id : {1U, 2U}) {
      if (id == 2) {
        const frames::offer offer{id, file_entry("g", talk.content.size()), {}};
        co_await talk.first->say(offer);
        const std::optional<frames::accept> accept = co_await talk.first->hear<frames::accept>();
        CHECK(accept);
      }
      for (const std::uint64_t index : {0U, 1U}) {
        const frames::block block = block_frame(id, index, block_of(talk.content, index));
        co_await talk.first->say(block);
      }
      co_await talk.first->say(finish_frame(id, talk.content));
      const std::optional<frames::delivered> delivered = co_await talk.first->hear<frames::delivered>();
      CHECK(delivered);
    }
    CHECK(rig.store.closed() == 0);
    rig.store.let_go();
    while (rig.store.closed() < 2) co_await net::sleep_for(std::chrono::milliseconds{1});
    talk.end();
  };
  rig.run(body());
}

TEST_CASE("who does not read answers is not read from, though what he says needs no disk", "[loopback]") {
  constexpr std::size_t most = 64U << 20U;
  transfer_rig rig;
  std::size_t written = 0;
  const std::string content = "x";
  // One file that is stored, then files that are refused as soon as they are read.
  auto flood = [&]() -> net::awaitable<void> {
    auto way = co_await rig.connect();
    raw_sender sender{way};
    co_await sender.greet(session_number(1));
    const bool welcome = co_await sender.hear_welcome();
    CHECK(welcome);
    const digest content_digest = digest_of(as_bytes(content));
    byte_buffer offers;
    encode(frames::offer{1, file_entry("f", 1), frames::inlined{content_digest, as_bytes(content)}}, offers);
    for (std::uint32_t id = 2; written < most;) {
      for (; offers.size() < 64U << 10U; ++id) {
        encode(frames::offer{id, file_entry("..", 1), frames::inlined{content_digest, as_bytes(content)}}, offers);
      }
      const result<void> done = co_await way->write(byte_view{offers});
      if (!done) break;
      written += offers.size();
      offers.clear();
    }
  };
  auto body = [&]() -> net::awaitable<void> {
    rig.tasks.spawn("flood", flood());
    for (std::size_t before = 0; before != written || written == 0;) {
      before = written;
      co_await net::sleep_for(std::chrono::milliseconds{300});
    }
    rig.server.force();
  };
  rig.run(body());
  CHECK(written < most);
  CHECK(rig.observer.ends.size() == 1);
}

TEST_CASE("a server that is told to stop at once keeps what its sessions are storing", "[loopback]") {
  transfer_rig rig;
  open_session talk{rig, two_blocks};
  auto body = [&]() -> net::awaitable<void> {
    co_await stall(talk, rig);
    rig.server.force();
    rig.store.let_go();
    const bool ended = co_await talk.first->hear_end();
    CHECK(ended);
    talk.end();
  };
  rig.run(body());
  CHECK(rig.store.kept_blocks() == 1);
  REQUIRE(rig.observer.ends.size() == 1);
  REQUIRE_FALSE(rig.observer.ends.front());
  CHECK(rig.observer.ends.front().error().code() == errc::cancelled);
}
