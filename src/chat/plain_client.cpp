#include "tcptools/chat/plain_client.hpp"

#include <array>
#include <asio/post.hpp>
#include <utility>

#include "tcptools/base/units.hpp"
#include "tcptools/chat/safe_text.hpp"
#include "tcptools/net/tls_alert.hpp"

namespace tcptools::chat {
namespace {

using clock = net::stream::clock;

constexpr int looks_within_patience = 60;  // at what the server has taken, within the patience that it gets

}  // namespace

plain_client::plain_client(const net::any_executor& executor, on_text show, when_ready ready,
                           std::chrono::milliseconds patience)
    : connector_{executor}, show_{std::move(show)}, ready_{std::move(ready)}, patience_{patience} {
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

void plain_client::set_deadline() {
  if (!in_.held().empty()) {
    stream_->set_deadline(clock::now() + limits::quiet_gap);
  } else if (has_finished_) {
    stream_->set_deadline(clock::now() + patience_ / looks_within_patience);
  } else {
    stream_->clear_deadline();
  }
}

bool plain_client::is_stuck() {
  const auto now = clock::now();
  const std::size_t left = stream_->unacknowledged();
  if (left < std::exchange(left_, left)) moved_at_ = now;
  return now - moved_at_ >= patience_;
}

net::awaitable<result<void>> plain_client::run() {
  std::array<std::byte, 16U << 10U> bytes{};
  for (;;) {
    if (ready_) {
      stream_->clear_deadline();
      co_await ready_();
    }
    const bool is_unfinished = !in_.held().empty();
    set_deadline();
    const result<std::size_t> got = co_await stream_->read_some(bytes);
    if (got) {
      moved_at_ = clock::now();
      const bool is_alert = !std::exchange(has_heard_, true) && net::is_tls_alert(bytes);
      if (is_alert) co_return net::wants_tls();
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
    const bool is_waiting_for_end = why == errc::timed_out && has_finished_ && !is_stopped_;
    if (is_waiting_for_end && !is_stuck()) continue;
    if (const auto rest = in_.take_rest()) show_(safe_text(*rest));
    if (why == errc::end_of_stream || is_stopped_) co_return result<void>{};
    if (is_waiting_for_end) {
      co_return error{errc::timed_out, peer().text + " has not ended the connection, nor taken or said anything, for " +
                                           format_duration(patience_) + "; it may not have got all that was said"};
    }
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
  moved_at_ = clock::now();
  left_ = stream_->unacknowledged();
  const result<void> ended = co_await stream_->shutdown_send();
  // For run(), which waits without one.
  stream_->set_deadline(clock::now() + limits::quiet_gap);
  co_return ended;
}

void plain_client::stop() {
  is_stopped_ = true;
  connector_.cancel();
  if (stream_) stream_->close();
}

}  // namespace tcptools::chat
