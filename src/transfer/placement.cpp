#include "tcptools/transfer/placement.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <random>

#include "tcptools/base/text.hpp"
#include "tcptools/base/units.hpp"
#include "tcptools/transfer/disk_file.hpp"
#include "tcptools/transfer/safe_path.hpp"

namespace tcptools::transfer {
namespace {

constexpr std::string_view temporary_suffix = ".tmp";
constexpr mode_t temporary_mode = 0600;
constexpr unsigned most_versions = 100'000;
constexpr std::size_t most_open_directories = 32;

std::string version_of(const std::string& path, unsigned number) {
  return number == 0 ? path : path + "." + std::to_string(number);
}

// From what `now` says to what the entry says.
result<void> change_metadata(int fd, const struct stat& now, const entry& item) {
  const auto mode = static_cast<mode_t>(item.mode & 0777U);
  if ((now.st_mode & 07777U) != mode && ::fchmod(fd, mode) != 0)
    return storage_error(errno, "set the mode of " + in_quotes(item.path));
  const timespec wanted{static_cast<time_t>(item.modified.seconds), static_cast<long>(item.modified.nanoseconds)};
  const bool same = modified_of(now) == item.modified;
  const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, wanted};
  if (!same && ::futimens(fd, times.data()) != 0)
    return storage_error(errno, "set the time of " + in_quotes(item.path));
  return {};
}

}  // namespace

result<void> check_room(const store_place& place, std::uint64_t more) {
  struct statvfs system{};
  if (::fstatvfs(place.unfinished.get(), &system) != 0) return {};
  const std::uint64_t free = std::uint64_t{system.f_bavail} * system.f_frsize;
  if (free >= place.options.min_free && free - place.options.min_free >= more) return {};
  return error{errc::storage_full, "no space: " + format_size(free) + " are free on the receiver, " +
                                       format_size(more) + " are needed and " + format_size(place.options.min_free) +
                                       " are kept free"};
}

result<std::optional<named_version>> newest_version(const store_place& place, int parent, const std::string& path) {
  std::optional<named_version> newest;
  const unsigned most = place.options.on_conflict == conflict_policy::keep_both ? most_versions : 1;
  for (unsigned number = 0; number < most; ++number) {
    named_version one{version_of(path, number), {}};
    if (::fstatat(parent, std::string{leaf_of(one.path)}.c_str(), &one.status, AT_SYMLINK_NOFOLLOW) != 0) break;
    if (!S_ISDIR(one.status.st_mode)) {
      newest = std::move(one);
    } else if (number == 0) {
      return error{errc::conflict, in_quotes(path) + " is a directory on the receiver"};
    }
  }
  return newest;
}

result<std::optional<older_version>> find_older(const store_place& place, const entry& item) {
  const result<unique_fd> parent = open_parent(place, item.path);
  if (!parent) return parent.error();
  return find_older(place, parent->get(), item);
}

result<std::optional<older_version>> find_older(const store_place& place, int parent, const entry& item) {
  result<std::optional<named_version>> found = look_at_older(place, parent, item);
  if (!found) return found.error();
  return *found ? open_older(parent, std::move(**found)) : std::optional<older_version>{};
}

result<std::optional<named_version>> look_at_older(const store_place& place, int parent, const entry& item) {
  if (parent < 0) return std::optional<named_version>{};
  result<std::optional<named_version>> newest = newest_version(place, parent, item.path);
  if (!newest) return newest.error();
  if (!*newest) return std::optional<named_version>{};
  const struct stat& status = (*newest)->status;
  const bool is_regular = S_ISREG(status.st_mode);
  const bool may_be_equal = is_regular && item.kind == entry_kind::file && std::cmp_equal(status.st_size, item.size);
  if (place.options.on_conflict == conflict_policy::refuse && !may_be_equal) return is_there_already((*newest)->path);
  if (!is_regular) return std::optional<named_version>{};
  return std::move(*newest);
}

