#include "tcptools/net/private_file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>

#include "tcptools/base/text.hpp"

namespace tcptools::net {
namespace {

using private_file_clock = std::chrono::steady_clock;

// Time enough to type a passphrase.
constexpr std::chrono::minutes longest_wait_for_pipe{1};
constexpr std::size_t private_file_piece = 4096;
constexpr mode_t not_the_owners = S_IRWXG | S_IRWXO;

error not_private(const std::filesystem::path& file, std::string_view why) {
  return error{errc::usage, in_quotes(file.native()) + " " + std::string{why}};
}

error unreadable(const std::filesystem::path& file, int error_number) {
  return not_private(file, "cannot be read: " + os_text(error_number));
}

// Until `fd` can be read from or the time has come.
bool wait_for_input(int fd, private_file_clock::time_point until) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - private_file_clock::now());
    if (left.count() <= 0) return false;
    pollfd waiting{fd, POLLIN, 0};
    const int found = ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (found > 0) return true;
    if (found < 0 && errno != EINTR) return true;  // reading will tell
  }
}

}  // namespace

result<unique_fd> open_private_file(const std::filesystem::path& file) {
  // Symbolic links are followed: what counts is the file that is read.
  unique_fd fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
  if (!fd) return unreadable(file, errno);
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return unreadable(file, errno);

  const bool is_ours = status.st_uid == ::geteuid();
  if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
    if (!is_ours) return not_private(file, "belongs to somebody else");
    if (S_ISCHR(status.st_mode)) return fd;  // a terminal's group may write to it
  } else if (!S_ISREG(status.st_mode)) {
    return not_private(file, "is neither a file nor a pipe");
  } else if (!is_ours && status.st_uid != 0) {
    return not_private(file, "belongs to somebody else");
  }
  if ((status.st_mode & not_the_owners) != 0) {
    return not_private(file, "may be read or written by others than its owner; chmod 600 " + in_quotes(file.native()));
  }
  return fd;
}

result<secret_bytes> read_private_file(const std::filesystem::path& file, std::size_t at_most) {
  const result<unique_fd> fd = open_private_file(file);
  if (!fd) return fd.error();
  const private_file_clock::time_point until = private_file_clock::now() + longest_wait_for_pipe;
  secret_bytes content;
  while (true) {
    const std::size_t had = content.size();
    // One byte more than may be there shows that it is.
    content.resize(std::min(had + private_file_piece, at_most + 1));
    const ssize_t count = ::read(fd->get(), content.data() + had, content.size() - had);
    const int error_number = errno;
    content.resize(had + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (content.size() > at_most) {
      return not_private(file, "is longer than the " + std::to_string(at_most) + " bytes that are read");
    }
    if (count == 0) return content;
    if (count > 0 || error_number == EINTR) continue;
    if (error_number != EAGAIN) return unreadable(file, error_number);
    if (!wait_for_input(fd->get(), until)) return not_private(file, "did not end within a minute");
  }
}

}  // namespace tcptools::net
