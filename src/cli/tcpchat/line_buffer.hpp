// A line that is being edited: libedit's commands on it, and nothing of libedit's screen or waiting.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "cli/tcpchat/key_parser.hpp"

namespace tcptools::cli {

class line_buffer {
 public:
  static constexpr std::size_t most_characters = 64U << 10U;

  // libedit edits only where there is a terminal: `terminal` must be one, of which this process is in the foreground,
  // and its mode is changed; the caller sets its own afterwards, and libedit does not touch it again. Throws
  // std::runtime_error where libedit cannot be used.
  explicit line_buffer(int terminal);
  line_buffer(const line_buffer&) = delete;
  line_buffer& operator=(const line_buffer&) = delete;
  ~line_buffer();

  // Does what `code` asks for; codes that do not edit do nothing.
  void edit(key_code code);
  // At the cursor; what would make the line too long is left out.
  void insert(std::u32string_view text);
  // The cursor goes to `cursor`, or to the end.
  void replace(std::u32string_view text, std::size_t cursor = most_characters);
  void clear() { replace({}); }

  [[nodiscard]] std::u32string text() const;
  // Before which character of the line, 0 to its size.
  [[nodiscard]] std::size_t cursor() const;
  [[nodiscard]] bool empty() const;

 private:
  class engine;
  std::unique_ptr<engine> engine_;
};

}  // namespace tcptools::cli
