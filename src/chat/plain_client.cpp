#include "tcptools/chat/plain_client.hpp"

#include <array>
#include <asio/post.hpp>
#include <utility>

#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/safe_text.hpp"

namespace tcptools::chat {

using clock = net::stream::clock;

plain_client::plain_client(const net::any_executor& executor, on_text show)
    : connector_{executor}, show_{std::move(show)} {
  in_.become(framing::plain);
}

net::awaitable<result<void>> plain_client::connect(std::string host, std::uint16_t port,
                                                   std::chrono::milliseconds timeout) {
  auto connected = co_await connector_.connect(std::move(host), port, timeout);
  if (!connected) co_return connected.error();
  stream_ = std::move(*connected);
  co_return result<void>{};
}

void plain_client::show_lines() {
  while (const auto line = in_.next_line()) show_(safe_text(*line));
}

net::awaitable<result<void>> plain_client::run() {
  std::array<std::byte, 16U << 10U> bytes{};
  for (;;) {
    const bool is_unfinished = !in_.held().empty();
    if (is_unfinished) {
      stream_->set_deadline(clock::now() + limits::quiet_gap);
    } else if (has_finished_) {
      stream_->set_deadline(clock::now() + limits::plain_reply_wait);
    } else {
      stream_->clear_deadline();
    }
    const result<std::size_t> got = co_await stream_->read_some(bytes);
    if (got) {
      in_.feed(as_text(byte_view{bytes}.first(*got)));
      show_lines();
      continue;
    }
    const errc why = got.error().code();
    if (why == errc::timed_out && is_unfinished) {
      const auto text = in_.take_unterminated();
      // Half a character that nothing follows is shown as what it is.
      const auto rest = text ? text : in_.take_rest();
      if (rest) show_(safe_text(*rest));
      continue;
    }
    if (const auto rest = in_.take_rest()) show_(safe_text(*rest));
    const bool is_silent_to_the_end = why == errc::timed_out && has_finished_;
    if (why == errc::end_of_stream || is_stopped_ || is_silent_to_the_end) co_return result<void>{};
    co_return got.error();
  }
}

net::awaitable<result<void>> plain_client::say(std::string line) {
  line += '\n';
  byte_view rest = as_bytes(line);
  while (!rest.empty()) {
    result<std::size_t> sent = stream_->try_write({&rest, 1});
    if (sent && *sent == 0) {
      const result<void> ready = co_await stream_->wait_writable();
      if (!ready) sent = ready.error();
    }
    // The deadline is about reading: run() is about to move it.
    const bool is_late = !sent && sent.error().code() == errc::timed_out;
    if (!sent && !is_late) co_return sent.error();
    if (is_late) co_await asio::post(asio::use_awaitable_t<net::any_executor>{});
    if (sent) rest = rest.subspan(*sent);
  }
  co_return result<void>{};
}

net::awaitable<result<void>> plain_client::finish() {
  has_finished_ = true;
  // For run(), which may wait for longer.
  stream_->set_deadline(clock::now() + limits::plain_reply_wait);
  co_return co_await stream_->shutdown_send();
}

void plain_client::stop() {
  is_stopped_ = true;
  connector_.cancel();
  if (stream_) stream_->close();
}

}  // namespace tcptools::chat
