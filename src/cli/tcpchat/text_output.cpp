#include "cli/tcpchat/text_output.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace tcptools::cli {

error output_error(int error_number) {
  if (error_number == EPIPE || error_number == EIO || error_number == ECONNRESET) {
    return error{errc::connection_lost, "nobody reads the output any more: " + os_text(error_number)};
  }
  return storage_error(error_number, "cannot write the output");
}

bool blocking_output::put(std::string_view text) {
  while (!text.empty() && state_) {
    const ssize_t written = ::write(descriptor_, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      // Somebody who shares the descriptor has made it so.
      pollfd ready{descriptor_, POLLOUT, 0};
      (void)::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      state_ = output_error(errno);
    }
  }
  return state_.has_value();
}

net::awaitable<bool> blocking_output::flush(net::event::clock::time_point /*until*/) { co_return true; }

}  // namespace tcptools::cli
