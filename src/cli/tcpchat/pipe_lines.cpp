#include "cli/tcpchat/pipe_lines.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <utility>

#include "cli/tcpchat/utf32.hpp"
#include "cli/terminal.hpp"

namespace tcptools::cli {

pipe_lines::pipe_lines(const net::any_executor& executor, int descriptor, std::unique_ptr<text_output> output)
    : executor_{executor},
      descriptor_{descriptor},
      readable_{executor, descriptor, readiness::kind::input},
      output_{std::move(output)},
      stopping_{executor},
      is_terminal_{is_terminal(descriptor)} {
  if (readable_.error_number() != 0 && readable_.error_number() != EPERM) fail(readable_.error_number());
}

net::awaitable<result<input_line>> pipe_lines::next() {
  while (!stopped_) {
    std::optional<input_line> line = take_line();
    if (line) co_return std::move(*line);
    if (over_) co_return *over_;
    co_await wait_until_readable();
    if (!stopped_) read_some();
  }
  co_return error{errc::cancelled};
}

result<void> pipe_lines::print(std::string_view line) {
  (void)output_->put(std::string{line} + "\n");
  return output_->state();
}

void pipe_lines::stop() {
  stopped_ = true;
  readable_.cancel();
  stopping_.notify_all();
}

net::awaitable<bool> pipe_lines::flush(net::event::clock::time_point until) { return output_->flush(until); }

net::awaitable<void> pipe_lines::wait_until_readable() {
  if (readable_.error_number() != 0) {
    co_await asio::post(executor_, asio::use_awaitable_t<net::any_executor>{});
    co_return;
  }
  (void)co_await readable_.async_wait(net::use_tuple);
  // What is typed is meant for the shell then, and who reads it all the same is stopped.
  while (is_terminal_ && !stopped_ && !in_foreground(descriptor_)) {
    (void)co_await stopping_.wait_until(net::event::clock::now() + background_pause);
  }
}

void pipe_lines::read_some() {
  // Whoever was woken for another reason, or was not the only one to be woken, must not wait here.
  pollfd ready{descriptor_, POLLIN, 0};
  if (readable_.can_wait() && ::poll(&ready, 1, 0) == 0) return;
  waiting_.erase(0, begin_);
  searched_ -= begin_;
  begin_ = 0;
  std::array<char, chunk> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init): read(2) does
  const ssize_t size = ::read(descriptor_, bytes.data(), bytes.size());
  if (size > 0) {
    waiting_.append(bytes.data(), static_cast<std::size_t>(size));
  } else if (size == 0) {
    over_ = error{errc::end_of_stream, "end of input"};
  } else if (errno != EINTR && errno != EAGAIN) {
    fail(errno);
  }
}

void pipe_lines::fail(int error_number) {
  over_ = error{errc::source_unreadable, "standard input: " + os_text(error_number)};
}

std::optional<input_line> pipe_lines::take_line() {
  while (true) {
    const std::size_t end = waiting_.find('\n', searched_);
    if (end != std::string::npos) {
      input_line line = take(end);
      if (!std::exchange(skipping_, false)) return line;
      continue;
    }
    searched_ = waiting_.size();
    if (skipping_) {
      begin_ = searched_;
      return std::nullopt;
    }
    if (waiting_.size() - begin_ > input_line::most_bytes + 1) {  // one more may be the CR of its end
      skipping_ = true;
      return take(waiting_.size());
    }
    if (!over_ || begin_ == waiting_.size()) return std::nullopt;
    return take(waiting_.size());
  }
}

input_line pipe_lines::take(std::size_t end) {
  input_line line{waiting_.substr(begin_, end - begin_)};
  begin_ = searched_ = std::min(waiting_.size(), end + 1);
  if (line.text.ends_with('\r')) line.text.pop_back();
  line.is_cut = cut_to(line.text, input_line::most_bytes);
  return line;
}

}  // namespace tcptools::cli
