#include "tcptools/transfer/disk_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
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

// Small files that are open at a time.
constexpr std::size_t files_in_work = 64;

// A small file on its way: identical to what is there, or written and waiting for its name.
struct small_in_work {
  std::optional<older_version> identical;
  std::optional<temporary_file> file;

  [[nodiscard]] int fd() const noexcept { return identical ? identical->fd.get() : file->get(); }
};

bool is_same_directory(int one, int other) {
  struct stat a{};
  struct stat b{};
  return ::fstat(one, &a) == 0 && ::fstat(other, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

bool has_content(const older_version& older, const digest& content_digest) {
  byte_buffer content(static_cast<std::size_t>(older.status.st_size));
  return read_at(older.fd.get(), 0, content) && digest_of(content) == content_digest;
}

// The system begins to write a file that is to be durable soon, so that it writes many at a time, and one commit of its
// journal serves them. Whether it did tells fsync.
void begin_writing(const store_place& place, int fd) {
  if (place.options.fsync) (void)::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

result<small_in_work> prepare(const store_place& place, const small_file& file, parents& directories, bool is_roomy) {
  const entry& item = *file.item;
  if (digest_of(file.content) != file.content_digest) {
    return error{errc::verify_failed, in_quotes(item.path) + " arrived damaged"};
  }
  small_in_work work;
  const result<int> parent = directories.look(item.path);
  if (!parent) return parent.error();
  result<std::optional<older_version>> older = find_older(place, *parent, item);
  if (!older) return older.error();
  const bool may_be_equal = *older && std::cmp_equal((*older)->status.st_size, item.size);
  if (may_be_equal && has_content(**older, file.content_digest)) {
    if (const result<void> set = touch(place, **older, item); !set) return set.error();
    work.identical = std::move(**older);
    return work;
  }
  if (*older && place.options.on_conflict == conflict_policy::refuse) {
    return is_there_already((*older)->path);
  }
  if (!is_roomy) {
    if (const result<void> room = check_room(place, file.content.size()); !room) return room.error();
  }
  result<temporary_file> made = temporary_file::create(place);
  if (!made) return made.error();
  if (const result<void> written = write_at(made->get(), 0, file.content, item); !written) return written.error();
  if (const result<void> set = made->set_metadata(item); !set) return set.error();
  begin_writing(place, made->get());
  work.file.emplace(std::move(*made));
  return work;
}

result<placed> finish(const store_place& place, const entry& item, small_in_work& work, parents& directories) {
  const result<int> parent =
      directories.open(item.path, work.identical ? parents::purpose::leave : parents::purpose::place);
  if (!parent) return parent.error();
  if (work.identical) return placed{work.identical->path, true};
  const result<std::string> name = give_name(place, work.file->name(), *parent, item.path);
  if (!name) return name.error();
  work.file->release();
  return placed{*name, false};
}

// What was there before, durable but for its directory.
result<std::optional<placed>> find_one(const store_place& place, const promised_file& file, parents& directories) {
  const entry& item = *file.item;
  const result<int> parent = directories.look(item.path);
  if (!parent) return parent.error();
  const result<std::optional<older_version>> older = find_older(place, *parent, item);
  if (!older) return older.error();
  const bool may_be_equal = *older && std::cmp_equal((*older)->status.st_size, item.size);
  if (!may_be_equal || !has_content(**older, file.content_digest)) return std::optional<placed>{};
  if (const result<void> set = touch(place, **older, item); !set) return set.error();
  if (const result<void> durable = make_durable(place, (*older)->fd.get(), item); !durable) return durable.error();
  const result<int> kept = directories.open(item.path, parents::purpose::leave);
  if (!kept) return kept.error();
  return std::optional{placed{(*older)->path, true}};
}

// Everything is written before anything is made durable: one commit of the file system's own journal serves many files.
void put_together(const store_place& place, std::span<const small_file> files, parents& directories,
                  std::vector<result<placed>>& outcomes) {
  std::vector<result<small_in_work>> works;
  works.reserve(files.size());
  std::uint64_t bytes = 0;
  for (const small_file& one : files) bytes += one.content.size();
  const bool is_roomy = bool{check_room(place, bytes)};
  for (const small_file& one : files) works.push_back(prepare(place, one, directories, is_roomy));
  std::vector<result<void>> durable;
  durable.reserve(files.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    durable.push_back(works[i] ? make_durable(place, works[i]->fd(), *files[i].item) : works[i].error());
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    outcomes.push_back(durable[i] ? finish(place, *files[i].item, *works[i], directories) : durable[i].error());
  }
}

}  // namespace

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

std::vector<result<placed>> disk_store::put(std::span<const small_file> files) {
  std::vector<result<placed>> outcomes;
  outcomes.reserve(files.size());
  parents directories{place_};
  while (!files.empty()) {
    const auto together = files.first(std::min(files.size(), files_in_work));
    files = files.subspan(together.size());
    put_together(place_, together, directories, outcomes);
  }
  // Nothing is reported that may be gone tomorrow.
  const result<void> durable = directories.sync();
  for (result<placed>& one : outcomes) {
    if (!durable && one) one = durable.error();
  }
  return outcomes;
}

std::vector<result<std::optional<placed>>> disk_store::find(std::span<const promised_file> files) {
  std::vector<result<std::optional<placed>>> outcomes;
  outcomes.reserve(files.size());
  parents directories{place_};
  for (const promised_file& one : files) outcomes.push_back(find_one(place_, one, directories));
  const result<void> durable = directories.sync();
  for (result<std::optional<placed>>& one : outcomes) {
    if (!durable && one && *one) one = durable.error();
  }
  return outcomes;
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
