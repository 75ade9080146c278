// A room's messages: their ids, and their lines in both languages. docs/chat-protocol.md, "History and resuming".
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "tcptools/chat/line_log.hpp"
#include "tcptools/chat/protocol.hpp"

namespace tcptools::chat {

struct history_bounds {
  std::size_t messages = 10'000;
  std::size_t bytes = 16U << 20U;  // of structured lines
};

class room_log {
 public:
  // Where somebody who asks for `since` begins.
  struct start {
    std::uint64_t first = 1;  // the id of the first message told
    std::uint64_t lost = 0;   // messages between the one named and the oldest kept
    bool resumed = true;      // false: the epoch named is another one
  };

  // `use` outlives the log. `next` is the id the next message gets.
  room_log(memory_use& use, std::string room, std::string epoch, std::uint64_t next, history_bounds bounds);

  // The message gets the id next(), and the time of the one before it if its own is earlier. Forgets what is beyond the
  // bounds.
  void append(wall_time time, std::string_view from, std::string_view text);

  [[nodiscard]] start find(const std::optional<since>& from, wall_time now) const;

  // Where the line of the message with this id begins. Precondition: oldest() <= id <= next().
  [[nodiscard]] line_log::position position_of(std::uint64_t id) const;

  [[nodiscard]] const std::string& room() const noexcept { return room_; }
  [[nodiscard]] const std::string& epoch() const noexcept { return epoch_; }
  [[nodiscard]] std::uint64_t next() const noexcept { return next_; }
  // The id of the oldest message kept; next() if there is none.
  [[nodiscard]] std::uint64_t oldest() const noexcept { return next_ - entries_.size(); }
  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
  [[nodiscard]] wall_time last_time() const noexcept { return last_time_; }
  // Of what is kept.
  [[nodiscard]] std::size_t kept_bytes() const noexcept;

  // Forgets the older half of what is kept.
  void forget_half();

  [[nodiscard]] const line_log& structured() const noexcept { return structured_; }
  // Nothing is kept in it but what has a cursor.
  [[nodiscard]] const line_log& plain() const noexcept { return plain_; }
  // Whether messages are written into plain(), too: whether somebody reads it.
  void write_plain(bool written) noexcept { writes_plain_ = written; }

 private:
  struct entry {
    line_log::position begin;
    wall_time time;
  };

  void release();

  std::string room_;
  std::string epoch_;
  history_bounds bounds_;
  std::uint64_t next_;
  wall_time last_time_ = 0;
  std::deque<entry> entries_;
  line_log structured_;
  line_log plain_;
  bool writes_plain_ = false;
  std::string line_;  // scratch
};

}  // namespace tcptools::chat
