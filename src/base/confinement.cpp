#include "tcptools/base/confinement.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/base/unique_fd.hpp"

namespace tcptools {
namespace {

// https://docs.kernel.org/userspace-api/landlock.html and include/uapi/linux/landlock.h of Linux 6.12. Older headers,
// such as Debian 12's, end with version 2.
struct ruleset_attributes {
  std::uint64_t handled_access_fs = 0;
  std::uint64_t handled_access_net = 0;
  std::uint64_t scoped = 0;
};

constexpr std::uint64_t refer = std::uint64_t{1} << 13U;     // version 2
constexpr std::uint64_t truncate = std::uint64_t{1} << 14U;  // version 3
constexpr std::uint64_t bind_tcp = std::uint64_t{1} << 0U;   // version 4, of handled_access_net
constexpr std::uint64_t connect_tcp = std::uint64_t{1} << 1U;
constexpr std::uint64_t ioctl_dev = std::uint64_t{1} << 15U;            // version 5
constexpr std::uint64_t abstract_unix_socket = std::uint64_t{1} << 0U;  // version 6, of scoped
constexpr std::uint64_t signals = std::uint64_t{1} << 1U;

constexpr std::uint64_t read_files = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr std::uint64_t write_files = LANDLOCK_ACCESS_FS_WRITE_FILE | truncate;
constexpr std::uint64_t read_all = read_files | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t remove_files = LANDLOCK_ACCESS_FS_REMOVE_FILE;
// Neither programs nor devices, pipes and sockets.
constexpr std::uint64_t everything_ordinary = read_all | write_files | remove_files | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                              LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                              LANDLOCK_ACCESS_FS_MAKE_SYM | refer;
// What applies to a file that is no directory.
constexpr std::uint64_t of_files = read_files | write_files;

ruleset_attributes all_of(int version) noexcept {
  ruleset_attributes all;
  all.handled_access_fs = refer - 1;  // version 1 has all bits below
  if (version >= 2) all.handled_access_fs |= refer;
  if (version >= 3) all.handled_access_fs |= truncate;
  if (version >= 4) all.handled_access_net = bind_tcp | connect_tcp;
  if (version >= 5) all.handled_access_fs |= ioctl_dev;
  if (version >= 6) all.scoped = abstract_unix_socket | signals;
  return all;
}

error cannot_confine(int error_number, const std::string& what) {
  return error{errc::usage, "cannot confine itself: " + what + ": " + os_text(error_number)};
}

class ruleset {
 public:
  explicit ruleset(int version)
      : attributes_{all_of(version)},
        fd_{static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes_, sizeof attributes_, 0))} {}

  explicit operator bool() const noexcept { return static_cast<bool>(fd_); }

  [[nodiscard]] result<void> allow(const std::vector<std::filesystem::path>& paths, std::uint64_t access) const {
    for (const std::filesystem::path& path : paths) {
      const unique_fd at{::open(path.c_str(), O_PATH | O_CLOEXEC)};
      struct stat status{};
      if (!at && (errno == ENOENT || errno == ENOTDIR)) continue;
      if (!at || ::fstat(at.get(), &status) != 0) return cannot_confine(errno, in_quotes(path.string()));
      landlock_path_beneath_attr rule{};
      rule.allowed_access = access & attributes_.handled_access_fs;
      if (!S_ISDIR(status.st_mode)) rule.allowed_access &= of_files;
      rule.parent_fd = at.get();
      if (::syscall(SYS_landlock_add_rule, fd_.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
        return cannot_confine(errno, in_quotes(path.string()));
    }
    return {};
  }

  [[nodiscard]] bool take_effect() const noexcept { return ::syscall(SYS_landlock_restrict_self, fd_.get(), 0) == 0; }

 private:
  ruleset_attributes attributes_;
  unique_fd fd_;
};

}  // namespace

int confinement_version() noexcept {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version > 0 ? static_cast<int>(version) : 0;
}

result<void> confine(const access_needs& needs, int version) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return cannot_confine(errno, "privileges");
  if (version == 0) return error{errc::usage, "this kernel cannot confine programs: it is without Landlock"};
  if (version < 2 && !needs.trees.empty())
    return error{errc::usage,
                 "this kernel cannot confine programs that move files: Landlock came to that in Linux 5.19"};

  const ruleset rules{version};
  if (!rules) return cannot_confine(errno, "Landlock");
  const std::array<std::pair<const std::vector<std::filesystem::path>*, std::uint64_t>, 4> all{{
      {&needs.trees, everything_ordinary},
      {&needs.files, read_files | write_files},
      {&needs.readable, read_all},
      {&needs.tidied, remove_files},
  }};
  for (const auto& [paths, access] : all) {
    if (const result<void> allowed = rules.allow(*paths, access); !allowed) return allowed;
  }
  if (!rules.take_effect()) return cannot_confine(errno, "Landlock");
  return {};
}

}  // namespace tcptools
