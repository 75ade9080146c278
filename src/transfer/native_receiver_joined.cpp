// A receiver's joined connections: the rest is in native_receiver.cpp.
#include <utility>

#include "tcptools/transfer/limits.hpp"
#include "tcptools/transfer/native_receiver.hpp"

namespace tcptools::transfer {

result<void> native_receiver::join(const frames::join& wish, std::shared_ptr<net::stream> stream, frame_reader reader) {
  if (tasks_ == nullptr || failure_) return error{errc::refused, "that session is over"};
  const result<unsigned> number = machine_.join(wish);
  if (!number) return number.error();
  joined_.emplace(*number, joined_connection{stream, 0, std::chrono::steady_clock::now()});
  tasks_->spawn("joined", read_joined(*number, std::move(stream), std::move(reader)));
  return {};
}

void native_receiver::close_joined() {
  for (const auto& [number, one] : joined_) one.stream->close();
}

void native_receiver::close_silent(std::chrono::steady_clock::time_point now) {
  const bool is_waited_for = machine_.waits_for_joined() && !storing_ && machine_.waiting_bytes() == 0;
  for (auto& [number, one] : joined_) {
    const std::uint64_t before = std::exchange(one.bytes, one.stream->bytes_read());
    if (one.bytes != before || !is_waited_for) one.moved_at = now;
    if (now - one.moved_at >= limits::joined_wait) one.stream->close();
  }
}

// How it ends makes no difference: what it did not bring is asked for on the first connection.
net::awaitable<void> native_receiver::read_joined(unsigned number, std::shared_ptr<net::stream> stream,
                                                  frame_reader reader) {
  while (!reading_over_ && !failure_) {
    while (must_wait(reader)) co_await room_.wait();
    result<received_frame> got = co_await reader.next();
    if (!got || reading_over_ || failure_) {
      if (!got && got.error().code() == errc::protocol_violation) stop(wire_code::violation, got.error());
      break;
    }
    ++frames_read_;
    const result<void> good = machine_.on_joined_frame(number, std::move(got->value), std::move(got->owner));
    if (!good) {
      stop(to_wire(good.error().code()), good.error());
      break;
    }
    after_reading();
  }
  stream->close();
  bytes_of_past_ones_ += stream->bytes_read();
  joined_.erase(number);
  machine_.on_joined_end(number);
  answers_.notify_all();
}

}  // namespace tcptools::transfer
