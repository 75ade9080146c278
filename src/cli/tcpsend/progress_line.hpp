// The one line that shows how far a transfer is, at any width. Pure: state in, text out.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tcptools::cli {

struct progress_state {
  std::string name;  // of the entry at work, as it may be shown
  std::uint64_t bytes_done = 0;
  std::optional<std::uint64_t> bytes_total;  // once it is known
  std::uint64_t files_done = 0;
  std::optional<std::uint64_t> files_total;
  std::uint64_t bytes_per_second = 0;
};

// At most `width` columns, without line ends: name, bar, percent, rate, time left, files done. What does not fit is
// left out, the least important first.
[[nodiscard]] std::string render_progress(const progress_state& state, std::size_t width);

// How many columns a text takes on a terminal (wide characters two, combining ones none).
[[nodiscard]] std::size_t display_width(std::string_view text);

// `text` shortened in its middle to at most `width` columns.
[[nodiscard]] std::string shorten(std::string_view text, std::size_t width);

}  // namespace tcptools::cli
