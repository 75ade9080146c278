#include "tcptools/transfer/beneath.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "tcptools/base/text.hpp"
#include "tcptools/transfer/safe_path.hpp"

namespace tcptools::transfer {
namespace {

constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

unique_fd open_resolved(int root, const std::string& path, int flags, mode_t mode) {
  open_how how{};
  how.flags = static_cast<__u64>(flags | O_CLOEXEC);
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  for (;;) {
    const auto fd = static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how));
    // The kernel gives up with EAGAIN if something was renamed while it looked.
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) return unique_fd{fd};
  }
}

unique_fd open_stepwise(int root, std::string_view path, int flags, mode_t mode) {
  unique_fd held;
  for (int at = root;;) {
    const std::size_t slash = path.find('/');
    const std::string component{path.substr(0, slash)};
    const bool last = slash == std::string_view::npos;
    unique_fd next{::openat(at, component.c_str(), (last ? flags : directory_flags) | O_NOFOLLOW | O_CLOEXEC, mode)};
    if (last || !next) return next;
    held = std::move(next);
    at = held.get();
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

result<beneath> beneath::open(const std::filesystem::path& directory, resolution how) {
  unique_fd root{::open(directory.c_str(), directory_flags)};
  if (!root)
    return error{errc::usage, "cannot use the directory " + in_quotes(directory.string()) + ": " + os_text(errno)};
  return beneath{std::move(root), how};
}

unique_fd beneath::open_file(std::string_view path, int flags, mode_t mode) const {
  if (how_ == resolution::automatic) {
    unique_fd fd = open_resolved(root_.get(), std::string{path}, flags, mode);
    if (fd || errno != ENOSYS) return fd;
  }
  return open_stepwise(root_.get(), path, flags, mode);
}

unique_fd beneath::open_parent(std::string_view path, std::vector<std::string>* made) const {
  const std::string_view parent = parent_of(path);
  if (parent.empty()) return unique_fd{::fcntl(root_.get(), F_DUPFD_CLOEXEC, 0)};
  unique_fd found = open_file(parent, directory_flags);
  if (found || errno != ENOENT || made == nullptr) return found;
  // Each step is resolved from the top, so that a link within the directory may lead anywhere within it.
  unique_fd above = open_parent(parent, made);
  if (!above) return above;
  if (::mkdirat(above.get(), std::string{leaf_of(parent)}.c_str(), 0777) == 0) {
    made->emplace_back(parent);
  } else if (errno != EEXIST) {
    return {};
  }
  return open_file(parent, directory_flags);
}

std::optional<beneath> beneath::copy() const {
  unique_fd root{::fcntl(root_.get(), F_DUPFD_CLOEXEC, 0)};
  if (!root) return std::nullopt;
  return beneath{std::move(root), how_};
}

std::optional<beneath> beneath::narrowed(std::string_view path) const {
  unique_fd held;
  for (int at = root_.get();;) {
    const std::size_t slash = path.find('/');
    const std::string component{path.substr(0, slash)};
    if (::mkdirat(at, component.c_str(), 0777) != 0 && errno != EEXIST) return std::nullopt;
    unique_fd next{::openat(at, component.c_str(), directory_flags | O_NOFOLLOW)};
    if (!next) return std::nullopt;
    if (slash == std::string_view::npos) return beneath{std::move(next), how_};
    held = std::move(next);
    at = held.get();
    path.remove_prefix(slash + 1);
  }
}

bool beneath::sync_parents(std::string_view path) const {
  for (std::string_view parent = parent_of(path); !parent.empty(); parent = parent_of(parent)) {
    const unique_fd directory = open_file(parent, directory_flags);
    if (!directory || ::fsync(directory.get()) != 0) return false;
  }
  return ::fsync(root_.get()) == 0;
}

}  // namespace tcptools::transfer
