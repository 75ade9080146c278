// Sessions whose content is being stored, on a disk that hangs: what others want of them meanwhile.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "support/catch.hpp"
#include "support/frames.hpp"
#include "support/raw_sender.hpp"
#include "support/transfer_rig.hpp"
#include "tcptools/net/sleep.hpp"

using namespace tcptools;
using namespace tcptools::testing;
using namespace tcptools::transfer;

namespace {

// A session of which one block of two is being written, to a disk that hangs.
class stalled_session {
 public:
  explicit stalled_session(transfer_rig& rig) : rig_{rig} { rig.store.hold(); }

  net::awaitable<void> begin() {
    raw_sender connected = co_await connect();
    first.emplace(std::move(connected));
    co_await first->greet(session_number(1), 4);
    const std::optional<frames::welcome> welcome = co_await first->hear<frames::welcome>();
    REQUIRE((welcome && welcome->more));
    wish = {session_number(1), welcome->more->secret};
    const frames::offer offer{1, file_entry("f", content.size()), {}};
    co_await first->say(offer);
    const std::optional<frames::accept> accept = co_await first->hear<frames::accept>();
    REQUIRE(accept);
    co_await first->say(block(0));
    while (!rig_.store.is_waited_for()) co_await net::sleep_for(std::chrono::milliseconds{1});
  }
  net::awaitable<raw_sender> connect() {
    auto way = co_await rig_.connect();
    co_return raw_sender{std::move(way)};
  }
  [[nodiscard]] frames::block block(std::uint64_t index) const {
    return block_frame(1, index, block_of(content, index));
  }

  byte_buffer content = noise(smallest_block + 7, 3);
  std::optional<raw_sender> first;
  frames::join wish;

 private:
  transfer_rig& rig_;
};

}  // namespace

TEST_CASE("a disk that hangs keeps only its own session waiting", "[loopback]") {
  transfer_rig rig;
  stalled_session talk{rig};
  auto body = [&]() -> net::awaitable<void> {
    co_await talk.begin();
    raw_sender other = co_await talk.connect();
    co_await other.greet(session_number(2));
    const bool welcome = co_await other.hear_welcome();
    CHECK(welcome);
    rig.store.let_go();
    co_await talk.first->say(talk.block(1));
    co_await talk.first->say(finish_frame(1, talk.content));
    const std::optional<frames::delivered> delivered = co_await talk.first->hear<frames::delivered>();
    CHECK(delivered);
    talk.first.reset();
  };
  rig.run(body());
  REQUIRE(rig.store.entries().contains("f"));
  CHECK(rig.store.entries().at("f").content == talk.content);
}

TEST_CASE("a connection joins a session once that has stored what it had", "[loopback]") {
  transfer_rig rig;
  stalled_session talk{rig};
  auto body = [&]() -> net::awaitable<void> {
    co_await talk.begin();
    raw_sender joined = co_await talk.connect();
    co_await joined.begin(talk.wish);
    co_await joined.say(talk.block(1));
    co_await joined.say(frames::fence{1});
    co_await talk.first->say(finish_frame(1, talk.content));
    rig.store.let_go();
    const std::optional<frames::delivered> delivered = co_await talk.first->hear<frames::delivered>();
    CHECK(delivered);
    talk.first.reset();
  };
  rig.run(body());
  CHECK(rig.store.entries().contains("f"));
  CHECK(rig.observer.started == 1);
}

TEST_CASE("a sender that comes back takes the place of its session once that has stored what it had", "[loopback]") {
  transfer_rig rig;
  stalled_session talk{rig};
  auto body = [&]() -> net::awaitable<void> {
    co_await talk.begin();
    raw_sender again = co_await talk.connect();
    co_await again.greet(session_number(1));
    rig.store.let_go();
    const bool welcome = co_await again.hear_welcome();
    CHECK(welcome);
    const bool old_ended = co_await talk.first->hear_end();
    CHECK(old_ended);
    talk.first.reset();
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
  stalled_session talk{rig};
  auto body = [&]() -> net::awaitable<void> {
    co_await talk.begin();
    rig.server.force();
    rig.store.let_go();
    const bool ended = co_await talk.first->hear_end();
    CHECK(ended);
    talk.first.reset();
  };
  rig.run(body());
  CHECK(rig.store.kept_blocks() == 1);
  REQUIRE(rig.observer.ends.size() == 1);
  REQUIRE_FALSE(rig.observer.ends.front());
  CHECK(rig.observer.ends.front().error().code() == errc::cancelled);
}
