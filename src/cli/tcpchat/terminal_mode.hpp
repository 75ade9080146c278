// The mode of a terminal while somebody edits on it: each key arrives as it is pressed, and is shown by us.
#pragma once

#include <termios.h>

#include <optional>

namespace tcptools::cli {

class terminal_mode {
 public:
  // Remembers the mode as it is. `terminal` outlives this.
  explicit terminal_mode(int terminal);
  terminal_mode(const terminal_mode&) = delete;
  terminal_mode& operator=(const terminal_mode&) = delete;
  ~terminal_mode() { restore(); }

  // Neither waits nor does anything in the background. With `interrupts`, Ctrl-C is a signal rather than a key.
  void set(bool interrupts = false);
  // As it was before.
  void restore() noexcept;

 private:
  int terminal_;
  std::optional<termios> before_;
  bool changed_ = false;
};

}  // namespace tcptools::cli