std::optional<older_version> open_older(int parent, named_version found) {
  const std::string leaf{leaf_of(found.path)};
  older_version older{std::move(found.path), {}, {}};
  older.fd.reset(::openat(parent, leaf.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!older.fd || ::fstat(older.fd.get(), &older.status) != 0 || !S_ISREG(older.status.st_mode)) return std::nullopt;
  return older;
}

error is_there_already(const std::string& path) { return error{errc::conflict, in_quotes(path) + " is there already"}; }

bool is_unchanged(int fd, const struct stat& before) {
  struct stat now{};
  return ::fstat(fd, &now) == 0 && identity_of(now) == identity_of(before) && modified_of(now) == modified_of(before) &&
         now.st_size == before.st_size;
}

error changed_meanwhile(const std::string& path) {
  return error{errc::busy, in_quotes(path) + " was changed by somebody else while it was compared"};
}

result<void> set_metadata(int fd, const entry& item) {
  struct stat now{};
  if (::fstat(fd, &now) != 0) return storage_error(errno, "look at " + in_quotes(item.path));
  return change_metadata(fd, now, item);
}

result<void> touch(const store_place& place, const older_version& older, const entry& item) {
  return place.options.keep_existing ? result<void>{} : change_metadata(older.fd.get(), older.status, item);
}

result<void> touch(const store_place& place, int fd, const entry& item) {
  return place.options.keep_existing ? result<void>{} : set_metadata(fd, item);
}

result<void> make_durable(const store_place& place, int fd, const entry& item) {
  if (!place.options.fsync || ::fsync(fd) == 0) return {};
  return storage_error(errno, "make " + in_quotes(item.path) + " durable");
}

std::string temporary_name() {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  std::array<char, 17> digits{};
  (void)std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(random()));
  return std::string{digits.data()} + std::string{temporary_suffix};
}

lock_state lock_file(int fd) {
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    return errno == EWOULDBLOCK ? lock_state::taken : lock_state::failed;
  }
  return lock_state::ours;
}

