#include "tcptools/transfer/frame_reader.hpp"

#include <algorithm>
#include <cstring>

namespace tcptools::transfer {
namespace {

constexpr std::size_t usual_slab = 256U << 10U;
// Room behind the last whole frame of a slab, so that the next frame's header comes with the same read.
constexpr std::size_t header_room = 64;

}  // namespace

frame_reader::frame_reader(net::stream& from, byte_view already_read)
    : from_{from}, slab_{std::make_shared<slab>(std::max(usual_slab, already_read.size()))}, end_{already_read.size()} {
  std::ranges::copy(already_read, slab_->bytes.get());
}

result<std::optional<received_frame>> frame_reader::cut_frame(std::size_t& missing) {
  result<decoded> step = decode(unread());
  if (!step) return std::move(step).error();
  missing = step->size;
  if (!step->value) return std::optional<received_frame>{};
  start_ += step->size;
  last_size_ = step->size;
  return std::optional{received_frame{std::move(*step->value), slab_}};
}

net::awaitable<result<received_frame>> frame_reader::next() {
  for (;;) {
    std::size_t size = 0;
    result<std::optional<received_frame>> got = cut_frame(size);
    if (!got) co_return std::move(got).error();
    if (got->has_value()) co_return std::move(**got);
    const result<void> filled = co_await fill(size);
    if (!filled) co_return filled.error();
  }
}

result<std::optional<received_frame>> frame_reader::try_next() {
  for (;;) {
    std::size_t size = 0;
    result<std::optional<received_frame>> got = cut_frame(size);
    if (!got || got->has_value()) return got;
    while (unread().size() < size) {
      make_room(size);
      const result<std::size_t> read = from_.try_read(room());
      if (!read) return ended(read.error());
      if (*read == 0) return std::optional<received_frame>{};
      end_ += *read;
    }
  }
}

std::size_t frame_reader::held() {
  std::erase_if(left_, [](const auto& one) { return one.expired(); });
  std::size_t bytes = 0;
  for (const auto& one : left_) {
    if (const auto kept = one.lock()) bytes += kept->capacity;
  }
  return bytes;
}

net::awaitable<result<byte_view>> frame_reader::peek(std::size_t count) {
  const result<void> filled = co_await fill(count);
  if (!filled) co_return filled.error();
  co_return unread();
}

net::awaitable<result<byte_buffer>> frame_reader::take(std::size_t count) {
  const result<void> filled = co_await fill(count);
  if (!filled) co_return filled.error();
  const byte_view taken = unread().first(count);
  start_ += count;
  co_return byte_buffer{taken.begin(), taken.end()};
}

net::awaitable<result<void>> frame_reader::fill(std::size_t size) {
  while (unread().size() < size) {
    make_room(size);
    const result<std::size_t> got = co_await from_.read_some(room());
    if (!got) co_return ended(got.error());
    end_ += *got;
  }
  co_return result<void>{};
}

error frame_reader::ended(const error& why) const {
  const bool torn = why.code() == errc::end_of_stream && !unread().empty();
  return torn ? error{errc::connection_lost, "the connection ended in the middle of a message"} : why;
}

// Where a frame does not fit behind what is there, it goes on in a new slab. Large frames of one size then lie one
// behind the other, and what is copied from slab to slab is a header.
void frame_reader::make_room(std::size_t size) {
  if (start_ + size <= slab_->capacity && end_ < slab_->capacity) return;
  const std::size_t expected = size > header_room ? size : std::max(last_size_, header_room);
  const std::size_t frames = std::max<std::size_t>(1, usual_slab / expected);
  const std::size_t capacity = std::max(expected * frames + header_room, unread().size() + size);
  const bool is_in_use = slab_.use_count() > 1;
  const std::shared_ptr<slab> before = slab_;
  if (is_in_use || before->capacity != capacity) slab_ = std::make_shared<slab>(capacity);
  std::memmove(slab_->bytes.get(), before->bytes.get() + start_, end_ - start_);
  end_ -= start_;
  start_ = 0;
  if (is_in_use) left_.push_back(before);
}

}  // namespace tcptools::transfer
