// What a store does with small files is in disk_store_small.cpp.
#include "tcptools/transfer/disk_store.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "tcptools/base/text.hpp"
#include "tcptools/base/units.hpp"
#include "tcptools/transfer/limits.hpp"
#include "tcptools/transfer/partial_file.hpp"
#include "tcptools/transfer/placement.hpp"
#include "tcptools/transfer/safe_path.hpp"
#include "tcptools/transfer/stream_file.hpp"

namespace tcptools::transfer {
namespace {

bool leads_to(int parent, const std::string& path, const std::string& target) {
  std::array<char, limits::link_target + 1> present{};
  const ssize_t length = ::readlinkat(parent, std::string{leaf_of(path)}.c_str(), present.data(), present.size());
  return length >= 0 && std::string_view{present.data(), static_cast<std::size_t>(length)} == target;
}

bool is_same_directory(int one, int other) {
  struct stat a{};
  struct stat b{};
  return ::fstat(one, &a) == 0 && ::fstat(other, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

}  // namespace

bool clone_file(int to, int from) noexcept { return ::ioctl(to, FICLONE, from) == 0; }

bool known_directories::contains(const std::string& path) {
  const std::scoped_lock lock{mutex_};
  return paths_.contains(path);
}

void known_directories::add(const std::string& path) {
  const std::scoped_lock lock{mutex_};
  if (paths_.size() >= most) paths_.clear();
  paths_.insert(path);
}

result<std::unique_ptr<disk_store>> disk_store::open(const std::filesystem::path& directory, store_options options) {
  const auto unusable = [&directory](int number) {
    return error{errc::usage, "cannot receive into " + in_quotes(directory.string()) + ": " + os_text(number)};
  };
  result<beneath> root = beneath::open(directory, options.paths);
  if (!root) return root.error();
  const std::string name{private_directory};
  if (::mkdirat(root->get(), name.c_str(), 0700) != 0 && errno != EEXIST) return unusable(errno);
  // A link in its place would let others choose where unfinished files go.
  unique_fd unfinished{::openat(root->get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  if (!unfinished) return unusable(errno);
  struct stat status{};
  if (::fstat(unfinished.get(), &status) != 0) return unusable(errno);
  if (status.st_uid != ::geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return error{errc::usage, "cannot receive into " + in_quotes(directory.string()) + ": its " + name +
                                  " belongs to somebody else, or others may write to it"};
  }
  if (::faccessat(unfinished.get(), ".", W_OK | X_OK, AT_EACCESS) != 0) return unusable(errno);
  std::unique_ptr<disk_store> made{new disk_store{{std::move(*root), std::move(unfinished), options, {}}}};
  remove_orphans(made->place_);
  return made;
}

result<std::shared_ptr<store>> disk_store::narrowed(const session_rights& rights) {
  result<store_place> place = narrow(rights.directory, rights.no_replace);
  if (!place) return place.error();
  const std::scoped_lock lock{views_mutex_};
  // Those that nobody uses are kept for what they know, but not without end.
  if (views_.size() >= most_idle_views)
    std::erase_if(views_, [](const auto& one) { return one.second.use_count() == 1; });
  std::shared_ptr<disk_store>& view = views_[{rights.directory, rights.no_replace}];
  // The directory may have been replaced since.
  if (!view || !is_same_directory(view->place_.root.get(), place->root.get()))
    view.reset(new disk_store{std::move(*place)});
  return std::shared_ptr<store>{view};
}

// What it fails with is told to a sender, who is not to learn where it is.
result<store_place> disk_store::narrow(const std::string& directory, bool no_replace) const {
  const std::string_view doing = "use the directory of the key";
  const auto copy_of = [](int fd) { return unique_fd{::fcntl(fd, F_DUPFD_CLOEXEC, 0)}; };
  std::optional<beneath> root = directory.empty() ? place_.root.copy() : place_.root.narrowed(directory);
  if (!root) return storage_error(errno, doing);
  unique_fd unfinished = copy_of(place_.unfinished.get());
  if (!unfinished) return storage_error(errno, doing);
  const std::string prefix = directory.empty() ? place_.prefix : place_.prefix + directory + "/";
  if (place_.options.fsync && !directory.empty() && !place_.durable->contains(directory)) {
    if (!place_.root.sync_parents(directory + "/x")) return storage_error(errno, doing);
    place_.durable->add(directory);
  }
  store_options options = place_.options;
  if (no_replace && options.on_conflict == conflict_policy::replace) options.on_conflict = conflict_policy::refuse;
  options.keep_existing |= no_replace;
  return store_place{std::move(*root), std::move(unfinished), options, prefix};
}

result<std::unique_ptr<incoming>> disk_store::open(const entry& item) {
  const std::uint64_t limit = place_.options.max_file_size;
  const std::uint64_t size = item.kind == entry_kind::file ? item.size : item.allocated;
  if (size > limit) return error{errc::too_large, in_quotes(item.path) + " is larger than " + format_size(limit)};
  result<std::optional<older_version>> older = find_older(place_, item);
  if (!older) return older.error();
  if (item.kind == entry_kind::stream) {
    if (const result<void> room = check_room(place_, item.allocated); !room) return room.error();
    auto file = stream_file::open(place_, item);
    if (!file) return file.error();
    return std::unique_ptr<incoming>{std::move(*file)};
  }
  if (place_.prefix.size() + item.path.size() > limits::path)
    return error{errc::name_rejected, in_quotes(item.path) + " is too long a path"};
  auto file = partial_file::open(place_, item, std::move(*older));
  if (!file) return file.error();
  return std::unique_ptr<incoming>{std::move(*file)};
}

result<placed> disk_store::make_directory(const entry& item) {
  const auto is_there = [&] { return bool{place_.root.open_file(item.path, O_PATH | O_DIRECTORY | O_CLOEXEC)}; };
  if (const result<void> room = check_room(place_, 0); !room && !is_there()) return room.error();
  parents directories{place_};
  const result<int> parent = directories.open(item.path);
  if (!parent) return parent.error();
  const std::string leaf{leaf_of(item.path)};
  const bool was_there = ::mkdirat(*parent, leaf.c_str(), 0777) != 0;
  if (was_there && errno != EEXIST) return storage_error(errno, "make the directory " + in_quotes(item.path));
  const unique_fd directory{::openat(*parent, leaf.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  if (!directory) {
    // A link to a directory may be used as one; what it leads to has a mode and a time of its own.
    const int number = errno;
    const unique_fd linked = place_.root.open_file(item.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (!linked) return storage_error(number, "make the directory " + in_quotes(item.path));
    if (const result<void> allowed = check_not_own(place_, linked.get(), item.path); !allowed) return allowed.error();
    return placed{item.path, true};
  }
  if (!was_there && place_.options.keep_existing) place_.made->add(item.path);
  const bool is_ours = !was_there || place_.made->contains(item.path);
  const result<void> set = is_ours ? set_metadata(directory.get(), item) : touch(place_, directory.get(), item);
  if (!set) return set.error();
  if (const result<void> durable = make_durable(place_, directory.get(), item); !durable) return durable.error();
  if (const result<void> durable = directories.sync(); !durable) return durable.error();
  return placed{item.path, was_there};
}

result<placed> disk_store::make_symlink(const entry& item) {
  const auto is_there = [&] { return bool{place_.root.open_file(item.path, O_PATH | O_NOFOLLOW | O_CLOEXEC)}; };
  if (const result<void> room = check_room(place_, 0); !room && !is_there()) return room.error();
  parents directories{place_};
  const result<int> parent = directories.open(item.path);
  if (!parent) return parent.error();
  const result<std::optional<named_version>> newest = newest_version(place_, *parent, item.path);
  if (!newest) return newest.error();
  const bool unchanged = *newest && leads_to(*parent, (*newest)->path, item.target);
  if (*newest && !unchanged && place_.options.on_conflict == conflict_policy::refuse)
    return is_there_already((*newest)->path);

  const result<std::string> name = unchanged ? result<std::string>{(*newest)->path} : put_symlink(item, *parent);
  if (!name) return name.error();
  // Not every file system has times on links; a link without its time is still the link.
  const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, timespec{static_cast<time_t>(item.modified.seconds),
                                                                        static_cast<long>(item.modified.nanoseconds)}};
  if (!unchanged || !place_.options.keep_existing)
    (void)::utimensat(*parent, std::string{leaf_of(*name)}.c_str(), times.data(), AT_SYMLINK_NOFOLLOW);
  if (const result<void> durable = directories.sync(); !durable) return durable.error();
  return placed{*name, unchanged};
}

result<std::string> disk_store::put_symlink(const entry& item, int parent) {
  for (;;) {
    const std::string temporary = temporary_name();
    if (::symlinkat(item.target.c_str(), place_.unfinished.get(), temporary.c_str()) != 0)
      return storage_error(errno, "make the link " + in_quotes(item.path));
    result<std::string> name = give_name(place_, temporary, parent, item.path);
    if (name) return name;
    const bool was_taken_for_an_orphan = ::unlinkat(place_.unfinished.get(), temporary.c_str(), 0) != 0;
    if (!was_taken_for_an_orphan) return name;
  }
}

}  // namespace tcptools::transfer
