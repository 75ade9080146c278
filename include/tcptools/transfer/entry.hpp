// What is transferred: an entry of a tree as sender and receiver speak of it, and a file as a row of blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace tcptools::transfer {

enum class entry_kind : std::uint8_t { file = 1, directory = 2, symlink = 3, stream = 4 };

inline constexpr std::uint64_t unknown_size = std::numeric_limits<std::uint64_t>::max();

// Seconds since 1970-01-01 UTC, negative before; nanoseconds below 10^9.
struct timestamp {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;

  friend bool operator==(const timestamp&, const timestamp&) = default;
};

struct entry {
  entry_kind kind = entry_kind::file;
  std::uint8_t block_log2 = 0;  // files and streams; 0 otherwise
  std::uint16_t mode = 0;       // permission bits, at most 0777
  timestamp modified;
  std::uint64_t size = 0;       // bytes; unknown_size for a stream; 0 for directories and links
  std::uint64_t allocated = 0;  // bytes of a file that are not holes, an estimate
  std::string path;             // relative to the receiver's directory, '/'-separated
  std::string target;           // of a symbolic link

  friend bool operator==(const entry&, const entry&) = default;
};

// A file of `size` bytes cut into blocks of 2^block_log2 bytes, of which only the last may be shorter.
class block_layout {
 public:
  block_layout() = default;
  block_layout(std::uint64_t size, unsigned block_log2) noexcept : size_{size}, log2_{block_log2} {}

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] unsigned block_log2() const noexcept { return log2_; }
  [[nodiscard]] std::size_t block_size() const noexcept { return std::size_t{1} << log2_; }
  [[nodiscard]] std::uint64_t count() const noexcept {
    return (size_ >> log2_) + ((size_ & (block_size() - 1)) != 0 ? 1 : 0);
  }
  [[nodiscard]] std::uint64_t offset(std::uint64_t index) const noexcept { return index << log2_; }
  // Precondition: index < count().
  [[nodiscard]] std::size_t length(std::uint64_t index) const noexcept {
    const std::uint64_t left = size_ - offset(index);
    return left < block_size() ? static_cast<std::size_t>(left) : block_size();
  }

 private:
  std::uint64_t size_ = 0;
  unsigned log2_ = 16;
};

// The block size a sender takes for a file of `size` bytes: small enough that a change costs little, large enough that
// the row of digests stays small. 0 where the file has more blocks than the protocol allows whatever their size.
[[nodiscard]] std::uint8_t choose_block_log2(std::uint64_t size) noexcept;

}  // namespace tcptools::transfer
