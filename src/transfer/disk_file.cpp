#include "tcptools/transfer/disk_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/transfer/limits.hpp"

namespace tcptools::transfer {
namespace {

timestamp to_timestamp(const timespec& time) noexcept {
  return {time.tv_sec, static_cast<std::uint32_t>(time.tv_nsec)};
}

bool is_the_one_found(const struct stat& status, const source_item& item) noexcept {
  return holds_same_content(status, item) && identity_of(status) == item.identity;
}

error changed_since_found(std::string_view origin) {
  return error{errc::source_changed, in_quotes(origin) + " changed since it was found"};
}

// File systems stamp changes with the kernel's coarse clock, which ticks every 1 to 10 ms (Linux before 6.13, and some
// file systems after it): a change in the same tick as the one before leaves every time as it was. Once the tick of the
// last known change is over, each further change moves ctime.
void outlast_clock_tick(const timestamp& changed) {
  using std::chrono::nanoseconds;
  constexpr nanoseconds longest_tick = std::chrono::milliseconds{10};
  const nanoseconds at = std::chrono::seconds{changed.seconds} + nanoseconds{changed.nanoseconds};
  const nanoseconds age = std::chrono::system_clock::now().time_since_epoch() - at;
  if (age < longest_tick) std::this_thread::sleep_for(std::min(longest_tick, longest_tick - age));
}

class disk_file final : public source_file {
 public:
  disk_file(unique_fd file, source_item found) : file_{std::move(file)}, found_{std::move(found)} {}

  result<void> read(std::uint64_t offset, std::span<std::byte> into) override {
    while (!into.empty()) {
      const ssize_t count = ::pread(file_.get(), into.data(), into.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return source_error(errno, "read", found_.origin);
      if (count == 0)
        return error{errc::source_changed, in_quotes(found_.origin) + " became shorter while it was read"};
      into = into.subspan(static_cast<std::size_t>(count));
      offset += static_cast<std::uint64_t>(count);
    }
    return {};
  }

  bool read_cached(std::uint64_t offset, std::span<std::byte> into) override {
    while (!into.empty()) {
      const iovec piece{into.data(), into.size()};
      const ssize_t count = ::preadv2(file_.get(), &piece, 1, static_cast<off_t>(offset), RWF_NOWAIT);
      if (count <= 0) return false;
      into = into.subspan(static_cast<std::size_t>(count));
      offset += static_cast<std::uint64_t>(count);
    }
    return true;
  }

  std::uint64_t hole_end(std::uint64_t offset) override {
    const std::uint64_t size = found_.item.size;
    if (offset >= size) return offset;
    const off_t data = ::lseek(file_.get(), static_cast<off_t>(offset), SEEK_DATA);
    if (data >= 0) return std::min(static_cast<std::uint64_t>(data), size);
    return errno == ENXIO ? size : offset;
  }

  result<void> check_unchanged() override {
    struct stat status{};
    if (::fstat(file_.get(), &status) != 0) return source_error(errno, "read", found_.origin);
    if (!is_the_one_found(status, found_)) {
      return error{errc::source_changed, in_quotes(found_.origin) + " changed while it was read"};
    }
    return {};
  }

 private:
  unique_fd file_;
  source_item found_;
};

}  // namespace

file_identity identity_of(const struct stat& status) noexcept {
  return {status.st_dev, status.st_ino, to_timestamp(status.st_ctim)};
}

timestamp modified_of(const struct stat& status) noexcept { return to_timestamp(status.st_mtim); }

bool holds_same_content(const struct stat& status, const source_item& item) noexcept {
  const bool sized = item.item.kind != entry_kind::file || static_cast<std::uint64_t>(status.st_size) == item.item.size;
  return sized && status.st_dev == item.identity.device && status.st_ino == item.identity.inode &&
         modified_of(status) == item.item.modified;
}

error source_error(int error_number, std::string_view doing, std::string_view origin) {
  const bool missing = error_number == ENOENT || error_number == ENOTDIR;
  return error{missing ? errc::source_missing : errc::source_unreadable,
               "cannot " + std::string{doing} + " " + in_quotes(origin) + ": " + os_text(error_number)};
}

result<std::unique_ptr<source_file>> open_disk_file(const source_item& item, bool follow) {
  // Should something else have taken the file's place, opening it must neither wait nor do anything to it.
  const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW);
  unique_fd file{::open(item.origin.c_str(), flags)};
  if (!file) {
    if (errno == ELOOP && !follow) return changed_since_found(item.origin);
    return source_error(errno, "open", item.origin);
  }
  if (item.item.size > limits::inline_content) outlast_clock_tick(item.identity.changed);

  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return source_error(errno, "read", item.origin);
  if (!S_ISREG(status.st_mode) || !is_the_one_found(status, item)) return changed_since_found(item.origin);

  // The kernel's own files (/proc) call themselves empty.
  std::byte first{};
  if (item.item.size == 0 && ::pread(file.get(), &first, 1, 0) > 0) {
    return error{errc::source_unreadable,
                 in_quotes(item.origin) + " does not tell its size: send it as standard input"};
  }
  if (item.item.size > limits::inline_content) ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return std::unique_ptr<source_file>{std::make_unique<disk_file>(std::move(file), item)};
}

}  // namespace tcptools::transfer
