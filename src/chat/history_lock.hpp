// One server at a time for a history.
#pragma once

#include <string>

#include "tcptools/base/result.hpp"
#include "tcptools/base/unique_fd.hpp"

namespace tcptools::chat {

// An flock(2) on PATH.lock, which ends with the process however that ends; a PATH.lock that somebody killed left behind
// locks nothing. It is not on the database itself: closing any descriptor of that would end SQLite's own locks (POSIX).
class history_lock {
 public:
  // Fails with busy if another server, or another history_file of this one, has it. Does not wait.
  [[nodiscard]] static result<history_lock> take(const std::string& path);

  history_lock(history_lock&&) = default;
  history_lock& operator=(history_lock&&) = delete;
  ~history_lock();

 private:
  history_lock(unique_fd fd, std::string name) : fd_{std::move(fd)}, name_{std::move(name)} {}

  unique_fd fd_;
  std::string name_;
};

}  // namespace tcptools::chat
