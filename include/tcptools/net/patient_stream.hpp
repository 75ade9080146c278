// What streams over a socket have in common: they try, and wait only where that gave nothing.
#pragma once

#include <cstddef>
#include <span>

#include "tcptools/net/stream.hpp"

namespace tcptools::net {

// What is there is taken, and what fits is given, without a turn of the event loop; only then does an operation wait.
// One that never has to wait lets others have a turn now and then.
class patient_stream : public stream {
 public:
  using stream::write;
  [[nodiscard]] awaitable<result<std::size_t>> read_some(std::span<std::byte> into) override;
  [[nodiscard]] awaitable<result<void>> write(std::span<const byte_view> pieces) override;

 private:
  // A turn for others, due after some operations that found no reason to wait.
  [[nodiscard]] bool is_turn_due() noexcept;

  unsigned calls_in_a_row_ = 0;
};

}  // namespace tcptools::net
