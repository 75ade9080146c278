#include "history_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "tcptools/base/text.hpp"

namespace tcptools::chat {
namespace {

bool has_name(int fd, const std::string& name) {
  struct stat opened{};
  struct stat named{};
  return ::fstat(fd, &opened) == 0 && ::lstat(name.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
         opened.st_dev == named.st_dev;
}

int lock(int fd) {
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

}  // namespace

result<history_lock> history_lock::take(const std::string& path) {
  std::string name = path + ".lock";
  for (;;) {
    unique_fd fd{::open(name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600)};
    if (!fd) return storage_error(errno, "cannot make " + in_quotes(name));
    const int failed = lock(fd.get());
    if (failed == EWOULDBLOCK) return error{errc::busy, in_quotes(path) + " is in use by another server"};
    if (failed != 0) return storage_error(failed, "cannot lock " + in_quotes(name));
    // The one before may have removed it between our open and our lock.
    if (has_name(fd.get(), name)) return history_lock{std::move(fd), std::move(name)};
  }
}

history_lock::~history_lock() {
  if (fd_ && has_name(fd_.get(), name_)) (void)::unlink(name_.c_str());
}

}  // namespace tcptools::chat
