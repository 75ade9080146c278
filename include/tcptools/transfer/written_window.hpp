// Keeps the amount of data that is written and not yet on the disk small.
#pragma once

#include <cstdint>

namespace tcptools::transfer {

// A file's last fsync waits for everything that is still in memory, and nothing shows that it moves meanwhile. So the
// data is sent on its way every so many bytes, and the window before must have arrived: the sync at the end is short,
// and a slow disk shows as a slow transfer from the start.
class written_window {
 public:
  explicit written_window(bool enabled) noexcept : enabled_{enabled} {}

  // `length` bytes at `offset` of `fd` were written. Returns an errno, or 0: the system could not write what came
  // before. It says so only once: the file's last fsync will not fail for that any more.
  [[nodiscard]] int on_write(int fd, std::uint64_t offset, std::uint64_t length);
  // True once for every so many bytes: time to look at the free space.
  [[nodiscard]] bool passed_mark() noexcept;

 private:
  struct range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };

  bool enabled_;
  range current_;
  range before_;
  std::uint64_t since_mark_ = 0;
};

}  // namespace tcptools::transfer
