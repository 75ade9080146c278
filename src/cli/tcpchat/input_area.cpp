#include "cli/tcpchat/input_area.hpp"

#include <algorithm>
#include <utility>

#include "cli/columns.hpp"
#include "cli/tcpchat/utf32.hpp"

namespace tcptools::cli {
namespace {

constexpr std::size_t tab_width = 8;

// ECMA-48: CUU, CUD, CUF, EL, ED.
constexpr std::string_view erase_row = "\x1b[K";
constexpr std::string_view erase_below = "\x1b[J";

std::string move(std::size_t count, char direction) {
  return count == 0 ? "" : "\x1b[" + std::to_string(count) + direction;
}

class layout_writer {
 public:
  explicit layout_writer(std::size_t columns) : columns_{columns} { layout_.rows.emplace_back(); }

  void put(char32_t character) {
    if (character == U'\t') {
      do {
        put_wide(U' ', 1);
      } while (layout_.rows.back().columns % tab_width != 0 && layout_.rows.back().columns < columns_);
    } else if (character < U' ' || character == U'\x7f') {
      put_wide(U'^', 1);
      put_wide(character ^ 0x40U, 1);
    } else if (const auto wide = columns_of(character)) {
      put_wide(character, std::min(*wide, columns_));
    } else {
      put_wide(U'\uFFFD', 1);
    }
  }

  // The cursor stands where the next character goes.
  void mark_cursor(std::size_t next_columns) {
    const std::size_t used = layout_.rows.back().columns;
    const bool wraps = used + std::max<std::size_t>(next_columns, 1) > columns_;
    layout_.cursor_row = layout_.rows.size() - (wraps ? 0 : 1);
    layout_.cursor_column = wraps ? 0 : used;
  }

  input_layout finish() {
    // Behind a full row the cursor stands in a row of its own, else the terminal's idea of where it is would be its
    // secret.
    if (layout_.rows.back().columns >= columns_) layout_.rows.emplace_back();
    return std::move(layout_);
  }

 private:
  void put_wide(char32_t character, std::size_t wide) {
    if (layout_.rows.back().columns + wide > columns_) layout_.rows.emplace_back();
    append_utf8(layout_.rows.back().bytes, character);
    layout_.rows.back().columns += wide;
  }

  std::size_t columns_;
  input_layout layout_;
};

}  // namespace

input_layout lay_out(const input_text& input, std::size_t columns) {
  layout_writer writer{columns};
  for (const char32_t character : input.prompt) writer.put(character);
  for (std::size_t at = 0; at < input.line.size(); ++at) {
    const char32_t character = input.line[at];
    if (at == input.cursor) writer.mark_cursor(std::min(columns_of(character).value_or(1), columns));
    writer.put(character);
  }
  if (input.cursor >= input.line.size()) writer.mark_cursor(1);
  return writer.finish();
}

std::string input_area::draw(input_text input) {
  if (shown_ && !outdated_ && input == input_) return {};
  input_layout layout = lay_out(input, size_.columns);

  std::string out;
  if (only_appends(input, layout)) {
    out = to_utf8(std::u32string_view{input.line}.substr(input_.line.size()));
    if (layout.rows.back().columns == 0) out += " \r";
    cursor_line_ = layout.cursor_row - first_row_;
  } else {
    const std::size_t most = most_rows();
    first_row_ = 0;
    if (layout.rows.size() > most) {
      first_row_ = std::min(layout.cursor_row - std::min(layout.cursor_row, most / 2), layout.rows.size() - most);
    }
    const std::size_t end = std::min(layout.rows.size(), first_row_ + most);
    out = to_origin();
    if (outdated_) out += erase_below;
    out += rows(layout, first_row_, end);
    // Behind a full row it would erase the row's last character; and there is nothing below, since this is all that the
    // area ever takes.
    if (layout.rows[end - 1].columns < size_.columns) out += erase_below;
    cursor_line_ = layout.cursor_row - first_row_;
    out += "\r" + move(end - 1 - layout.cursor_row, 'A') + move(layout.cursor_column, 'C');
  }
  input_ = std::move(input);
  layout_ = std::move(layout);
  shown_ = true;
  outdated_ = false;
  return out;
}

std::string input_area::erase() const { return shown_ ? to_origin() + std::string{erase_below} : ""; }

std::string input_area::leave(input_text input) {
  const input_layout layout = lay_out(input, size_.columns);
  const std::size_t end = layout.rows.size();
  const std::string new_row = layout.rows.back().columns == 0 ? "\r" : "\r\n";  // has it, behind a full one
  std::string out;
  if (end > most_rows()) {
    out = erase() + rows(layout, 0, end) + new_row;
  } else {
    out = draw(std::move(input));
    out += move(end - 1 - layout.cursor_row, 'B') + new_row;
  }
  shown_ = false;
  return out;
}

void input_area::resize(screen_size size) {
  size.columns = std::max<std::size_t>(size.columns, 1);
  size.rows = std::max<std::size_t>(size.rows, 1);
  if (size == size_) return;
  const std::size_t columns_before = std::exchange(size_, size).columns;
  if (!shown_) return;
  if (first_row_ == 0) {
    layout_ = lay_out(input_, size_.columns);
    cursor_line_ = layout_.cursor_row;
  } else {
    cursor_line_ = (cursor_line_ * columns_before + layout_.cursor_column) / size_.columns;
  }
  cursor_line_ = std::min(cursor_line_, size_.rows - 1);
  outdated_ = true;
}

// From the beginning of a row, and to where the last one ends.
std::string input_area::rows(const input_layout& layout, std::size_t begin, std::size_t end) const {
  std::string out;
  for (std::size_t at = begin; at < end; ++at) {
    const input_layout::row& row = layout.rows[at];
    out += row.bytes;
    if (row.columns == 0 && at > begin) out += " \r";  // has the terminal wrap the full row above
    if (at + 1 < end && row.columns < size_.columns) out += erase_row;
  }
  return out;
}

bool input_area::only_appends(const input_text& input, const input_layout& layout) const {
  if (!shown_ || outdated_ || input.prompt != input_.prompt || !input.line.starts_with(input_.line)) return false;
  if (input_.cursor < input_.line.size() || input.cursor < input.line.size()) return false;
  if (layout.rows.size() - first_row_ > most_rows()) return false;
  // A combining character would not find the one it belongs to from the beginning of a row; and what is laid out as
  // something else is left to a full drawing.
  return layout_.cursor_column > 0 &&
         std::all_of(input.line.begin() + static_cast<std::ptrdiff_t>(input_.line.size()), input.line.end(),
                     [](char32_t one) { return one != U'\t' && columns_of(one).has_value(); });
}

std::size_t input_area::most_rows() const noexcept { return (size_.rows + 1) / 2; }

std::string input_area::to_origin() const { return "\r" + (shown_ ? move(cursor_line_, 'A') : ""); }

}  // namespace tcptools::cli
