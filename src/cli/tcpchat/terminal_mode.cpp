#include "cli/tcpchat/terminal_mode.hpp"

#include <unistd.h>

#include "cli/terminal.hpp"

namespace tcptools::cli {

terminal_mode::terminal_mode(int terminal) : terminal_{terminal} {
  termios mode{};
  if (::tcgetattr(terminal, &mode) == 0) before_ = mode;
}

void terminal_mode::set(bool interrupts) {
  if (!before_ || !in_foreground(terminal_)) return;
  termios mode = *before_;
  mode.c_iflag &= ~static_cast<tcflag_t>(INLCR | IGNCR | ICRNL | ISTRIP | IXON);
  mode.c_oflag |= static_cast<tcflag_t>(OPOST | ONLCR);
  mode.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ECHONL | IEXTEN);
  // For Ctrl-\, if all else fails; and a signal leaves alone what is on its way to the screen.
  mode.c_lflag |= static_cast<tcflag_t>(ISIG | NOFLSH);
  if (!interrupts) mode.c_cc[VINTR] = _POSIX_VDISABLE;
  mode.c_cc[VSUSP] = _POSIX_VDISABLE;
  // A read returns what there is, also nothing.
  mode.c_cc[VMIN] = 0;
  mode.c_cc[VTIME] = 0;
  changed_ = true;
  (void)::tcsetattr(terminal_, TCSANOW, &mode);
}

void terminal_mode::restore() noexcept {
  if (!changed_ || !in_foreground(terminal_)) return;
  (void)::tcsetattr(terminal_, TCSANOW, &*before_);
  changed_ = false;
}

}  // namespace tcptools::cli
