#include "cli/tcpchat/output_lines.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "cli/tcpchat/readiness.hpp"
#include "tcptools/base/unique_fd.hpp"

namespace tcptools::cli {
namespace {

// So little that a terminal which poll(2) calls writable most likely takes it.
constexpr std::size_t cautious_chunk = 256;

enum class manner : std::uint8_t { non_blocking, socket, cautious, file };

struct opened {
  unique_fd descriptor;
  manner how = manner::file;
};

opened open_again(int descriptor) {
  struct stat status{};
  if (::fstat(descriptor, &status) != 0) return {};
  unique_fd copy{::fcntl(descriptor, F_DUPFD_CLOEXEC, 0)};
  if (S_ISSOCK(status.st_mode)) return {std::move(copy), manner::socket};
  if (!S_ISCHR(status.st_mode) && !S_ISFIFO(status.st_mode)) return {std::move(copy), manner::file};

  const std::string name = "/proc/self/fd/" + std::to_string(descriptor);
  unique_fd again{::open(name.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
  if (again) return {std::move(again), manner::non_blocking};
  return {std::move(copy), manner::cautious};
}

}  // namespace

// Shared with the handler that waits for room, which may still be queued when the output is gone.
struct output_lines::writer : std::enable_shared_from_this<writer> {
  writer(const net::any_executor& executor, opened target, std::size_t most)
      : descriptor{std::move(target.descriptor)},
        how{target.how},
        writable{executor, descriptor.get(), readiness::kind::output},
        written{executor},
        bound{most} {}

  bool put(std::string_view text) {
    if (!state) return false;
    if (dropped > 0 && has_room()) tell();
    if (dropped > 0 || text.size() > bound - std::min(bound, waiting.size())) {
      ++dropped;
      return false;
    }
    waiting += text;
    if (!is_waiting) write();
    return state.has_value();
  }

  [[nodiscard]] bool has_room() const { return waiting.size() <= bound / 2; }
  [[nodiscard]] bool is_idle() const { return waiting.empty() || !state; }

  void tell() {
    waiting += "* " + std::to_string(std::exchange(dropped, 0)) + " lines are not shown: the output was not read\n";
  }

  void write() {
    std::size_t done = 0;
    while (done < waiting.size() || dropped > 0) {
      if (dropped > 0 && waiting.size() - done <= bound / 2) tell();
      const ssize_t some = write_some(std::string_view{waiting}.substr(done));
      if (some >= 0) {
        done += static_cast<std::size_t>(some);
      } else if (errno == EAGAIN) {
        wait();
        break;
      } else if (errno != EINTR) {
        return fail(output_error(errno));
      }
    }
    waiting.erase(0, done);
    if (is_idle()) written.notify_all();
  }

  void fail(error why) {
    state = std::move(why);
    waiting.clear();
    dropped = 0;
    written.notify_all();
  }

  [[nodiscard]] ssize_t write_some(std::string_view text) const {
    const int fd = descriptor.get();
    switch (how) {
      case manner::socket:
        return ::send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      case manner::cautious: {
        pollfd ready{fd, POLLOUT, 0};
        if (::poll(&ready, 1, 0) == 1) return ::write(fd, text.data(), std::min(text.size(), cautious_chunk));
        errno = EAGAIN;
        return -1;
      }
      case manner::non_blocking:
      case manner::file:
        break;
    }
    return ::write(fd, text.data(), text.size());
  }

  void wait() {
    is_waiting = true;
    writable.async_wait([self = shared_from_this()](const std::error_code& failure) {
      self->is_waiting = false;
      if (self->is_gone) return;
      if (failure) {
        self->fail(output_error(failure.value()));
      } else {
        self->write();
      }
      if (self->is_idle() && self->call) self->call();
    });
  }

  unique_fd descriptor;
  manner how;
  readiness writable;
  net::event written;
  std::size_t bound;
  std::string waiting;
  std::size_t dropped = 0;
  std::function<void()> call;
  result<void> state;
  bool is_waiting = false;
  bool is_gone = false;
};

output_lines::output_lines(const net::any_executor& executor, int descriptor, std::size_t bound)
    : writer_{std::make_shared<writer>(executor, open_again(descriptor), bound)} {}

output_lines::~output_lines() {
  writer_->is_gone = true;
  writer_->writable.cancel();
}

bool output_lines::put(std::string_view text) { return writer_->put(text); }

bool output_lines::is_idle() const { return writer_->is_idle(); }

void output_lines::on_idle(std::function<void()> call) { writer_->call = std::move(call); }

net::awaitable<bool> output_lines::flush(net::event::clock::time_point until) {
  while (!writer_->is_idle()) {
    const bool changed = co_await writer_->written.wait_until(until);
    if (!changed) co_return writer_->is_idle();
  }
  co_return true;
}

result<void> output_lines::state() const { return writer_->state; }

}  // namespace tcptools::cli
