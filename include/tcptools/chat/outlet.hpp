// What a session has yet to be sent, in order: answers of its own, runs of logs, and whatever its room's log grows by.
// No I/O: it gives pieces, and is told how much of them went out. Lines are never cut by one another.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tcptools/base/bytes.hpp"
#include "tcptools/chat/line_log.hpp"
#include "tcptools/chat/memory_use.hpp"

namespace tcptools::chat {

class outlet {
 public:
  // `use` outlives it.
  explicit outlet(memory_use& use) noexcept : share_{use} {}

  // Whole lines, told before anything that the followed log has yet to give.
  void say(std::string_view lines);
  // A run of whole lines of a log, likewise.
  void say(line_log::cursor from, line_log::position until);

  // From now on what `log` has from `start`, as it grows. The log stays until unfollow() or this object's end.
  void follow(const line_log& log, line_log::cursor start);
  // What the log has by now is told; what it grows by is not.
  void unfollow();
  // Lines of the followed log, its newest ones, are not told.
  void skip_newest(line_log::position begin);
  [[nodiscard]] std::size_t lines_to_skip() const noexcept { return skipped_.size(); }

  // Throws away all but the rest of a line that has begun.
  void drop();

  // Fills `pieces` with what is to be sent now; how many. None: nothing is to be sent.
  [[nodiscard]] std::size_t pieces(std::span<byte_view> pieces) const;
  // So many bytes of these went out.
  void consumed(std::size_t bytes);

  [[nodiscard]] bool empty() const noexcept { return answers_.empty() && lag() == 0; }
  // Bytes in the followed log that it has not been sent.
  [[nodiscard]] std::size_t lag() const noexcept;
  // Bytes of answers and runs.
  [[nodiscard]] std::size_t answers() const noexcept { return answer_bytes_; }
  // Of these, of runs.
  [[nodiscard]] std::size_t runs() const noexcept { return run_bytes_; }
  // Bytes that logs have grown by behind these runs and keep for their sake, at most of one log.
  [[nodiscard]] std::size_t kept_behind_runs() const noexcept;

 private:
  struct run {
    line_log::cursor from;
    line_log::position until = 0;
  };
  struct text {
    std::string bytes;
    std::size_t sent = 0;
  };
  struct range {
    line_log::position begin = 0;
    line_log::position end = 0;
  };
  using answer = std::variant<text, run>;

  // Where the followed log may be sent up to: its head, or a line to be skipped.
  [[nodiscard]] line_log::position limit() const noexcept;
  void step_over();
  // What follows the cursor, which moves on.
  [[nodiscard]] run take_run(line_log::position until);
  void account();

  std::vector<answer> answers_;
  const line_log* followed_ = nullptr;
  line_log::cursor cursor_;
  std::vector<range> skipped_;  // ahead of the cursor, in order
  std::size_t answer_bytes_ = 0;
  std::size_t run_bytes_ = 0;  // of these
  memory_share share_;
};

}  // namespace tcptools::chat
