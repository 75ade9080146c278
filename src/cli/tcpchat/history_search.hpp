// Searching what was typed before, letter by letter, as Ctrl-R does it. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "cli/tcpchat/line_history.hpp"

namespace tcptools::cli {

class history_search {
 public:
  // Finds nothing until there is a pattern. `history` outlives the search and does not change meanwhile.
  explicit history_search(const line_history& history) : history_{history} {}

  void type(std::u32string_view text);
  // Takes the last character of the pattern away and begins again with the newest line.
  void erase();
  // To the next match.
  void go_older();
  void go_newer();

  [[nodiscard]] const std::u32string& pattern() const noexcept { return pattern_; }
  // The last search found nothing; line() is still what was found before.
  [[nodiscard]] bool is_failing() const noexcept { return failing_; }
  // What was found last, and where in it the pattern was; none if nothing was.
  [[nodiscard]] std::optional<std::u32string> line() const;
  [[nodiscard]] std::size_t position() const noexcept { return position_; }

 private:
  void take(std::optional<std::size_t> found);

  const line_history& history_;
  std::u32string pattern_;
  std::optional<std::size_t> age_;
  std::size_t position_ = 0;
  bool failing_ = false;
};

}  // namespace tcptools::cli
