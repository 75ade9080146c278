#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/transfer/disk_file.hpp"

namespace tcptools::transfer {
namespace {

class disk_stream final : public source_stream {
 public:
  disk_stream(unique_fd input, std::string origin) : input_{std::move(input)}, origin_{std::move(origin)} {}

  // Asks poll(2) before every read: a fifo that nobody opened for writing yet would read as if it had ended, and the
  // description behind standard input is shared with other processes, so that it must stay a blocking one.
  result<std::optional<std::size_t>> read_some(std::span<std::byte> into, std::chrono::milliseconds patience) override {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
      const int ready = wait_until(deadline);
      if (ready == 0) return std::optional<std::size_t>{};
      if (ready > 0) {
        const ssize_t count = ::read(input_.get(), into.data(), into.size());
        if (count >= 0) return std::optional{static_cast<std::size_t>(count)};
      }
      if (errno != EINTR && errno != EAGAIN) return source_error(errno, "read", origin_);
    }
  }

 private:
  // As poll(2).
  [[nodiscard]] int wait_until(std::chrono::steady_clock::time_point deadline) const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    pollfd input{input_.get(), POLLIN, 0};
    constexpr std::int64_t longest = std::numeric_limits<int>::max();
    return ::poll(&input, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, longest)));
  }

  unique_fd input_;
  std::string origin_;
};

}  // namespace

result<std::unique_ptr<source_stream>> open_disk_stream(const source_item& item) {
  unique_fd input{::open(item.origin.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
  if (!input) return source_error(errno, "open", item.origin);
  struct stat status{};
  if (::fstat(input.get(), &status) != 0) return source_error(errno, "read", item.origin);
  const file_identity found = identity_of(status);
  if (found.device != item.identity.device || found.inode != item.identity.inode) {
    return error{errc::source_changed, in_quotes(item.origin) + " is no longer what was found"};
  }
  return stream_from(std::move(input), item.origin);
}

std::unique_ptr<source_stream> stream_from(unique_fd input, std::string origin) {
  return std::make_unique<disk_stream>(std::move(input), std::move(origin));
}

}  // namespace tcptools::transfer
