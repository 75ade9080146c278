// A session with a file that is open at the receiver, said frame by frame.
#pragma once

#include <optional>
#include <utility>

#include "support/catch.hpp"
#include "support/frames.hpp"
#include "support/raw_sender.hpp"
#include "support/transfer_rig.hpp"

namespace tcptools::testing {

class open_session {
 public:
  // The file is "f", of so many bytes, and has the number 1.
  open_session(transfer_rig& rig, std::size_t size) : content{noise(size, 3)}, rig_{rig} {}

  net::awaitable<void> begin() {
    raw_sender connected = co_await connect();
    first.emplace(std::move(connected));
    co_await first->greet(session_number(1), 4);
    const std::optional<transfer::frames::welcome> welcome = co_await first->hear<transfer::frames::welcome>();
    REQUIRE((welcome && welcome->more));
    wish = {session_number(1), welcome->more->secret};
    const transfer::frames::offer offer{1, file_entry("f", content.size()), {}};
    co_await first->say(offer);
    const std::optional<transfer::frames::accept> accept = co_await first->hear<transfer::frames::accept>();
    REQUIRE(accept);
  }
  net::awaitable<raw_sender> connect() {
    auto way = co_await rig_.connect();
    co_return raw_sender{std::move(way)};
  }
  net::awaitable<raw_sender> join() { co_return co_await join(wish); }
  net::awaitable<raw_sender> join(transfer::frames::join said) {
    raw_sender joined = co_await connect();
    co_await joined.begin(said);
    co_return joined;
  }
  [[nodiscard]] transfer::frames::block block(std::uint64_t index) const {
    return block_frame(1, index, block_of(content, index));
  }
  // Its deadline would keep the test waiting.
  void end() { first.reset(); }
  net::awaitable<bool> ends_well() {
    const std::optional<transfer::frames::delivered> delivered = co_await first->hear<transfer::frames::delivered>();
    co_await first->say(transfer::frames::bye{});
    const std::optional<transfer::frames::bye> bye = co_await first->hear<transfer::frames::bye>();
    end();
    co_return delivered.has_value() && bye.has_value();
  }

  byte_buffer content;
  std::optional<raw_sender> first;
  transfer::frames::join wish;

 private:
  transfer_rig& rig_;
};

}  // namespace tcptools::testing
