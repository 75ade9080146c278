// From the bytes that a terminal sends to what was meant by them. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tcptools::cli {

enum class key_code : std::uint8_t {
  text,
  enter,
  older,  // up
  newer,  // down
  search_older,
  search_newer,
  cancel,        // Ctrl-G
  interrupt,     // Ctrl-C
  end_of_input,  // Ctrl-D, which deletes the next character where there is one
  suspend,       // Ctrl-Z
  clear_screen,

  // What edits a line; line_buffer does it.
  left,
  right,
  home,
  end,
  word_left,
  word_right,
  erase,       // the character before the cursor
  erase_next,  // the one under it
  kill_word,
  kill_word_next,
  kill_rest,
  kill_line,
  yank,
  transpose,
  upper_case,
  lower_case,
  capital,
};

struct key {
  key_code code = key_code::text;
  std::u32string text;  // of key_code::text: one character or more, none of them a control character but the tab

  friend bool operator==(const key&, const key&) = default;
};

// Knows the keys of xterm and its relatives (ECMA-48 and VT220), and Emacs' control and meta keys. Other sequences are
// nothing; an Escape is nothing but the beginning of one.
class key_parser {
 public:
  // What `bytes` complete, in order. A sequence or character of which more must come is kept, at most a few bytes.
  [[nodiscard]] std::vector<key> feed(std::string_view bytes);

 private:
  // Each takes what it understands off the front of `bytes`; false if more must come.
  bool take_one(std::string_view& bytes, std::vector<key>& keys);
  static bool take_escape(std::string_view& bytes, std::vector<key>& keys);
  static bool take_text(std::string_view& bytes, std::vector<key>& keys);

  std::string unfinished_;
  bool after_return_ = false;
};

}  // namespace tcptools::cli
