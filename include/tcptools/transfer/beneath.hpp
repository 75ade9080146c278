// A directory that nothing leads out of: every operation is relative to its one descriptor and is resolved beneath it.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/base/unique_fd.hpp"

namespace tcptools::transfer {

// How a path is followed below the directory.
enum class resolution : std::uint8_t {
  automatic,  // openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_MAGICLINKS where the kernel has it, otherwise stepwise
  stepwise,   // one component after the other with O_NOFOLLOW: no symbolic link on the way is followed at all
};

// Paths passed check_path().
class beneath {
 public:
  // Fails with errc::usage if it is not a directory that can be read.
  [[nodiscard]] static result<beneath> open(const std::filesystem::path& directory,
                                            resolution how = resolution::automatic);

  [[nodiscard]] int get() const noexcept { return root_.get(); }

  // As open(2); without an owner, and errno set, on failure. EXDEV, ELOOP: the path leads out, or may not be followed.
  [[nodiscard]] unique_fd open_file(std::string_view path, int flags, mode_t mode = 0) const;

  // The directory that a path's last component is in ("" of the last component: this directory itself). With `made`
  // missing ones are made, and their paths are added to it.
  [[nodiscard]] unique_fd open_parent(std::string_view path, std::vector<std::string>* made = nullptr) const;

  // Another descriptor of the same directory. Nothing, and errno set, on failure.
  [[nodiscard]] std::optional<beneath> copy() const;

  // A directory below this one as one that nothing leads out of either. Missing ones are made; no symbolic link is
  // followed on the way. Nothing, and errno set, on failure.
  [[nodiscard]] std::optional<beneath> narrowed(std::string_view path) const;

  // Makes the directories on the way durable, from the path's parent up.
  [[nodiscard]] bool sync_parents(std::string_view path) const;

 private:
  beneath(unique_fd root, resolution how) : root_{std::move(root)}, how_{how} {}

  unique_fd root_;
  resolution how_;
};

}  // namespace tcptools::transfer
