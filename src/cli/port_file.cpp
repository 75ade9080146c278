#include "cli/port_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <iterator>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/base/unique_fd.hpp"

namespace tcptools::cli {

result<port_file> port_file::write(const std::string& path, std::uint16_t port) {
  if (path.empty()) return port_file{"", {}};
  const std::string temporary = path + "." + std::to_string(::getpid()) + ".tmp";
  const std::string text = std::to_string(port) + "\n";
  const unique_fd file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644)};
  struct stat status{};
  const bool written = file && ::write(file.get(), text.data(), text.size()) == std::ssize(text) &&
                       ::fstat(file.get(), &status) == 0 && std::rename(temporary.c_str(), path.c_str()) == 0;
  if (written) return port_file{path, status};
  const int number = errno;
  if (file) (void)::unlink(temporary.c_str());
  return error{errc::usage, "cannot write the port file " + in_quotes(path) + ": " + os_text(number)};
}

port_file::port_file(port_file&& other) noexcept : path_{std::exchange(other.path_, {})}, status_{other.status_} {}

port_file::~port_file() {
  struct stat now{};
  // Another receiver may have put its own there since.
  const bool is_ours = !path_.empty() && ::lstat(path_.c_str(), &now) == 0 && now.st_ino == status_.st_ino &&
                       now.st_dev == status_.st_dev;
  if (is_ours) (void)::unlink(path_.c_str());
}

}  // namespace tcptools::cli
