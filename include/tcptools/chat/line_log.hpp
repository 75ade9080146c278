// Lines in one language, written once and read by many: an append-only row of segments. Readers have cursors, which
// keep the segments they still need; nothing is copied for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "tcptools/base/bytes.hpp"
#include "tcptools/chat/memory_use.hpp"

namespace tcptools::chat {

class line_log {
 public:
  class cursor;
  // Bytes since the log began.
  using position = std::uint64_t;

  // `use` outlives the log and its cursors.
  explicit line_log(memory_use& use);

  // One line with its LF.
  void append(std::string_view line);

  [[nodiscard]] position head() const noexcept { return *head_; }
  // Segments that end at or before `oldest` are let go as far as the log is concerned.
  void release_before(position oldest);

  // Precondition: `at` is where a line begins, not before the last release_before(), and at most head().
  [[nodiscard]] cursor cursor_at(position at) const;

 private:
  struct segment;

  memory_use& use_;
  std::shared_ptr<position> head_;  // also of the cursors, which may live longer
  // There is always one, be it without room.
  std::shared_ptr<segment> first_;
  std::shared_ptr<segment> last_;
};

// A place in a log. The log may go before it; what was in it stays readable.
class line_log::cursor {
 public:
  cursor() = default;

  [[nodiscard]] position at() const noexcept { return at_; }
  // The log's head: all from at() up to it is kept for this cursor's sake. Precondition: not made by cursor().
  [[nodiscard]] position head() const noexcept;
  // Fills `pieces` with what follows, up to `until`; gives how many it has filled.
  [[nodiscard]] std::size_t pieces(position until, std::span<byte_view> pieces) const;
  // Precondition: so many bytes follow.
  void advance(std::size_t bytes);
  // A line has begun and not ended.
  [[nodiscard]] bool is_within_line() const noexcept;
  // Where the line at work ends; at() where none is.
  [[nodiscard]] position end_of_line() const noexcept;

 private:
  friend class line_log;
  // Moves on to the next segment where this one is used up and there is one.
  void settle();

  std::shared_ptr<segment> segment_;
  position at_ = 0;
};

}  // namespace tcptools::chat
