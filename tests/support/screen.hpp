// A small terminal, to see what becomes of what is written to one: printing with wrapping at the last column as xterm
// does it, wide and combining characters, and the control functions that input_area uses. Anything else fails the test.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "cli/columns.hpp"
#include "cli/tcpchat/utf32.hpp"
#include "support/catch.hpp"

namespace tcptools::testing {

class screen {
 public:
  screen(std::size_t columns, std::size_t rows) : columns_{columns}, rows_{rows, blank()} {}

  void write(std::string_view bytes) {
    std::u32string text = cli::to_utf32(bytes);
    for (std::size_t at = 0; at < text.size();) at = take(text, at);
  }

  // Without the blanks at its end.
  [[nodiscard]] std::string row(std::size_t at) const {
    std::string out;
    for (const std::string& cell : rows_[at].cells) out += cell;
    out.erase(out.find_last_not_of(' ') + 1);
    return out;
  }

  [[nodiscard]] std::vector<std::string> text() const {
    std::vector<std::string> out;
    for (std::size_t at = 0; at < rows_.size(); ++at) out.push_back(row(at));
    while (!out.empty() && out.back().empty()) out.pop_back();
    return out;
  }

  [[nodiscard]] std::size_t cursor_row() const { return row_; }
  [[nodiscard]] std::size_t cursor_column() const { return column_; }

  // As most terminals do it: what was wrapped is wrapped anew, and the cursor stays at its character.
  void resize(std::size_t columns) {
    std::vector<line> lines;
    std::size_t cursor_line = 0;
    std::size_t cursor_cell = 0;
    bool goes_on = false;
    for (std::size_t at = 0; at < rows_.size(); ++at) {
      if (!goes_on) lines.emplace_back();
      if (at == row_) {
        cursor_line = lines.size() - 1;
        cursor_cell = lines.back().cells.size() + column_;
      }
      goes_on = rows_[at].wrapped;
      std::vector<std::string> cells = rows_[at].cells;
      if (goes_on && cells.back() == " ") cells.pop_back();  // a wide character did not fit
      lines.back().cells.insert(lines.back().cells.end(), cells.begin(), cells.end());
    }
    const std::size_t height = rows_.size();
    columns_ = columns;
    rows_.clear();
    for (std::size_t at = 0; at < lines.size(); ++at) {
      std::vector<std::string>& cells = lines[at].cells;
      const std::size_t least = at == cursor_line ? cursor_cell + 1 : 0;
      while (cells.size() > least && cells.back() == " ") cells.pop_back();
      cells.resize(std::max(cells.size(), least), " ");
      rows_.push_back(blank());
      std::size_t used = 0;
      for (std::size_t cell = 0; cell < cells.size(); ++cell) {
        const std::size_t wide = cell + 1 < cells.size() && cells[cell + 1].empty() ? 2 : 1;
        if (cells[cell].empty()) continue;
        if (used + wide > columns_) {
          rows_.back().wrapped = true;
          rows_.push_back(blank());
          used = 0;
        }
        if (at == cursor_line && cell <= cursor_cell) {
          row_ = rows_.size() - 1;
          column_ = used;
        }
        rows_.back().cells[used] = cells[cell];
        if (wide == 2) rows_.back().cells[used + 1].clear();
        used += wide;
      }
    }
    while (rows_.size() > height && row_ + 1 < rows_.size()) rows_.pop_back();
    while (rows_.size() > height) {
      rows_.erase(rows_.begin());
      --row_;
    }
    rows_.resize(height, blank());
    full_ = false;
  }

 private:
  struct line {
    std::vector<std::string> cells;  // the second of a wide character is empty
    bool wrapped = false;
  };

  [[nodiscard]] line blank() const { return {std::vector<std::string>(columns_, " ")}; }

  void line_feed() {
    full_ = false;
    if (++row_ < rows_.size()) return;
    rows_.erase(rows_.begin());
    rows_.push_back(blank());
    --row_;
  }

  void print(char32_t character) {
    const std::size_t wide = std::min(cli::columns_of(character).value_or(0), columns_);
    std::string bytes = cli::to_utf8({&character, 1});
    if (wide == 0) {
      REQUIRE(cli::columns_of(character).has_value());
      std::size_t at = full_ ? column_ : column_ - 1;
      REQUIRE(at < columns_);  // there is nothing to combine with
      if (rows_[row_].cells[at].empty()) --at;
      rows_[row_].cells[at] += bytes;
      return;
    }
    if (full_ || column_ + wide > columns_) {
      rows_[row_].wrapped = true;
      line_feed();
      column_ = 0;
    }
    rows_[row_].cells[column_] = std::move(bytes);
    if (wide == 2) rows_[row_].cells[column_ + 1].clear();
    column_ += wide;
    full_ = column_ == columns_;
    if (full_) --column_;
  }

  std::size_t take(const std::u32string& text, std::size_t at) {
    const char32_t character = text[at];
    if (character == U'\r') {
      column_ = 0;
      full_ = false;
    } else if (character == U'\n') {
      line_feed();
      column_ = 0;  // as the terminal's driver adds a return
    } else if (character != U'\x1b') {
      print(character);
    } else {
      REQUIRE(text.at(at + 1) == U'[');
      std::size_t count = 0;
      for (at += 2; text.at(at) >= U'0' && text.at(at) <= U'9'; ++at) count = count * 10 + text.at(at) - U'0';
      control(text.at(at), count);
    }
    return at + 1;
  }

  void control(char32_t function, std::size_t count) {
    const std::size_t some = std::max<std::size_t>(count, 1);
    switch (function) {
      case U'A':
        row_ -= std::min(some, row_);
        break;
      case U'B':
        row_ = std::min(row_ + some, rows_.size() - 1);
        break;
      case U'C':
        column_ = std::min(column_ + some, columns_ - 1);
        break;
      case U'K':
        erase_row(row_, column_);
        break;
      case U'J':
        erase_row(row_, column_);
        for (std::size_t at = row_ + 1; at < rows_.size(); ++at) erase_row(at, 0);
        break;
      default:
        FAIL("control function " << static_cast<char>(function));
    }
    full_ = full_ && function != U'A' && function != U'B' && function != U'C';
  }

  void erase_row(std::size_t row, std::size_t from) {
    std::fill(rows_[row].cells.begin() + static_cast<std::ptrdiff_t>(from), rows_[row].cells.end(), " ");
    rows_[row].wrapped = false;
  }

  std::size_t columns_;
  std::vector<line> rows_;
  std::size_t row_ = 0;
  std::size_t column_ = 0;
  bool full_ = false;  // the last column is taken, and the next character goes to the next row
};

}  // namespace tcptools::testing
