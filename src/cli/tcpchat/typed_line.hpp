// What keys do to the line being typed: they edit it, bring back earlier ones, search among them, or mean something to
// others. Neither reads nor writes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/tcpchat/history_search.hpp"
#include "cli/tcpchat/input_area.hpp"
#include "cli/tcpchat/key_parser.hpp"
#include "cli/tcpchat/line_buffer.hpp"
#include "cli/tcpchat/line_history.hpp"

namespace tcptools::cli {

// What somebody else has to do.
enum class line_event : std::uint8_t {
  none,
  entered,  // take() has the line
  interrupted,
  ended,  // end of input
  suspended,
  screen_cleared,
};

class typed_line {
 public:
  // As line_buffer's.
  explicit typed_line(int terminal) : buffer_{terminal} {}

  line_event press(const key& pressed);

  // The line as it is; there is a new one, and history has one more.
  [[nodiscard]] std::u32string take();

  // What is to be seen, behind `prompt` or, in a search, behind what is searched for.
  [[nodiscard]] input_text shown(const std::u32string& prompt) const;

 private:
  // False if the search is over, and the key is to be handled as ever.
  [[nodiscard]] bool press_in_search(const key& pressed);
  void recall(const std::optional<std::u32string>& line);

  line_buffer buffer_;
  line_history history_;
  std::optional<history_search> search_;
};

}  // namespace tcptools::cli
