// What somebody types or pipes into a program, line by line, and what the program prints meanwhile. One interface for a
// terminal (line_editor) and for everything else (pipe_lines).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cli/tcpchat/text_output.hpp"
#include "tcptools/base/result.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/event.hpp"

namespace tcptools::cli {

struct input_line {
  static constexpr std::size_t most_bytes = 64U << 10U;

  std::string text;     // without its end (LF or CRLF); as it came, not necessarily UTF-8
  bool is_cut = false;  // it had more than `most_bytes`; what was beyond is lost
};

// All calls come from the executor's one thread. SIGPIPE is to be ignored.
class input_lines {
 public:
  input_lines() = default;
  input_lines(const input_lines&) = delete;
  input_lines& operator=(const input_lines&) = delete;
  virtual ~input_lines() = default;

  // The next line. Fails with errc::end_of_stream at the end of input, errc::cancelled after stop(),
  // errc::source_unreadable. Who does not ask leaves what is there to wait: one caller at a time.
  virtual net::awaitable<result<input_line>> next() = 0;

  // Shows `line`, which has no line end and nothing that could do harm to a terminal. Fails once the output cannot be
  // written any more, as text_output::state() says; a line that was dropped for want of room is no failure.
  virtual result<void> print(std::string_view line) = 0;

  // In UTF-8, without control characters. Nothing where nobody sees it.
  virtual void set_prompt(std::string_view prompt) = 0;

  // next() returns, now and whenever it is called again, and nothing is waited for any more, so that the executor can
  // run out of work. Printing goes on.
  virtual void stop() = 0;

  // Nothing of what was printed waits to be written.
  [[nodiscard]] virtual bool is_idle() const = 0;
  // As text_output::state(), and what print() returns.
  [[nodiscard]] virtual result<void> state() const = 0;
  // Returns when all that was printed has been written, or cannot be: true; at `until`: false.
  virtual net::awaitable<bool> flush(net::event::clock::time_point until) = 0;
};

struct input_settings {
  std::string prompt = "> ";
  // Ctrl-C was pressed where nothing was typed. On a terminal it is no signal while a line is edited.
  std::function<void()> on_interrupt;
  // A line that was typed vanishes from the screen, since the program shows it in its own way.
  bool hides_entered = false;
  // Output that nobody reads is dropped beyond a bound. Otherwise print() waits, and all of the program with it.
  bool never_waits = false;
};

// Standard input and output, edited where both are a terminal that can do it.
[[nodiscard]] std::unique_ptr<input_lines> open_input_lines(const net::any_executor& executor, input_settings settings);

}  // namespace tcptools::cli
