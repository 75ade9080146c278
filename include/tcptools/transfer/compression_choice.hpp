// Decides whether the sender compresses what it is about to send. No I/O, no clock: how long things took is told.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tcptools::transfer {

enum class compression_mode : std::uint8_t {
  automatic,  // where the connection is what is waited for, and content shrinks
  always,
  off,
};

// Blocks are compressed in pieces: what one read has brought.
class compression_choice {
 public:
  enum class attempt : std::uint8_t {
    none,
    look,  // its first bytes, to find out; it is sent as it is
    whole,
  };

  explicit compression_choice(compression_mode mode) noexcept : mode_{mode} {}

  // What to do about a piece of this entry. `unsent`: the connection still has something to send, and would not wait
  // for this piece.
  [[nodiscard]] attempt next(std::uint32_t entry, bool unsent) noexcept;
  // What became of it: of `tried` bytes `became`, in a time in which the thread did nothing else.
  void on_compressed(std::size_t tried, std::size_t became, std::chrono::nanoseconds took) noexcept;
  // The connection took this many bytes, compressed or not, and so long.
  void on_written(std::size_t bytes, std::chrono::nanoseconds took) noexcept;

 private:
  // Of what was done last, more or less.
  struct speed {
    double bytes = 0;
    double seconds = 0;

    void add(std::size_t more, std::chrono::nanoseconds took) noexcept;
    // What comes next weighs more.
    void fade() noexcept;
  };

  [[nodiscard]] bool is_content_worth_it() const noexcept;
  [[nodiscard]] bool is_connection_slow() const noexcept;

  compression_mode mode_;
  std::uint32_t entry_ = 0;
  bool is_new_ = false;     // nothing of this entry was tried yet
  unsigned misses_ = 0;     // pieces in a row that hardly shrank
  unsigned passed_by_ = 0;  // pieces in a row that were not tried
  speed compressor_;
  speed connection_;
};

}  // namespace tcptools::transfer
