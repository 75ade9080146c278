// What was typed before, and finding it again. Pure; in memory only.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace tcptools::cli {

class line_history {
 public:
  static constexpr std::size_t most_lines = 500;
  static constexpr std::size_t most_characters = 1U << 20U;

  // The newest line from now on; the oldest are forgotten. Not kept: empty lines, and a repetition of the newest.
  void add(std::u32string_view line);

  // Goes back a line, or forward; none at the end. `draft`, what is on the screen at the first step back, comes after
  // the newest line.
  [[nodiscard]] std::optional<std::u32string> older(std::u32string_view draft);
  [[nodiscard]] std::optional<std::u32string> newer();
  // The next step back begins at the newest line.
  void rewind() noexcept { at_ = 0; }

  // Of the lines with `pattern` in them, the one with the least age that is at least `age` (0: the newest), or, going
  // forward, with the greatest that is at most `age`; its age.
  [[nodiscard]] std::optional<std::size_t> find_older(std::u32string_view pattern, std::size_t age) const;
  [[nodiscard]] std::optional<std::size_t> find_newer(std::u32string_view pattern, std::size_t age) const;
  // Precondition: age < size().
  [[nodiscard]] const std::u32string& line(std::size_t age) const { return lines_[age]; }
  [[nodiscard]] std::size_t size() const noexcept { return lines_.size(); }

 private:
  [[nodiscard]] bool matches(std::size_t age, std::u32string_view pattern) const;

  std::deque<std::u32string> lines_;  // the newest first
  std::size_t characters_ = 0;
  std::size_t at_ = 0;  // how many steps back
  std::u32string draft_;
};

}  // namespace tcptools::cli
