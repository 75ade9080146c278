#include "tcptools/chat/chat_session.hpp"

#include <array>
#include <asio/post.hpp>
#include <exception>
#include <utility>

#include "tcptools/chat/limits.hpp"

namespace tcptools::chat {
namespace {

constexpr std::size_t pieces_per_call = 64;

std::size_t size_of(std::span<const byte_view> pieces) noexcept {
  std::size_t size = 0;
  for (const byte_view one : pieces) size += one.size();
  return size;
}

}  // namespace

chat_session::chat_session(memory_use& use, std::shared_ptr<net::stream> stream,
                           std::shared_ptr<const member_rights> its_rights, session_context& context)
    : member{use, stream->peer().text, stream->peer().address, std::move(its_rights), stream->is_encrypted()},
      stream_{std::move(stream)},
      context_{context},
      woken_{stream_->get_executor()} {}

net::awaitable<std::string> chat_session::run() {
  std::string why;
  // An exception must not get past what still uses the session.
  try {
    why = co_await read_lines();
    if (is_closing()) co_await say_goodbye();
  } catch (const std::exception& exception) {
    why = exception.what();
  }
  abort();
  while (is_blocked) co_await woken_.wait();
  co_return why;
}

net::awaitable<std::string> chat_session::read_lines() {
  chat_machine& machine = context_.machine;
  while (!is_closing()) {
    if (!machine.wants_input(*this)) {
      co_await woken_.wait();
      if (is_over_) co_return "the connection was lost";
      continue;
    }
    const result<std::size_t> got = stream_->try_read(context_.scratch);
    if (!got && got.error().code() == errc::end_of_stream) {
      machine.on_end(*this, context_.clock());
      context_.on_news();
      continue;
    }
    if (!got) co_return got.error().text();
    if (*got > 0) {
      machine.on_bytes(*this, as_text(context_.scratch.first(*got)), context_.clock());
      context_.on_news();
    }
    if (*got == context_.scratch.size()) {
      co_await asio::post(asio::use_awaitable_t<net::any_executor>{});  // there is more, but others have a turn
      continue;
    }
    if (!machine.wants_input(*this)) continue;
    const result<void> ready = co_await stream_->wait_readable();
    if (!ready && !is_closing()) co_return ready.error().text();
  }
  co_return std::string{};
}

// Nothing that the peer says counts any more, but it is read: closed with something unread, the connection would be
// reset, and the last words be lost.
net::awaitable<void> chat_session::say_goodbye() {
  context_.on_news();
  for (;;) {
    if (is_over_ || (is_half_closed_ && is_at_end)) co_return;
    if (is_half_closed_) break;
    co_await woken_.wait();
  }
  for (;;) {
    const result<std::size_t> got = co_await stream_->read_some(context_.scratch);
    if (!got) co_return;
  }
}

void chat_session::flush() {
  if (is_blocked || is_over_ || has_said_all_) return;
  std::array<byte_view, pieces_per_call> pieces;
  bool has_sent = false;
  for (;;) {
    const std::span<const byte_view> now = std::span{pieces}.first(out.pieces(pieces));
    if (now.empty()) break;
    const result<std::size_t> sent = stream_->try_write(now);
    if (!sent) return abort();
    has_sent = has_sent || *sent > 0;
    const bool is_all = *sent == size_of(now);
    if (*sent > 0) out.consumed(*sent);
    if (is_all) continue;
    is_blocked = true;
    context_.tasks.spawn("write", write_when_possible());
    break;
  }
  if (is_closing() && !is_blocked) {
    has_said_all_ = true;
    is_blocked = true;
    context_.tasks.spawn("half-close", half_close());
  }
  if (!has_sent) return;
  context_.machine.on_sent(*this, context_.clock());
  if (context_.machine.has_news()) context_.on_news();
}

net::awaitable<void> chat_session::write_when_possible() {
  const result<void> ready = co_await stream_->wait_writable();
  is_blocked = false;
  if (ready) {
    flush();
  } else {
    abort();
  }
  woken_.notify_all();
}

// Not left to who reads: that one may wait for a peer that waits for this.
net::awaitable<void> chat_session::half_close() {
  const result<void> half_closed = co_await stream_->shutdown_send();
  is_blocked = false;
  is_half_closed_ = true;
  if (!half_closed) abort();
  woken_.notify_all();
}

void chat_session::abort() {
  is_over_ = true;
  stream_->close();
  woken_.notify_all();
}

}  // namespace tcptools::chat
