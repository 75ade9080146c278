// Reads frames from a stream. Content is not copied: a frame's views point into the memory it was received in, which
// lives as long as somebody holds its owner.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "tcptools/base/bytes.hpp"
#include "tcptools/base/result.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/stream.hpp"
#include "tcptools/transfer/protocol.hpp"

namespace tcptools::transfer {

struct received_frame {
  frame value;
  std::shared_ptr<const void> owner;
};

class frame_reader {
 public:
  // `from` outlives the reader. `already_read` is what was taken from it before, to find out its language.
  explicit frame_reader(net::stream& from, byte_view already_read = {});

  // The next frame, or why there is none: what the stream failed with, errc::protocol_violation,
  // errc::version_unsupported. errc::end_of_stream only between frames; inside one it is errc::connection_lost.
  [[nodiscard]] net::awaitable<result<received_frame>> next();

  // The next frame if it is there, without waiting; fails as next() does. Runs where stream::try_read() may.
  [[nodiscard]] result<std::optional<received_frame>> try_next();

  // Bytes of receive memory that frames handed out before still keep, besides what is being filled.
  [[nodiscard]] std::size_t held();

  // What was read and is no frame yet.
  [[nodiscard]] byte_view unread() const noexcept { return {slab_->bytes.get() + start_, end_ - start_}; }

  // What the next frames begin with, `count` bytes or more, without taking it. Fails as next() does.
  [[nodiscard]] net::awaitable<result<byte_view>> peek(std::size_t count);

  // Takes `count` bytes that are no frame (the preface). Precondition: count is small.
  [[nodiscard]] net::awaitable<result<byte_buffer>> take(std::size_t count);

 private:
  // One piece of receive memory. Frames in its front part may be in use elsewhere while its rest is filled.
  struct slab {
    explicit slab(std::size_t size) : bytes{std::make_unique_for_overwrite<std::byte[]>(size)}, capacity{size} {}

    std::unique_ptr<std::byte[]> bytes;
    std::size_t capacity;
  };

  // The next frame if its bytes are there; otherwise `missing` is how many it takes, as far as is known.
  [[nodiscard]] result<std::optional<received_frame>> cut_frame(std::size_t& missing);
  [[nodiscard]] std::span<std::byte> room() noexcept { return {slab_->bytes.get() + end_, slab_->capacity - end_}; }
  [[nodiscard]] error ended(const error& why) const;
  // Reads until `size` unread bytes are there.
  [[nodiscard]] net::awaitable<result<void>> fill(std::size_t size);
  void make_room(std::size_t size);

  net::stream& from_;
  std::shared_ptr<slab> slab_;
  std::vector<std::weak_ptr<const slab>> left_;  // slabs filled before, in use or not
  std::size_t start_ = 0;                        // of the unread bytes in the slab
  std::size_t end_ = 0;
  std::size_t last_size_ = 0;  // of the frame before: the next one is expected to be like it
};

}  // namespace tcptools::transfer
