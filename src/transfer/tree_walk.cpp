#include "tcptools/transfer/tree_walk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/transfer/disk_file.hpp"
#include "tcptools/transfer/limits.hpp"
#include "tcptools/transfer/safe_path.hpp"

namespace tcptools::transfer {
namespace {

constexpr std::uint16_t stream_mode = 0644;

std::string below(const std::string& directory, const std::string& name) {
  return directory.empty() || directory.ends_with('/') ? directory + name : directory + '/' + name;
}

source_trouble trouble(const std::string& origin, error what) { return {origin, std::move(what), false}; }

source_trouble warning(const std::string& origin, errc code, const char* what) {
  return {origin, error{code, in_quotes(origin) + " " + what}, true};
}

// The names in a directory, in the order of their bytes. 0, or why they could not be read, as errno has it.
int list_names(int directory, std::vector<std::string>& names) {
  unique_fd own{::fcntl(directory, F_DUPFD_CLOEXEC, 0)};  // closed with the listing
  const std::unique_ptr<DIR, int (*)(DIR*)> listing{own ? ::fdopendir(own.get()) : nullptr, ::closedir};
  if (!listing) return errno;
  static_cast<void>(own.release());
  for (;;) {
    errno = 0;
    const dirent* const found =
        ::readdir(listing.get());  // NOLINT(concurrency-mt-unsafe): no other thread has this DIR
    if (found == nullptr) break;
    const std::string_view name{static_cast<const char*>(found->d_name)};
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return errno;
  std::ranges::sort(names);
  return 0;
}

entry stream_entry(std::string path) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  entry stream;
  stream.kind = entry_kind::stream;
  stream.block_log2 = limits::stream_block_log2;
  stream.mode = stream_mode;
  stream.modified = {now.tv_sec, static_cast<std::uint32_t>(now.tv_nsec)};
  stream.size = unknown_size;
  stream.path = std::move(path);
  return stream;
}

// Where a link leads to, as text that the protocol can carry.
result<std::string> link_target(int parent, const std::string& name, const std::string& origin) {
  std::array<char, limits::link_target + 1> target{};
  const ssize_t length = ::readlinkat(parent, name.c_str(), target.data(), target.size());
  if (length < 0) return source_error(errno, "read", origin);
  const std::string_view text{target.data(), static_cast<std::size_t>(length)};
  if (text.empty() || text.size() > limits::link_target || !is_utf8(text)) {
    return error{errc::name_rejected,
                 in_quotes(origin) + " is a link to " + in_quotes(text) + ", which is too long or not UTF-8"};
  }
  return std::string{text};
}

}  // namespace

source_batch tree_walk::next(std::size_t most) {
  source_batch batch;
  for (std::size_t looked_at = 0; looked_at < most; ++looked_at) {
    if (!chain_.empty()) {
      level& here = chain_.back();
      if (here.next == here.names.size()) {
        leave(batch);
        continue;
      }
      const std::string& name = here.names[here.next++];
      visit({here.directory.get(), name, below(here.self.origin, name), below(here.self.item.path, name)}, batch);
    } else if (next_root_ < roots_.size()) {
      const walk_root& root = roots_[next_root_++];
      root_path_size_ = root.path.empty() ? 0 : root.path.size() + 1;
      visit({AT_FDCWD, root.origin, root.origin, root.path, true, root.contents_only}, batch);
    } else {
      break;
    }
  }
  batch.last = chain_.empty() && next_root_ == roots_.size();
  return batch;
}

void tree_walk::visit(const place& at, source_batch& batch) {
  if (at.is_root && at.origin == standard_input) {
    batch.items.push_back({at.origin, stream_entry(at.path), {}, 0});
    return;
  }

  source_item found{at.origin, {}, {}, 0};
  struct stat status{};
  int failed = ::fstatat(at.parent, at.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
  const bool follow = rules_.links == links_policy::follow || (rules_.links == links_policy::automatic && at.is_root);
  if (failed == 0 && S_ISLNK(status.st_mode) && follow) {
    failed = ::fstatat(at.parent, at.name.c_str(), &status, 0) == 0 ? 0 : errno;
    found.token = 1;
  }
  if (!at.is_root && is_excluded(at, failed == 0 && S_ISDIR(status.st_mode))) return;
  if (failed != 0) {
    const bool vanished = failed == ENOENT && !at.is_root && !reached_through_link(found);
    batch.troubles.push_back(vanished ? warning(at.origin, errc::source_missing, "was removed before it could be sent")
                                      : trouble(at.origin, source_error(failed, "find", at.origin)));
    return;
  }
  if (!at.contents_only) {
    if (result<void> allowed = check_path(at.path); !allowed) {
      batch.troubles.push_back(trouble(at.origin, allowed.error()));
      return;
    }
  }

  found.item.path = at.path;
  found.item.mode = static_cast<std::uint16_t>(status.st_mode & 0777U);
  found.item.modified = modified_of(status);
  found.identity = identity_of(status);
  visit_found(at, std::move(found), status, batch);
}

bool tree_walk::is_excluded(const place& at, bool is_directory) const {
  const std::string_view relative = std::string_view{at.path}.substr(root_path_size_);
  return std::ranges::any_of(rules_.excludes, [&](const glob& one) { return one.matches(relative, is_directory); });
}

void tree_walk::visit_found(const place& at, source_item found, const struct stat& status, source_batch& batch) {
  switch (status.st_mode & S_IFMT) {
    case S_IFDIR:
      enter(at, std::move(found), batch);
      return;
    case S_IFREG: {
      const auto size = static_cast<std::uint64_t>(status.st_size);
      found.item.size = size;
      found.item.allocated = std::min(static_cast<std::uint64_t>(status.st_blocks) * 512U, size);
      found.item.block_log2 = choose_block_log2(size);
      if (found.item.block_log2 == 0) {
        batch.troubles.push_back(trouble(
            at.origin, error{errc::too_large, in_quotes(at.origin) + " has more blocks than the protocol allows"}));
        return;
      }
      break;
    }
    case S_IFLNK: {
      if (rules_.links != links_policy::keep) {
        batch.troubles.push_back(warning(at.origin, errc::source_unreadable, "is a symbolic link and was skipped"));
        return;
      }
      result<std::string> target = link_target(at.parent, at.name, at.origin);
      if (!target) {
        batch.troubles.push_back(trouble(at.origin, std::move(target).error()));
        return;
      }
      found.item.kind = entry_kind::symlink;
      found.item.target = *std::move(target);
      break;
    }
    default:
      if (!at.is_root) {
        batch.troubles.push_back(warning(at.origin, errc::source_unreadable, "is a special file and was skipped"));
        return;
      }
      if (S_ISSOCK(status.st_mode)) {
        batch.troubles.push_back(trouble(
            at.origin, error{errc::source_unreadable, in_quotes(at.origin) + " is a socket and cannot be read"}));
        return;
      }
      found.item = stream_entry(at.path);
  }
  batch.items.push_back(std::move(found));
}

void tree_walk::enter(const place& at, source_item found, source_batch& batch) {
  const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (reached_through_link(found) || at.is_root ? 0 : O_NOFOLLOW);
  level inner{unique_fd{::openat(at.parent, at.name.c_str(), flags)}, std::move(found), at.contents_only, {}, 0};
  struct stat status{};
  if (!inner.directory || ::fstat(inner.directory.get(), &status) != 0) {
    batch.troubles.push_back(trouble(at.origin, source_error(errno, "open", at.origin)));
    return;
  }
  inner.self.item.kind = entry_kind::directory;
  inner.self.item.modified = modified_of(status);
  inner.self.identity = identity_of(status);
  const auto is_same = [&](const level& outer) {
    return outer.self.identity.device == inner.self.identity.device &&
           outer.self.identity.inode == inner.self.identity.inode;
  };
  if (std::ranges::any_of(chain_, is_same)) {
    batch.troubles.push_back(
        warning(at.origin, errc::source_unreadable, "leads back into a directory around it and was skipped"));
    return;
  }
  if (const int failed = list_names(inner.directory.get(), inner.names); failed != 0) {
    batch.troubles.push_back(trouble(at.origin, source_error(failed, "read", at.origin)));
    return;
  }
  chain_.push_back(std::move(inner));
}

void tree_walk::leave(source_batch& batch) {
  level& done = chain_.back();
  if (!done.contents_only) batch.items.push_back(std::move(done.self));
  chain_.pop_back();
}

}  // namespace tcptools::transfer
