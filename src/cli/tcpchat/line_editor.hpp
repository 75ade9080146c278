// Lines that are typed on a terminal, while others come in: what is printed appears above the line being typed, which
// stays as it is.
#pragma once

#include <memory>
#include <string_view>

#include "cli/tcpchat/input_lines.hpp"

namespace tcptools::cli {

// Emacs' keys; Up, Down, Ctrl-R and Ctrl-S go through what was typed before; Ctrl-C empties the line, or calls
// on_interrupt where it is empty; Ctrl-D on an empty line is the end of input; Ctrl-Z suspends. Keys are handled as
// they come, also while nobody asks for a line, until `most_waiting` lines wait.
//
// The terminal's mode is restored by the destructor, and while the program is suspended. In the background nothing is
// read, and lines are printed without a prompt.
class line_editor final : public input_lines {
 public:
  static constexpr std::size_t most_waiting = 1024;  // lines

  // `terminal` is read and stays the caller's; `output` leads to the same one. Takes SIGWINCH and SIGCONT. Throws
  // std::runtime_error where the terminal cannot be used.
  line_editor(const net::any_executor& executor, int terminal, std::unique_ptr<text_output> output,
              input_settings settings);
  ~line_editor() override;

  net::awaitable<result<input_line>> next() override;
  result<void> print(std::string_view line) override;
  void set_prompt(std::string_view prompt) override;
  void stop() override;
  [[nodiscard]] bool is_idle() const override;
  [[nodiscard]] result<void> state() const override;
  net::awaitable<bool> flush(net::event::clock::time_point until) override;

 private:
  class session;
  std::shared_ptr<session> session_;  // also of what the executor still has to tell it
};

}  // namespace tcptools::cli
