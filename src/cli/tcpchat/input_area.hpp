// The rows of a terminal in which a prompt and an unfinished line stand: what to write so that they appear, change and
// vanish. Pure: what it returns is to be written to the terminal, all of it and in order.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tcptools::cli {

struct screen_size {
  std::size_t columns = 80;
  std::size_t rows = 24;

  friend bool operator==(const screen_size&, const screen_size&) = default;
};

struct input_text {
  std::u32string prompt;
  std::u32string line;
  std::size_t cursor = 0;  // before which character of the line

  friend bool operator==(const input_text&, const input_text&) = default;
};

// How an input is laid out. A row that is full goes on in the next one, and the terminal knows that they belong
// together. Control characters stand as ^X, what is no character as U+FFFD.
struct input_layout {
  struct row {
    std::string bytes;
    std::size_t columns = 0;
  };
  std::vector<row> rows;  // at least one; the last one is not full
  std::size_t cursor_row = 0;
  std::size_t cursor_column = 0;
};

// Precondition: columns > 0.
[[nodiscard]] input_layout lay_out(const input_text& input, std::size_t columns);

class input_area {
 public:
  explicit input_area(screen_size size) { resize(size); }

  // Makes `input` what is seen; of one that takes more than half of the screen's rows, those around the cursor. Where
  // the area was not shown, the cursor is at the beginning of an empty row.
  [[nodiscard]] std::string draw(input_text input);

  // What takes the area off the screen: the cursor is where the area began, and nothing is to the right of it or below.
  // It counts as gone with the call of vanished().
  [[nodiscard]] std::string erase() const;
  void vanished() noexcept { shown_ = false; }

  // Shows `input`, all of it, and leaves it where it is: the cursor goes to the beginning of the row below, and the
  // area counts as gone.
  [[nodiscard]] std::string leave(input_text input);

  // The terminal has another size, and has wrapped the area's rows anew, as most do.
  void resize(screen_size size);

  [[nodiscard]] bool is_shown() const noexcept { return shown_; }

 private:
  [[nodiscard]] std::string rows(const input_layout& layout, std::size_t begin, std::size_t end) const;
  [[nodiscard]] bool only_appends(const input_text& input, const input_layout& layout) const;
  [[nodiscard]] std::string to_origin() const;
  [[nodiscard]] std::size_t most_rows() const noexcept;

  screen_size size_;
  bool shown_ = false;
  bool outdated_ = false;  // what is shown was drawn for another size
  input_text input_;
  input_layout layout_;
  std::size_t first_row_ = 0;    // of the layout's, on the screen
  std::size_t cursor_line_ = 0;  // rows between it and the cursor's
};

}  // namespace tcptools::cli
