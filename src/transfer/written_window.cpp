#include "tcptools/transfer/written_window.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

namespace tcptools::transfer {
namespace {

constexpr std::uint64_t window_size = 32U << 20U;
constexpr std::uint64_t mark_size = 64U << 20U;

}  // namespace

int written_window::on_write(int fd, std::uint64_t offset, std::uint64_t length) {
  since_mark_ += length;
  if (!enabled_) return 0;
  if (current_.begin == current_.end) current_ = {offset, offset};
  current_.begin = std::min(current_.begin, offset);
  current_.end = std::max(current_.end, offset + length);
  if (current_.end - current_.begin < window_size) return 0;
  // Where it is not known, the last fsync does it all.
  const auto hand_over = [fd](range one, unsigned flags) {
    if (one.begin == one.end) return 0;
    const int failed =
        ::sync_file_range(fd, static_cast<off64_t>(one.begin), static_cast<off64_t>(one.end - one.begin), flags);
    return failed == 0 || errno == ENOSYS || errno == EINVAL || errno == ESPIPE ? 0 : errno;
  };
  const int begun = hand_over(current_, SYNC_FILE_RANGE_WRITE);
  const int done = hand_over(before_, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
  before_ = current_;
  current_ = {};
  return done != 0 ? done : begun;
}

bool written_window::passed_mark() noexcept {
  if (since_mark_ < mark_size) return false;
  since_mark_ = 0;
  return true;
}

}  // namespace tcptools::transfer
