#include "cli/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

namespace tcptools::cli {

bool is_terminal(int descriptor) noexcept { return ::isatty(descriptor) == 1; }

std::size_t terminal_width(int descriptor) noexcept {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace tcptools::cli