bool is_file_of(int fd, int directory, const std::string& name) {
  struct stat opened{};
  struct stat named{};
  return ::fstat(fd, &opened) == 0 && ::fstatat(directory, name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

// Cleaners are there rarely, and done soon.
constexpr int most_tries = 16;

result<temporary_file> temporary_file::create(const store_place& place) {
  for (int tries = 0; tries < most_tries; ++tries) {
    std::string name = temporary_name();
    unique_fd fd{::openat(place.unfinished.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                          temporary_mode)};
    if (!fd && errno == EEXIST) continue;
    if (!fd) return storage_error(errno, "make a temporary file");
    const lock_state lock = lock_file(fd.get());
    if (lock == lock_state::failed) {
      const int number = errno;
      (void)::unlinkat(place.unfinished.get(), name.c_str(), 0);
      return storage_error(number, "lock a temporary file");
    }
    // A cleaner may have come between the two: it has the lock, or has removed it.
    struct stat made{};
    if (lock == lock_state::ours && ::fstat(fd.get(), &made) == 0 && made.st_nlink > 0)
      return temporary_file{place.unfinished.get(), std::move(fd), std::move(name)};
  }
  return error{errc::storage_failed, "cannot make a temporary file: what is made is gone at once"};
}

// It is new: its mode is the one it was made with, its time is no entry's.
result<void> temporary_file::set_metadata(const entry& item) const {
  struct stat now{};
  now.st_mode = temporary_mode;
  now.st_mtim.tv_nsec = UTIME_OMIT;
  return change_metadata(fd_.get(), now, item);
}

temporary_file::~temporary_file() {
  if (fd_ && !name_.empty()) (void)::unlinkat(directory_, name_.c_str(), 0);
}

result<unique_fd> open_parent(const store_place& place, std::string_view path, bool* made) {
  std::vector<std::string> directories;
  unique_fd parent = place.root.open_parent(path, made == nullptr ? nullptr : &directories);
  const int number = errno;
  if (made != nullptr) *made = !directories.empty();
  if (place.options.keep_existing) {
    for (const std::string& one : directories) place.made->add(one);
  }
  if (!parent && number == ENOENT && made == nullptr) return unique_fd{};
  if (!parent) return storage_error(number, "open the directory of " + in_quotes(path));
  if (const result<void> allowed = check_not_own(place, parent.get(), path); !allowed) return allowed.error();
  return parent;
}

result<void> check_not_own(const store_place& place, int directory, std::string_view path) {
  struct stat found{};
  struct stat own{};
  if (::fstat(directory, &found) != 0 || ::fstat(place.unfinished.get(), &own) != 0)
    return storage_error(errno, "look at the directory of " + in_quotes(path));
  if (found.st_ino != own.st_ino || found.st_dev != own.st_dev) return {};
  return error{errc::name_rejected, in_quotes(path) + " leads to where the receiver keeps unfinished files"};
}

result<int> parents::open(std::string_view path, purpose what) {
  const std::string_view above = parent_of(path);
  if (directory* const found = find(above)) {
    found->looked_at_only = false;
    found->changed |= what == purpose::place;
    return found->fd.get();
  }
  bool made = false;
  result<unique_fd> parent = open_parent(place_, path, &made);
  if (!parent) return parent.error();
  return add(above, {std::move(*parent), false, what == purpose::place || made, std::string{path}});
}

result<int> parents::look(std::string_view path) {
  const std::string_view above = parent_of(path);
  if (const directory* const found = find(above)) return found->fd.get();
  result<unique_fd> parent = open_parent(place_, path);
  if (!parent) return parent.error();
  if (!*parent) return -1;
  return add(above, {std::move(*parent), true, false, std::string{path}});
}

parents::directory* parents::find(std::string_view above) {
  const auto found = open_.find(above);
  return found == open_.end() ? nullptr : &found->second;
}

int parents::add(std::string_view above, directory one) {
  if (open_.size() >= most_open_directories) sync_open();
  return open_.emplace(above, std::move(one)).first->second.fd.get();
}

void parents::sync_open() {
  for (const auto& [path, one] : open_) {
    if (!place_.options.fsync || one.looked_at_only) continue;
    const bool known = place_.durable->contains(path);
    if (known && !one.changed) continue;
    if (known ? ::fsync(one.fd.get()) == 0 : place_.root.sync_parents(one.path_in_it)) {
      place_.durable->add(path);
    } else if (!failed_) {
      failed_ = storage_error(errno, "make the directory " + in_quotes(path) + " durable");
    }
  }
  open_.clear();
}

result<void> parents::sync() {
  sync_open();
  if (failed_) return *failed_;
  return {};
}

result<void> make_name_durable(const store_place& place, const std::string& path) {
  parents directories{place};
  const result<int> parent = directories.open(path, parents::purpose::leave);
  if (!parent) return parent.error();
  return directories.sync();
}

result<std::string> give_name(const store_place& place, const std::string& unfinished, int parent,
                              const std::string& path) {
  const bool replace = place.options.on_conflict == conflict_policy::replace;
  for (unsigned number = 0; number < most_versions; ++number) {
    const std::string candidate = version_of(path, number);
    const std::string leaf{leaf_of(candidate)};
    const int failed =
        ::renameat2(place.unfinished.get(), unfinished.c_str(), parent, leaf.c_str(), replace ? 0 : RENAME_NOREPLACE);
    if (failed == 0) return candidate;
    if (errno == EXDEV)
      return error{errc::storage_failed, in_quotes(path) + " is on another file system than the receiver's directory"};
    const bool try_next = errno == EEXIST && place.options.on_conflict == conflict_policy::keep_both;
    if (!try_next) return storage_error(errno, "put " + in_quotes(path) + " in place");
  }
  return error{errc::conflict, "there are too many versions of " + in_quotes(path)};
}

void remove_orphans(const store_place& place) {
  unique_fd copy{::openat(place.unfinished.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  DIR* const names = copy ? ::fdopendir(copy.get()) : nullptr;
  if (names == nullptr) return;
  (void)copy.release();
  while (const dirent* one = ::readdir(names)) {  // NOLINT(concurrency-mt-unsafe): no other thread has this DIR
    if (!std::string_view{one->d_name}.ends_with(temporary_suffix)) continue;
    const unique_fd fd{::openat(place.unfinished.get(), one->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    const bool is_link = !fd && errno == ELOOP;  // cannot be locked; whoever misses his makes it again
    if (is_link || (fd && lock_file(fd.get()) == lock_state::ours))
      (void)::unlinkat(place.unfinished.get(), one->d_name, 0);
  }
  ::closedir(names);
}

bool read_at(int fd, std::uint64_t offset, std::span<std::byte> into) {
  while (!into.empty()) {
    const ssize_t got = ::pread(fd, into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    into = into.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::size_t>(got);
  }
  return true;
}

result<void> write_at(int fd, std::uint64_t offset, byte_view content, const entry& item) {
  while (!content.empty()) {
    const ssize_t put = ::pwrite(fd, content.data(), content.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return storage_error(errno, "write " + in_quotes(item.path));
    content = content.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::size_t>(put);
  }
  return {};
}

}  // namespace tcptools::transfer
