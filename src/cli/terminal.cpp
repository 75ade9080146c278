#include "cli/terminal.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

namespace tcptools::cli {

bool is_terminal(int descriptor) noexcept { return ::isatty(descriptor) == 1; }

bool is_interactive() noexcept { return is_terminal(STDIN_FILENO) && is_terminal(STDOUT_FILENO); }

void keep_standard_descriptors() noexcept {
  int opened = 0;
  do {
    opened = ::open("/dev/null", O_RDWR);
  } while (opened >= 0 && opened <= STDERR_FILENO);
  if (opened >= 0) ::close(opened);
}

std::size_t terminal_width(int descriptor) noexcept {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

std::size_t terminal_height(int descriptor) noexcept {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return 24;
  return size.ws_row;
}

bool in_foreground(int terminal) noexcept {
  const pid_t group = ::tcgetpgrp(terminal);
  // A terminal that is not the one of this session stops nobody.
  return group < 0 || group == ::getpgrp();
}

std::string_view environment(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets one
  return value == nullptr ? "" : value;
}

}  // namespace tcptools::cli
